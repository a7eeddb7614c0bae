"""Means from what the strategies say."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.sample import Sample


class AlphaScores(ExpectedReturns, kind="alpha_scores"):
    """The strategies' combined alpha, in units of the asset's volatility: coefficient · σ · alpha.

    No mean of past returns counts. `coefficient` is the correlation that is expected of alpha with the next bar's
    return; 0.05 is a good strategy's.
    Source: Grinold (1994), Alpha is Volatility Times IC Times Score.
    """

    uses_alpha: ClassVar[bool] = True

    coefficient: float = Field(0.05, gt=0, le=1, description="the correlation of alpha with what follows")

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        found: Float = self.coefficient * np.sqrt(covariance.diagonal()) * sample.alpha
        return found
