"""The least risk that a fully invested portfolio can have."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.minimum_variance import SOLVED, minimum_variance
from regimefolio.portfolio.allocators.optimizer import Optimizer
from regimefolio.portfolio.moments import shrunk_covariance


class MinVariance(Optimizer, kind="min_variance"):
    """The long-only weights of sum 1 whose variance is least; the covariance is shrunk.

    Source: Markowitz (1952), Portfolio Selection.
    """

    def fitted(self, returns: Float) -> Float:
        n_assets = returns.shape[1]
        found = np.empty(n_assets)
        covariance, nobody = shrunk_covariance(returns), np.zeros(n_assets, dtype=bool)
        if minimum_variance(covariance, np.ones(n_assets), nobody, found) != SOLVED:
            raise self.unsolved(returns, "too many steps")
        return found
