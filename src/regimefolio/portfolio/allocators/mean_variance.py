"""Return for risk, of the returns that were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer, SkfolioOptimizer, moments_given
from regimefolio.portfolio.sample import Sample

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization


class MeanVariance(SkfolioOptimizer, ReturnRiskOptimizer, kind="mean_variance"):
    """The best of mean and variance among long-only weights of sum 1, with skfolio's `MeanRisk`.

    `utility` maximises μ − risk_aversion/2 · σ², `max_sharpe` μ/σ; where no asset has a mean above 0 the latter holds
    nothing. μ and σ² are a bar's, of the last `lookback` returns, the covariance shrunk; sold short, returns count the
    other way round. Means of past returns say little about those to come.
    Source: Markowitz (1952), Portfolio Selection.
    """

    objective: Literal["utility", "max_sharpe"] = Field("utility", description="what is maximised")
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts in `utility`")

    def optimizer(self, sample: Sample) -> BaseOptimization:
        from skfolio.optimization import MeanRisk, ObjectiveFunction

        return MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_RATIO
            if self.objective == "max_sharpe"
            else ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_aversion=0.5 * self.risk_aversion,
            prior_estimator=moments_given(self.expected(sample), self.covariance(sample)),
        )

    def fitted(self, sample: Sample) -> Float:
        if self.objective == "max_sharpe" and not (self.expected(sample) > 0.0).any():
            return np.zeros(sample.assets.size)
        return super().fitted(sample)
