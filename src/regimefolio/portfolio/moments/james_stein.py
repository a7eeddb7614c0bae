"""Means drawn to their common mean."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.sample import Sample


class JamesStein(ExpectedReturns, kind="james_stein"):
    """The means of the returns, drawn to their common mean b as far as their errors ask for.

    μ = (1 − δ)·m + δ·b with δ = (tr Σ − 2·λ₁) / (T·|m − b|²), held in 0 … 1, where λ₁ is the largest eigenvalue of Σ.
    Where one component, such as the market, is more than half of all variance, δ is 0 and nothing changes; `shrunk`
    is the one to use there.
    Source: James and Stein (1961), Estimation with Quadratic Loss; Meucci (2005), Risk and Asset Allocation, eq. 4.138.
    """

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        means = sample.returns.mean(axis=0)
        apart = means - means.mean()
        error = (covariance.trace() - 2.0 * np.linalg.eigvalsh(covariance)[-1]) / len(sample.returns)
        distance = float(apart @ apart)
        share = min(max(error / distance, 0.0), 1.0) if distance > 0.0 else 1.0
        found: Float = means - share * apart
        return found
