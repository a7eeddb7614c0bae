"""Covariances without what chance explains."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.moments.spectrum import Spectrum
from regimefolio.portfolio.sample import Sample


class Denoise(CovarianceTransformer, kind="denoise"):
    """Components of the correlations that are no larger than chance makes them all get their mean.

    Chance makes them up to σ²·(1 + √(n/T))² for n assets and T returns, where σ² is the mean of those below, found by
    turns. Deviations stay as they were.
    Source: Marchenko and Pastur (1967); Laloux, Cizeau, Bouchaud and Potters (1999), Noise Dressing of Financial
    Correlation Matrices; López de Prado (2020), Machine Learning for Asset Managers, section 2.5.1 (constant residual
    eigenvalue), who fits σ² by the density instead.
    """

    def transform(self, covariance: Float, sample: Sample) -> Float:
        spectrum = Spectrum.of(covariance)
        kept = signals(spectrum.values, len(sample.returns))
        values = spectrum.values.copy()
        values[kept:] = values[kept:].mean()
        return spectrum.covariance(values)


def signals(values: Float, n_returns: int) -> int:
    """How many of the components' variances (n,), the largest first, chance does not make; fewer than n."""
    n_assets, kept = len(values), 0
    while True:
        edge = values[kept:].mean() * (1.0 + np.sqrt(n_assets / n_returns)) ** 2
        found = min(int((values > edge).sum()), n_assets - 1)
        if found <= kept:
            return kept
        kept = found
