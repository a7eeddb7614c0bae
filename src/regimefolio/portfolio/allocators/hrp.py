"""Risk shared out along a tree of what moves together."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.bisection import bisect
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.clusters import leaf_order
from regimefolio.portfolio.sample import Sample


class HierarchicalRiskParity(RiskOptimizer, kind="hrp"):
    """Hierarchical risk parity: long-only weights of sum 1 along a tree of what moves together.

    Assets are joined by their correlations, the nearest first; in the order of the leaves each half gets what the
    inverse of its variance asks for, and no covariance is inverted.
    Source: López de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample.
    """

    def fitted(self, sample: Sample) -> Float:
        covariance = self.covariance(sample)
        deviation = np.sqrt(covariance.diagonal())
        found = np.empty(len(deviation))
        bisect(covariance, leaf_order(covariance / np.outer(deviation, deviation)), found)
        return found
