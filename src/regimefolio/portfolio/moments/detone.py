"""Covariances without the market."""

from __future__ import annotations

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.moments.spectrum import Spectrum
from regimefolio.portfolio.sample import Sample

LEAST = 1e-3
"""What is left of a component that is taken away, as a part of the mean of all."""


class Detone(CovarianceTransformer, kind="detone"):
    """Takes the largest components of the correlations away, such as the market; deviations stay as they were.

    What remains shows which assets belong together, for `hrp` and `herc`. It says nothing about the risk of a
    portfolio, of which the market is most: `min_variance` of it would find the market riskless. A thousandth of the
    mean of all is left of what is taken away, so that it has an inverse.
    Source: López de Prado (2020), Machine Learning for Asset Managers, section 2.6.
    """

    components: int = Field(1, ge=1, description="how many of the largest are taken away")

    def transform(self, covariance: Float, sample: Sample) -> Float:
        spectrum = Spectrum.of(covariance)
        taken = min(self.components, len(covariance) - 1)
        values = spectrum.values.copy()
        values[:taken] = LEAST * values.mean()
        return spectrum.covariance(values)
