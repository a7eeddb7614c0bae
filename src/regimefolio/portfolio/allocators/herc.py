"""Risk shared out between clusters of what moves together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regimefolio.portfolio.allocators.optimizer import RiskOptimizer, SkfolioOptimizer, moments_given
from regimefolio.portfolio.clusters import correlation_of
from regimefolio.portfolio.sample import Sample

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization


class HierarchicalEqualRisk(SkfolioOptimizer, RiskOptimizer, kind="herc"):
    """Hierarchical equal risk contribution: long-only weights of sum 1, by skfolio.

    Assets are joined into clusters by their correlations, with Ward's linkage, as many as a gap between the heights of
    the tree asks for. Down that tree each side gets what the inverse of its risk asks for, and within a cluster
    weights are inverse to variances. Unlike `hrp` it cuts where clusters part, not in halves.
    Source: Raffinot (2018), The Hierarchical Equal Risk Contribution Portfolio.
    """

    def optimizer(self, sample: Sample) -> BaseOptimization:
        from skfolio.optimization import HierarchicalEqualRiskContribution

        from regimefolio.portfolio.skfolio_moments import GivenDistance

        covariance = self.covariance(sample) / sample.unit**2
        return HierarchicalEqualRiskContribution(
            prior_estimator=moments_given(sample.returns.mean(axis=0), covariance),
            distance_estimator=GivenDistance(correlation_of(covariance)),
        )
