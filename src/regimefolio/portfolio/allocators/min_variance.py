"""The least risk that a fully invested portfolio can have."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.minimum_variance import SOLVED, minimum_variance
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.sample import Sample


class MinVariance(RiskOptimizer, kind="min_variance"):
    """The long-only weights of sum 1 whose variance is least.

    Source: Markowitz (1952), Portfolio Selection.
    """

    def fitted(self, sample: Sample) -> Float:
        n_assets = sample.assets.size
        found = np.empty(n_assets)
        covariance, nobody = self.covariance(sample), np.zeros(n_assets, dtype=bool)
        if minimum_variance(covariance, np.ones(n_assets), nobody, found) != SOLVED:
            raise self.unsolved(sample, "too many steps")
        return found
