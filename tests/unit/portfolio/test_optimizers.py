"""Portfolio optimizers: closed forms, what they are shown, and what becomes of a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    EqualRiskContribution,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    MinVariance,
    PortfolioManager,
    PortfolioSpec,
    RiskParity,
)
from regimefolio.portfolio.allocators import SkfolioOptimizer
from regimefolio.portfolio.moments import LedoitWolf
from regimefolio.portfolio.sample import Sample
from tests.scripted import written

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization

LOOKBACK = 60


def returns(*volatility: float, bars: int = LOOKBACK, mean: float = 0.0) -> Float:
    """Returns (bars, N) that are uncorrelated to the last digit, with these deviations and this mean."""
    rng = np.random.default_rng(8)
    made = rng.standard_normal((bars, len(volatility)))
    made, _ = np.linalg.qr(made - made.mean(axis=0))
    made -= made.mean(axis=0)
    return mean + made / made.std(axis=0) * np.array(volatility)


def market_of(made: Float) -> Market:
    return written(100.0 * np.concatenate([np.ones((1, made.shape[1])), np.cumprod(1.0 + made, axis=0)]))


def view(market: Market, side: int = 1) -> View:
    return View(market, np.zeros(market.panel.n_assets, np.float32), np.isfinite(market.panel.close[-1]), side)


def shrunk(made: Float) -> Float:
    """What Ledoit and Wolf (2004) make of the covariance, with their formulas written out."""
    x = made - made.mean(axis=0)
    t, n = x.shape
    sample = x.T @ x / t
    mean = np.trace(sample) / n
    apart = np.linalg.norm(sample - mean * np.eye(n)) ** 2 / n
    error = sum(np.linalg.norm(np.outer(row, row) - sample) ** 2 for row in x) / n / t**2
    share = min(error, apart) / apart
    return share * mean * np.eye(n) + (1.0 - share) * sample


def test_least_variance_of_uncorrelated_assets_is_inverse_to_their_variances() -> None:
    made = returns(0.01, 0.02, 0.04)
    variance = np.diag(shrunk(made))
    expected = (1.0 / variance) / (1.0 / variance).sum()
    np.testing.assert_allclose(MinVariance(lookback=LOOKBACK).weights(view(market_of(made))), expected, rtol=1e-12)


def test_least_variance_leaves_out_what_only_adds_risk() -> None:
    made = returns(0.01, 0.01)
    made = np.column_stack([made, 2.0 * made[:, 0]])  # the first one twice over
    found = MinVariance(lookback=LOOKBACK).weights(view(market_of(made)))
    assert found[2] == 0.0
    np.testing.assert_allclose(found[:2], [0.5, 0.5], atol=0.02)


def test_risk_aversion_leads_from_the_best_mean_to_the_least_variance() -> None:
    made = returns(0.01, 0.02, 0.04, mean=0.001)
    made[:, 2] += 0.002
    market = view(market_of(made))
    eager = MeanVariance(lookback=LOOKBACK, risk_aversion=0.01).weights(market)
    np.testing.assert_allclose(eager, [0.0, 0.0, 1.0], atol=1e-5)
    timid = MeanVariance(lookback=LOOKBACK, risk_aversion=1e6).weights(market)
    np.testing.assert_allclose(timid, MinVariance(lookback=LOOKBACK).weights(market), atol=1e-3)


def test_utility_of_two_uncorrelated_assets() -> None:
    made = returns(0.02, 0.02, mean=0.0)
    made[:, 0] += 0.0004
    variance, aversion = float(np.diag(shrunk(made))[0]), 4.0
    # max w·μ − λ/2·σ²·(w² + (1 − w)²): w = 1/2 + μ / (2 λ σ²)
    expected = 0.5 + 0.0004 / (2.0 * aversion * variance)
    found = MeanVariance(lookback=LOOKBACK, risk_aversion=aversion).weights(view(market_of(made)))
    assert found[0] == pytest.approx(expected, abs=2e-3)


def test_the_best_ratio_is_in_proportion_to_mean_over_variance() -> None:
    made = returns(0.01, 0.02)
    made += [0.001, 0.002]
    variance = np.diag(shrunk(made))
    wished = np.array([0.001, 0.002]) / variance
    found = MeanVariance(lookback=LOOKBACK, objective="max_sharpe").weights(view(market_of(made)))
    np.testing.assert_allclose(found, wished / wished.sum(), atol=2e-3)


def test_without_a_mean_above_zero_no_ratio_is_best_and_nothing_is_held() -> None:
    made = returns(0.01, 0.02, mean=-0.001)
    assert not MeanVariance(lookback=LOOKBACK, objective="max_sharpe").weights(view(market_of(made))).any()


def test_sold_short_what_falls_is_what_gains() -> None:
    made = returns(0.01, 0.01)
    made += [0.002, -0.002]
    optimizer = MeanVariance(lookback=LOOKBACK, risk_aversion=0.01)
    assert optimizer.weights(view(market_of(made)))[0] > 0.99
    assert optimizer.weights(view(market_of(made), side=-1))[1] > 0.99


def test_two_assets_share_risk_by_their_variances_in_a_tree() -> None:
    made = returns(0.01, 0.02)
    variance = np.diag(shrunk(made))
    expected = (1.0 / variance) / (1.0 / variance).sum()
    found = HierarchicalRiskParity(lookback=LOOKBACK).weights(view(market_of(made)))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_equal_parts_of_the_risk_know_what_moves_together() -> None:
    made = returns(0.01, 0.01, 0.01)
    made[:, 1] = made[:, 0] + 0.1 * made[:, 1]
    found = EqualRiskContribution(lookback=LOOKBACK).weights(view(market_of(made)))
    part = found * (shrunk(made) @ found)
    np.testing.assert_allclose(part / part.sum(), [1 / 3] * 3, rtol=1e-9)
    assert found[2] > 1.2 * found[1]


def test_the_shrunk_covariance_is_that_of_its_formulas() -> None:
    made = returns(0.01, 0.02, 0.04, 0.01) @ np.array([[1.0, 0.5, 0, 0], [0, 1, 0, 0.7], [0, 0, 1, 0], [0.3, 0, 0, 1]])
    few = made[:3]  # fewer returns than assets
    for seen in (made, few):
        sample = Sample.of(view(market_of(seen)), len(seen))
        expected = shrunk(sample.returns)
        np.testing.assert_allclose(sample.covariance([LedoitWolf()]), expected, rtol=1e-10, atol=1e-13 * expected.max())
    assert np.linalg.eigvalsh(sample.covariance([LedoitWolf()])).min() > 0.0


def test_inverse_volatility_is_risk_parity_without_a_tilt() -> None:
    made = view(market_of(returns(0.01, 0.02, 0.04)))
    found = InverseVolatility(lookback=LOOKBACK).weights(made)
    assert found.tobytes() == RiskParity(lookback=LOOKBACK, tilt=0.0).weights(made).tobytes()
    np.testing.assert_allclose(found, [4 / 7, 2 / 7, 1 / 7], rtol=1e-9)


# What they are shown


class Equal(SkfolioOptimizer):
    """Equal parts of what it is shown."""

    def optimizer(self, sample: Sample) -> BaseOptimization:
        from skfolio.optimization import EqualWeighted

        return EqualWeighted()


def shown(close: Float, lookback: int = 10) -> list[int]:
    """The assets that get a weight."""
    found: list[int] = np.flatnonzero(Equal(lookback=lookback).weights(view(written(close)))).tolist()
    return found


def test_who_can_be_judged() -> None:
    close = np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal((14, 6)), axis=0))
    assert shown(close) == [0, 1, 2, 3, 4, 5]
    gaps = close.copy()
    gaps[:4, 1] = np.nan  # listed after the window began
    gaps[3, 2] = np.nan  # no bar just before the window, but earlier ones
    gaps[4:10, 3] = np.nan  # fewer than half of the window's bars
    gaps[:, 4] = 7.0  # never moved
    gaps[-1, 5] = np.nan  # no bar now
    assert shown(gaps) == [0, 2]
    assert shown(close[:10]) == []
    assert shown(close[:11]) == [0, 1, 2, 3, 4, 5]


def test_a_missing_bar_has_no_return_and_the_next_one_the_whole() -> None:
    seen: list[Float] = []

    class Spy(Equal):
        def fitted(self, sample: Sample) -> Float:
            seen.append(sample.returns)
            return super().fitted(sample)

    close = np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal((12, 2)), axis=0))
    close[1, 0] = close[5, 0] = np.nan
    Spy(lookback=10).weights(view(written(close)))
    column = seen[0][:, 0]
    assert column[0] == close[2, 0] / close[0, 0] - 1.0
    assert column[3] == 0.0
    assert column[4] == close[6, 0] / close[4, 0] - 1.0
    np.testing.assert_array_equal(seen[0][:, 1], close[2:, 1] / close[1:-1, 1] - 1.0)


def test_one_asset_gets_all_and_none_nothing() -> None:
    market = market_of(returns(0.01, 0.02))
    alone = view(market)._replace(tradable=np.array([False, True]))
    for optimizer in (
        MinVariance(lookback=20),
        EqualRiskContribution(lookback=20),
        HierarchicalRiskParity(lookback=20),
    ):
        assert optimizer.weights(alone).tolist() == [0.0, 1.0]
        assert optimizer.weights(alone._replace(tradable=np.zeros(2, np.bool_))).tolist() == [0.0, 0.0]


def test_a_failure_is_an_error_that_names_allocator_and_bar() -> None:
    class Stubborn(SkfolioOptimizer, kind="stubborn"):
        def optimizer(self, sample: Sample) -> BaseOptimization:
            from skfolio.optimization import MeanRisk

            return MeanRisk(min_return=1.0)  # a day

    market = market_of(returns(0.01, 0.02))
    with pytest.raises(NotConvergedError, match=r"stubborn found no weights for 2 assets and 20 returns .*lookback"):
        Stubborn(lookback=20).weights(view(market))
    manager = PortfolioManager(PortfolioSpec(allocator=Stubborn(lookback=20)), market)
    with pytest.raises(NotConvergedError) as caught:
        manager.allocate_capital({}, 100.0)
    assert caught.value.__notes__ == ["in allocator stubborn at 2023-03-27"]


def test_names_not_columns_decide_the_order_that_solvers_see() -> None:
    market = market_of(returns(0.01, 0.015, 0.02, 0.03))
    order = [2, 0, 3, 1]
    panel = market.panel
    moved = Market(
        replace(
            panel,
            symbols=tuple(panel.symbols[n] for n in order),
            close=np.ascontiguousarray(panel.close[:, order]),
            member=np.ascontiguousarray(panel.member[:, order]),
        )
    )
    for optimizer in (MinVariance(lookback=20), MeanVariance(lookback=20), HierarchicalRiskParity(lookback=20)):
        assert optimizer.weights(view(moved)).tobytes() == optimizer.weights(view(market))[order].tobytes()
