"""Covariances without what chance explains."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.moments.spectrum import Spectrum
from regimefolio.portfolio.sample import Sample


class Denoise(CovarianceTransformer, kind="denoise"):
    """Components of the correlations that are no larger than chance makes them all get their mean.

    Of n assets that have nothing in common and T returns, chance makes components of up to (1 + √(n/T))². Deviations
    stay as they were. Weak factors, below that, are lost with the noise.
    Source: Marchenko and Pastur (1967); Laloux, Cizeau, Bouchaud and Potters (2000), Random Matrix Theory and Financial
    Correlations; Bun, Bouchaud and Potters (2017), Cleaning Large Correlation Matrices, section 6.2 (clipping). López
    de Prado (2020) fits the noise's variance to a smoothed density, which keeps a few more.
    """

    def transform(self, covariance: Float, sample: Sample) -> Float:
        spectrum = Spectrum.of(covariance)
        noise = spectrum.values <= (1.0 + np.sqrt(len(covariance) / len(sample.returns))) ** 2
        values = spectrum.values.copy()
        if noise.any():
            values[noise] = values[noise].mean()
        return spectrum.covariance(values)
