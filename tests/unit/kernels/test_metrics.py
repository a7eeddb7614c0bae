"""Metrics against closed forms, numpy and scipy; undefined ones are NaN with a reason, never inf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regimefolio.kernels.ledger import empty_ledger
from regimefolio.kernels.metrics import (
    NAMES,
    REGIME_NAMES,
    all_metrics,
    benchmark_metrics,
    equity_metrics,
    ledger_metrics,
    quantile,
    reason,
    reasons,
    regime_metrics,
)
from tests.terms import rate

Float = NDArray[np.float64]

PPY = 252.0
NAN = np.nan
EQUITY, LEDGER, BENCHMARK = NAMES[:14], NAMES[14:25], NAMES[25:]


def of_equity(equity: ArrayLike, initial: float = 100.0, start: int = 0, rf: float = 0.0) -> dict[str, float]:
    out = np.full(len(NAMES), -7.0)
    equity_metrics(np.array(equity, dtype=np.float64), initial, start, PPY, rate(rf), out)
    found = dict(zip(NAMES, out.tolist(), strict=True))
    assert all(found.pop(name) == -7.0 for name in LEDGER + BENCHMARK)
    return found


def of_returns(returns: ArrayLike, rf: float = 0.0) -> dict[str, float]:
    return of_equity(100.0 * np.cumprod(1.0 + np.asarray(returns)), rf=rf)


def some_returns(seed: int = 0, n: int = 500) -> Float:
    return np.random.default_rng(seed).standard_t(5, n) * 0.01 + 0.0005


def against(returns: ArrayLike, benchmark: ArrayLike, rf: float = 0.0) -> dict[str, float]:
    equity = np.array(100.0 * np.cumprod(1.0 + np.asarray(returns)), dtype=np.float64)
    out = np.full(len(NAMES), -7.0)
    benchmark_metrics(equity, 100.0, 0, np.array(benchmark, dtype=np.float64), PPY, rate(rf), out)
    return {name: out[NAMES.index(name)] for name in BENCHMARK}


def of_regimes(returns: ArrayLike, label: list[int], k: int = 0, rf: float = 0.0) -> dict[str, float]:
    out = np.full((k + 1, len(REGIME_NAMES)), -7.0)
    regime_metrics(np.array(returns, dtype=np.float64), np.array(label), k + 1, PPY, rate(rf), out)
    return dict(zip(REGIME_NAMES, out[k].tolist(), strict=True))


def test_moments_agree_with_numpy_and_scipy() -> None:
    r, rf = some_returns(), 0.0001
    m = of_returns(r, rf)
    year = math.sqrt(PPY)
    assert m["volatility"] == pytest.approx(r.std(ddof=1) * year, rel=1e-12)
    assert m["sharpe"] == pytest.approx((r - rf).mean() / r.std(ddof=1) * year, rel=1e-11)
    downside = np.sqrt((np.minimum(r - rf, 0.0) ** 2).mean())
    assert m["sortino"] == pytest.approx((r - rf).mean() / downside * year, rel=1e-11)
    assert m["skew"] == pytest.approx(stats.skew(r), rel=1e-9)
    assert m["kurtosis"] == pytest.approx(stats.kurtosis(r), rel=1e-9)
    assert m["var_95"] == pytest.approx(np.quantile(r, 0.05), rel=1e-11)
    assert m["cvar_95"] == pytest.approx(r[r <= np.quantile(r, 0.05)].mean(), rel=1e-11)


def test_growth_counts_bars_from_the_start() -> None:
    m = of_equity([999.0, 999.0, 110.0, 121.0], start=2)
    assert m["total_return"] == pytest.approx(0.21)
    assert m["cagr"] == pytest.approx(1.1**252 - 1.0)
    assert m["volatility"] == pytest.approx(0.0, abs=1e-12)


def test_the_sharpe_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Mertens' standard error: for fat-tailed returns, 95% of intervals hold the true ratio, within three errors."""
    rng = np.random.default_rng(5)
    truth = 0.1
    inside = 0
    for _ in range(2000):
        r = rng.standard_t(8, 400) / math.sqrt(8 / 6) * 0.01 + truth * 0.01
        m = of_returns(r)
        inside += m["sharpe_low"] <= truth * math.sqrt(PPY) <= m["sharpe_high"]
    assert inside / 2000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2000))


