"""Against bt 1.4: its own monthly and weekly schedules, its weights, commissions and whole shares.

bt fills at the bar that decides, so it is given our weights one bar later; its RunMonthly and RunWeekly find the bars
of the fills by themselves. An order of bt spends w·E − h, its commission included, E being the equity before costs: so
cash is what it should be, and weights are not. Ours leave weights as they should be, of the equity after costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import bt
import numpy as np
import pandas as pd
import pytest

from regimefolio.api import DataSpec, Market, Run, load_market
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

SAME = 1e-9
"""The most that equal accounts differ by, a part of equity; bt's search for a quantity ends within 1e-8 of money."""

Period = Literal["weekly", "monthly"]

SCHEDULES: dict[Period, type[bt.algos.RunPeriod]] = {"weekly": bt.algos.RunWeekly, "monthly": bt.algos.RunMonthly}

Fee = Callable[[float, float], float]
"""What an order of so many shares at a price costs."""


@pytest.fixture(scope="module")
def sample() -> Market:
    """The last 2,000 days of 20 stocks, closes alone."""
    return load_market(DataSpec.model_validate({"source": "sample:sp500_20", "start": "2015-01-01"}), None)[1]


def free(shares: float, price: float) -> float:
    return 0.0


def ten_bps(shares: float, price: float) -> float:
    return TEN_BPS * abs(shares) * price


def by_the_share(shares: float, price: float) -> float:
    """A cent a share, and five for the order."""
    return 0.01 * abs(shares) + 5.0


def peer(market: Market, weights: Float, rebalance: Period, fee: Fee, whole: bool = False) -> Accounts:
    """The account by bt, from weights (B, N) at the bars that fill them."""
    index = pd.DatetimeIndex(market.timestamps[START:])
    close = pd.DataFrame(market.panel.close[START:], index, list(market.symbols))
    written = pd.DataFrame(weights, index, list(market.symbols)).dropna(how="all")
    algos = [SCHEDULES[rebalance](), bt.algos.WeighTarget(written), bt.algos.Rebalance()]
    test = bt.Backtest(
        bt.Strategy("written", algos), close, initial_capital=CAPITAL, commissions=fee, integer_positions=whole
    )
    test.run()
    strategy = test.strategy
    shares = strategy.positions.reindex(columns=close.columns, fill_value=0.0)
    return Accounts(*(each.to_numpy()[1:] for each in (strategy.values, strategy.cash, shares)))


def with_fees_inside(close: Float, weights: Float, fee: Fee, whole: bool) -> tuple[Accounts, Float]:
    """What bt does, in plain words, and the weights that it ends up with at the bars that fill."""
    cash, held, reached = CAPITAL, np.zeros(close.shape[1]), np.full(close.shape, np.nan)
    equity, cashes, shares = [], [], []
    for t, price in enumerate(close):
        if not np.isnan(weights[t]).all():
            money = weights[t] * (cash + held @ price) - held * price
            for n in range(len(price)):
                closes = weights[t, n] == 0.0
                order = -held[n] if closes else largest(money[n], price[n], fee, whole)
                if order != 0.0:
                    cash -= order * price[n] + fee(order, price[n])
                    held[n] += order
            reached[t] = held * price / (cash + held @ price)
        equity.append(cash + held @ price)
        cashes.append(cash)
        shares.append(held.copy())
    return Accounts(np.array(equity), np.array(cashes), np.array(shares)), reached


def largest(money: float, price: float, fee: Fee, whole: bool) -> float:
    """The most shares that cost no more than this, fee included; below 0 what is sold to bring at least so much."""
    low, high = (0.0, money / price) if money > 0.0 else (2.0 * money / price - 10.0, 0.0)
    for _ in range(200):  # halved until nothing is left between
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle * price + fee(middle, price) <= money else (low, middle)
    return float(math.floor(low + 1e-9)) if whole else low


