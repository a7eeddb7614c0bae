"""Money is conserved, never borrowed, blind to the future and to the unit of account, whatever is traded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels.ledger import OK, Ledger, Prices, empty_ledger, events_of, prices_of
from regimefolio.kernels.simulate import decision_return, simulate
from regimefolio.kernels.terms import Execution
from tests.terms import for_assets, terms_of

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

HISTORIES = ("equity", "cash", "turnover", "cost", "pre_fill", "gross", "shares_held", "traded", "weights")
MONEY = ("equity", "cash", "cost", "pre_fill", "shares_held", "traded")
FREE = terms_of(0.0, 0.0, 0.0)
UNHURRIED = settings(deadline=None)  # the first example compiles


@dataclass(frozen=True, repr=False)
class World:
    """A history that can be simulated."""

    fill: Float
    close: Float
    target: Float
    decide: Bool
    start: int
    costs: Execution
    dividend: Float | None = None
    """Cash for each share (T, N) before the fill of a bar."""
    ended: tuple[int, float] | None = None
    """The bar before whose fill the first asset ends, and what is paid for each of its shares."""

    def prices(self, until: int | None = None, scale: float = 1.0) -> Prices:
        """Those of the first bars, multiplied by `scale`."""
        fill, close = read_only(self.fill[:until] * scale), read_only(self.close[:until] * scale)
        bar, asset = np.nonzero(np.zeros_like(close) if self.dividend is None else self.dividend[:until])
        pay = np.zeros(0) if self.dividend is None else self.dividend[bar, asset] * scale
        ends = np.zeros(len(bar), dtype=bool)
        if self.ended is not None and self.ended[0] < len(close):
            bar, asset = np.append(bar, self.ended[0]), np.append(asset, 0)
            pay, ends = np.append(pay, self.ended[1] * scale), np.append(ends, True)
        return prices_of(fill, close, events_of(len(close), bar, asset, pay, ends))

    def run(self, initial: float = 1e6, scale: float = 1.0, until: int | None = None) -> Ledger:
        """The ledger of the first bars, prices multiplied by `scale`."""
        target, decide = self.target[:until].copy(), self.decide[:until].copy()
        ledger = empty_ledger(target.shape[0], target.shape[1], record=True)
        costs = for_assets(self.costs, target.shape[1])
        assert simulate(self.prices(until, scale), target, decide, self.start, initial, costs, ledger) == OK
        return ledger


@st.composite
def worlds(draw: st.DrawFn, short: bool | None = None, invested: bool = False, plain: bool = False) -> World:
    """Random walks with missing bars; targets long-only or long-short, in part kept, in part absent.

    Plain ones fill at the next bar and trade at every rebalance.
    """
    n_bars, n_assets = draw(st.integers(3, 40)), draw(st.integers(1, 9))
    missing = draw(st.sampled_from([0.0, 0.0, 0.05, 0.3]))
    keep = draw(st.sampled_from([0.0, 0.3, 1.0]))
    some_short = draw(st.booleans()) if short is None else short
    cost = draw(st.sampled_from([0.0, 0.0005, 0.02]))
    rate = draw(st.sampled_from([0.0, 0.0, 0.0003, -0.0002]))
    borrow = draw(st.sampled_from([0.0, 0.0005]))
    delay = 0 if plain else draw(st.sampled_from([0, 0, 1, 3]))
    on_change = not plain and draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    close = np.exp(rng.standard_normal((n_bars, n_assets)).cumsum(0) * 0.02) * rng.uniform(0.01, 500.0, n_assets)
    fill = close * np.exp(rng.standard_normal(close.shape) * 0.01)
    gone = rng.random(close.shape) < missing
    close[gone], fill[gone] = np.nan, np.nan
    if some_short:
        target = rng.standard_normal(close.shape)
    else:
        target = np.maximum(rng.standard_normal(close.shape), 0.0) + (1e-9 if invested else 0.0)
    target /= np.maximum(np.abs(target).sum(1, keepdims=True), 1e-300)
    if not invested:
        target *= rng.random((n_bars, 1))
    for t in np.flatnonzero(rng.random(n_bars - 1) < keep):
        target[t + 1] = target[t]
    decide = rng.random(n_bars) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    start = draw(st.integers(0, n_bars - 2))
    terms = terms_of(cost / 2, cost / 2, rate, borrow, delay, on_change)
    dividend, ended = None, None
    if not plain and draw(st.booleans()):
        dividend = np.where(rng.random(close.shape) < 0.1, rng.uniform(0.0, 0.02, close.shape), 0.0)
        dividend[1:] *= np.nan_to_num(close[:-1])
        dividend[0] = 0.0
    if not plain and n_bars > 5 and draw(st.booleans()):
        last = int(rng.integers(2, n_bars - 1))
        close[last:, 0], fill[last:, 0] = np.nan, np.nan
        seen_before = close[:last, 0][np.isfinite(close[:last, 0])]
        ended = (last, float(rng.choice([0.1, 0.4, 1.0])) * float(seen_before[-1]) if len(seen_before) else 0.0)
    return World(fill, close, target, decide, start, terms, dividend, ended)


def seen(world: World) -> Float:
    """The last price seen at every fill and every close, in turn, an end's payment among them; shape (2T, N)."""
    both = np.stack([world.fill, world.close], axis=1).reshape(-1, world.close.shape[1])
    if world.ended is not None:
        both[2 * world.ended[0], 0] = world.ended[1]
    rows = np.where(np.isnan(both), 0, np.arange(len(both))[:, None])
    found = np.take_along_axis(both, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.nan_to_num(found, nan=0.0)


def of_orders(world: World, ledger: Ledger) -> Float:
    """The shares (T, N) that orders traded: an end takes shares away without one."""
    traded = ledger.traded.copy()
    if world.ended is not None:
        traded[world.ended[0], 0] = 0.0
    return traded


@UNHURRIED
@given(worlds())
def test_money_is_conserved(world: World) -> None:
    ledger, price = world.run(), seen(world)
    for t in range(world.start, len(world.close)):
        equity, cash, held = 1e6, 1e6, np.zeros(world.close.shape[1])
        if t > world.start:
            equity, cash, held = ledger.equity[t - 1], ledger.cash[t - 1], ledger.shares_held[t - 1]
        overnight = float(held @ (price[2 * t] - price[2 * t - 1])) if t > world.start else 0.0
        during = float(ledger.shares_held[t] @ (price[2 * t + 1] - price[2 * t]))
        interest = world.costs.cash_rate * cash
        paid = 0.0 if world.dividend is None else float(held @ world.dividend[t])
        gain = interest + paid + overnight + during
        assert ledger.equity[t] == pytest.approx(equity + gain - ledger.cost[t], rel=1e-12)
        holdings = float(ledger.shares_held[t] @ price[2 * t + 1])
        assert ledger.equity[t] == pytest.approx(ledger.cash[t] + holdings, rel=1e-12)
        traded = np.abs(of_orders(world, ledger)[t]) @ price[2 * t]
        cost = world.costs.commission + world.costs.slippage
        lent = float(np.maximum(-held, 0.0) @ price[2 * t - 1]) if t > world.start else 0.0
        paid = cost * traded + world.costs.borrow_rate * lent
        assert ledger.cost[t] == pytest.approx(paid, rel=1e-9, abs=1e-6)
        assert ledger.turnover[t] == pytest.approx(traded / 2 / ledger.pre_fill[t], rel=1e-9, abs=1e-12)


@UNHURRIED
@given(worlds())
def test_cash_is_never_borrowed(world: World) -> None:
    """What was there pays for what was bought, and for its costs: the cash left is not merely rounded up to 0."""
    ledger, price = world.run(), seen(world)
    assert (ledger.cash >= 0.0).all()
    for t in range(world.start, len(world.close)):
        if not ledger.pre_fill[t] > 0.0:
            break
        before = ledger.cash[t - 1] if t > world.start else 1e6
        spent = float(ledger.traded[t] @ price[2 * t]) + ledger.cost[t]
        if world.dividend is not None and t > world.start:
            spent -= float(ledger.shares_held[t - 1] @ world.dividend[t])
        assert before * (1.0 + world.costs.cash_rate) - spent >= -1e-10 * ledger.pre_fill[t]


@UNHURRIED
@given(worlds(short=False, invested=True, plain=True))
def test_a_fully_invested_account_holds_its_weights(world: World) -> None:
    """Where every asset can be traded, the weights after a fill are the target and no cash is left."""
    ledger, price = world.run(), seen(world)
    for t in range(max(world.start, 1), len(world.close)):
        decided = world.decide[t - 1] or t == world.start
        if decided and not np.isnan(world.fill[t]).any():
            value = ledger.shares_held[t] * price[2 * t]
            after = ledger.pre_fill[t] - ledger.cost[t]
            assert value / after == pytest.approx(world.target[t - 1], abs=1e-8)
            assert ledger.cash[t] == pytest.approx(0.0, abs=1e-8 * after)


@UNHURRIED
@given(worlds())
def test_nothing_frozen_trades(world: World) -> None:
    assert not of_orders(world, world.run())[np.isnan(world.fill)].any()


@UNHURRIED
@given(worlds())
def test_a_repeated_target_right_after_its_fill_is_no_order(world: World) -> None:
    flat = np.ones_like(world.close)
    decide = np.ones_like(world.decide)
    target = np.broadcast_to(world.target[0], world.target.shape)
    quiet = World(flat, flat, target, decide, 1, terms_of(world.costs.commission, world.costs.slippage, 0.0))
    ledger = quiet.run()
    assert not ledger.traded[2:].any()
    assert np.array_equal(ledger.equity[2:], np.full(len(flat) - 2, ledger.equity[1]))


@UNHURRIED
@given(worlds(short=False), st.integers(0, 2**32 - 1))
def test_constant_weights_without_cost_compound(world: World, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(world.close.shape[1]))
    close = np.exp(rng.standard_normal(world.close.shape).cumsum(0) * 0.02)
    target = np.broadcast_to(weights, close.shape)
    ledger = World(close, close, target, np.ones(len(close), np.bool_), 1, FREE).run()
    growth = np.cumprod((close[2:] / close[1:-1]) @ weights)
    assert ledger.equity[2:] == pytest.approx(1e6 * growth, rel=1e-12)


@UNHURRIED
@given(worlds(), st.sampled_from([-20, -1, 1, 30]))
def test_the_price_unit_does_not_matter(world: World, power: int) -> None:
    base, scaled = world.run(), world.run(scale=2.0**power)
    for name in HISTORIES:
        expected = getattr(base, name) * (2.0**-power if name in ("shares_held", "traded") else 1.0)
        assert np.array_equal(getattr(scaled, name), expected, equal_nan=True), name
    assert np.array_equal(base.trips, scaled.trips)


@UNHURRIED
@given(worlds())
def test_twice_the_capital_is_twice_the_money(world: World) -> None:
    base, doubled = world.run(), world.run(initial=2e6)
    for name in HISTORIES:
        factor = 2.0 if name in MONEY else 1.0
        assert np.array_equal(getattr(doubled, name), getattr(base, name) * factor, equal_nan=True), name
    assert np.array_equal(doubled.trips, base.trips * [1, 1, 2, 2, 1, 1, 1])


@UNHURRIED
@given(worlds(), st.integers(1, 38))
def test_the_past_does_not_know_the_future(world: World, cut: int) -> None:
    until = min(world.start + cut, len(world.close))
    full, short = world.run(), world.run(until=until)
    for name in HISTORIES:
        assert np.array_equal(getattr(full, name)[:until], getattr(short, name), equal_nan=True), name
    delay = world.costs.delay
    known = max(until - 2 - delay, 0)
    expected = decision_return(full.pre_fill, world.start, delay)[:known]
    assert np.array_equal(expected, decision_return(short.pre_fill, world.start, delay)[:known], equal_nan=True)


@UNHURRIED
@given(worlds(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_symbols_does_not_matter(world: World, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(world.close.shape[1])
    turned = World(
        world.fill[:, order], world.close[:, order], world.target[:, order], world.decide, world.start, world.costs
    )
    world = replace(world, dividend=None, ended=None)
    base, other = world.run(), turned.run()
    assert other.equity == pytest.approx(base.equity, rel=1e-12)
    assert other.turnover == pytest.approx(base.turnover, abs=1e-9)


@UNHURRIED
@given(worlds(short=False), st.booleans())
def test_accounts_apart_are_as_many_accounts(world: World, from_their_targets: bool) -> None:
    """Each asset alone, with its part of the capital, and the sums of them all."""
    target = world.target if from_their_targets else (world.target > 0.1).astype(np.float64)
    apart = replace(world, target=target, costs=world.costs._replace(apart=True)).run()
    n = world.close.shape[1]
    alone = [
        replace(
            world,
            fill=world.fill[:, [i]],
            close=world.close[:, [i]],
            target=target[:, [i]],
            dividend=None if world.dividend is None else world.dividend[:, [i]],
            ended=world.ended if i == 0 else None,
        ).run(initial=1e6 / n)
        for i in range(n)
    ]
    for name in ("equity", "cash", "cost", "pre_fill"):
        total = sum(getattr(each, name) for each in alone)
        assert getattr(apart, name) == pytest.approx(total, rel=1e-12, abs=1e-6, nan_ok=True), name
    assert apart.trips == pytest.approx(sum(each.trips for each in alone), rel=1e-12, abs=1e-6)
    for name in ("shares_held", "traded"):
        together = np.concatenate([getattr(each, name) for each in alone], axis=1)
        assert getattr(apart, name) == pytest.approx(together, rel=1e-11, abs=1e-9 * together.max(initial=1.0)), name
