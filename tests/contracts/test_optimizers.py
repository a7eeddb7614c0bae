"""Optimizers of return and of risk keep the public contract; each with few returns, so that it is quick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio import (
    AlphaScores,
    BlackLitterman,
    ConditionalDrawdownAtRisk,
    ConditionalValueAtRisk,
    Denoise,
    Detone,
    Equilibrium,
    ExponentialCovariance,
    HierarchicalEqualRisk,
    HigherMoments,
    MaxDrawdown,
    MaximumDiversification,
    MeanSemivariance,
    MeanVariance,
    NestedClusters,
    OracleApproximating,
    ResampledFrontier,
    RiskBudgeting,
    RobustMeanVariance,
    Sample,
    Shrunk,
    WorstCase,
)
from regimefolio.testing.allocators import AllocatorContract
from tests.contracts.biting import failures
from tests.contracts.test_allocators import Suspect


class TestEfficientReturn(AllocatorContract):
    allocator = MeanVariance(lookback=30, objective="efficient_return", expected_returns=Shrunk())
    stride = 28


class TestEfficientRisk(AllocatorContract):
    allocator = MeanVariance(lookback=30, objective="efficient_risk", expected_returns=AlphaScores())
    stride = 28


class TestMaxSharpe(AllocatorContract):
    allocator = MeanVariance(lookback=30, objective="max_sharpe", covariance_transformers=(ExponentialCovariance(),))
    stride = 28
    scale_free = True


class TestRobustMeanVariance(AllocatorContract):
    allocator = RobustMeanVariance(lookback=30)
    stride = 28


class TestBlackLitterman(AllocatorContract):
    allocator = BlackLitterman(lookback=30)
    stride = 28


class TestResampledFrontier(AllocatorContract):
    allocator = ResampledFrontier(lookback=30, draws=3)
    stride = 28


class TestWorstCase(AllocatorContract):
    allocator = WorstCase(lookback=30, draws=20, covariance_transformers=(Denoise(), Detone()))
    stride = 28


class TestMeanSemivariance(AllocatorContract):
    allocator = MeanSemivariance(lookback=30)
    stride = 28


class TestSortino(AllocatorContract):
    allocator = MeanSemivariance(lookback=30, objective="max_ratio", expected_returns=Equilibrium())
    stride = 28


class TestConditionalValueAtRisk(AllocatorContract):
    allocator = ConditionalValueAtRisk(lookback=30, confidence=0.8)
    stride = 28
    scale_free = True


class TestConditionalDrawdownAtRisk(AllocatorContract):
    allocator = ConditionalDrawdownAtRisk(lookback=30)
    stride = 28
    scale_free = True


class TestMaxDrawdown(AllocatorContract):
    allocator = MaxDrawdown(lookback=30)
    stride = 28
    scale_free = True


class TestHigherMoments(AllocatorContract):
    allocator = HigherMoments(lookback=20)
    stride = 200
    scale_free = True


class TestMaximumDiversification(AllocatorContract):
    allocator = MaximumDiversification(lookback=10, covariance_transformers=(OracleApproximating(),))
    stride = 14
    scale_free = True


class TestRiskBudgeting(AllocatorContract):
    allocator = RiskBudgeting(lookback=30, by="sector", budgets={"Energy": 3.0})
    stride = 14
    scale_free = True


class TestHierarchicalEqualRisk(AllocatorContract):
    allocator = HierarchicalEqualRisk(lookback=30)
    stride = 28
    scale_free = True


class TestNestedClusters(AllocatorContract):
    allocator = NestedClusters(lookback=30)
    stride = 28
    scale_free = True


def moved(view: View) -> Float:
    """The last move of what may be held, by its size."""
    close = view.market.panel.close
    if len(close) < 2:
        return np.zeros(view.alpha.size)
    step = np.where(view.tradable, np.abs(np.nan_to_num(close[-1] / close[-2] - 1.0)), 0.0)
    found: Float = step / max(step.sum(), 0.05)
    return found


def inverted(view: View) -> Float:
    """Weights of least variance by an inverse, which identical assets do not have."""
    sample = Sample.of(view, 20)
    out, n_assets = np.zeros(view.alpha.size), sample.assets.size
    if n_assets:
        covariance = np.cov(sample.returns.T).reshape(n_assets, n_assets)
        if np.linalg.cond(covariance) > 1e14:
            return np.full(view.alpha.size, np.nan)
        wished = np.linalg.solve(covariance, np.ones(n_assets))
        out[sample.assets] = wished / np.abs(wished).sum()
    return out


def crossed(view: View) -> Float:
    """It asks for as many returns as it has assets."""
    return np.full(view.alpha.size, np.nan) if len(Sample.of(view, 10).assets) > 10 else np.zeros(view.alpha.size)


class Looking(Suspect):
    """One that looks back."""

    lookback: int = Field(20, ge=10)

    @property
    def long_only(self) -> bool:
        return False


def failed(make: Callable[[View], Float], *, scale_free: bool = False) -> set[str]:
    suspect = Looking()
    suspect._make = make
    return failures(AllocatorContract, allocator=suspect, scale_free=scale_free)  # type: ignore[arg-type]


def test_weights_that_depend_on_the_size_of_returns_are_found() -> None:
    name = "the_size_of_returns_changes_nothing_where_that_is_promised"
    assert name in failed(moved, scale_free=True)
    assert name not in failed(moved)


def test_what_identical_assets_break_is_found() -> None:
    assert "weights_are_finite_fractions_of_equity" in failed(inverted)


def test_what_more_assets_than_returns_break_is_found() -> None:
    assert "more_assets_than_returns" in failed(crossed)
