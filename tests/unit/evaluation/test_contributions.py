"""Every way of adding up the pieces gives the run's profit and loss; each piece is what a slow reader finds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec, RiskSpec, interest, tiers_of
from regimefolio.core.errors import DataError
from regimefolio.core.types import TRADE, Bool, Float, Panel, Simulation
from regimefolio.evaluation.contributions import (
    CASH,
    NO_REGIME,
    STOPPED,
    UNATTRIBUTED,
    by_asset,
    by_regime,
    by_side,
    by_strategy,
    follows_alpha,
    profit_and_loss,
)
from regimefolio.kernels.ledger import OK, Prices, empty_ledger, prices_of
from regimefolio.kernels.simulate import decision_return, simulate
from regimefolio.market import Market
from regimefolio.market.fill import fill_prices
from regimefolio.portfolio import Ensemble, PortfolioSpec
from regimefolio.strategies import Strategy
from tests.scripted import Scripted, Second, regimes, written
from tests.terms import for_assets, terms_of

INTEREST = 0.05
COSTS = ExecutionSpec(commission_bps=7, slippage_bps=13, cash_rate=INTEREST)
CAPITAL = 1000.0


def random_market(
    rng: np.random.Generator, missing: float, bars: int = 80, assets: int = 5, spread: float = 0.03
) -> Market:
    close = 50.0 * np.exp(np.cumsum(spread * rng.standard_normal((bars, assets)), axis=0))
    fill = close * np.exp(0.01 * rng.standard_normal(close.shape))
    gone = rng.random(close.shape) < missing
    close[gone] = np.nan
    fill[gone | (rng.random(close.shape) < missing / 2)] = np.nan
    return written(close, fill)


def at_opens(panel: Panel) -> Prices:
    """What is traded at opens."""
    return prices_of(fill_prices(panel, "next_open"), panel.close)


def run_of(market: Market, target: Float, decide: Bool, start: int, execution: ExecutionSpec = COSTS) -> Simulation:
    """The simulation of targets that are written down, filled at opens."""
    panel = market.panel
    assert panel.open is not None
    ledger = empty_ledger(panel.n_bars, panel.n_assets, record=True)
    rate = interest(execution.cash_rate, market)
    costs = terms_of(tiers_of(execution.commission_bps)[0].bps * 1e-4, execution.slippage_bps * 1e-4, rate)
    costs = for_assets(costs, panel.n_assets)
    status = simulate(at_opens(panel), target, decide, start, CAPITAL, costs, ledger)
    bar, asset = np.nonzero(ledger.traded)
    trades = np.zeros(bar.size, dtype=TRADE)
    trades["bar"], trades["asset"], trades["shares"] = bar, asset, ledger.traded[bar, asset]
    trades["price"] = panel.open[bar, asset]
    trades["value"] = trades["shares"] * trades["price"]
    trades["cost"] = np.abs(trades["value"]) * (costs.commission + costs.slippage)
    return Simulation(
        panel.timestamps,
        panel.symbols,
        start,
        CAPITAL,
        ledger.equity,
        ledger.cash,
        ledger.turnover,
        ledger.cost,
        decision_return(ledger.pre_fill, start),
        ledger.shares,
        target[-1],
        ledger.weights,
        trades,
        "ok" if status == OK else "bankrupt",
    )


def random_run(seed: int, missing: float = 0.1, short: bool = True, start: int = 3) -> tuple[Panel, Simulation]:
    rng = np.random.default_rng(seed)
    market = random_market(rng, missing)
    target = rng.standard_normal(market.panel.close.shape)
    target = target if short else np.maximum(target, 0.0)
    target *= 0.9 / np.maximum(np.abs(target).sum(axis=1, keepdims=True), 0.1)
    target[rng.random(target.shape) < 0.1] = 0.0
    target[rng.random(target.shape) < 0.05] = np.nan
    decide = rng.random(len(target)) < 0.4
    decide[start - 1] = True
    return market.panel, run_of(market, target, decide, start)


def slowly(panel: Panel, simulation: Simulation, fill: Float) -> dict[tuple[int, int], float]:
    """Bar by bar and asset by asset, from prices and trades alone."""
    found: dict[tuple[int, int], float] = {}
    trades = simulation.trades
    assert trades is not None
    for n in range(panel.n_assets):
        shares, last, since, paid = 0.0, float("nan"), float("nan"), 0.0
        for t in range(simulation.start, panel.n_bars):
            last = fill[t, n] if np.isfinite(fill[t, n]) else last
            if t > simulation.start:
                found[t - 1, n] = (shares * (last - since) if shares else 0.0) - paid
            paid = 0.0
            for trade in trades[(trades["bar"] == t) & (trades["asset"] == n)]:
                shares += trade["shares"]
                paid += trade["cost"]
            since = last
            last = panel.close[t, n] if np.isfinite(panel.close[t, n]) else last
        found[panel.n_bars - 1, n] = (shares * (last - since) if abs(shares) > 1e-9 else 0.0) - paid
    return found


@pytest.mark.parametrize("seed", range(8))
def test_every_sum_is_the_profit_and_loss(seed: int) -> None:
    panel, simulation = random_run(seed, missing=0.1 if seed % 2 else 0.0, short=seed < 6, start=1 + seed)
    found = profit_and_loss(simulation, at_opens(panel))
    equity = simulation.equity
    assert simulation.status == "ok"
    assert found.total == equity[-1] - CAPITAL
    label = np.random.default_rng(seed).integers(-1, 2, panel.n_bars)
    path = regimes(Market(panel), ("up", "down"), label.tolist())
    for rows in (by_asset(found), by_side(found), by_regime(found, path)):
        assert sum(rows.values()) == pytest.approx(found.total, rel=1e-9, abs=1e-9 * CAPITAL)


@pytest.mark.parametrize("seed", range(6))
def test_the_pieces_are_those_of_a_slow_reader(seed: int) -> None:
    panel, simulation = random_run(seed, missing=0.15)
    assert panel.open is not None
    found = profit_and_loss(simulation, at_opens(panel))
    for (t, n), money in slowly(panel, simulation, panel.open).items():
        assert found.asset[t, n] == pytest.approx(money, rel=1e-9, abs=1e-9 * CAPITAL), (t, n)
    rate = INTEREST / panel.periods_per_year
    start, cash = simulation.start, simulation.cash
    assert found.cash[start] == pytest.approx(rate * (CAPITAL + cash[start]), rel=1e-9)
    assert found.cash[start + 1 : -1] == pytest.approx(rate * cash[start + 1 : -1], rel=1e-9, abs=1e-12)
    assert found.cash[-1] == 0.0


def test_a_regimes_share_is_made_of_its_decision_returns() -> None:
    """From the second decision to the last but one the pieces are the decision returns times the money before them."""
    panel, simulation = random_run(3)
    found = profit_and_loss(simulation, at_opens(panel))
    pieces, start, earned = found.asset.sum(axis=1) + found.cash, simulation.start, simulation.decision_return
    before = CAPITAL * (1 + INTEREST / panel.periods_per_year)
    for t in range(start - 1, panel.n_bars - 2):
        first = CAPITAL * INTEREST / panel.periods_per_year if t == start - 1 else 0.0
        assert pieces[t + 1] - first == pytest.approx(before * earned[t], rel=1e-8, abs=1e-8 * CAPITAL)
        before *= 1 + earned[t]


def test_long_and_short_by_hand() -> None:
    """Long A from 100 to 110, short B from 50 to 55, then all is closed: two fills at 10 bp each way."""
    prices = [[100.0, 50.0], [100.0, 50.0], [110.0, 55.0], [110.0, 55.0]]
    market = written(prices, prices)
    target = np.array([[0.5, -0.25], [0.0, 0.0], [np.nan, np.nan], [np.nan, np.nan]])
    decide = np.array([True, True, False, True])
    simulation = run_of(market, target, decide, 1, ExecutionSpec(commission_bps=10, slippage_bps=0))
    found = profit_and_loss(simulation, at_opens(market.panel))
    x = CAPITAL / (1 + 0.001 * 0.75)
    sides = by_side(found)
    assert sides["long"] == pytest.approx(0.5 * x * (0.1 - 0.001 - 0.0011), rel=1e-12)
    assert sides["short"] == pytest.approx(0.25 * x * (-0.1 - 0.001 - 0.0011), rel=1e-12)
    assert sides[CASH] == pytest.approx(0.0, abs=1e-9)
    assert by_asset(found) == pytest.approx({"A": sides["long"], "B": sides["short"], CASH: 0.0}, abs=1e-9)


@pytest.mark.parametrize("at_open", [False, True])
def test_a_bankruptcy_ends_the_record(at_open: bool) -> None:
    """Short everything, and the price goes up tenfold: before the fill of bar 2, or at its close."""
    close = np.array([[100.0], [100.0], [1000.0], [1000.0], [1000.0]])
    fill = np.where(at_open, close, [[100.0], [100.0], [100.0], [1000.0], [1000.0]])
    market = written(close, fill)
    simulation = run_of(market, np.full((5, 1), -1.0), np.ones(5, bool), 1)
    assert simulation.status == "bankrupt"
    found = profit_and_loss(simulation, at_opens(market.panel))
    assert found.total == pytest.approx(simulation.equity[2] - CAPITAL)
    assert found.total < -CAPITAL
    path = regimes(market, ("up",), [0, 0, -1, 0, 0])
    for rows in (by_asset(found), by_side(found), by_regime(found, path)):
        assert sum(rows.values()) == pytest.approx(found.total, rel=1e-9)
    assert by_asset(found)[CASH] == pytest.approx(0.05 / 252 * 3 * CAPITAL, rel=0.01)


def test_what_was_not_recorded_cannot_be_split() -> None:
    market = written([[1.0]] * 5)
    runner = BacktestRunner(market, PortfolioSpec(), COSTS)
    run = runner.run(Ensemble.static([Scripted()], [1.0]), 1, record=False)
    with pytest.raises(DataError, match="record=True"):
        profit_and_loss(run.simulation, runner.prices)


# By strategy


def strategies_of(
    first: Strategy, second: Strategy, market: Market, weights: tuple[float, float] = (0.5, 0.5), **portfolio: object
) -> tuple[dict[str, float], float]:
    spec = PortfolioSpec.model_validate({"rebalance": "daily", **portfolio})
    runner = BacktestRunner(market, spec, COSTS, CAPITAL)
    ensemble = Ensemble.static([first, second], weights)
    stack = runner.signals(ensemble)
    run = runner.replay(stack, ensemble, 1, record=True)
    found = profit_and_loss(run.simulation, runner.prices)
    return dict(by_strategy(found, run, stack, ensemble, spec)), found.total


RISING = written([[100.0 * 1.01**t, 100.0 * 0.99**t] for t in range(8)])


def test_shares_are_those_of_the_combined_alpha() -> None:
    """Of A's alpha, 0.5 · 0.6 + 0.5 · 0.2, the first strategy made three quarters."""
    rows, total = strategies_of(Scripted(alpha=((0.6, 0.0),)), Second(alpha=((0.2, 0.0),)), RISING)
    money = rows["scripted"] + rows["scripted_second"]
    assert rows["scripted"] == pytest.approx(0.75 * money, rel=1e-6)
    assert sum(rows.values()) == pytest.approx(total, rel=1e-9)
    assert rows[UNATTRIBUTED] == 0.0


