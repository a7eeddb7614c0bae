"""The best of what would come of the worst draw."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer
from regimefolio.portfolio.allocators.resampled_frontier import drawing
from regimefolio.portfolio.convex import Rows, budget, minimised, root_of
from regimefolio.portfolio.sample import Sample


class WorstCase(ReturnRiskOptimizer, kind="worst_case_monte_carlo"):
    """The long-only weights of sum 1 whose utility is best with the worst of many means that could be the true ones.

    Means are drawn around the expected ones with the covariance of their errors, Σ/T, normal; the weights maximise the
    least of w'μₖ − risk_aversion/2 · w'Σw over the draws k. `robust_mean_variance` does so for a whole ellipsoid. Draws
    depend on the seed and the bar's time alone.
    Source: Calafiore and Campi (2006), The Scenario Approach to Robust Control Design; Tütüncü and Koenig (2004),
    Robust Asset Allocation, for the worst case.
    """

    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts")
    draws: int = Field(200, ge=1, le=10_000, description="means that could be the true ones")
    seed: int = Field(0, ge=0, lt=2**63, description="which draws")

    def fitted(self, sample: Sample) -> Float:
        expected, covariance = self.moments(sample)
        n_returns, n_assets = sample.returns.shape
        drawn = drawing(sample, self.seed).standard_normal((self.draws, n_assets))
        means = expected + drawn @ root_of(covariance) / np.sqrt(n_returns)
        # one more variable, the least of the w'μₖ, which is maximised
        below = np.column_stack([-means, np.ones(self.draws)])
        rows = (*budget(n_assets), Rows("below", below, np.zeros(self.draws)))
        linear = np.append(np.zeros(n_assets), -1.0)
        return self.shares(sample, minimised(linear, rows, self.risk_aversion * sample.unit * covariance))
