"""Round trips as the page draws them: the best and the worst, dots that are a sample where they are many, no trips."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from regimefolio.report import figures, tables
from regimefolio.report.contents import RoundTrips
from regimefolio.report.figures import trips
from regimefolio.report.record import Record
from regimefolio.report.tearsheet import render

ALL = {
    "mean_profit": 1.0,
    "median_profit": 1.0,
    "profit_factor": None,
    "expectancy": None,
    "mean_bars": 3.0,
    "longest_losing_streak": 2,
    "mean_mae_won": -0.01,
    "mean_mae_lost": -0.05,
}


def trip(n: int, gain: float, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "symbol": f"S{n}",
        "side": "long",
        "entry_at": "2020-01-02T00:00:00",
        "exit_at": "2020-02-03T00:00:00",
        "bars": 21,
        "entry_price": 10.0,
        "exit_price": 11.0,
        "profit": 1000.0 * gain,
        "return": gain,
        "mae": -0.01 if gain > 0 else gain - 0.02,
        "mfe": 0.05,
        "entry_regime": "bull",
        "closed_by": "order",
        "result": "won" if gain > 0 else "lost",
    }
    return {**made, **changes}


OPEN: dict[str, Any] = {"exit_at": None, "exit_price": None, "closed_by": None, "result": "open"}


def told(record: Record, made: list[dict[str, Any]], **kinds: dict[str, int]) -> Record:
    """The record with these trips, and statistics of so many of each kind."""
    closed = sum(each["closed_by"] is not None for each in made)
    every = {"all": {"all": closed}, **kinds}
    statistics = {
        by: {name: {**ALL, "trips": n, "won": n // 2} for name, n in kind.items()} for by, kind in every.items()
    }
    columns = list(trip(0, 1.0))
    rows = [list(each.values()) for each in made]
    found = RoundTrips.model_validate({"columns": columns, "rows": rows, "statistics": statistics})
    return replace(record, round_trips=found)


def heads(table: tables.Table | None) -> list[list[str]]:
    assert table is not None
    return [[row.head for row in group.rows] for group in table.groups]


def test_the_best_and_the_worst_stand_once(record: Record) -> None:
    gains = [0.01 * (n - 12) for n in range(25)]
    best, worst = heads(tables.best_and_worst(told(record, [trip(n, gain) for n, gain in enumerate(gains)])))
    assert best == [f"S{n}" for n in range(24, 14, -1)]
    assert worst == [f"S{n}" for n in range(10)]
    few = [trip(0, 0.5), trip(1, -0.5), trip(2, 9.0, **OPEN)]
    assert heads(tables.best_and_worst(told(record, few))) == [["S0", "S1"]]


def test_kinds_that_are_all_of_them_are_not_repeated(record: Record) -> None:
    made = [trip(0, 0.1), trip(1, -0.1, side="short")]
    found = told(record, made, side={"long": 1, "short": 1}, closed_by={"order": 2}, entry_regime={"bull": 2})
    assert heads(tables.trip_statistics(found)) == [["all"], ["long", "short"]]


def test_the_sentence_counts_what_is_open_apart(record: Record) -> None:
    made = [trip(0, 0.1), trip(1, -0.1), trip(2, 0.1, **OPEN)]
    assert tables.won_and_lost(told(record, made)) == (
        "Of 2 closed round trips, from flat to flat, 50% won. Those that won went 1.0% against their entry price at "
        "worst, on average; those that lost 5.0%. 1 more round trip is open at the end and not scored."
    )


def test_dots_are_the_trips(record: Record) -> None:
    figure = figures.round_trips(told(record, [trip(0, 0.1), trip(1, -0.2), trip(2, 0.3, **OPEN)]))
    assert figure is not None
    lost, won = json.loads(json.dumps(figure.spec, allow_nan=False))["data"]
    assert (lost["name"], lost["x"], lost["y"]) == ("lost", [-0.22], [-0.2])
    assert (won["name"], won["x"], won["y"]) == ("won", [-0.01], [0.1])
    assert won["marker"]["symbol"] != lost["marker"]["symbol"]  # told apart without colours too
    assert "sample" not in figure.caption


def test_many_trips_are_drawn_as_a_sample(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trips, "MOST", 10)
    made = [trip(n, 0.01 * (n + 1) * (-1) ** n) for n in range(25)]
    figure, again = (figures.round_trips(told(record, rows)) for rows in (made, made[::-1]))
    assert figure is not None
    assert again is not None
    assert "A sample: every third trip in the order of returns is drawn." in figure.caption
    data = json.loads(json.dumps(figure.spec))["data"]
    drawn = [gain for trace in data for gain in trace["y"]]
    assert len(drawn) == 9
    assert min(drawn) == -0.24
    assert max(drawn) == 0.25
    assert figure.spec == again.spec


def test_the_page_says_that_there_are_none(record: Record) -> None:
    empty = told(record, [trip(0, 0.1, **OPEN)])
    assert figures.round_trips(empty) is None
    page = render(empty)
    assert "No round trip was closed on the test bars. 1 more round trip is open at the end" in page
    assert "trips-mae" not in page
