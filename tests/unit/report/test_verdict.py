from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regimefolio.report.contents import BreakEven, Difference
from regimefolio.report.record import EQUAL_WEIGHT, STATIC, Record
from regimefolio.report.tables import differences
from regimefolio.report.verdict import (
    against_equal_weight,
    cost_a_year,
    costs,
    deflated,
    first_sentence,
    holds_up,
    judge,
    later,
    nothing_to_adapt,
    timing,
    together,
)


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


def with_placebo(record: Record, at_least_as_good: int | None, of: int = 500) -> Record:
    p = None if at_least_as_good is None else (1 + at_least_as_good) / (1 + of)
    found = record.robustness.placebo.model_copy(
        update={"p_value": p, "at_least_as_good": at_least_as_good or 0, "counted": of}
    )
    return replace(record, robustness=record.robustness.model_copy(update={"placebo": found}))


def with_break_even(record: Record, gain: BreakEven, advantage: BreakEven) -> Record:
    costs = record.robustness.costs
    even = costs.break_even.model_copy(update={"gain": gain, "advantage": advantage})
    changed = record.robustness.model_copy(update={"costs": costs.model_copy(update={"break_even": even})})
    return replace(record, robustness=changed)


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
    assert judge(difference(low, high), 252) == verdict
    assert judge(difference(low, high), 251) == "too few bars"


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
    said, measured = first_sentence(with_placebo(changed, 1))
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
    ("ratio", "says"),
    [(0.558, "is 55.8%. Below 95%"), (0.97, "is 97.0%. That is more than"), (None, "is undefined here")],
)
def test_the_deflated_ratio_is_explained(record: Record, ratio: float | None, says: str) -> None:
    found = record.overfitting.model_copy(
        update={
            "trials": 73,
            "trials_by_phase": {"parameter_discovery": 25, "ensemble_optimization": 48},
            "sharpe_per_bar": 0.0451,
            "expected_maximum_sharpe_per_bar": 0.0418,
            "variance_of_trial_sharpes": 0.0002992,
            "deflated_sharpe_ratio": ratio,
        }
    )
    text = " ".join(deflated(replace(record, overfitting=found)))
    assert "showed 0.72" in text
    assert says in text
    assert "73 trials: 25 of parameter discovery, 45 weight vectors and 3 assembled ensembles" in text
    assert ratio is None or "variance of 0.075 a year" in text


@pytest.mark.parametrize(
    ("shown", "says"),
    [(-0.01, "nothing for luck to explain"), (0.0, "nothing for luck to explain"), (0.02, "no more than the best of")],
)
def test_a_ratio_that_noise_beats_is_no_success(record: Record, shown: float, says: str) -> None:
    update = {"sharpe_per_bar": shown, "expected_maximum_sharpe_per_bar": 0.04, "deflated_sharpe_ratio": 0.2}
    text = " ".join(deflated(replace(record, overfitting=record.overfitting.model_copy(update=update))))
    assert says in text
    assert "Below 95%" not in text


def test_few_bars_show_nothing(record: Record) -> None:
    test = record.results.window.test.model_copy(update={"bars": 120})
    window = record.results.window.model_copy(update={"test": test})
    changed = replace(record, results=record.results.model_copy(update={"window": window}))
    for against in (STATIC, EQUAL_WEIGHT):
        changed = with_difference(changed, against, difference(0.2, 0.4))
    claim, measured = first_sentence(changed)
    assert claim == "Too few test bars to say whether adapting to regimes helped"
    text = measured + " ".join(against_equal_weight(changed))
    assert text.count("120 test bars, fewer than 252") == 2
    assert "shown" not in text
    assert "interval" not in text
    assert all(cell.text == "–" for row in differences(changed).groups[0].rows for cell in row.cells[2:])


def test_the_same_settings_everywhere_are_nothing_to_adapt(record: Record) -> None:
    ours, regimes = record.selected, record.results.regimes[record.selected].names
    pooled, shares = record.choices[STATIC]["all"], record.shares.classifiers
    weights = shares[STATIC].weights["all"]
    same = shares[ours].model_copy(update={"weights": {**dict.fromkeys(regimes, weights), "all": weights}})
    found = record.shares.model_copy(update={"classifiers": {**shares, ours: same}})
    chosen = {**record.choices, ours: dict.fromkeys(regimes, pooled)}
    claim, measured = first_sentence(replace(record, choices=chosen, shares=found))
    assert claim == "There was nothing to adapt"
    assert "every regime of the test bars chose the settings of the static ensemble" in measured
    kind = next(kind for kind, weight in weights.items() if weight)
    other = pooled[kind].model_copy(update={"parameters": {**pooled[kind].parameters, "horizon": 99}})
    chosen[ours] = {**chosen[ours], regimes[0]: {**pooled, kind: other}}
    assert nothing_to_adapt(replace(record, choices=chosen, shares=found)) == ""


