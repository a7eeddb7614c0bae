"""Covariances of a few factors."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.moments.spectrum import Spectrum
from regimefolio.portfolio.sample import Sample


class PrincipalComponents(CovarianceTransformer, kind="pca"):
    """A few factors, the largest components of the correlations, and what each asset has on its own.

    Correlations are those that the factors make; variances stay as they were. With as many factors as assets nothing
    changes. Source: Connor and Korajczyk (1993), A Test for the Number of Factors in an Approximate Factor Model, of
    correlations here, so that no asset counts for its volatility.
    """

    factors: int = Field(5, ge=1, description="how many components are kept")

    def transform(self, covariance: Float, sample: Sample) -> Float:
        spectrum = Spectrum.of(covariance)
        loadings = spectrum.vectors[:, : self.factors] * np.sqrt(np.maximum(spectrum.values[: self.factors], 0.0))
        found = (loadings @ loadings.T) * np.outer(spectrum.deviations, spectrum.deviations)
        np.fill_diagonal(found, covariance.diagonal())
        return found
