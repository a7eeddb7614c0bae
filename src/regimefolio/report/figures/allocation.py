"""An allocation run: its blend, equal weight and the benchmark, which stand out, and many optimizers, which do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from regimefolio.backtest import AllocationRun, Run
from regimefolio.core.types import Float, Json, Times
from regimefolio.evaluation import AllocationEvaluation, drawdown_series
from regimefolio.report.figures.drawing import (
    Figure,
    Key,
    axis,
    dates,
    drawn_bars,
    layout_of,
    line,
    log_ticks,
    rounded,
    six,
)
from regimefolio.report.words import counted, day, number, percent

BLEND, EQUAL_WEIGHT = "Blend", "Equal weight"
MAX_POINTS, MAX_THIN_POINTS = 1200, 300
"""Points that are drawn of a curve that stands out, and of one of many."""

ROW = 19
"""Pixels that a name beside a figure needs."""

_NARROW, _LETTER, _HEIGHT = 300.0, 7.0, 400.0
"""Pixels of the smallest plot whose labels must not touch, and of a letter in it."""


class Drawn(NamedTuple):
    """One run as figures and tables show it; `equity` is of the bars that trade, over the initial capital."""

    title: str
    swatch: str
    equity: Float
    metrics: Mapping[str, float]
    reasons: Mapping[str, str]


def drawn_runs(run: AllocationRun, benchmark: str) -> list[Drawn]:
    """The blend, equal weight and the benchmark, and the optimizers after them, the best Sharpe ratio first."""
    capital, start = run.blend.simulation.initial_capital, run.blend.simulation.start

    def drawn(title: str, swatch: str, each: Run) -> Drawn:
        return Drawn(title, swatch, each.simulation.equity[start:] / capital, each.metrics, each.reasons)

    alone = [drawn(name, "thin", each) for name, each in run.optimizers.items()]
    return [
        drawn(BLEND, "adaptive", run.blend),
        drawn(EQUAL_WEIGHT, "equal-weight", run.equal_weight),
        Drawn(benchmark, "static", run.benchmark.equity / capital, run.benchmark.metrics, {}),
        *sorted(alone, key=lambda each: -np.nan_to_num(each.metrics["sharpe"], nan=-np.inf)),
    ]


def equity(runs: Sequence[Drawn], stamps: Times) -> Figure:
    """Equity (log) of all runs, and the drawdown of those that stand out."""
    data: list[Json] = []
    lowest, highest = np.inf, -np.inf
    for each in reversed(runs):  # the blend lies on top
        thin = each.swatch == "thin"
        _, at = drawn_bars(len(stamps), MAX_THIN_POINTS if thin else MAX_POINTS)
        x = dates(stamps[at])
        alive = np.where(each.equity > 0, each.equity, np.nan)
        lowest, highest = min(lowest, np.nanmin(alive)), max(highest, np.nanmax(alive))
        data.append(line(each.title, x, rounded(alive[at]), each.swatch, "y", "%{fullData.name}: %{y:.2f}×<br>%{x}"))
        if not thin:
            fall = drawdown_series(each.equity, 1.0)
            data.append(line(each.title, x, rounded(fall[at]), each.swatch, "y2", "%{fullData.name}: %{y:.1%}<br>%{x}"))
    for curve in data:
        assert isinstance(curve, dict)
        curve["hovertemplate"] = f"{curve['hovertemplate']}<extra></extra>"
    layout = layout_of(
        xaxis={**axis(), "anchor": "y2", "type": "date", "range": dates(stamps[[0, -1]]), "showgrid": False},
        yaxis={**axis(), "domain": [0.34, 1.0], "type": "log", **log_ticks(lowest, highest)},
        yaxis2={**axis(), "domain": [0.0, 0.28], "tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        hovermode="closest",
    )
    ends = [(each.title, f"×{number(float(each.equity[-1]))}") for each in runs]
    step, thin_step = (drawn_bars(len(stamps), most)[0] for most in (MAX_POINTS, MAX_THIN_POINTS))
    thinned = f" One bar in {step} is drawn, of optimizers one in {thin_step}." if step > 1 else ""
    if step == 1 < thin_step:
        thinned = f" Of optimizers one bar in {thin_step} is drawn."
    return Figure(
        "equity",
        {"data": data, "layout": layout},
        f"Growth of the initial capital on a logarithmic scale, from {day(stamps[0])} to {day(stamps[-1])}. At the "
        f"end: {', '.join(f'{name} {end}' for name, end in ends)}.",
        "Equity as a multiple of the initial capital, log scale, and drawdown from its peak of those that stand out."
        f" The pointer names an optimizer.{thinned}",
        [_key(runs, {each.title: end for each, (_, end) in zip(runs, ends, strict=True)})],
        [],
    )


def risk_and_return(runs: Sequence[Drawn]) -> Figure | None:
    """All runs by volatility and return a year; None where no run has both."""
    shown = [each for each in runs if np.isfinite([each.metrics.get(k, np.nan) for k in ("volatility", "cagr")]).all()]
    if not shown:
        return None
    x, y = (np.array([each.metrics[key] for each in shown]) for key in ("volatility", "cagr"))
    edges = [_with_room(values) for values in (x, y)]
    edges[0] = max(edges[0][0], 0.0), edges[0][1]  # no volatility is below 0
    beside = _labels([each.title for each in shown], x, y, edges)
    data: list[Json] = []
    for each, across, up, side in list(zip(shown, x.tolist(), y.tolist(), beside, strict=True))[::-1]:
        thin = each.swatch == "thin"
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text" if side else "markers",
                "name": each.title,
                "x": [six(across)],
                "y": [six(up)],
                "text": [each.title],
                "textposition": side or "middle right",
                "textfont": {"size": 11 if thin else 12, "color": "var(--muted)" if thin else "var(--ink)"},
                "marker": {
                    "color": "var(--muted)" if thin else f"var(--{each.swatch})",
                    "size": 8 if thin else 13,
                    "opacity": 0.7 if thin else 1.0,
                    "symbol": "circle" if thin else "diamond",
                },
                "cliponaxis": False,
                "hovertemplate": f"%{{text}}: %{{y:.1%}} a year at %{{x:.1%}} volatility, Sharpe ratio "
                f"{number(each.metrics['sharpe'])}<extra></extra>",
            }
        )
    ends: list[list[Json]] = [[six(low), six(high)] for low, high in edges]
    layout = layout_of(
        xaxis={**axis(), "title": {"text": "Volatility a year"}, "tickformat": ".1~%", "range": ends[0], "nticks": 7},
        yaxis={**axis(), "title": {"text": "Return a year"}, "tickformat": ".1~%", "range": ends[1], "nticks": 7},
        hovermode="closest",
    )
    said = "; ".join(
        f"{each.title} {percent(up)} at {percent(across)}" for each, across, up in zip(shown, x, y, strict=True)
    )
    return Figure(
        "risk",
        {"data": data, "layout": layout},
        f"Scatter of return a year over volatility a year: {said}.",
        "Return and volatility a year, after costs; the benchmark pays none. Names that would cover others are left "
        "to the pointer.",
        [_key(runs, {each.title: percent(each.metrics["cagr"]) for each in shown})],
        [],
    )


def bars(name: str, values: Mapping[str, float], swatches: Mapping[str, str], unit: str, caption: str) -> Figure | None:
    """One bar a name, the largest on top; None where no value is known."""
    known = sorted((value, title) for title, value in values.items() if value == value)
    if not known:
        return None
    titles: list[Json] = [title for _, title in known]
    data: Json = {
        "type": "bar",
        "orientation": "h",
        "y": titles,
        "x": [six(value) for value, _ in known],
        "marker": {
            "color": [f"var(--{swatches[t] if swatches[t] != 'thin' else 'bar-1'})" for _, t in known],
            "line": {"width": 0},
        },
        "hovertemplate": f"%{{y}}: %{{x:.3g}} {unit}<extra></extra>",
    }
    layout = layout_of(
        xaxis={**axis(), "title": {"text": unit}, "rangemode": "tozero", "nticks": 6},
        yaxis={**_names(titles), "range": [-0.6, len(titles) - 0.4]},
        bargap=0.3,
    )
    said = ", ".join(f"{title} {value:.3g}" for value, title in known[::-1])
    height = 54 + ROW * len(known)
    return Figure(name, {"data": [data], "layout": layout}, f"Bars of {unit}: {said}.", caption, [], [], height=height)


def over_time(name: str, found: AllocationEvaluation, what: str, title: str, caption: str) -> Figure:
    """A number of the blend and of each optimizer at every rebalance; `what` is one of `Holdings`."""
    ours, theirs = getattr(found.blend, what), getattr(found.optimizers, what)
    share = what == "change"
    shown = "%{y:.1%}" if share else "%{y:.1f}"
    _, at = drawn_bars(len(ours), MAX_THIN_POINTS)
    x = dates(found.timestamps[at])
    pointer = f"%{{fullData.name}}: {shown}<br>%{{x}}<extra></extra>"
    data: list[Json] = [
        line(each, x, rounded(theirs[at, k]), "thin", "y", pointer) for k, each in enumerate(found.names)
    ]
    middle = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in theirs])
    data.append(line("Median optimizer", x, rounded(middle[at]), "ink", "y", pointer))
    data.append(line(BLEND, x, rounded(ours[at]), "adaptive", "y", pointer))
    layout = layout_of(
        xaxis={**axis(), "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={
            **axis(),
            "rangemode": "tozero",
            "nticks": 6,
            **({"tickformat": ".0%"} if share else {}),
        },
        hovermode="closest",
    )
    digits = percent if share else number
    means = {BLEND: mean_known(ours), "Median optimizer": mean_known(middle)}
    keys = [
        Key(BLEND, "line adaptive", digits(means[BLEND], 1)),
        Key("Median optimizer", "line ink", digits(means["Median optimizer"], 1)),
        Key(counted(len(found.names), "optimizer"), "line thin", ""),
    ]
    said = ", ".join(f"{key} {digits(value, 1)}" for key, value in means.items())
    return Figure(
        name,
        {"data": data, "layout": layout},
        f"{title} of the blend and each optimizer at {counted(len(ours), 'rebalance')}; on average {said}.",
        f"{caption} The key gives averages over time.",
        [keys],
        [],
    )


def mean_known(values: Float) -> float:
    """The mean of those that are known, or NaN."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _names(names: Sequence[Json]) -> dict[str, Json]:
    """An axis of names, one at each whole number or category."""
    return {**axis(), "showgrid": False, "ticks": "", "dtick": 1, "tickfont": {"size": 11}}


