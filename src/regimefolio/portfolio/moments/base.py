"""What moments are: expected returns and covariances, as parts that any optimizer can be given by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from regimefolio.core.component import Component
from regimefolio.core.types import Float
from regimefolio.portfolio.sample import Sample


class ExpectedReturns(Component, family="expected_returns"):
    """What is expected of a bar's return.

    Its answer depends on its parameters and what it is given alone; it is asked once for all optimizers of a rebalance.
    """

    uses_alpha: ClassVar[bool] = False
    """Whether it looks at the strategies' combined alphas."""

    @abstractmethod
    def estimate(self, sample: Sample, covariance: Float) -> Float:
        """Expected returns (n,) of the sample's assets, whose covariance (n, n) is known; both of a bar."""


class CovarianceTransformer(Component, family="covariance"):
    """What makes a better covariance of one: a list of them is applied in order to the sample's own."""

    @abstractmethod
    def transform(self, covariance: Float, sample: Sample) -> Float:
        """The covariance (n, n), symmetric, that takes the place of the one given, which is read-only."""