def test_the_sharpe_interval_is_mertens() -> None:
    r = some_returns(3)
    m, n = of_returns(r), 500
    s = r.mean() / r.std(ddof=1)
    variance = 1.0 + 0.5 * s**2 - stats.skew(r) * s + stats.kurtosis(r) / 4.0 * s**2
    half = stats.norm.ppf(0.975) * math.sqrt(variance / n) * math.sqrt(PPY)
    assert m["sharpe_low"] == pytest.approx(m["sharpe"] - half, rel=1e-9)
    assert m["sharpe_high"] == pytest.approx(m["sharpe"] + half, rel=1e-9)


@pytest.mark.parametrize(
    ("equity", "worst", "bars"),
    [
        ([110, 120, 130], 0.0, 0),
        ([90, 95, 100, 105], -0.1, 3),  # the capital is the first peak; recovered when it is reached again
        ([110, 99, 104.5, 88, 100], -0.2, 4),  # not recovered: to the end
        ([110, 88, 110, 110, 99, 120], -0.2, 2),
        ([110, 110, 99, 110], -0.1, 2),  # from the last bar at the peak
        ([110, 99, 110, 99, 100, 100], -0.1, 2),  # the first of equals
        ([50, 200, 150, 120, 300], -0.5, 2),
    ],
)
def test_the_worst_drawdown_lasts_from_its_peak_to_its_recovery(equity: list[float], worst: float, bars: int) -> None:
    m = of_equity(equity)
    assert m["max_drawdown"] == pytest.approx(worst)
    assert m["max_drawdown_bars"] == bars


def test_calmar_is_growth_over_the_worst_drawdown() -> None:
    m = of_equity([110, 99, 120])
    assert m["calmar"] == pytest.approx((1.2 ** (252 / 3) - 1.0) / 0.1)


@pytest.mark.parametrize("size", [1, 2, 3, 19, 20, 21, 22, 100, 2520])
def test_quantiles_are_numpys(size: int) -> None:
    rng = np.random.default_rng(size)
    for values in (rng.standard_normal(size), rng.integers(0, 4, size).astype(float), np.arange(size, 0.0, -1.0)):
        before = values.copy()
        for share in (0.0, 0.05, 0.5, 1.0):
            assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-14, abs=1e-300)
        assert np.array_equal(values, before)


def test_benchmark_metrics_are_a_regression() -> None:
    rng = np.random.default_rng(4)
    b = rng.standard_normal(300) * 0.01
    r, rf = 0.0003 + 0.7 * b + rng.standard_normal(300) * 0.004, 0.0001
    line = stats.linregress(b - rf, r - rf)
    m = against(r, b, rf)
    assert m["beta"] == pytest.approx(line.slope, rel=1e-10)
    assert m["alpha"] == pytest.approx(PPY * line.intercept, rel=1e-9)
    assert m["information_ratio"] == pytest.approx((r - b).mean() / (r - b).std(ddof=1) * math.sqrt(PPY), rel=1e-10)


def test_bars_without_a_benchmark_are_left_out() -> None:
    r, b = some_returns(1), some_returns(2)
    b[::3] = NAN
    have = ~np.isnan(b)
    line = stats.linregress(b[have], r[have])
    assert against(r, b)["beta"] == pytest.approx(line.slope, rel=1e-10)


