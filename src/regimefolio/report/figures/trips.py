"""How far round trips went against their holder, and what they made in the end."""

from __future__ import annotations

from collections.abc import Sequence

from regimefolio.core.types import Json
from regimefolio.report.contents import Trip
from regimefolio.report.figures.drawing import Figure, Key, axis, drawn_bars, layout_of
from regimefolio.report.record import ROUND_TRIPS, Record
from regimefolio.report.words import count, counted, day, percent

MOST = 2000
"""Dots that are drawn; of more trips every k-th, in the order of their returns."""


def round_trips(record: Record) -> Figure | None:
    """Closed trips by their worst move and their return; None where there are none."""
    closed = sorted(record.round_trips.closed, key=lambda trip: trip.gain)
    if not closed:
        return None
    step, drawn = drawn_bars(len(closed), MOST)
    shown = [closed[n] for n in drawn]
    won = [trip for trip in shown if trip.result == "won"]
    lost = [trip for trip in shown if trip.result != "won"]
    found = record.round_trips.statistics["all"]["all"]
    low = min(trip.mae for trip in shown)
    worst: Json = {
        "type": "line",
        "x0": _four(low),
        "y0": _four(low),
        "x1": 0,
        "y1": 0,
        "layer": "below",
        "line": {"width": 1, "color": "var(--index)", "dash": "dot"},
    }
    layout = layout_of(
        xaxis={**axis(), "title": {"text": "Worst move against the entry price (MAE)"}, "tickformat": ",.0%"},
        yaxis={
            **axis(),
            "title": {"text": "P&L, of what was invested"},
            "tickformat": ",.0%",
            "nticks": 6,
            "zeroline": True,
            "zerolinecolor": "var(--rule)",
        },
        shapes=[worst],
    )
    data: list[Json] = [_dots("lost", lost, "bad", "x"), _dots("won", won, "good", "circle")]
    keys = [
        Key("won", "dot good", counted(found.won, "trip")),
        Key("lost or even", "dot bad", counted(found.trips - found.won, "trip")),
    ]
    sample = f" A sample: every {_th(step)} trip in the order of returns is drawn." if step > 1 else ""
    return Figure(
        "trips-mae",
        {"data": data, "layout": layout},
        f"Scatter of {counted(len(shown), 'closed round trip')} by their maximum adverse excursion, down to "
        f"{percent(low)}, and their return, from {percent(closed[0].gain)} to {percent(closed[-1].gain)}.",
        "Closed round trips by the worst move of the price against them and by what they made in the end. On the "
        f"dotted line a trip of one purchase and one sale was closed at its worst price, before costs.{sample}",
        [keys],
        [ROUND_TRIPS],
    )


def _dots(name: str, trips: Sequence[Trip], colour: str, symbol: str) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [_four(trip.mae) for trip in trips],
        "y": [_four(trip.gain) for trip in trips],
        "text": [f"{trip.symbol} {trip.side}, {day(trip.entry_at)}: {count(trip.profit)}" for trip in trips],
        "marker": {"color": f"var(--{colour})", "size": 6, "opacity": 0.6, "symbol": symbol},
        "hovertemplate": "%{text}<br>%{y:.1%}, at worst %{x:.1%}<extra></extra>",
    }


def _four(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def _th(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")