def _key(runs: Sequence[Drawn], values: Mapping[str, str]) -> list[Key]:
    """The runs that stand out, each with its value, and how many do not."""
    keys = [
        Key(each.title, f"line {each.swatch}", values.get(each.title, "")) for each in runs if each.swatch != "thin"
    ]
    return [*keys, Key(counted(len(runs) - len(keys), "optimizer"), "line thin", "")]


def _with_room(values: Float) -> tuple[float, float]:
    room = 0.12 * (float(np.ptp(values)) or abs(float(values[0])) or 1.0)
    return float(values.min()) - room, float(values.max()) + room


def _labels(titles: Sequence[str], x: Float, y: Float, edges: Sequence[tuple[float, float]]) -> list[str]:
    """Where the name of each point stands so that, in the smallest plot, it covers nothing; "" where there is no room.

    The first three choose first, and have a name in any case; then those farthest from the middle.
    """
    (left, right), (low, high) = edges
    across, up = (x - left) / (right - left) * _NARROW, (y - low) / (high - low) * _HEIGHT
    boxes = [(a - 6.0, a + 6.0, u - 6.0, u + 6.0) for a, u in zip(across, up, strict=True)]
    far = np.hypot(across - np.median(across), up - np.median(up))
    found = [""] * len(titles)
    for k in [*range(3), *(3 + np.argsort(-far[3:], kind="stable")).tolist()][: len(titles)]:
        width = _LETTER * len(titles[k])
        a, u = float(across[k]), float(up[k])
        places = {
            "middle right": (a + 6.5, a + 6.5 + width, u - 7.0, u + 7.0),
            "middle left": (a - 6.5 - width, a - 6.5, u - 7.0, u + 7.0),
            "top center": (a - width / 2, a + width / 2, u + 6.5, u + 20.0),
            "bottom center": (a - width / 2, a + width / 2, u - 20.0, u - 6.5),
        }
        covered = {side: sum(_touch(box, other) for other in boxes) for side, box in places.items() if _inside(box)}
        side = min(covered, key=lambda each: covered[each], default="")
        if side and (k < 3 or not covered[side]):
            boxes.append(places[side])
            found[k] = side
    return found


def _inside(box: tuple[float, ...]) -> bool:
    return box[0] >= 0.0 and box[1] <= _NARROW and box[2] >= 0.0 and box[3] <= _HEIGHT


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
