from __future__ import annotations

from dataclasses import replace

import pytest

from regimefolio.report.record import EQUAL_WEIGHT, STATIC, Difference, Record
from regimefolio.report.verdict import against_equal_weight, cost_a_year, deflated, first_sentence, judge


def difference(low: float | None, high: float | None) -> Difference:
    point = None if low is None or high is None else (low + high) / 2
    return Difference(point=point, low=low, high=high, level=0.95, share_positive=None)


def with_difference(record: Record, against: str, found: Difference) -> Record:
    changed = {**record.results.selected_minus, against: found}
    return replace(record, results=record.results.model_copy(update={"selected_minus": changed}))


def with_metrics(record: Record, run: str, **metrics: float | None) -> Record:
    old = record.results.runs[run]
    runs = {**record.results.runs, run: old.model_copy(update={"metrics": {**old.metrics, **metrics}})}
    return replace(record, results=record.results.model_copy(update={"runs": runs}))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.3, "helped"),
        (-0.3, -0.01, "hurt"),
        (-0.18, 0.48, "not shown"),
        (0.0, 0.4, "not shown"),
        (-0.4, 0.0, "not shown"),
        (None, None, "undefined"),
    ],
)
def test_only_an_interval_beside_zero_shows_anything(low: float | None, high: float | None, verdict: str) -> None:
    assert judge(difference(low, high)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "claim", "says"),
    [
        (0.01, 0.3, "Adapting to regimes helped", "+0.01 to +0.30, lies above zero."),
        (0.001, 0.3, "Adapting to regimes helped", "+0.001 to +0.30, lies above zero."),
        (-0.3, -0.01, "Adapting to regimes hurt", "−0.30 to −0.01, lies below zero."),
        (-0.18, 0.48, "Adapting to regimes is not shown to have helped", "−0.18 to +0.48, includes zero."),
        (None, None, "Whether adapting to regimes helped cannot be said", "their difference has no interval."),
    ],
)
def test_the_first_sentence_claims_what_the_interval_shows(
    record: Record, low: float | None, high: float | None, claim: str, says: str
) -> None:
    changed = with_difference(record, STATIC, difference(low, high))
    changed = with_metrics(with_metrics(changed, record.selected, sharpe=0.974), STATIC, sharpe=-0.819)
    said, measured = first_sentence(changed)
    assert said == claim
    assert measured.endswith(says)
    assert "0.97, against −0.82" in measured


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [(0.15, 0.17, "less"), (0.17, 0.15, "more"), (0.1, 0.1, "as much"), (None, 0.1, "what cannot be compared")],
)
def test_the_benchmark_is_told_as_it_stands(record: Record, ours: float | None, theirs: float, word: str) -> None:
    changed = with_metrics(with_metrics(record, record.selected, cagr=ours), EQUAL_WEIGHT, cagr=theirs)
    changed = with_difference(changed, EQUAL_WEIGHT, difference(-0.5, -0.1))
    text = " ".join(against_equal_weight(changed))
    assert f"it earned {word}:" in text
    assert "−0.50 to −0.10, lies below zero, so the strategy is shown to be worse" in text


def test_a_bankruptcy_is_said(record: Record) -> None:
    broken = record.results.runs[record.selected].model_copy(update={"status": "bankrupt"})
    runs = {**record.results.runs, record.selected: broken}
    changed = replace(record, results=record.results.model_copy(update={"runs": runs}))
    assert against_equal_weight(changed)[-1] == f"Adaptive ({record.selected}) went bankrupt."
    assert "bankrupt" not in " ".join(against_equal_weight(record))


@pytest.mark.parametrize(
    ("ratio", "says"), [(0.558, "is 55.8%. Below 95%"), (0.97, "is 97.0%. That is more than"), (None, "undefined here")]
)
def test_the_deflated_ratio_is_explained(record: Record, ratio: float | None, says: str) -> None:
    found = record.overfitting.model_copy(
        update={
            "trials": 73,
            "trials_by_phase": {"parameter_discovery": 25, "ensemble_optimization": 48},
            "sharpe_per_bar": 0.0451,
            "variance_of_trial_sharpes": 0.0002992,
            "deflated_sharpe_ratio": ratio,
        }
    )
    text = " ".join(deflated(replace(record, overfitting=found)))
    assert "73 trials were run in training (25 of parameter discovery and 48 of ensemble optimization)" in text
    assert "variance of 0.075 a year" in text
    assert "showed 0.72" in text
    assert says in text


def test_costs_are_those_of_a_year_over_the_average_equity(record: Record) -> None:
    years = record.results.window.test.bars / record.results.window.periods_per_year
    changed = with_metrics(record, STATIC, costs=0.02 * years * float(record.equity[STATIC].mean()))
    assert cost_a_year(changed, STATIC) == pytest.approx(0.02)
