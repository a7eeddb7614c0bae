"""The simulator, on accounts small enough to be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from regimefolio.kernels.ledger import BANKRUPT, OK, TRIPS, Events, Ledger, empty_ledger, events_of, prices_of
from regimefolio.kernels.simulate import decision_return, set_orders, simulate
from regimefolio.kernels.terms import Execution
from tests.terms import for_assets, terms_of

Float = NDArray[np.float64]

FREE = terms_of(0.0, 0.0, 0.0)
NAN = np.nan


def prices(rows: ArrayLike) -> Float:
    array = np.array(rows, dtype=np.float64)
    array.setflags(write=False)
    return array


def run(
    fill: ArrayLike,
    close: ArrayLike,
    target: ArrayLike,
    decide: list[int],
    start: int = 1,
    initial: float = 1000.0,
    costs: Execution = FREE,
    record: bool = True,
) -> tuple[int, Ledger]:
    """Simulate with `decide` as a list of bars."""
    f, c = prices(fill), prices(close)
    wanted = np.zeros(len(c), np.bool_)
    wanted[decide] = True
    w = np.broadcast_to(np.array(target, dtype=np.float64), c.shape).copy()
    ledger = empty_ledger(len(c), c.shape[1], record)
    for array in ledger:
        array[...] = NAN  # whatever was in it before must not matter
    terms = for_assets(costs, c.shape[1])
    return simulate(prices_of(f, c), w, wanted, start, initial, terms, ledger), ledger


def trips(ledger: Ledger) -> dict[str, float]:
    return dict(zip(TRIPS, ledger.trips.tolist(), strict=True))


def test_a_decision_is_filled_at_the_next_bars_price() -> None:
    close = [[10.0], [11.0], [12.0], [15.0]]
    fill = [[10.0], [10.5], [11.5], [13.0]]
    target = [[NAN], [1.0], [0.0], [NAN]]
    status, ledger = run(fill, close, target, [1, 2])
    bought = 1000.0 / 11.5
    assert status == OK
    assert ledger.equity == pytest.approx([1000.0, 1000.0, bought * 12.0, bought * 13.0], rel=1e-14)
    assert ledger.cash == pytest.approx([1000.0, 1000.0, 0.0, bought * 13.0], rel=1e-14)
    assert ledger.turnover == pytest.approx([0.0, 0.0, 0.5, 0.5])
    assert ledger.traded[:, 0] == pytest.approx([0.0, 0.0, bought, -bought])
    assert ledger.shares_held[:, 0] == pytest.approx([0.0, 0.0, bought, 0.0])
    assert ledger.weights[:, 0] == pytest.approx([0.0, 0.0, 1.0, 0.0])
    assert ledger.gross == pytest.approx([0.0, 0.0, 1.0, 0.0])
    assert ledger.pre_fill == pytest.approx([NAN, 1000.0, 1000.0, bought * 13.0], nan_ok=True)
    assert ledger.shares.tolist() == [0.0]


def test_a_fully_invested_target_pays_its_costs_from_itself() -> None:
    costs = terms_of(0.001, 0.002, 0.0)
    _, ledger = run([[10.0]] * 3, [[10.0]] * 3, [[1.0]] * 3, [0], costs=costs)
    assert ledger.equity[1] == pytest.approx(1000.0 / 1.003, rel=1e-15)
    assert ledger.cash[1] == 0.0
    assert ledger.cost[1] == pytest.approx(1000.0 - 1000.0 / 1.003, rel=1e-12)


def test_a_switch_pays_for_both_sides() -> None:
    target = [[1.0, 0.0], [0.0, 1.0], [NAN, NAN]]
    _, ledger = run(np.ones((3, 2)), np.ones((3, 2)), target, [0, 1], costs=terms_of(0.01, 0.0, 0.0))
    first = 1000.0 / 1.01
    assert ledger.equity[1:] == pytest.approx([first, first * 0.99 / 1.01], rel=1e-14)
    assert ledger.turnover[2] == pytest.approx((first + first * 0.99 / 1.01) / 2 / first, rel=1e-14)


def test_the_bar_before_the_start_always_decides_and_the_last_one_never_trades() -> None:
    _, ledger = run(np.ones((5, 1)), np.ones((5, 1)), [[0.1], [0.2], [0.3], [0.4], [0.5]], [4], start=2)
    assert ledger.weights[:, 0] == pytest.approx([0.0, 0.0, 0.2, 0.2, 0.2])


def test_bars_before_the_start_hold_the_capital_and_no_result() -> None:
    _, ledger = run(np.ones((5, 1)), np.ones((5, 1)), [1.0], [0, 1, 2, 3], start=3, costs=terms_of(0.001, 0.0, 0.1))
    assert ledger.equity[:3].tolist() == ledger.cash[:3].tolist() == [1000.0] * 3
    assert np.isnan(ledger.pre_fill[:3]).all()
    for array in (ledger.turnover, ledger.cost, ledger.gross, ledger.weights, ledger.shares_held, ledger.traded):
        assert not array[:3].any()


def test_an_undecided_or_undefined_row_is_no_order() -> None:
    target = [[1.0, 0.0], [0.0, 1.0], [NAN, NAN], [0.5, NAN]]
    _, ledger = run(np.ones((5, 2)), np.ones((5, 2)), [*target, [0.0, 0.0]], [2, 3])
    assert ledger.weights.tolist() == [[0, 0], [1, 0], [1, 0], [1, 0], [0.5, 0]]


def test_what_cannot_be_sold_is_not_spent_again() -> None:
    """Asset 0 has no bar when asset 1 is to replace it: there is no cash to buy with, and no debt arises."""
    fill = [[1.0, 1.0], [1.0, 1.0], [NAN, 1.0], [1.0, 1.0]]
    target = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [NAN, NAN]]
    status, ledger = run(fill, fill, target, [0, 1, 2], costs=terms_of(0.001, 0.0, 0.0))
    first = 1000.0 / 1.001
    assert status == OK
    assert ledger.shares_held[1:3].tolist() == [[pytest.approx(first), 0.0]] * 2
    assert ledger.cash.min() >= 0.0
    assert ledger.equity[2] == ledger.equity[1]
    assert ledger.shares_held[3].tolist() == [0.0, pytest.approx(first * 0.999 / 1.001)]


def test_purchases_share_the_cash_that_a_frozen_asset_leaves() -> None:
    fill = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [NAN, 1.0, 1.0]]
    target = [[0.6, 0.0, 0.0], [0.0, 0.75, 0.25], [NAN] * 3]
    _, ledger = run(fill, fill, target, [0, 1], costs=terms_of(0.01, 0.0, 0.0))
    cash = ledger.cash[1]
    assert ledger.cash[2] == pytest.approx(0.0, abs=1e-9)
    assert ledger.shares_held[2] == pytest.approx([ledger.shares_held[1, 0], 0.75 * cash / 1.01, 0.25 * cash / 1.01])
    assert ledger.equity[2] == pytest.approx(ledger.equity[1] - 0.01 * cash / 1.01, rel=1e-14)


def test_a_purchase_scaled_to_dust_is_no_order() -> None:
    fill = [[1.0, 1.0], [1.0, 1.0], [NAN, 1.0]]
    _, ledger = run(fill, fill, [[1.0 - 5e-11, 0.0], [0.0, 1.0], [NAN, NAN]], [0, 1])
    assert 0.0 < ledger.cash[1] < 1e-7
    assert ledger.cash[2] == ledger.cash[1]
    assert not ledger.traded[2].any()


def test_a_missing_bar_is_valued_at_the_last_price_seen() -> None:
    close = [[10.0], [10.0], [NAN], [12.0], [NAN]]
    fill = [[10.0], [10.0], [NAN], [11.0], [13.0]]
    _, ledger = run(fill, close, [[1.0], [NAN], [NAN], [NAN], [NAN]], [0])
    assert ledger.equity.tolist() == [1000.0, 1000.0, 1000.0, 1200.0, 1300.0]
    assert ledger.pre_fill[1:].tolist() == [1000.0, 1000.0, 1100.0, 1300.0]


def test_interest_accrues_on_the_cash_of_the_previous_close() -> None:
    _, ledger = run(np.ones((4, 1)), np.ones((4, 1)), [0.25], [0], costs=terms_of(0.0, 0.0, 0.01))
    held = 1010.0 * 0.25
    cash = 1010.0 - held
    assert ledger.equity == pytest.approx([1000.0, 1010.0, held + cash * 1.01, held + cash * 1.01**2], rel=1e-14)
    assert ledger.pre_fill[1] == pytest.approx(1010.0)


def test_dust_is_no_order() -> None:
    near = [[0.5], [0.5 * (1.0 + 1e-10)], [0.5 * (1.0 + 1e-9)], [NAN]]
    _, ledger = run(np.ones((4, 1)), np.ones((4, 1)), near, [0, 1, 2])
    assert ledger.turnover[2] == 0.0
    assert ledger.turnover[3] == pytest.approx(2.5e-10, rel=1e-5)


def test_a_target_that_is_held_costs_nothing() -> None:
    w = np.random.default_rng(0).dirichlet(np.ones(7)) * 0.9
    _, ledger = run(np.ones((5, 7)), np.ones((5, 7)), w, [0, 1, 2, 3], costs=terms_of(0.003, 0.0, 0.0))
    assert ledger.turnover[1] > 0.4
    assert not ledger.turnover[2:].any()
    assert not ledger.traded[2:].any()


def test_short_positions_gain_when_prices_fall() -> None:
    close = [[100.0, 50.0], [100.0, 50.0], [80.0, 50.0], [80.0, 50.0]]
    target = [[-0.5, 0.5], [NAN, NAN], [0.0, 0.0], [NAN, NAN]]
    _, ledger = run(close, close, target, [0, 2], costs=terms_of(0.0, 0.001, 0.0))
    after = 1000.0 / 1.001
    assert ledger.equity[1:3] == pytest.approx([after, after * 1.1], rel=1e-14)
    assert ledger.gross[1:3] == pytest.approx([1.0, 0.9 / 1.1])
    assert ledger.equity[3] == pytest.approx(after * 1.1 - 0.001 * after * 0.9, rel=1e-14)


def test_round_trips_run_from_flat_to_flat() -> None:
    close = [[10.0, 10.0]] * 2 + [[12.0, 9.0]] * 2 + [[12.0, 9.0]] * 3
    target = [[0.5, 0.4], [NAN, NAN], [0.0, 0.4], [NAN, 0.0], [NAN, 0.5], [NAN, NAN], [NAN, NAN]]
    costs = terms_of(0.01, 0.0, 0.0)
    _, ledger = run(close, close, target, [0, 2, 3, 4], costs=costs)
    x = 1000.0 / (1.0 + 0.01 * 0.9)
    win = 0.5 * x * (1.2 * 0.99 - 1.01)
    flows = -ledger.traded[:5, 1] * np.array(close)[:5, 1] - 0.01 * np.abs(
        ledger.traded[:5, 1] * np.array(close)[:5, 1]
    )
    expected = {
        "closed": 2.0,
        "wins": 1.0,
        "losses": 1.0,
        "gross_win": pytest.approx(win),
        "gross_loss": pytest.approx(flows.sum()),
        "bars_held": (3 - 1) + (4 - 1),
        "open": 1.0,
    }
    assert trips(ledger) == expected
    assert flows.sum() < 0.0


def test_a_position_that_turns_over_is_two_trips() -> None:
    close = [[10.0], [10.0], [12.0], [11.0]]
    target = [[0.5], [-0.5], [0.0], [NAN]]
    _, ledger = run(close, close, target, [0, 1, 2])
    short = -ledger.traded[3, 0] * -1.0
    assert short == pytest.approx(1100.0 * 0.5 / 12.0)
    expected = {
        "closed": 2.0,
        "wins": 2.0,
        "losses": 0.0,
        "gross_win": pytest.approx(50.0 * 2.0 + short * 1.0),
        "gross_loss": 0.0,
        "bars_held": 2.0,
        "open": 0.0,
    }
    assert trips(ledger) == expected
    assert ledger.equity[-1] == pytest.approx(1000.0 + 100.0 + short)


def test_a_profit_of_rounding_is_neither_win_nor_loss() -> None:
    n = 13
    close = np.full((4, n), 0.1)
    target = [[1.0 / n] * n, [1.0 / n] * n, [0.0] * n, [NAN] * n]
    _, ledger = run(close, close, target, [0, 1, 2])
    assert trips(ledger) == {**dict.fromkeys(TRIPS, 0.0), "closed": 13.0, "bars_held": 26.0}


def test_bankruptcy_at_a_close_ends_the_run() -> None:
    close = [[100.0], [100.0], [210.0], [50.0], [50.0]]
    fill = [[100.0], [100.0], [150.0], [50.0], [50.0]]
    status, ledger = run(fill, close, [[-1.0], [NAN], [NAN], [NAN], [NAN]], [0])
    assert status == BANKRUPT
    assert ledger.equity.tolist() == [1000.0, 1000.0, -100.0, 0.0, 0.0]
    assert ledger.cash.tolist() == [1000.0, 2000.0, -100.0, 0.0, 0.0]
    assert ledger.pre_fill[1:].tolist() == [1000.0, 500.0, 0.0, 0.0]
    assert ledger.shares.tolist() == [0.0]
    assert trips(ledger) == {**dict.fromkeys(TRIPS, 0.0), "open": 1.0}
    returns = decision_return(ledger.pre_fill, 1)
    assert returns == pytest.approx([-0.5, -1.0, NAN, NAN, NAN], nan_ok=True)


def test_bankruptcy_at_a_fill_trades_nothing() -> None:
    close = [[100.0], [100.0], [100.0], [100.0]]
    fill = [[100.0], [100.0], [200.0], [100.0]]
    status, ledger = run(fill, close, [[-1.0], [-1.0], [-1.0], [NAN]], [0, 1, 2])
    assert status == BANKRUPT
    assert ledger.equity.tolist() == [1000.0, 1000.0, 0.0, 0.0]
    assert not ledger.traded[2:].any()
    assert np.isnan(decision_return(ledger.pre_fill, 1)[1:]).all()


def test_a_decision_earns_from_its_fill_to_the_next() -> None:
    fill = [[10.0], [11.0], [12.0], [15.0], [20.0]]
    close = [[10.0], [11.5], [13.0], [16.0], [21.0]]
    costs = terms_of(0.01, 0.0, 0.0)
    _, ledger = run(fill, close, [[NAN], [1.0], [0.0], [NAN], [NAN]], [1, 2], costs=costs)
    returns = decision_return(ledger.pre_fill, 1)
    expected = [0.0, 15.0 / 12.0 / 1.01 - 1.0, 0.99 - 1.0, NAN, NAN]
    assert returns == pytest.approx(expected, rel=1e-13, nan_ok=True)
    late = decision_return(ledger.pre_fill, 3)
    assert np.flatnonzero(~np.isnan(late)).tolist() == [2]


def test_no_decision_loses_more_than_everything() -> None:
    returns = decision_return(np.array([NAN, 100.0, 110.0, -5.0, 0.0]), 1)
    assert returns == pytest.approx([0.1, -1.0, NAN, NAN, NAN], nan_ok=True)


def test_the_first_bar_of_all_may_be_the_start() -> None:
    _, ledger = run(np.ones((3, 1)), np.ones((3, 1)), [[1.0], [NAN], [NAN]], [0], start=0)
    assert ledger.weights[:, 0].tolist() == [0.0, 1.0, 1.0]
    returns = decision_return(ledger.pre_fill, 0)
    assert np.flatnonzero(~np.isnan(returns)).tolist() == [0]


def test_recording_changes_nothing_else() -> None:
    rng = np.random.default_rng(3)
    close = np.exp(rng.standard_normal((50, 6)).cumsum(0) * 0.02)
    close[rng.random(close.shape) < 0.1] = NAN
    target = rng.dirichlet(np.ones(6), 50)
    costs = terms_of(0.001, 0.001, 0.0001)
    _, full = run(close, close, target, list(range(0, 50, 2)), costs=costs)
    _, bare = run(close, close, target, list(range(0, 50, 2)), costs=costs, record=False)
    for name in ("equity", "cash", "turnover", "cost", "pre_fill", "gross", "shares", "trips"):
        assert np.array_equal(getattr(full, name), getattr(bare, name), equal_nan=True), name
    assert bare.weights.shape == bare.traded.shape == bare.shares_held.shape == (0, 0)
    assert np.array_equal(full.shares_held[-1], full.shares)
    assert full.traded.cumsum(0) == pytest.approx(full.shares_held)


@pytest.mark.parametrize("seed", range(20))
def test_the_equity_after_a_fill_solves_its_equation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    target = rng.standard_normal(n) / n
    held = rng.standard_normal(n) / n
    cost, equity = float(rng.choice([1e-4, 0.01, 0.2])), 1.0
    x, _, _ = set_orders(target, np.ones(n), held, cost, equity, np.empty(n))
    terms = [x, *(cost * abs(w * x - h) for w, h in zip(target, held, strict=True))]
    assert math.fsum(terms) == pytest.approx(equity, rel=4e-15)


def test_costs_that_exceed_the_equity_leave_none() -> None:
    after, _, sold = set_orders(np.array([0.1]), np.ones(1), np.array([1000.0]), 0.01, 5.0, np.empty(1))
    assert (after, sold) == (0.0, 1000.0)


def test_what_cash_cuts_short_is_ordered_again_though_its_target_stands() -> None:
    """A cannot be sold at bar 2, so that nothing pays for B: both are traded at bar 3, on an unchanged target."""
    flat = [[10.0, 10.0]] * 5
    fill = [[10.0, 10.0], [10.0, 10.0], [NAN, 10.0], [10.0, 10.0], [10.0, 10.0]]
    target = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [NAN, NAN]]
    _, ledger = run(fill, flat, target, [0, 1, 2, 3], costs=terms_of(0.0, 0.0, 0.0, on_change=True))
    assert ledger.shares_held[1:].tolist() == [[100.0, 0.0], [100.0, 0.0], [0.0, 100.0], [0.0, 100.0]]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("on_change", [False, True])
def test_what_a_fill_at_the_close_leaves_need_not_be_valued_again(apart: bool, on_change: bool) -> None:
    """Prices that are one array and prices that are equal are two ways to the same money, up to rounding."""
    rng = np.random.default_rng(3)
    close = 50.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((300, 13)), axis=0))
    close[rng.random(close.shape) < 0.05] = NAN
    target = np.where(rng.random(close.shape) < 0.5, 0.0, rng.uniform(-0.05, 0.1, close.shape))
    target[rng.random(close.shape) < 0.05] = NAN
    terms = terms_of(1e-3, 5e-4, 1e-4, borrow_rate=1e-4, on_change=on_change, apart=apart)
    decide = rng.random(300) < 0.6
    one, two = (empty_ledger(300, 13, True) for _ in range(2))
    for fill, ledger in ((close, one), (close.copy(), two)):
        fill.flags.writeable = False  # as all that the kernel is compiled for
        assert simulate(prices_of(fill, close), target, decide, 1, 1e6, for_assets(terms, 13), ledger) == OK
    assert one.trips[0] > 100
    for name, ours, theirs in zip(one._fields, one, two, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-9 if name in ("cash", "shares") else 1e-12)


def test_holdings_are_valued_at_the_last_price_seen_whether_open_or_close() -> None:
    opens = prices([[NAN, 1.0], [NAN, NAN], [3.0, NAN], [NAN, 4.0]])
    closes = prices([[NAN, 1.5], [2.0, NAN], [NAN, NAN], [5.0, NAN]])
    found = prices_of(opens, closes)
    assert found.at_fill.tolist() == [[0.0, 1.0], [0.0, 1.5], [3.0, 1.5], [3.0, 4.0]]
    assert found.at_close.tolist() == [[0.0, 1.5], [2.0, 1.5], [3.0, 1.5], [5.0, 4.0]]
    assert found.fill is opens


def test_prices_without_holes_are_used_as_they_are() -> None:
    closes = prices([[1.0, 2.0], [3.0, 4.0]])
    found = prices_of(closes, closes)
    assert found.fill is found.at_fill is found.at_close is closes
    holed = prices([[1.0, 2.0], [3.0, NAN]])
    found = prices_of(holed, holed)
    assert found.at_fill is found.at_close
    assert found.at_close.tolist() == [[1.0, 2.0], [3.0, 2.0]]


@pytest.mark.parametrize(
    ("nudge", "ordered"), [(-0.85e-10, True), (-0.75e-10, False), (1.15e-10, False), (1.3e-10, True)]
)
def test_dust_is_measured_on_the_order_which_costs_make_larger_or_smaller_than_its_gap(
    nudge: float, ordered: bool
) -> None:
    costs = terms_of(0.4, 0.0, 0.0, apart=True)  # a sale is 1/0.8 of its gap, a purchase 1/1.2
    close = np.full((4, 1), 8.0)
    _, ledger = run(close, close, [[0.5], [0.5 + nudge], [NAN], [NAN]], [0, 1], costs=costs)
    assert bool(ledger.traded[2, 0]) is ordered


def paid(n_bars: int, bar: int, asset: int, pay: float, ends: bool = False) -> Events:
    return events_of(n_bars, np.array([bar]), np.array([asset]), np.array([pay]), np.array([ends]))


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("weight", [1.0, -0.5])
def test_a_dividend_is_paid_to_who_held_the_share_before_its_bar(apart: bool, weight: float) -> None:
    close = prices([[10.0], [10.0], [9.0], [9.0]])
    ledger = empty_ledger(4, 1, record=True)
    terms, target = terms_of(0.0, 0.0, 0.0, apart=apart), np.array([[weight], [NAN], [NAN], [NAN]])
    held = prices_of(close, close, paid(4, 2, 0, 1.0))
    assert simulate(held, target, np.zeros(4, np.bool_), 1, 1000.0, terms, ledger) == OK
    assert ledger.equity == pytest.approx([1000.0] * 4, rel=1e-15)  # the price falls by what is paid
    assert ledger.cash[2] == pytest.approx(ledger.cash[1] + weight * 100.0)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("weight", "left"), [(0.5, 0.0), (0.5, 0.4), (-0.5, 0.0), (-0.5, 1.5)])
def test_a_delisting_pays_what_is_left_and_closes_the_round_trip(apart: bool, weight: float, left: float) -> None:
    close = prices([[10.0], [10.0], [NAN], [NAN]])
    ledger = empty_ledger(4, 1, record=True)
    terms, target = terms_of(0.0, 0.0, 0.0, apart=apart), np.array([[weight], [weight], [weight], [NAN]])
    gone = prices_of(close, close, paid(4, 2, 0, 10.0 * left, ends=True))
    assert simulate(gone, target, np.ones(4, np.bool_), 1, 1000.0, terms, ledger) == OK
    after = 1000.0 * (1.0 + weight * (left - 1.0))
    assert ledger.equity == pytest.approx([1000.0, 1000.0, after, after], rel=1e-15)
    assert ledger.cash[2:] == pytest.approx([after, after], rel=1e-15)
    assert ledger.shares_held[:, 0].tolist() == [0.0, 100.0 * weight, 0.0, 0.0]
    assert ledger.traded[2, 0] == -100.0 * weight
    assert (ledger.cost.sum(), ledger.turnover[2]) == (0.0, 0.0)
    found = trips(ledger)
    assert (found["closed"], found["open"], found["bars_held"]) == (1.0, 0.0, 1.0)
    assert found["gross_win"] + found["gross_loss"] == pytest.approx(after - 1000.0)


def test_everything_in_an_asset_that_is_worth_nothing_is_ruin() -> None:
    close = prices([[10.0], [10.0], [NAN], [NAN]])
    ledger = empty_ledger(4, 1, record=True)
    gone = prices_of(close, close, paid(4, 2, 0, 0.0, ends=True))
    assert simulate(gone, np.ones((4, 1)), np.ones(4, np.bool_), 1, 1000.0, FREE, ledger) == BANKRUPT
    assert ledger.equity.tolist() == [1000.0, 1000.0, 0.0, 0.0]


def test_an_asset_cannot_end_at_a_bar_at_which_it_has_a_price() -> None:
    for close in (prices([[1.0], [1.0]]), prices([[NAN], [1.0]])):
        with pytest.raises(ValueError, match="ends at a bar at which it has a price"):
            prices_of(close, close, paid(2, 1, 0, 1.0, ends=True))


def test_a_short_that_costs_more_to_close_than_its_account_has_left_takes_no_money_from_nowhere() -> None:
    close = [[10.0], [10.0], [19.985], [19.985]]
    costs = terms_of(0.001, 0.0, 0.0, apart=True)
    status, ledger = run(close, close, [[-1.0], [-0.1], [NAN], [NAN]], [0, 1], costs=costs)
    assert status == BANKRUPT
    assert ledger.equity[2] < 0.0  # what it owes stays a debt
    assert ledger.shares.tolist() == [0.0]
