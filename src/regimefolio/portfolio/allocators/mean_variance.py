"""Return for risk, of the returns that were."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.kernels.minimum_variance import SOLVED, minimum_variance
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer
from regimefolio.portfolio.convex import Rows, budget, deviation_below, minimised, most_useful, not_negative
from regimefolio.portfolio.sample import Sample


class MeanVariance(ReturnRiskOptimizer, kind="mean_variance"):
    """The best of mean and variance among long-only weights of sum 1.

    `utility` maximises μ − risk_aversion/2 · σ², `max_sharpe` μ/σ; where no asset has a mean above 0 the latter holds
    nothing. `efficient_return` is the point of the efficient frontier whose expected return is nearest to
    `target_return`, `efficient_risk` the one whose volatility is nearest to `target_volatility`: a target beyond either
    end of the frontier gives that end. μ and σ² are a bar's, of the last `lookback` returns, the covariance shrunk;
    sold short, returns count the other way round. Means of past returns say little about those to come.
    Source: Markowitz (1952), Portfolio Selection; for the ratio Cornuéjols and Tütüncü (2006), Optimization Methods in
    Finance, section 8.2.
    """

    objective: Literal["utility", "max_sharpe", "efficient_return", "efficient_risk"] = Field(
        "utility", description="what is looked for"
    )
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts in `utility`")
    target_return: float = Field(0.1, gt=-1, le=10, description="a year, wished for in `efficient_return`")
    target_volatility: float = Field(0.1, gt=0, le=10, description="a year, allowed in `efficient_risk`")

    def fitted(self, sample: Sample) -> Float:
        expected, covariance = self.moments(sample)
        if self.objective == "utility":
            return self.shares(sample, most_useful(expected, covariance, self.risk_aversion * sample.unit))
        if self.objective == "max_sharpe":
            return self._max_sharpe(sample, expected, covariance)
        least = np.empty(len(expected))
        if minimum_variance(covariance, np.ones(len(expected)), np.zeros(len(expected), dtype=bool), least) != SOLVED:
            raise self.unsolved(sample, "too many steps")
        if self.objective == "efficient_return":
            return self._efficient_return(sample, expected, covariance, least)
        return self._efficient_risk(sample, expected, covariance, least)

    def _max_sharpe(self, sample: Sample, expected: Float, covariance: Float) -> Float:
        best = expected.max()
        if not best > 0.0:
            return np.zeros(len(expected))
        level = Rows("equal", expected[None] / best, np.ones(1))
        rows = (level, not_negative(len(expected)))
        return self.shares(sample, minimised(np.zeros(len(expected)), rows, covariance))

    def _efficient_return(self, sample: Sample, expected: Float, covariance: Float, least: Float) -> Float:
        target = self.target_return / sample.view.market.panel.periods_per_year / sample.unit
        if target >= expected.max():
            return best_alone(expected)
        if target <= expected @ least:
            return least
        rows = (*budget(len(expected)), Rows("below", -expected[None], np.array([-target])))
        return self.shares(sample, minimised(np.zeros(len(expected)), rows, covariance))

    def _efficient_risk(self, sample: Sample, expected: Float, covariance: Float, least: Float) -> Float:
        target = self.target_volatility / np.sqrt(sample.view.market.panel.periods_per_year) / sample.unit
        alone = best_alone(expected)
        if target**2 <= least @ covariance @ least:
            return least
        if target**2 >= alone @ covariance @ alone:
            return alone
        rows = (*budget(len(expected)), deviation_below(covariance, target))
        return self.shares(sample, minimised(-expected, rows))


def best_alone(expected: Float) -> Float:
    """All in what is expected to return most; equal parts where several are."""
    best = expected == expected.max()
    found: Float = best / best.sum()
    return found
