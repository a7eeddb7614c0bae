"""Means that forget."""

from __future__ import annotations

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.moments.ewma import decay
from regimefolio.portfolio.sample import Sample


class ExponentialMean(ExpectedReturns, kind="ema"):
    """The mean of the returns, of which the older ones count less: by half for every `half_life` bars."""

    half_life: float = Field(63.0, gt=0, description="bars after which a return counts half as much")

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        means: Float = decay(len(sample.returns), self.half_life) @ sample.returns
        return means
