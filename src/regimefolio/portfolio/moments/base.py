"""What moments are: expected returns and covariances, as parts that any optimizer can be given by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from regimefolio.core.component import Component, Part, placed_error
from regimefolio.core.types import Float
from regimefolio.portfolio.sample import Sample


class ExpectedReturns(Component, family="expected return"):
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

    slow: ClassVar[bool] = False
    """Whether it takes more than about 50 ms with 100 assets and 252 returns, where others take few."""

    starts_anew: ClassVar[bool] = False
    """Whether it looks at the returns alone, so that what stands before it in a list would be thrown away."""

    @abstractmethod
    def transform(self, covariance: Float, sample: Sample) -> Float:
        """The covariance (n, n), symmetric, that takes the place of the one given, which is read-only."""


def _in_an_order_that_counts(parts: tuple[CovarianceTransformer, ...]) -> tuple[CovarianceTransformer, ...]:
    for position, part in enumerate(parts[1:], start=1):
        if part.starts_anew:
            before = ", ".join(each.kind for each in parts[:position])
            text = f"{part.kind!r} starts from the returns anew and throws away what {before} made; put it first"
            raise placed_error((position,), text)
    return parts


CovarianceTransformers = Annotated[tuple[Part[CovarianceTransformer], ...], AfterValidator(_in_an_order_that_counts)]
"""A field that takes a list of them, in which only the first may start from the returns anew."""
