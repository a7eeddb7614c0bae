import math

import numpy as np
import pytest

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, Times
from regimefolio.evaluation import drawdown_series, regime_table, worst_drawdowns, yearly_table
from regimefolio.kernels.metrics import NAMES, equity_metrics
from tests.terms import rate


def days(n: int, first: str = "2001-01-01") -> Times:
    return (np.datetime64(first) + np.arange(n)).astype("datetime64[ns]")


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


def random_equity(n: int = 900, seed: int = 3) -> Float:
    return np.asarray(100 * np.cumprod(1 + np.random.default_rng(seed).normal(0.0002, 0.012, n)))


def test_the_initial_capital_is_the_first_peak() -> None:
    assert drawdown_series(np.array([90.0, 120.0, 60.0, 150.0]), 100.0) == pytest.approx([-0.1, 0, -0.5, 0])


def test_drawdowns_of_a_hand_made_curve() -> None:
    equity = np.array([90.0, 100.0, 110.0, 99.0, 55.0, 80.0, 110.0, 120.0, 108.0, 114.0])
    found = worst_drawdowns(equity, 100.0, days(10))
    deepest, initial, last = found
    assert deepest[:3] == (day("2001-01-03"), day("2001-01-05"), day("2001-01-07"))
    assert (deepest.depth, deepest.bars) == (-0.5, 4)
    assert initial[:3] == (None, day("2001-01-01"), day("2001-01-02"))
    assert (round(initial.depth, 12), initial.bars) == (-0.1, 2)
    assert last[:3] == (day("2001-01-08"), day("2001-01-09"), None)
    assert (round(last.depth, 12), last.bars) == (-0.1, 2)
    assert worst_drawdowns(equity, 100.0, days(10), n=1) == (deepest,)


def test_a_curve_that_only_rises_has_none() -> None:
    assert worst_drawdowns(np.array([100.0, 101.0, 101.0]), 100.0, days(3)) == ()


def test_the_deepest_one_is_the_metric() -> None:
    equity = random_equity()
    out = np.empty(len(NAMES))
    equity_metrics(equity, 100.0, 0, 252.0, rate(0.0), out)
    metric = dict(zip(NAMES, out, strict=True))
    falls = worst_drawdowns(equity, 100.0, days(900))
    assert falls[0].depth == metric["max_drawdown"] == drawdown_series(equity, 100.0).min()
    assert falls[0].bars == metric["max_drawdown_bars"]
    assert len(falls) == 5
    assert [fall.depth for fall in falls] == sorted(fall.depth for fall in falls)


def test_what_follows_a_bankruptcy_is_no_record() -> None:
    equity = np.array([100.0, 50.0, 0.0, 0.0, 0.0])
    times = days(5, "2001-12-30")
    (fall,) = worst_drawdowns(equity, 100.0, times)
    assert (fall.depth, fall.bars, fall.recovery) == (-1.0, 2, None)
    first, second = yearly_table(equity, 100.0, times, 252.0)
    assert (first.year, first.bars, first.total_return) == (2001, 2, -0.5)
    assert (second.year, second.bars, second.total_return) == (2002, 1, -1.0)


def test_a_year_starts_at_the_last_equity_of_the_year_before() -> None:
    equity = np.array([110.0, 121.0, 60.5, 121.0, 133.1])
    first, second = yearly_table(equity, 100.0, days(5, "2001-12-30"), 252.0)
    assert (first.year, first.bars) == (2001, 2)
    assert first.total_return == pytest.approx(0.21)
    assert first.max_drawdown == 0.0
    assert math.isnan(first.sharpe)  # 10 % twice: no deviation
    assert (second.year, second.bars) == (2002, 3)
    assert second.total_return == pytest.approx(0.1)
    assert second.max_drawdown == -0.5
    returns = np.array([-0.5, 1.0, 0.1])
    assert second.volatility == pytest.approx(returns.std(ddof=1) * math.sqrt(252))
    assert second.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(252))


def test_the_years_compound_to_the_whole() -> None:
    equity = random_equity()
    rows = yearly_table(equity, 100.0, days(900, "1999-11-15"), 365.0)
    assert [row.year for row in rows] == [1999, 2000, 2001, 2002]
    assert sum(row.bars for row in rows) == 900
    assert math.prod(1 + row.total_return for row in rows) == pytest.approx(equity[-1] / 100, rel=1e-12)
    assert yearly_table(np.empty(0), 100.0, days(0), 365.0) == ()


def test_regimes_of_a_hand_made_run() -> None:
    returns = np.array([0.01, 0.10, -0.20, 0.05, 0.30, -0.10, np.nan, 0.02])
    label = np.array([-1, 0, 0, 1, 1, 0, 0, 0])
    calm, wild, never = regime_table(returns, label, ("calm", "wild", "never"), 252.0)
    assert (calm.regime, calm.bars, calm.episodes, calm.share) == ("calm", 4, 3, 4 / 7)
    mine = np.array([0.10, -0.20, -0.10, 0.02])
    assert calm.mean_return == pytest.approx(mine.mean() * 252)
    assert calm.volatility == pytest.approx(mine.std(ddof=1) * math.sqrt(252))
    assert calm.sharpe == pytest.approx(mine.mean() / mine.std(ddof=1) * math.sqrt(252))
    downside = math.sqrt(np.mean(np.minimum(mine, 0) ** 2))
    assert calm.sortino == pytest.approx(mine.mean() / downside * math.sqrt(252))
    assert calm.max_drawdown == pytest.approx(-0.2), "inside one episode, not across them"
    assert calm.total_return == pytest.approx(1.1 * 0.8 * 0.9 * 1.02 - 1)
    assert calm.hit_rate == 0.5
    assert (wild.bars, wild.episodes, wild.max_drawdown) == (2, 1, 0.0)
    assert math.isnan(wild.sortino)
    assert (never.bars, never.episodes, never.share) == (0, 0, 0.0)
    assert math.isnan(never.sharpe)


def test_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="3 labels"):
        regime_table(np.zeros(4), np.zeros(3, np.int64), ("calm",), 252.0)
    with pytest.raises(DataError, match="2 timestamps"):
        worst_drawdowns(np.ones(3), 1.0, days(2))
    with pytest.raises(DataError, match="2 timestamps"):
        yearly_table(np.ones(3), 1.0, days(2), 252.0)


def test_a_year_has_the_risk_free_rates_of_its_own_bars() -> None:
    equity, stamps = random_equity(), days(900)
    free = 0.001 * np.sin(np.arange(900))
    returns = equity / np.concatenate([[100.0], equity[:-1]]) - 1.0
    for row in yearly_table(equity, 100.0, stamps, 252.0, free):
        own = stamps.astype("datetime64[Y]").astype(int) + 1970 == row.year
        ratio = (returns[own] - free[own]).mean() / returns[own].std(ddof=1)
        assert row.sharpe == pytest.approx(ratio * 252**0.5, rel=1e-9)
