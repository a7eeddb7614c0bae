from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec
from regimefolio.evaluation.robustness import (
    NoBreakEven,
    Placebo,
    Replayable,
    break_even,
    circular_shifts,
    greatest_multiple,
    placebo,
    shifted,
    with_costs,
)
from regimefolio.portfolio import Ensemble, PortfolioSpec, RegimeSettings
from tests.scripted import Scripted, Second, regimes, written

COSTS = ExecutionSpec(commission_bps=4, slippage_bps=6)
BARS, START = 120, 20


def case(timed: bool = True) -> Replayable:
    """Two assets that rise by turns, and a regime that says which: at the right time, or always the same."""
    turn = np.arange(BARS) // 10 % 3 == 0
    steps = np.where(np.stack([turn, ~turn], axis=1), 0.01, -0.01) + 0.001 * np.sin(np.arange(BARS))[:, None]
    market = written(100.0 * np.cumprod(1 + steps, axis=0))
    told = np.append(turn[2:], [True, True])  # decided at t, filled at t + 1, earned at t + 2
    path = regimes(market, ("first", "second"), np.where(told, 0, 1).tolist())
    ensemble = Ensemble.adaptive(
        [Scripted(alpha=((1.0, 0.0),)), Second(alpha=((0.0, 1.0),))],
        [0.5, 0.5],
        path.names,
        {
            "first": RegimeSettings(weights={"scripted": 1.0, "scripted_second": 0.0 if timed else 1.0}),
            "second": RegimeSettings(weights={"scripted": 0.0 if timed else 1.0, "scripted_second": 1.0}),
        },
    )
    spec = PortfolioSpec(rebalance="daily")
    stack = BacktestRunner(market, spec, COSTS).signals(ensemble)
    return Replayable(market, spec, COSTS, 1000.0, 0.0, stack, ensemble, START, path)


def test_shifts_are_different_seeded_and_far_from_home() -> None:
    shifts = circular_shifts(1000, 500, 21, seed=3)
    assert len(set(shifts.tolist())) == 500
    assert shifts.min() >= 21
    assert shifts.max() <= 979
    assert (np.diff(shifts) > 0).all()
    assert circular_shifts(1000, 500, 21, seed=3).tolist() == shifts.tolist()
    assert circular_shifts(1000, 500, 21, seed=4).tolist() != shifts.tolist()
    assert circular_shifts(50, 500, 20, seed=3).tolist() == list(range(20, 31))


def test_a_shift_turns_the_test_bars_alone() -> None:
    path = case().regimes
    assert path is not None
    turned = shifted(path, START - 1, 7)
    assert turned.label[: START - 1].tolist() == path.label[: START - 1].tolist()
    assert turned.label[START - 1 :].tolist() == np.roll(path.label[START - 1 :], 7).tolist()
    assert np.bincount(turned.label).tolist() == np.bincount(path.label).tolist()


@pytest.mark.parametrize("threads", [1, 3])
def test_regimes_at_the_right_time_stand_out(threads: int) -> None:
    made, calls = case(), []
    shifts = circular_shifts(BARS - START, 60, 3, seed=0)
    found = placebo(made, lambda run: run.metrics["sharpe"], shifts, threads, lambda: calls.append(1))
    assert found.real == made.replay().metrics["sharpe"]
    assert len(calls) == len(found.scores) == 60
    assert found.at_least == sum(score >= found.real for score in found.scores)
    assert found.p_value == (1 + found.at_least) / 61 < 0.1


def test_a_shift_begins_at_the_bar_that_decides_for_the_first_one() -> None:
    """With fills two bars later that is two bars earlier."""
    late = dataclasses.replace(case(), execution=COSTS.model_copy(update={"delay": 2}))
    path, first = late.regimes, START - 3
    assert path is not None
    assert late.first_decision == first
    found = placebo(late, lambda run: run.metrics["sharpe"], np.array([13]))
    label = np.append(path.label[:first], np.roll(path.label[first:], 13))
    by_hand = dataclasses.replace(late, regimes=regimes(late.market, path.names, label.tolist()))
    assert found.scores[0] == by_hand.replay().metrics["sharpe"] != found.real


def test_regimes_that_change_nothing_do_not_stand_out() -> None:
    found = placebo(case(timed=False), lambda run: run.metrics["sharpe"], circular_shifts(100, 40, 3, seed=0))
    assert found.at_least == found.counted == 40
    assert found.p_value == 1.0


