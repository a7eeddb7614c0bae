"""Our moments, as skfolio's optimizers ask for them."""

from __future__ import annotations

from typing import Self

from skfolio.distance import BaseDistance
from skfolio.prior import BasePrior, ReturnDistribution

from regimefolio.core.types import Float
from regimefolio.portfolio.clusters import distance_of


class GivenMoments(BasePrior):  # type: ignore[misc]  # it carries no types
    """A prior that was computed already."""

    def __init__(self, expected: Float, covariance: Float) -> None:
        self.expected = expected
        self.covariance = covariance

    def fit(self, X: Float, y: object = None, **parameters: object) -> Self:
        """Take what was given, and the returns as they are."""
        self.return_distribution_ = ReturnDistribution(mu=self.expected, covariance=self.covariance, returns=X)
        return self


class GivenDistance(BaseDistance):  # type: ignore[misc]  # it carries no types
    """Distances of correlations that were computed already, √((1 − ρ)/2)."""

    def __init__(self, correlation: Float) -> None:
        self.correlation = correlation

    def fit(self, X: Float, y: object = None, **parameters: object) -> Self:
        """Take what was given."""
        self.codependence_, self.distance_ = self.correlation, distance_of(self.correlation)
        return self