def test_confidence_counts_where_it_weighs() -> None:
    """Confidence is |alpha| here: 0.36 to 0.04."""
    rows, _ = strategies_of(
        Scripted(alpha=((0.6, 0.0),)),
        Second(alpha=((0.2, 0.0),)),
        RISING,
        combination_method="confidence_weighted",
    )
    assert rows["scripted"] == pytest.approx(0.9 * (rows["scripted"] + rows["scripted_second"]), rel=1e-6)


def test_who_was_against_a_winner_is_charged() -> None:
    rows, total = strategies_of(Scripted(alpha=((0.6, 0.0),)), Second(alpha=((-0.2, 0.0),)), RISING)
    assert rows["scripted"] == pytest.approx(1.5 * (rows["scripted"] + rows["scripted_second"]), rel=1e-6)
    assert rows["scripted_second"] < 0 < total


def test_closing_belongs_to_who_opened() -> None:
    """At the second decision both want out; what that costs is the first one's, whose position it was."""
    opens = Scripted(alpha=((0.6, 0.0), (-0.1, 0.0)))
    rows, total = strategies_of(opens, Second(alpha=((0.0, 0.0), (-0.9, 0.0))), RISING)
    assert rows["scripted_second"] == rows[UNATTRIBUTED] == 0.0
    assert rows["scripted"] + rows[CASH] == pytest.approx(total, rel=1e-9)


