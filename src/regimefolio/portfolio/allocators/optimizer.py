"""What portfolio optimizers share: the returns that they see, the moments, and what becomes of their answer."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from regimefolio.core.component import Part
from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.convex import SOLVED, Solution
from regimefolio.portfolio.moments import CovarianceTransformers, ExpectedReturns, Historical, LedoitWolf
from regimefolio.portfolio.sample import Sample

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization
    from skfolio.prior import BasePrior

DUST = 1e-6
"""What solvers leave where they mean nothing; such weights are 0."""


class Optimizer(Allocator):
    """Weights that an optimizer makes of the last simple returns, long-only and of sum 1 where it says nothing else.

    `Sample` says which assets can be judged; the others get nothing, and a single one gets all.
    """

    lookback: int = Field(252, ge=10, description="bars whose returns count")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def warmup(self) -> int:
        return self.lookback

    @property
    def uses_alpha(self) -> bool:
        return False

    @abstractmethod
    def fitted(self, sample: Sample) -> Float:
        """The weights (n,) of the assets of a sample, n > 1.

        Raises
        ------
        NotConvergedError
            There are none.
        """

    def weights(self, view: View) -> Float:
        out, sample = np.zeros(view.alpha.size), Sample.of(view, self.lookback)
        if sample.assets.size > 1:
            out[sample.assets] = self.fitted(sample)
        elif sample.assets.size == 1:
            out[sample.assets] = 1.0
        return out

    def shares(self, sample: Sample, solution: Solution) -> Float:
        """The weights (n,) of sum 1 which a program's first n variables are in proportion to.

        Raises
        ------
        NotConvergedError
            It was not solved.
        """
        if solution.status != SOLVED:
            raise self.unsolved(sample, solution.status)
        return self.cleaned(sample, solution.x[: sample.assets.size])

    def cleaned(self, sample: Sample, found: Float) -> Float:
        """What a solver found (n,), of sum 1 and without its dust.

        Raises
        ------
        NotConvergedError
            Nothing is left.
        """
        if not found.sum() > 0.0:
            raise self.unsolved(sample, f"it gave {found.tolist()}")
        found = found / found.sum()
        found = np.where(found > DUST, found, 0.0)
        return found / found.sum()

    def unsolved(self, sample: Sample, reason: str) -> NotConvergedError:
        """What to raise where there are no weights."""
        n_returns, n_assets = sample.returns.shape
        return NotConvergedError(
            f"{self.kind} found no weights for {n_assets} assets and {n_returns} returns ({reason}); use a longer "
            "lookback, fewer assets or another allocator"
        )


class RiskOptimizer(Optimizer):
    """An optimizer that looks at the covariance of returns."""

    covariance_transformers: CovarianceTransformers = Field(
        (LedoitWolf(),), description="what is made of the sample's covariance, in this order"
    )

    def covariance(self, sample: Sample) -> Float:
        """The covariance (n, n) of a bar's returns."""
        return sample.covariance(self.covariance_transformers)


class ReturnRiskOptimizer(RiskOptimizer):
    """An optimizer that looks at expected returns and their covariance."""

    expected_returns: Part[ExpectedReturns] = Field(Historical(), description="what is expected of returns")

    @property
    def uses_alpha(self) -> bool:
        return self.expected_returns.uses_alpha

    def expected(self, sample: Sample) -> Float:
        """The expected returns (n,) of a bar."""
        return sample.expected(self.expected_returns, self.covariance(sample))

    def moments(self, sample: Sample) -> tuple[Float, Float]:
        """Expected returns (n,) and covariance (n, n) in the sample's unit, in which solvers are at home."""
        return self.expected(sample) / sample.unit, self.covariance(sample) / sample.unit**2


def moments_given(expected: Float, covariance: Float) -> BasePrior:
    """Our moments, as skfolio's optimizers ask for them."""
    from regimefolio.portfolio.skfolio_moments import GivenMoments

    return GivenMoments(expected, covariance)


class SkfolioOptimizer(Optimizer):
    """An optimizer of skfolio's; what it warns of is a failure."""

    @abstractmethod
    def optimizer(self, sample: Sample) -> BaseOptimization:
        """The estimator that is fitted to the returns of each decision."""

    def fitted(self, sample: Sample) -> Float:
        from skfolio.exceptions import SkfolioError

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                found = self.optimizer(sample).fit(sample.returns).weights_
        except (SkfolioError, UserWarning) as error:
            raise self.unsolved(sample, str(error)) from error
        return self.cleaned(sample, np.asarray(found, dtype=np.float64))
