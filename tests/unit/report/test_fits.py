"""What a classifier learnt, as the page tells it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from regimefolio.report import figures, tables
from regimefolio.report.measured import Agreement, Fit, Fits, RegimeEstimate, Seen
from regimefolio.report.record import Record
from regimefolio.report.tearsheet import render

CALM = RegimeEstimate(mean=0.0004, low=0.0001, high=0.0007, volatility=0.005, share=0.7, expected_duration=50.0)
WILD = RegimeEstimate(mean=-0.0002, low=-0.001, high=0.0006, volatility=0.02, share=0.3, expected_duration=None)


def learnt(record: Record, *regimes: RegimeEstimate, agreements: tuple[Agreement | None, ...] = (None,)) -> Record:
    """A selected classifier of two regimes, with one fit an agreement."""
    names = ["calm", "wild"]
    made = [
        Fit(
            timestamp=f"2010-0{n + 1}-01T00:00:00",
            bars=500,
            transition=[[0.9, 0.1], [0, 1]],
            regimes=[*regimes],
            agreement=each,
        )
        for n, each in enumerate(agreements)
    ]
    seen = Seen(names=names, transition_matrix=[[0.8, 0.2], [None, None]], expected_duration={"calm": 5, "wild": None})
    ours = record.selected
    return replace(
        record,
        fits={**record.fits, ours: Fits(names=names, fits=made if regimes else [])},
        seen={**record.seen, ours: seen},
    )


def test_a_fit_is_told_by_the_year(record: Record) -> None:
    table = tables.last_fit(learnt(record, CALM, WILD))
    assert table is not None
    calm, wild = table.groups[0].rows
    year = record.results.window.periods_per_year
    assert calm.cells[0].text == f"{0.0004 * year:.1%}"
    assert calm.cells[2].text == f"{0.0001 * year:.1%} to {0.0007 * year:.1%}"
    assert wild.cells[3].text == f"{0.02 * year**0.5:.1%}"
    sparks = [row.cells[1].spark for row in (calm, wild)]
    assert all(each is not None and 0 <= each.low < each.point < each.high <= 100 for each in sparks)
    assert len({each.zero for each in sparks if each is not None}) == 1
    assert table.notes[0].startswith("The fit of 2010-01-01 on 500 bars;")


def test_probabilities_stand_beside_what_was_labelled(record: Record) -> None:
    calm, wild = tables.stays(learnt(record, CALM, WILD)).groups[0].rows
    assert [each.text for each in calm.cells] == ["90.0% (80.0%)", "10.0% (20.0%)", "50 (5)"]
    assert [each.text for each in wild.cells] == ["0.0% (–)", "100.0% (–)", "– (–)"]


def test_rules_learn_nothing(record: Record) -> None:
    changed = learnt(record)
    assert tables.last_fit(changed) is None
    assert figures.agreement(changed) is None
    calm, wild = tables.stays(changed).groups[0].rows
    assert [each.text for each in calm.cells] == ["80.0%", "20.0%", "5"]
    assert all(each.reason == "the regime was never left" for each in wild.cells)
    assert tables.learnt(changed) == f"{record.selected} follows rules and learns nothing from the data."
    assert "Refit by refit" not in render(changed)


ZERO = CALM.model_copy(update={"low": -0.0001})
FAR = WILD.model_copy(update={"mean": -0.002, "low": -0.003, "high": -0.001})


@pytest.mark.parametrize(
    ("regimes", "said"),
    [
        (
            (ZERO, WILD),
            "No regime’s mean return differs from zero beyond doubt, and all intervals overlap; what differs",
        ),
        (
            (CALM, WILD),
            "Of the mean returns that of calm lies above zero at 95%, no other one differs from it, and all",
        ),
        (
            (CALM, FAR),
            "that of calm lies above zero and that of wild lies below zero at 95%; their intervals do not all",
        ),
    ],
)
def test_means_are_believed_as_far_as_their_intervals_go(
    record: Record, regimes: tuple[RegimeEstimate, ...], said: str
) -> None:
    found = tables.learnt(learnt(record, *regimes))
    assert said in found
    assert found.endswith("wild is 4.0 times as volatile as calm.")


def test_a_refit_that_exchanged_regimes_is_marked(record: Record) -> None:
    kept, exchanged = Agreement(bars=100, same=0.98, best=0.98), Agreement(bars=100, same=0.2, best=0.9)
    figure = figures.agreement(learnt(record, CALM, WILD, agreements=(None, kept, exchanged)))
    assert figure is not None
    drawn: Any = json.loads(json.dumps(figure.spec, allow_nan=False))
    line, marks = drawn["data"]
    assert (line["x"], line["y"]) == (["2010-02-01", "2010-03-01"], [0.98, 0.2])
    assert (marks["x"], marks["y"]) == (["2010-03-01"], [0.2])
    assert figure.reading == (
        "Over 2 refits 59.0% of the labels stayed on average, at least 20.0% (2010-03-01), and 1 of them exchanged "
        "regimes."
    )
    figure = figures.agreement(learnt(record, CALM, WILD, agreements=(None, kept)))
    assert figure is not None
    assert len(drawn["data"]) == 2 > len(json.loads(json.dumps(figure.spec))["data"])
    assert "none of them exchanged regimes" in figure.reading