def test_an_allocator_that_ignores_alpha_leaves_it_unattributed() -> None:
    rows, total = strategies_of(Scripted(), Second(), RISING, allocator="equal_weight")
    assert rows["scripted"] == rows["scripted_second"] == 0.0
    assert rows[UNATTRIBUTED] + rows[CASH] == pytest.approx(total, rel=1e-9)
    assert not follows_alpha(PortfolioSpec.model_validate({"allocator": "equal_weight"}))


@pytest.mark.parametrize("method", ["weighted", "confidence_weighted"])
@pytest.mark.parametrize("seed", range(4))
def test_strategies_sum_to_the_profit_and_loss(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    market = random_market(rng, 0.1)
    alphas = [tuple(map(tuple, rng.uniform(-1, 1, (80, 5)).round(3).tolist())) for _ in range(2)]
    rows, total = strategies_of(
        Scripted(alpha=alphas[0]), Second(alpha=alphas[1]), market, (0.3, 0.7), combination_method=method, top_n=3
    )
    assert sum(rows.values()) == pytest.approx(total, rel=1e-9, abs=1e-9 * CAPITAL)
    assert rows[UNATTRIBUTED] == 0.0
    assert min(abs(rows["scripted"]), abs(rows["scripted_second"])) > 0.0


def test_the_unknown_regime_has_a_row_only_where_it_ruled() -> None:
    panel, simulation = random_run(1)
    found = profit_and_loss(simulation, at_opens(panel))
    always = regimes(Market(panel), ("one",), [0] * panel.n_bars)
    assert by_regime(found, always) == pytest.approx({"one": found.total}, rel=1e-9)
    never = regimes(Market(panel), ("one",), [-1] * panel.n_bars)
    assert by_regime(found, never) == pytest.approx({"one": 0.0, NO_REGIME: found.total}, rel=1e-9)


@pytest.mark.parametrize("delay", [0, 1])
def test_a_piece_belongs_to_the_regime_of_its_decision(delay: int) -> None:
    """The only gain is made from the fill at bar 3 to that at bar 4: it was decided at bar 2, or 1 with a delay."""
    market = written([[100.0], [100.0], [100.0], [100.0], [110.0], [110.0]])
    runner = BacktestRunner(
        market, PortfolioSpec(rebalance="daily"), ExecutionSpec(delay=delay, commission_bps=0, slippage_bps=0)
    )
    run = runner.run(Ensemble.static([Scripted(alpha=((1.0,),))], [1.0]), 2)
    found = profit_and_loss(run.simulation, runner.prices, delay)
    path = regimes(market, tuple("abcdef"), [0, 1, 2, 3, 4, 5])
    rows = by_regime(found, path)
    decided = "c" if delay == 0 else "b"
    assert max(rows, key=lambda name: rows[name]) == decided
    assert rows[decided] == pytest.approx(0.1 * run.simulation.equity[3], rel=1e-9)


def test_an_order_that_lapses_leaves_the_holding_to_who_decided_it() -> None:
    """At bar 1 the second strategy alone wants A, which has no bar at bar 2, and none to be decided on after that."""
    close = [[100.0, 100.0], [100.0, 100.0], [np.nan, 100.0], [np.nan, 100.0], [120.0, 100.0], [120.0, 100.0]]
    first = Scripted(alpha=((0.5, 0.0), (0.0, 0.0)))
    rows, total = strategies_of(first, Second(alpha=((0.0, 0.0), (0.5, 0.0))), written(close))
    assert total > 0.15 * CAPITAL
    assert rows["scripted_second"] == pytest.approx(0.0, abs=0.01 * CAPITAL)
    assert rows["scripted"] > 0.15 * CAPITAL


@pytest.mark.parametrize(
    "portfolio",
    [
        {"allocator": {"kind": "proportional", "long_short": True}},
        {"on_conflict": "flat"},
        {"on_conflict": "best"},
        {"combination_method": "rank_average"},
        {"combination_method": "best_strategy"},
        {"allocator": "risk_parity"},
    ],
)
def test_what_is_not_proportional_to_alpha_is_nobodys(portfolio: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    alphas = [tuple(map(tuple, rng.uniform(-1, 1, (80, 5)).round(3).tolist())) for _ in range(2)]
    first, second = Scripted(alpha=alphas[0]), Second(alpha=alphas[1])
    rows, total = strategies_of(first, second, random_market(rng, 0.1), **portfolio)
    assert sum(rows.values()) == pytest.approx(total, rel=1e-9, abs=1e-9 * CAPITAL)
    follows = follows_alpha(PortfolioSpec.model_validate(portfolio))
    assert follows == (rows[UNATTRIBUTED] == 0.0) == (rows["scripted"] != 0.0)
    assert follows == (
        portfolio in ({"on_conflict": "flat"}, {"allocator": {"kind": "proportional", "long_short": True}})
    )


WAYS_TO_FILL: list[dict[str, Any]] = [
    {"delay": 2},
    {"accounts": "per_asset"},
    {"accounts": "per_asset", "sizing": "on_change", "delay": 1},
    {"accounts": "per_asset", "borrow_rate": 0.5, "fill": "next_close"},
    {"sizing": "on_change", "cash_rate": 0.05},
]


@pytest.mark.parametrize("execution", WAYS_TO_FILL)
@pytest.mark.parametrize("wild", [False, True])
def test_sums_hold_however_orders_are_filled(execution: dict[str, Any], wild: bool) -> None:
    """Wild prices close accounts of single assets that are short, or end the run."""
    rng = np.random.default_rng(5)
    market = random_market(rng, 0.1, spread=0.25 if wild else 0.03)
    alphas = [tuple(map(tuple, rng.uniform(-1, 1, (80, 5)).round(3).tolist())) for _ in range(2)]
    spec = PortfolioSpec.model_validate(
        {"rebalance": "weekly", "allocator": {"kind": "proportional", "long_short": wild}}
    )
    terms = ExecutionSpec.model_validate(execution)
    runner = BacktestRunner(market, spec, terms, CAPITAL)
    ensemble = Ensemble.static([Scripted(alpha=alphas[0]), Second(alpha=alphas[1])], [0.5, 0.5])
    stack = runner.signals(ensemble)
    run = runner.replay(stack, ensemble, 5, record=True)
    found = profit_and_loss(run.simulation, runner.prices, terms.delay)
    path = regimes(market, ("up", "down"), [bar % 2 for bar in range(80)])
    strategies = by_strategy(found, run, stack, ensemble, spec)
    for rows in (by_asset(found), by_side(found), by_regime(found, path), strategies):
        assert sum(rows.values()) == pytest.approx(found.total, rel=1e-9, abs=1e-9 * CAPITAL)
    if run.simulation.status == "ok":
        assert found.total == run.simulation.equity[-1] - CAPITAL
    assert found.shares.any()
    assert strategies[UNATTRIBUTED] == 0.0


@pytest.mark.parametrize("at_open", [False, True])
def test_an_account_that_is_closed_charges_its_asset(at_open: bool) -> None:
    """A is sold short for 600 at 100 and costs 300 before the fill of bar 3, or at its close: 1,200 are lost."""
    close = [[100.0, 50.0], [100.0, 50.0], [100.0, 50.0], [400.0 if at_open else 300.0, 50.0], [90.0, 50.0]]
    fill = [[100.0, 50.0], [100.0, 50.0], [100.0, 50.0], [300.0 if at_open else 100.0, 50.0], [90.0, 50.0]]
    market = written(close, fill)
    spec = PortfolioSpec.model_validate({"allocator": {"kind": "proportional", "long_short": True}})
    terms = ExecutionSpec(accounts="per_asset", commission_bps=0, slippage_bps=0, sizing="on_change")
    runner = BacktestRunner(market, spec, terms, 1200.0)
    run = runner.run(Ensemble.static([Scripted(alpha=((-1.0, 0.5),))], [1.0]), 2)
    found = profit_and_loss(run.simulation, runner.prices)
    assert run.simulation.equity[-1] == pytest.approx(0.0, abs=1e-9)
    assert by_asset(found) == pytest.approx({"A": -1200.0, "B": 0.0, CASH: 0.0}, abs=1e-9)
    assert by_side(found) == pytest.approx({"long": 0.0, "short": -1200.0, CASH: 0.0}, abs=1e-9)


@pytest.mark.parametrize("at_open", [False, True])
def test_a_late_fill_does_not_hide_when_the_ruin_was_found(at_open: bool) -> None:
    """With a delay, too, a ruin of bar 4 ends at the price at which it was found: that of the fill, or of the close."""
    close = np.array([[100.0]] * 4 + [[500.0 if at_open else 300.0], [500.0]])
    fill = np.array([[100.0]] * 4 + [[300.0 if at_open else 100.0], [500.0]])
    market = written(close, fill)
    spec = PortfolioSpec.model_validate({"allocator": {"kind": "proportional", "long_short": True}})
    runner = BacktestRunner(market, spec, ExecutionSpec(delay=1, commission_bps=0, slippage_bps=0), CAPITAL)
    run = runner.run(Ensemble.static([Scripted(alpha=((-1.0,),))], [1.0]), 2)
    assert run.simulation.status == "bankrupt"
    found = profit_and_loss(run.simulation, runner.prices, delay=1)
    assert by_asset(found) == pytest.approx({"A": -2 * CAPITAL, CASH: 0.0}, abs=1e-9)


def ranged_market(rng: np.random.Generator, bars: int = 80, assets: int = 5) -> Market:
    """As `random_market`, with highs and lows around opens and closes."""
    panel = random_market(rng, 0.05, bars, assets).panel
    assert panel.open is not None
    opens = np.where(np.isnan(panel.open), panel.close, panel.open)
    spread = np.exp(0.02 * np.abs(rng.standard_normal((2, bars, assets))))
    high, low = np.maximum(opens, panel.close) * spread[0], np.minimum(opens, panel.close) / spread[1]
    return Market(dataclasses.replace(panel, open=opens, high=high, low=low))


@pytest.mark.parametrize("fill", ["next_open", "next_close", "vwap"])
@pytest.mark.parametrize("accounts", ["shared", "per_asset"])
def test_sums_hold_where_stops_close(fill: str, accounts: str) -> None:
    rng = np.random.default_rng(8)
    market = ranged_market(rng)
    alphas = [tuple(map(tuple, rng.uniform(-1, 1, (80, 5)).round(3).tolist())) for _ in range(2)]
    spec = PortfolioSpec.model_validate(
        {"rebalance": "daily", "allocator": {"kind": "proportional", "long_short": True}}
    )
    terms = ExecutionSpec.model_validate({"fill": fill, "accounts": accounts, "cash_rate": 0.02})
    risk = RiskSpec.model_validate(
        {"stop": [{"kind": "stop_loss", "loss": 0.03}, {"kind": "take_profit", "gain": 0.04}], "re_entry": 0}
    )
    runner = BacktestRunner(market, spec, terms, CAPITAL, risk=risk)
    ensemble = Ensemble.static([Scripted(alpha=alphas[0]), Second(alpha=alphas[1])], [0.5, 0.5])
    stack = runner.signals(ensemble)
    run = runner.replay(stack, ensemble, 5, record=True)
    trades = run.simulation.trades
    assert trades is not None
    late = set(trades["after_fill"][trades["reason"] >= STOPPED].tolist())
    assert late == ({False, True} if fill == "next_open" else {False})
    found = profit_and_loss(run.simulation, runner.prices)
    path = regimes(market, ("up", "down"), [bar % 2 for bar in range(80)])
    strategies = by_strategy(found, run, stack, ensemble, spec)
    for rows in (by_asset(found), by_side(found), by_regime(found, path), strategies):
        assert sum(rows.values()) == pytest.approx(found.total, rel=1e-9, abs=1e-9 * CAPITAL)
    assert found.total == run.simulation.equity[-1] - CAPITAL
    if accounts == "shared":  # the pieces are the decision returns times the money before them
        earned = (found.asset.sum(axis=1) + found.cash)[6:-1]
        before = CAPITAL * (1.0 + 0.02 / 252) * np.cumprod(1.0 + run.simulation.decision_return[4:-2])
        assert earned == pytest.approx(np.diff(before), abs=1e-9 * CAPITAL)
