"""Covariances that forget."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.sample import Sample


class ExponentialCovariance(CovarianceTransformer, kind="ewma"):
    """Products of returns, of which the older ones count less: by half for every `half_life` bars.

    Means of returns are taken to be 0. It starts from the returns anew. Fewer returns count than there are: about
    2.9 · `half_life`, and with more assets than that it is close to singular.
    Source: J.P. Morgan and Reuters (1996), RiskMetrics Technical Document, section 5.2, whose decay of 0.94 is a half
    life of 11 bars; the weights here sum to 1.
    """

    starts_anew: ClassVar[bool] = True

    half_life: float = Field(40.0, gt=0, description="bars after which a return counts half as much")

    def transform(self, covariance: Float, sample: Sample) -> Float:
        weighted = sample.returns * np.sqrt(decay(len(sample.returns), self.half_life))[:, None]
        found: Float = weighted.T @ weighted
        return found


def decay(n_returns: int, half_life: float) -> Float:
    """Weights (n_returns,) that sum to 1 and halve for every `half_life` bars that a return is older."""
    weights = 0.5 ** (np.arange(n_returns - 1, -1, -1) / half_life)
    found: Float = weights / weights.sum()
    return found
