"""Means drawn to that of the portfolio of least variance."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.sample import Sample


class Shrunk(ExpectedReturns, kind="shrunk"):
    """The means of the returns, drawn to the mean b of the portfolio of least variance: Bayes-Stein.

    μ = (1 − δ)·m + δ·b with b = 1'Σ⁻¹m / 1'Σ⁻¹1 and δ = (n + 2) / (n + 2 + T·(m − b)'Σ⁻¹(m − b)), for n assets and
    T returns. Unlike `james_stein` it looks at where the errors are large, and shrinks in every market.
    Source: Jorion (1986), Bayes-Stein Estimation for Portfolio Analysis, eq. 14 and 17.
    """

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        means, n_assets = sample.returns.mean(axis=0), len(covariance)
        precision = np.linalg.pinv(covariance, hermitian=True)
        apart = means - precision.sum(axis=0) @ means / precision.sum()
        share = (n_assets + 2) / (n_assets + 2 + len(sample.returns) * float(apart @ precision @ apart))
        found: Float = means - share * apart
        return found