def test_shifts_without_a_score_count_nowhere() -> None:
    found = Placebo(1.0, np.arange(4), np.array([math.nan, 2.0, 0.5, 1.0]))
    assert (found.counted, found.at_least, found.p_value) == (3, 2, 0.75)
    assert math.isnan(Placebo(math.nan, np.arange(1), np.array([1.0])).p_value)


def test_costs_multiply_and_take_what_they_say() -> None:
    assert with_costs(COSTS, 2.5) == ExecutionSpec(commission_bps=10, slippage_bps=15)
    made = case()
    paid = [made.replay(with_costs(COSTS, multiple)).metrics["costs"] for multiple in (0.0, 1.0, 2.0)]
    assert paid[0] == 0.0
    assert 1.5 * paid[1] < paid[2] < 2.0 * paid[1]  # twice, of what less equity trades


def test_all_that_a_trade_costs_is_multiplied_and_nothing_else() -> None:
    said = {
        "commission_bps": [{"up_to": 100, "bps": 10}, {"bps": 4}],
        "slippage_bps": 1,
        "spread_bps": 2,
        "fee_per_order": 3,
        "fee_per_share": 4,
        "min_fee_per_order": 5,
        "impact": 0.5,
    }
    others = {"cash_rate": 0.02, "borrow_rate": {"default": 0.1}, "min_order_value": 7, "delay": 1}
    twice = with_costs(ExecutionSpec.model_validate(said | others), 2.0)
    doubled = {name: 2 * value for name, value in said.items() if isinstance(value, int | float)}
    tiers = [{"up_to": 100, "bps": 20}, {"bps": 8}]
    assert twice == ExecutionSpec.model_validate(doubled | {"commission_bps": tiers} | others)


def test_a_least_fee_alone_is_a_cost_to_multiply() -> None:
    free = {"commission_bps": 0, "slippage_bps": 0}
    assert greatest_multiple(ExecutionSpec.model_validate(free), 50.0) == 0.0
    assert greatest_multiple(ExecutionSpec.model_validate(free | {"min_fee_per_order": 1}), 50.0) == 50.0
    tiers = [{"up_to": 100, "bps": 1000}, {"bps": 0}]
    assert greatest_multiple(ExecutionSpec.model_validate(free | {"commission_bps": tiers}), 50.0) == pytest.approx(9.9)


def test_an_advantage_that_comes_back_is_gone_where_it_is_lost_first() -> None:
    """It is lost from 3.3 to 9, and again from 40 on."""
    found = break_even(lambda multiple: 1.0 if multiple < 3.3 or 9 < multiple < 40 else -1.0, 50.0)
    assert found.multiple == pytest.approx(3.3, abs=0.01)


def test_the_break_even_is_where_the_advantage_ends() -> None:
    found = break_even(lambda multiple: 3.3 - multiple, 50.0)
    assert found.multiple == pytest.approx(3.3, abs=0.01)
    assert found.reason is None
    made, dear = case(), ExecutionSpec(commission_bps=40, slippage_bps=60)

    def growth(multiple: float) -> float:
        return made.replay(with_costs(dear, multiple)).metrics["cagr"]

    even = break_even(growth, greatest_multiple(dear, 50.0), 0.001)
    assert growth(even.multiple - 0.01) > 0 > growth(even.multiple + 0.01)


@pytest.mark.parametrize(
    ("advantage", "most", "reason"),
    [
        (-1.0, 50.0, "never ahead"),
        (math.nan, 50.0, "never ahead"),
        (1.0, 50.0, "always ahead"),
        (1.0, 0.0, "no costs"),
    ],
)
def test_where_there_is_no_break_even_it_says_why(advantage: float, most: float, reason: NoBreakEven) -> None:
    found = break_even(lambda multiple: advantage, most)
    assert math.isnan(found.multiple)
    assert found.reason == reason


def test_no_cost_is_multiplied_beyond_what_it_is_taken_from() -> None:
    assert greatest_multiple(COSTS, 50.0) == 50.0
    assert greatest_multiple(ExecutionSpec(commission_bps=400, slippage_bps=100), 50.0) == pytest.approx(19.8)
    assert greatest_multiple(ExecutionSpec(commission_bps=0, slippage_bps=0), 50.0) == 0.0
