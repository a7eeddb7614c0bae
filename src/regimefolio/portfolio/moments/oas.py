"""Covariances shrunk as far as normal returns would ask for."""

from __future__ import annotations

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.sample import Sample


class OracleApproximating(CovarianceTransformer, kind="oas"):
    """Shrinks towards equal variances without correlation, as far as normal returns ask for.

    It needs less data than `ledoit_wolf` to find how far, but takes returns to be normal. Source: Chen, Wiesel, Eldar
    and Hero (2010), Shrinkage Algorithms for MMSE Covariance Estimation, eq. 23, without its terms of order 1/N, as
    is common.
    """

    def transform(self, covariance: Float, sample: Sample) -> Float:
        n_returns, n_assets = sample.returns.shape
        level = covariance.trace() / n_assets
        squares = (covariance * covariance).mean()
        distance = (n_returns + 1.0) * (squares - level * level / n_assets)
        share = min((squares + level * level) / distance, 1.0) if distance > 0.0 else 1.0
        found: Float = (1.0 - share) * covariance
        found.flat[:: n_assets + 1] += share * level
        return found
