"""Our moments, as skfolio's optimizers ask for them."""

from __future__ import annotations

from typing import Self

from skfolio.prior import BasePrior, ReturnDistribution

from regimefolio.core.types import Float


class GivenMoments(BasePrior):  # type: ignore[misc]  # it carries no types
    """A prior that was computed already."""

    def __init__(self, expected: Float, covariance: Float) -> None:
        self.expected = expected
        self.covariance = covariance

    def fit(self, X: Float, y: object = None, **parameters: object) -> Self:
        """Take what was given, and the returns as they are."""
        self.return_distribution_ = ReturnDistribution(mu=self.expected, covariance=self.covariance, returns=X)
        return self
