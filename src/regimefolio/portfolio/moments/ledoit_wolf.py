"""Covariances shrunk as far as their errors ask for."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.sample import Sample


class LedoitWolf(CovarianceTransformer, kind="ledoit_wolf"):
    """Shrinks towards equal variances without correlation, as far as the errors of the sample's covariance ask for.

    So it can be used with more assets than returns. Source: Ledoit and Wolf (2004), A well-conditioned estimator for
    large-dimensional covariance matrices, section 3.3.
    """

    def transform(self, covariance: Float, sample: Sample) -> Float:
        share, n_assets = shrinkage(sample.returns, covariance), len(covariance)
        found: Float = (1.0 - share) * covariance
        found.flat[:: n_assets + 1] += share * covariance.trace() / n_assets
        return found


def shrinkage(returns: Float, covariance: Float) -> float:
    """The part δ, 0 … 1, by which a covariance S of T returns is replaced by μ·I, μ being its mean variance.

    It is the expected squared error of S over its squared distance from μ·I; 0 where S is larger than what the returns
    say, as one that forgets after a crash.

    Parameters
    ----------
    returns : ndarray of shape (T, N)
        Finite.
    covariance : ndarray of shape (N, N)
        Theirs, over T, or what was made of it.
    """
    n_returns, n_assets = returns.shape
    centred = returns - returns.mean(axis=0)
    level = covariance.trace() / n_assets
    squares = (covariance * covariance).sum()
    distance = squares / n_assets - level * level
    lengths = (centred * centred).sum(axis=1)
    error = ((lengths * lengths).sum() / n_returns - squares) / (n_assets * n_returns)
    return float(np.clip(error / distance, 0.0, 1.0)) if distance > 0.0 else 1.0