def test_ledger_metrics() -> None:
    ledger = empty_ledger(6, 1, record=False)
    ledger.equity[:] = 100.0
    ledger.turnover[:] = [9.0, 0.0, 0.5, 0.25, 0.0, 0.125]
    ledger.cost[:] = [9.0, 0.0, 2.0, 1.0, 0.0, 0.5]
    ledger.gross[:] = [9.0, 0.0, 1.0, 1.0, 0.5, 0.5]
    ledger.trips[:] = [5.0, 2.0, 30.0, -10.0, 40.0, 3.0, 2.0]
    out = np.full(len(NAMES), NAN)
    ledger_metrics(ledger, 100.0, 1, PPY, out)
    found = {name: out[NAMES.index(name)] for name in LEDGER}
    assert found == pytest.approx(
        {
            "exposure": 0.6,
            "turnover": (0.25 + 0.125) / 5 * 252,
            "costs": 3.5,
            "cost_fraction": 0.035,
            "win_rate": 0.4,
            "profit_factor": 3.0,
            "average_win": 15.0,
            "average_loss": -5.0,
            "average_holding_bars": 8.0,
            "round_trips": 5.0,
            "open_trips": 3.0,
        }
    )


def test_one_call_fills_everything() -> None:
    ledger = empty_ledger(300, 1, record=False)
    r, b = some_returns(6, 300), some_returns(7, 300)
    ledger.equity[:] = 100.0 * np.cumprod(1.0 + r)
    ledger.trips[:] = [5.0, 2.0, 30.0, -10.0, 40.0, 3.0, 2.0]
    out = np.full(len(NAMES), NAN)
    all_metrics(ledger, 100.0, 0, b, PPY, rate(0.0), out)
    assert np.isfinite(out).all()
    assert dict(zip(NAMES[:14], out[:14].tolist(), strict=True)) == of_returns(r)
    assert reasons(out) == {}


@pytest.mark.parametrize(
    ("returns", "undefined"),
    [
        ([], set(EQUITY)),
        ([0.01], set(EQUITY) - {"total_return", "cagr", "max_drawdown", "max_drawdown_bars", "var_95", "cvar_95"}),
        (
            [0.01, 0.01, 0.01],
            {"sharpe", "sharpe_low", "sharpe_high", "sortino", "calmar", "skew", "kurtosis"},
        ),
        ([0.0, 0.0], {"sharpe", "sharpe_low", "sharpe_high", "sortino", "calmar", "skew", "kurtosis"}),
        ([0.01, 0.02], {"sortino", "calmar"}),
        ([0.01, -0.02], set()),
    ],
)
def test_undefined_metrics_are_nan_with_a_reason(returns: list[float], undefined: set[str]) -> None:
    m = of_returns(returns)
    assert {name for name, value in m.items() if math.isnan(value)} == undefined
    assert all(math.isfinite(value) for name, value in m.items() if name not in undefined)
    assert all(reason(name) for name in undefined)


def test_an_account_that_never_trades_has_no_trips() -> None:
    ledger = empty_ledger(3, 1, record=False)
    ledger.equity[:] = 100.0
    out = np.full(len(NAMES), NAN)
    all_metrics(ledger, 100.0, 0, np.empty(0), PPY, rate(0.0), out)
    missing = {"win_rate", "profit_factor", "average_win", "average_loss", "average_holding_bars"}
    assert {name for name in LEDGER if math.isnan(out[NAMES.index(name)])} == missing
    assert set(reasons(out)) >= missing | set(BENCHMARK)
    assert reasons(out)["profit_factor"] == "no round trip lost money"


@pytest.mark.parametrize("benchmark", [[], [NAN, NAN, NAN], [0.01, NAN, NAN], [0.01, 0.01, 0.01]])
def test_a_benchmark_must_vary(benchmark: list[float]) -> None:
    m = against([0.01, -0.01, 0.02], benchmark)
    assert math.isnan(m["beta"])
    assert math.isnan(m["alpha"])
    assert math.isnan(against([0.01, -0.01, 0.02], [0.0, -0.02, 0.01])["information_ratio"])


