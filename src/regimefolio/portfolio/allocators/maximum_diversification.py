"""As much less risk than its parts have as can be."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.minimum_variance import SOLVED, minimum_variance
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.sample import Sample


class MaximumDiversification(RiskOptimizer, kind="maximum_diversification"):
    """The long-only weights of sum 1 whose diversification ratio, w'σ / √(w'Σw), is greatest.

    They are those of least variance on correlations, each over its asset's volatility.
    Source: Choueifaty and Coignard (2008), Toward Maximum Diversification.
    """

    def fitted(self, sample: Sample) -> Float:
        covariance = self.covariance(sample)
        deviation = np.sqrt(covariance.diagonal())
        n_assets, correlation = len(deviation), covariance / np.outer(deviation, deviation)
        found = np.empty(n_assets)
        if minimum_variance(correlation, np.ones(n_assets), np.zeros(n_assets, dtype=bool), found) != SOLVED:
            raise self.unsolved(sample, "too many steps")
        found /= deviation
        return found / found.sum()
