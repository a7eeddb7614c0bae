"""The least risk that a fully invested portfolio can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regimefolio.portfolio.allocators.optimizer import Optimizer, shrunk_moments

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization


class MinVariance(Optimizer, kind="min_variance"):
    """The long-only weights of sum 1 whose variance is least, with skfolio's `MeanRisk` and a shrunk covariance.

    Source: Markowitz (1952), Portfolio Selection.
    """

    def optimizer(self) -> BaseOptimization:
        from skfolio.optimization import MeanRisk

        return MeanRisk(prior_estimator=shrunk_moments())
