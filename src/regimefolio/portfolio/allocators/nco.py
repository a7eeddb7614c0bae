"""Least risk within clusters, and between them."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.minimum_variance import SOLVED, minimum_variance
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.clusters import clusters, correlation_of
from regimefolio.portfolio.sample import Sample


class NestedClusters(RiskOptimizer, kind="nco"):
    """Nested clustered optimization: least variance within clusters, and then between them; long-only, of sum 1.

    Clusters are what moves together. Each becomes one asset, its portfolio of least variance, and these get the
    weights of least variance. Errors of a covariance between clusters do not reach the weights within them.
    Source: López de Prado (2019), A Robust Estimator of the Efficient Frontier.
    """

    def fitted(self, sample: Sample) -> Float:
        covariance = self.covariance(sample)
        labels = clusters(correlation_of(covariance))
        inner = np.zeros((labels.max() + 1, len(labels)))
        for k in range(len(inner)):
            own = np.flatnonzero(labels == k)
            inner[k, own] = self._least(sample, covariance[np.ix_(own, own)])
        found: Float = self._least(sample, inner @ covariance @ inner.T) @ inner
        return found

    def _least(self, sample: Sample, covariance: Float) -> Float:
        n_assets = len(covariance)
        found, covariance = np.empty(n_assets), np.ascontiguousarray(covariance)
        if minimum_variance(covariance, np.ones(n_assets), np.zeros(n_assets, dtype=bool), found) != SOLVED:
            raise self.unsolved(sample, "too many steps")
        return found
