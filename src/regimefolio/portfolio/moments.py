"""What returns say of the risks to come."""

from __future__ import annotations

from regimefolio.core.types import Float


def shrunk_covariance(returns: Float) -> Float:
    """The covariance of returns, shrunk towards equal variances without correlation as far as its errors ask for.

    With S the covariance of T returns, over T, and μ its mean variance: (1 − δ)·S + δ·μ·I, where δ is the expected
    squared error of S over its squared distance from μ·I, at most 1.
    Source: Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, section 3.3.

    Parameters
    ----------
    returns : ndarray of shape (T, N)
        Finite.

    Returns
    -------
    ndarray of shape (N, N)
        Positive definite unless nothing moved.
    """
    n_returns, n_assets = returns.shape
    centred = returns - returns.mean(axis=0)
    sample: Float = centred.T @ centred / n_returns
    level = sample.trace() / n_assets
    squares = (sample * sample).sum()
    distance = squares / n_assets - level * level
    lengths = (centred * centred).sum(axis=1)
    error = ((lengths * lengths).sum() / n_returns - squares) / (n_assets * n_returns)
    share = min(error / distance, 1.0) if distance > 0.0 else 1.0
    sample *= 1.0 - share
    sample.flat[:: n_assets + 1] += share * level
    return sample