def test_no_known_regime_is_nothing_to_adapt(record: Record) -> None:
    unknown = {name: np.full_like(label, -1) for name, label in record.labels.items()}
    claim, measured = first_sentence(replace(record, labels=unknown))
    assert claim == "There was nothing to adapt"
    assert "no regime was known on any test bar" in measured


def test_costs_are_those_of_a_year_over_the_average_equity(record: Record) -> None:
    years = record.results.window.test.bars / record.results.window.periods_per_year
    changed = with_metrics(record, STATIC, costs=0.02 * years * float(record.equity[STATIC].mean()))
    assert cost_a_year(changed, STATIC) == pytest.approx(0.02)


# Other circumstances


@pytest.mark.parametrize(("at_least_as_good", "timed"), [(24, True), (25, False), (None, False)])
def test_a_strategy_that_a_placebo_equals_did_not_help_by_its_timing(
    record: Record, at_least_as_good: int | None, timed: bool
) -> None:
    changed = with_placebo(with_difference(record, STATIC, difference(0.01, 0.3)), at_least_as_good)
    claim, measured = first_sentence(changed)
    assert (claim == "Adapting to regimes helped") == timed
    assert ("could not be run" in measured) == (at_least_as_good is None)
    assert ("its timing is not shown to matter" in claim) == ("a placebo" in measured) == (not timed)


def test_the_placebo_is_told_with_its_number(record: Record) -> None:
    assert timing(with_placebo(record, 34)) == (
        "Of 500 regime paths shifted in time, 34 did as well or better (p = 0.070), so the timing of the regimes is "
        "not shown to matter."
    )
    assert "so the timing of the regimes is shown to matter." in timing(with_placebo(record, 4))
    assert timing(with_placebo(record, None)) == ""
    assert timing(with_placebo(record, 34)) == holds_up(with_placebo(record, 34))[-1]


NONE_UP_TO = BreakEven(multiple=None, searched_to=50.0, reason="always ahead")
NEVER = BreakEven(multiple=None, searched_to=50.0, reason="never ahead")


@pytest.mark.parametrize(
    ("gain", "advantage", "says"),
    [
        (
            6.09,
            2.5,
            "Its return is gone at 6.1 times the costs, and its lead over equal weight is gone at 2.5 times the costs.",
        ),
        (6.09, 0.33, "and it would have earned more than equal weight only below 0.3 times the costs."),
        (
            NONE_UP_TO,
            NEVER,
            "Its return is not gone at 50 times the costs, and it earned no more than equal weight even without costs.",
        ),
        (
            NEVER,
            NONE_UP_TO,
            "It earned nothing even without costs, and its lead over equal weight holds at 50 times the costs.",
        ),
    ],
)
def test_costs_are_told_by_what_can_be_borne(
    record: Record, gain: float | BreakEven, advantage: float | BreakEven, says: str
) -> None:
    found = [
        each if isinstance(each, BreakEven) else BreakEven(multiple=each, searched_to=50.0, reason=None)
        for each in (gain, advantage)
    ]
    assert costs(with_break_even(record, *found)).endswith(says)


def test_no_costs_are_not_spoken_of(record: Record) -> None:
    free = BreakEven(multiple=None, searched_to=0.0, reason="no costs")
    assert costs(with_break_even(record, free, free)) == ""


def test_a_delay_and_the_best_alone_are_told(record: Record) -> None:
    changed = with_metrics(record, record.selected, sharpe=0.974)
    delayed = changed.robustness.one_bar_later.model_copy(update={"selected": {"sharpe": 1.013}})
    alone = [
        each.model_copy(update={"metrics": {"sharpe": value}})
        for each, value in zip(changed.robustness.alone, (0.2, 0.84), strict=True)
    ]
    found = changed.robustness.model_copy(update={"one_bar_later": delayed, "alone": alone})
    changed = replace(changed, robustness=found)
    assert later(changed) == "With every fill one bar later its Sharpe ratio is 1.01 instead of 0.97."
    assert together(changed) == "The best strategy alone, momentum_rank, has 0.84: the portfolio has more."
    assert together(with_metrics(changed, record.selected, sharpe=0.84)).endswith("the portfolio has no more.")
