"""Means as they were."""

from __future__ import annotations

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.sample import Sample


class Historical(ExpectedReturns, kind="historical"):
    """The mean of the returns; it says little about those to come."""

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        means: Float = sample.returns.mean(axis=0)
        return means
