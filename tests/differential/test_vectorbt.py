"""Against vectorbt 1.2: where both mean the same, equity, cash and shares are the same at every bar.

vectorbt fills at the bar of its size, so it is given our weights one bar later. It sizes every order from the equity
before costs, and fills one order after the other until cash runs out: smallest value first, so that sales come first.
Ours are sized from the equity after costs, all at once.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from regimefolio.api import (
    BacktestRunner,
    BollingerMeanReversion,
    DataSpec,
    Ensemble,
    Market,
    PortfolioSpec,
    Run,
    load_market,
)
from regimefolio.backtest.risk import RiskSpec
from regimefolio.core.types import DELISTING, Bool, last_seen
from regimefolio.market import Rebalance
from tests.differential.accounts import (
    CAPITAL,
    START,
    TEN_BPS,
    Accounts,
    Float,
    difference,
    execution,
    filled,
    ours,
    real_run,
    traded,
    written_run,
)
from tests.scripted import Scripted

SAME = 1e-9
"""The most that equal accounts differ by, a part of equity; vectorbt takes numbers that near to be equal."""


@pytest.fixture(scope="module")
def sample() -> Market:
    """8,313 days of 20 stocks, closes alone."""
    return load_market(DataSpec(source="sample:sp500_20"), None)[1]


def simulated(seed: int, bars: int = 700, assets: int = 8) -> Market:
    """Random prices with opens."""
    source = {"kind": "simulated", "seed": seed, "bars": bars, "assets": assets}
    return load_market(DataSpec.model_validate({"source": source}), None)[1]


def frame(market: Market, values: Float | Bool) -> pd.DataFrame:
    """Values (B, N), from the first bar that trades on."""
    return pd.DataFrame(values, pd.DatetimeIndex(market.timestamps[START:]), list(market.symbols))


def peer(
    market: Market, size: Float, kind: str, costs: float, price: Float | None = None, sequence: str = "auto"
) -> Accounts:
    """One account by vectorbt, from sizes (B, N) at the bars that fill them; at `price`, or the close."""
    close = market.panel.close[START:]
    portfolio = vbt.Portfolio.from_orders(
        frame(market, close),
        size=frame(market, size),
        size_type=kind,
        price=frame(market, close if price is None else price),
        fees=costs,
        init_cash=CAPITAL,
        cash_sharing=True,
        group_by=True,
        call_seq=sequence,
        allow_partial=kind != "amount",
        raise_reject=kind == "amount",
        freq="1D",
    )
    return Accounts(portfolio.value().to_numpy(), portfolio.cash().to_numpy(), portfolio.assets().to_numpy())


def one_after_the_other(close: Float, weights: Float, costs: float) -> tuple[Accounts, Float]:
    """What vectorbt does, in plain words, and the weights that it ends up with at the bars that fill."""
    cash, held, reached = CAPITAL, np.zeros(close.shape[1]), np.full(close.shape, np.nan)
    equity, cashes, shares = [], [], []
    for t, price in enumerate(np.nan_to_num(last_seen(close))):
        if not np.isnan(weights[t]).all():
            value = sum((held * price).tolist(), cash)  # in the order of columns: the last bit decides between equals
            orders = np.where(np.isnan(close[t] + weights[t]), 0.0, weights[t] * value - held * price)
            for n in np.argsort(orders, kind="stable"):
                if orders[n] != 0.0:
                    order = min(orders[n], cash / (1.0 + costs))
                    cash -= order + costs * abs(order)
                    held[n] += order / price[n]
            reached[t] = held * price / (cash + held @ price)
        equity.append(cash + held @ price)
        cashes.append(cash)
        shares.append(held.copy())
    return Accounts(np.array(equity), np.array(cashes), np.array(shares)), reached


CASES = {
    "every bar, a fifth in cash": (0.8, "daily", False),
    "every bar, fully invested": (1.0, "daily", False),
    "weekly, fully invested": (1.0, "weekly", False),
    "monthly, a fifth in cash": (0.8, "monthly", False),
    "every bar, with shorts": (1.0, "daily", True),
    "weekly, with shorts of borrowed shares": (1.5, "weekly", True),
}


@pytest.mark.parametrize(("gross", "rebalance", "shorts"), CASES.values(), ids=CASES)
def test_target_weights_without_costs_are_the_same(
    sample: Market, gross: float, rebalance: Rebalance, shorts: bool
) -> None:
    run = real_run(sample, execution(), gross, rebalance, shorts)
    theirs = peer(sample, filled(run), "targetpercent", 0.0)
    assert np.count_nonzero(traded(theirs)) > 1000
    assert difference(ours(run), theirs, sample.panel.close[START:]) < SAME


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fill", ["next_close", "next_open"])
def test_random_weights_at_random_prices_are_the_same_at_opens_and_closes(seed: int, fill: str) -> None:
    market, rng = simulated(seed), np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(8), 500) * rng.uniform(0.0, 1.0, (500, 1))
    panel = market.panel
    assert panel.open is not None
    price = (panel.open if fill == "next_open" else panel.close)[START:]
    run = written_run(market, weights, execution(fill=fill))
    theirs = peer(market, filled(run), "targetpercent", 0.0, price)
    assert difference(ours(run), theirs, market.panel.close[START:]) < SAME


@pytest.mark.shared
def test_target_weights_on_real_closes_with_missing_ones_are_the_same(shared: Path) -> None:
    market = load_market(DataSpec(source=f"file:{shared / 'data' / 'stocknet88_yahoo_2012_2017.csv.gz'}"), None)[1]
    holes = np.isnan(market.panel.close[START:])
    assert holes.any()
    run = real_run(market, execution(), 0.5, "daily")
    theirs = peer(market, filled(run), "targetpercent", 0.0)
    assert difference(ours(run), theirs, market.panel.close[START:]) < SAME


def with_holes(market: Market, seed: int) -> Market:
    """The market without one bar of twenty."""
    panel = market.panel
    close = np.where(np.random.default_rng(seed).random(panel.close.shape) < 0.05, np.nan, panel.close)
    return Market(replace(panel, close=close, open=None, high=None, low=None, volume=None))


@pytest.mark.parametrize("seed", range(3))
def test_a_holding_without_a_price_counts_at_its_last_one(seed: int) -> None:
    market, rng = with_holes(simulated(seed), seed), np.random.default_rng(seed)
    weights = 0.5 * rng.dirichlet(np.ones(8), 500)
    run = written_run(market, weights, execution())
    theirs = peer(market, filled(run), "targetpercent", 0.0)
    assert difference(ours(run), theirs, last_seen(market.panel.close)[START:]) < SAME


def assert_parts_only_by_sizes(market: Market, run: Run, costs: float, apart: float, rebalance: Rebalance) -> None:
    """Equity parts by as much as docs/accounting.md says, and not at all where ours is given the weights of theirs."""
    price = last_seen(market.panel.close)[START:]
    theirs = peer(market, filled(run), "targetpercent", costs)
    assert np.abs(theirs.equity / ours(run).equity - 1.0).max() == pytest.approx(apart, rel=0.01)

    plain, reached = one_after_the_other(market.panel.close[START:], filled(run), costs)
    assert difference(plain, theirs, price) < SAME
    assert (
        difference(ours(written_run(market, reached, execution(commission_bps=costs * 1e4), rebalance)), theirs, price)
        < SAME
    )


@pytest.mark.parametrize(
    ("gross", "rebalance", "apart"), [(0.8, "daily", 3.85e-4), (1.0, "daily", 2.73e-3), (1.0, "monthly", 1.27e-3)]
)
def test_with_costs_orders_are_sized_from_the_equity_before_them(
    sample: Market, gross: float, rebalance: Rebalance, apart: float
) -> None:
    assert_parts_only_by_sizes(
        sample, real_run(sample, execution(commission_bps=10), gross, rebalance), TEN_BPS, apart, rebalance
    )


def test_where_cash_runs_out_ours_cuts_all_purchases_and_theirs_the_largest() -> None:
    market = with_holes(simulated(1), 1)
    run = written_run(market, np.random.default_rng(1).dirichlet(np.ones(8), 500), execution())
    assert_parts_only_by_sizes(market, run, 0.0, 3.31e-3, "daily")


def test_their_defaults_fill_at_the_bar_that_decides_and_in_the_order_of_columns(sample: Market) -> None:
    run = real_run(sample, execution())
    equity = ours(run).equity
    same_bar = peer(sample, run.target[START:], "targetpercent", 0.0).equity
    unsorted = peer(sample, filled(run), "targetpercent", 0.0, sequence="default").equity
    assert same_bar[-1] / equity[-1] == pytest.approx(0.962, rel=1e-3)
    assert unsorted[-1] / equity[-1] == pytest.approx(0.754, rel=1e-3)


@pytest.mark.parametrize("rebalance", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("gross", [0.8, 1.0])
def test_our_orders_are_filled_by_vectorbt_as_they_are_and_never_overdraw(
    sample: Market, rebalance: Rebalance, gross: float
) -> None:
    run = real_run(sample, execution(commission_bps=10), gross, rebalance)
    theirs = peer(sample, traded(ours(run)), "amount", TEN_BPS)
    assert (
        theirs.cash / theirs.equity
    ).min() > -1e-12  # it fills nothing beyond its cash; this is its sum of all flows
    assert difference(ours(run), theirs, sample.panel.close[START:]) < SAME


@pytest.mark.parametrize("costs", [0.0, TEN_BPS])
def test_long_or_flat_accounts_of_their_own_are_the_same(sample: Market, costs: float) -> None:
    strategy = BollingerMeanReversion(lookback=30, width=1.2)
    runner = BacktestRunner(
        sample, PortfolioSpec(rebalance="daily"), execution(commission_bps=costs * 1e4, accounts="per_asset"), CAPITAL
    )
    run = runner.run(Ensemble.static([strategy], [1.0]), START)
    wanted = frame(sample, strategy.signals(sample).alpha[START - 1 : -1] > 0)
    close = frame(sample, sample.panel.close[START:])
    portfolio = vbt.Portfolio.from_signals(
        close, wanted, ~wanted, fees=costs, init_cash=CAPITAL / close.shape[1], freq="1D"
    )
    theirs = Accounts(
        portfolio.value().sum(axis=1).to_numpy(), portfolio.cash().sum(axis=1).to_numpy(), portfolio.assets().to_numpy()
    )
    assert difference(ours(run), theirs, close.to_numpy()) < SAME


STOPS: dict[str, tuple[list[dict[str, object]], dict[str, object]]] = {
    "stop loss": ([{"kind": "stop_loss", "loss": 0.04}], {"sl_stop": 0.04}),
    "trailing stop": ([{"kind": "trailing_stop", "fall": 0.06}], {"sl_stop": 0.06, "sl_trail": True}),
    "take profit": ([{"kind": "take_profit", "gain": 0.05}], {"tp_stop": 0.05}),
}


@pytest.fixture(scope="module")
def ranged() -> Market:
    """Five stocks with opens, highs and lows."""
    return load_market(DataSpec(source="sample:us5"), None)[1]


def stopped(market: Market, wanted: Bool, stops: list[dict[str, object]], costs: float) -> Run:
    """Accounts of their own, in the market where a bar (B, N) wants it, until a stop closes; then for a new signal."""
    risk = RiskSpec.model_validate({"stop": stops})
    alone = execution(commission_bps=costs * 1e4, accounts="per_asset")
    alpha: Float = np.zeros(market.panel.close.shape)
    alpha[START - 1 : -1] = wanted
    runner = BacktestRunner(market, PortfolioSpec(rebalance="daily"), alone, CAPITAL, risk=risk)
    scripted = Scripted(alpha=tuple(tuple(row.tolist()) for row in alpha))
    return runner.run(Ensemble.static([scripted], [1.0]), START)


def stopped_by_vectorbt(market: Market, wanted: Bool, stops: dict[str, object], costs: float) -> Accounts:
    """The same from entries and exits where what is wanted changes; stops are at their price, or the open beyond it."""
    before = np.vstack([np.zeros_like(wanted[:1]), wanted[:-1]])
    panel = market.panel
    assert panel.open is not None
    assert panel.high is not None
    assert panel.low is not None
    portfolio = vbt.Portfolio.from_signals(
        frame(market, panel.close[START:]),
        frame(market, wanted & ~before),
        frame(market, ~wanted & before),
        open=frame(market, panel.open[START:]),
        high=frame(market, panel.high[START:]),
        low=frame(market, panel.low[START:]),
        fees=costs,
        init_cash=CAPITAL / panel.n_assets,
        freq="1D",
        **stops,
    )
    return Accounts(
        portfolio.value().sum(axis=1).to_numpy(), portfolio.cash().sum(axis=1).to_numpy(), portfolio.assets().to_numpy()
    )


@pytest.mark.parametrize("costs", [0.0, TEN_BPS])
@pytest.mark.parametrize(("stops", "theirs"), STOPS.values(), ids=STOPS)
def test_stops_of_long_or_flat_accounts_are_the_same(
    ranged: Market, stops: list[dict[str, object]], theirs: dict[str, object], costs: float
) -> None:
    signal = BollingerMeanReversion(lookback=30, width=1.2).signals(ranged).alpha
    wanted = signal[START - 1 : -1] > 0
    run = stopped(ranged, wanted, stops, costs)
    assert run.simulation.trades is not None
    assert (run.simulation.trades["reason"] > DELISTING).sum() > 30
    assert difference(ours(run), stopped_by_vectorbt(ranged, wanted, theirs, costs), ranged.panel.close[START:]) < SAME


def without_gaps_up(market: Market) -> Market:
    """The same without opens above the close before."""
    panel = market.panel
    assert panel.open is not None
    assert panel.low is not None
    opens = panel.open.copy()
    opens[1:] = np.fmin(opens[1:], last_seen(panel.close)[:-1])
    return Market(replace(panel, open=opens, low=np.fmin(panel.low, opens)))


def test_of_a_bar_that_opens_beyond_the_goal_and_falls_to_the_stop_theirs_takes_the_stop(ranged: Market) -> None:
    """It looks for the stop in all of the bar before it looks for the goal; ours is at the open first."""
    both: list[dict[str, object]] = [{"kind": "stop_loss", "loss": 0.03}, {"kind": "take_profit", "gain": 0.04}]
    theirs: dict[str, object] = {"sl_stop": 0.03, "tp_stop": 0.04}
    wanted = BollingerMeanReversion(lookback=30, width=1.2).signals(ranged).alpha[START - 1 : -1] > 0

    def apart(market: Market) -> float:
        one, other = stopped(market, wanted, both, 0.0), stopped_by_vectorbt(market, wanted, theirs, 0.0)
        return difference(ours(one), other, market.panel.close[START:])

    assert apart(ranged) == pytest.approx(0.0334, rel=0.01)
    assert apart(without_gaps_up(ranged)) < SAME
