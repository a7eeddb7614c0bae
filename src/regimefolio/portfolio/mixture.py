"""The mixture of a few series of returns that is best by mean and variance."""

from __future__ import annotations

import numpy as np

from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Float

RIDGE = 1e-6
"""How much the squares of the weights count beside the variance: of series that are equal each gets the same."""


def best_mixture(expected: Float, covariance: Float, risk_aversion: float) -> Float:
    """The weights of the largest w·μ − risk_aversion/2 · w'Σw, none negative, of sum 1.

    An active set that starts at the best single series: the free ones solve the equations of an optimum without limits;
    one that would be negative is held at 0, and the one at 0 whose gain is largest is freed, until none is left.
    Source: Nocedal and Wright (2006), Numerical Optimization, algorithm 16.3.

    Parameters
    ----------
    expected : ndarray of shape (M,)
    covariance : ndarray of shape (M, M)
        Positive semidefinite; a ridge of a millionth part makes the solution the only one.
    risk_aversion : float
        Above 0.

    Returns
    -------
    ndarray of shape (M,)

    Raises
    ------
    NotConvergedError
        More steps than any problem of this size should take.
    """
    count, gain = expected.size, expected - expected.mean()
    ridge = RIDGE * (risk_aversion * covariance.trace() / count + np.abs(gain).max()) or 1.0
    quadratic = risk_aversion * covariance + ridge * np.eye(count)
    free = np.zeros(count, dtype=bool)
    free[np.argmax(gain - 0.5 * quadratic.diagonal())] = True
    weights = free.astype(np.float64)
    for _ in range(100 + 20 * count):
        own = np.flatnonzero(free)
        wish, level = _unlimited(quadratic[np.ix_(own, own)], gain[own])
        if wish.min() < 0.0:
            below = wish < 0.0
            part = np.where(below, weights[own] / np.where(below, weights[own] - wish, 1.0), np.inf)
            weights[own] += part.min() * (wish - weights[own])
            weights[own[part.argmin()]], free[own[part.argmin()]] = 0.0, False
            continue
        weights[own] = wish
        slope = np.where(free, -np.inf, gain - quadratic @ weights - level)
        if not slope.max() > 1e-9 * ridge:
            return weights / weights.sum()
        free[slope.argmax()] = True
    raise NotConvergedError(f"no best mixture of {count} series was found; use fewer of them")


def _unlimited(quadratic: Float, gain: Float) -> tuple[Float, float]:
    """Where the slope gain − quadratic·w is the same for all and w sums to 1, and that slope."""
    inverse = np.linalg.solve(quadratic, np.stack([gain, np.ones(gain.size)], axis=1))
    level = (inverse[:, 0].sum() - 1.0) / inverse[:, 1].sum()
    return inverse[:, 0] - level * inverse[:, 1], float(level)