def decided(market: Market, rebalance: Period, **terms: object) -> Run:
    return real_run(market, execution(**terms), 0.95, rebalance)


@pytest.mark.parametrize("rebalance", ["weekly", "monthly"])
def test_without_costs_all_is_the_same_and_so_are_the_schedules(sample: Market, rebalance: Period) -> None:
    run = decided(sample, rebalance)
    theirs = peer(sample, filled(run), rebalance, free)
    assert np.array_equal(traded(ours(run)).any(axis=1), traded(theirs).any(axis=1))
    assert difference(ours(run), theirs, sample.panel.close[START:]) < SAME


CASES: dict[str, tuple[Period, Fee, dict[str, float], bool, float]] = {
    "10 bp, weekly": ("weekly", ten_bps, {"commission_bps": 10.0}, False, 1.98e-4),
    "10 bp, monthly": ("monthly", ten_bps, {"commission_bps": 10.0}, False, 2.59e-4),
    "a share and an order, weekly": (
        "weekly",
        by_the_share,
        {"fee_per_share": 0.01, "fee_per_order": 5.0},
        False,
        1.49e-4,
    ),
    "a share and an order, monthly": (
        "monthly",
        by_the_share,
        {"fee_per_share": 0.01, "fee_per_order": 5.0},
        False,
        2.82e-4,
    ),
    "whole, weekly": ("weekly", free, {}, True, 1.71e-4),
    "whole, monthly": ("monthly", free, {}, True, 1.05e-4),
    "whole, 10 bp, weekly": ("weekly", ten_bps, {"commission_bps": 10.0}, True, 2.91e-4),
    "whole, 10 bp, monthly": ("monthly", ten_bps, {"commission_bps": 10.0}, True, 2.12e-4),
}


@pytest.mark.parametrize(("rebalance", "fee", "terms", "whole", "apart"), CASES.values(), ids=CASES)
def test_with_fees_and_whole_shares_the_only_difference_is_the_size_of_an_order(
    sample: Market, rebalance: Period, fee: Fee, terms: dict[str, float], whole: bool, apart: float
) -> None:
    close, shares = sample.panel.close[START:], "whole" if whole else "fractional"
    run = decided(sample, rebalance, shares=shares, **terms)
    theirs = peer(sample, filled(run), rebalance, fee, whole)
    assert np.abs(theirs.equity / ours(run).equity - 1.0).max() == pytest.approx(apart, rel=0.01)

    plain, reached = with_fees_inside(close, filled(run), fee, whole)
    assert difference(plain, theirs, close) < SAME
    assert (
        difference(ours(written_run(sample, reached, execution(shares=shares, **terms), rebalance)), theirs, close)
        < SAME
    )


def test_whole_shares_are_within_one_of_the_same_wish(sample: Market) -> None:
    """Both round to whole shares: bt the holding, downwards; ours the order, towards none."""
    close = sample.panel.close[START:]
    run = decided(sample, "monthly", shares="whole")
    fills, wish = ~np.isnan(filled(run)).all(axis=1), filled(run)
    for accounts, low, high in (
        (peer(sample, wish, "monthly", free, whole=True), -1.0, 0.0),
        (ours(run), -1.0, 1.0),
    ):
        off = accounts.shares[fills] - (wish * accounts.equity[:, None] / close)[fills]
        assert low - 1e-6 < off.min()
        assert off.max() < high + 1e-6


def test_bt_has_no_value_for_a_holding_without_a_price(sample: Market) -> None:
    run = decided(sample, "monthly")
    hole = sample.panel.close.copy()
    t = START + int(np.argmax(ours(run).shares[:, 0] > 0.0)) + 1
    hole[t, 0] = np.nan
    holed = Market(replace(sample.panel, close=hole))
    with pytest.raises(ValueError, match="latest price is NaN"):
        peer(holed, filled(run), "monthly", free)
    again = decided(holed, "monthly")
    assert ours(again).shares[t - START, 0] == ours(run).shares[t - START - 1, 0]