def test_a_bankruptcy_ends_the_record() -> None:
    m = of_equity([110.0, -20.0, 0.0, 0.0])
    assert m == of_equity([110.0, 0.0])
    assert m["total_return"] == m["cagr"] == m["max_drawdown"] == -1.0
    assert m["max_drawdown_bars"] == 1
    assert m["volatility"] == pytest.approx(np.std([0.1, -1.0], ddof=1) * math.sqrt(PPY))


def test_an_episode_is_a_run_of_one_label_with_returns() -> None:
    label = [0, 0, 1, 0, 0, 0, -1, 0]
    returns = [-0.1, -0.1, 0.5, -0.2, 0.1, NAN, 0.3, -0.15]
    m = of_regimes(returns, label)
    mine = np.array([-0.1, -0.1, -0.2, 0.1, -0.15])
    assert m["bars"] == 5
    assert m["episodes"] == 3
    assert m["total_return"] == pytest.approx(np.prod(1.0 + mine) - 1.0)
    assert m["cagr"] == pytest.approx(np.prod(1.0 + mine) ** (252 / 5) - 1.0)
    assert m["max_drawdown"] == pytest.approx(-0.2)  # two bars of −10% are one fall of 19%
    assert m["calmar"] == pytest.approx(m["cagr"] / 0.2)
    assert m["hit_rate"] == 0.2
    assert m["mean_return"] == pytest.approx(mine.mean() * PPY)
    assert m["volatility"] == pytest.approx(mine.std(ddof=1) * math.sqrt(PPY))
    assert m["sharpe"] == pytest.approx(mine.mean() / mine.std(ddof=1) * math.sqrt(PPY))
    downside = math.sqrt((np.minimum(mine, 0.0) ** 2).mean())
    assert m["sortino"] == pytest.approx(mine.mean() / downside * math.sqrt(PPY))


def test_a_missing_return_ends_an_episode() -> None:
    m = of_regimes([-0.1, NAN, -0.1], [0, 0, 0])
    assert m["episodes"] == 2
    assert m["max_drawdown"] == pytest.approx(-0.1)


def test_a_regime_without_bars_is_empty() -> None:
    m = of_regimes([0.1, NAN], [0, 1], k=1)
    assert (m.pop("bars"), m.pop("episodes")) == (0.0, 0.0)
    assert all(math.isnan(value) for value in m.values())


def test_one_label_for_all_bars_is_the_whole_record() -> None:
    r = some_returns(9)
    regime, whole = of_regimes(r, [0] * r.size, rf=0.0001), of_returns(r, rf=0.0001)
    for name in ("sharpe", "sortino", "total_return", "cagr", "calmar", "max_drawdown", "volatility"):
        assert regime[name] == pytest.approx(whole[name], rel=1e-10), name


def test_names_are_pinned() -> None:
    assert NAMES[:5] == ("total_return", "cagr", "volatility", "sharpe", "sharpe_low")
    assert len(NAMES) == len(set(NAMES)) == 28
    assert len(REGIME_NAMES) == 11


def test_growth_that_is_no_number_is_undefined_and_not_infinite() -> None:
    values = np.empty(len(NAMES))
    equity_metrics(np.array([102.0, 101.5]), 100.0, 0, 98280.0, rate(0.0), values)
    found = dict(zip(NAMES, values, strict=True))
    assert np.isnan([found["cagr"], found["calmar"]]).all()
    assert {"cagr", "calmar"} <= set(reasons(values))
    rows = np.empty((1, len(REGIME_NAMES)))
    regime_metrics(np.array([0.03, -0.001]), np.zeros(2, dtype=np.int64), 1, 98280.0, rate(0.0), rows)
    row = dict(zip(REGIME_NAMES, rows[0], strict=True))
    assert np.isnan([row["cagr"], row["calmar"]]).all()
