"""Risk shared out along a tree of what moves together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regimefolio.portfolio.allocators.optimizer import Optimizer, shrunk_moments

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization


class HierarchicalRiskParity(Optimizer, kind="hrp"):
    """Hierarchical risk parity, with skfolio's `HierarchicalRiskParity` and a shrunk covariance.

    Assets are clustered by correlation; from the top of the tree down each half gets what the inverse of its variance
    asks for, and no covariance is inverted.
    Source: López de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample.
    """

    def optimizer(self) -> BaseOptimization:
        from skfolio.optimization import HierarchicalRiskParity as Hierarchy

        return Hierarchy(prior_estimator=shrunk_moments())
