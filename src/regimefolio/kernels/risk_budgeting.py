"""The long-only portfolio in which every asset has its budget of the risk, one asset at a time.

Minimise ½·y'Σy − Σ b·log y; then y·(Σy) = b for every asset, and w = y/Σy. Each coordinate is a quadratic equation.
Source: Griveau-Billion, Richard and Roncalli (2013), A Fast Algorithm for Computing High-dimensional Risk Parity
Portfolios, equation 6; the rescaling after each sweep is ours: at the solution y'Σy = Σb = 1.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, piece

Float: TypeAlias = NDArray[np.float64]

SOLVED, NOT_CONVERGED = 0, 1
"""What `risk_budgeting` returns."""

TOLERANCE = 1e-12
"""How far an asset's part of the risk may be from its budget."""

SWEEPS = 2000


@piece
def _move(row: Float, by: float, slope: Float) -> None:
    """What a change of one coordinate adds to Σy."""
    for n in range(slope.size):
        slope[n] += by * row[n]


@kernel
def risk_budgeting(covariance: Float, budget: Float, out: Float) -> int:
    """The weights whose parts of the portfolio's variance, w·(Σw)/w'Σw, are the budgets.

    Parameters
    ----------
    covariance : ndarray of shape (N, N)
        Symmetric, positive semidefinite, finite, variances above 0.
    budget : ndarray of shape (N,)
        Parts of the risk, each above 0, that sum to 1.
    out : ndarray of shape (N,)
        Weights, summing to 1; the last ones found where they did not converge, as where some portfolio has no risk.

    Returns
    -------
    int
        `SOLVED` or `NOT_CONVERGED`.
    """
    n_assets = budget.size
    y, slope = np.empty(n_assets), np.empty(n_assets)
    for n in range(n_assets):
        y[n] = np.sqrt(budget[n] / covariance[n, n])
    status = NOT_CONVERGED
    for _ in range(SWEEPS):
        slope[:] = 0.0
        for n in range(n_assets):
            _move(covariance[n], y[n], slope)
        risk, worst = 0.0, 0.0
        for n in range(n_assets):
            risk += y[n] * slope[n]
        if not risk > 0.0:  # weights without risk: no weights share it
            break
        for n in range(n_assets):
            worst = max(worst, abs(y[n] * slope[n] / risk - budget[n]))
        if worst <= TOLERANCE:
            status = SOLVED
            break
        scale = 1.0 / np.sqrt(risk)
        for n in range(n_assets):
            y[n] *= scale
            slope[n] *= scale
        for n in range(n_assets):
            own = covariance[n, n]
            others = slope[n] - own * y[n]
            after = (np.sqrt(others * others + 4.0 * own * budget[n]) - others) / (2.0 * own)
            _move(covariance[n], after - y[n], slope)
            y[n] = after
    total = y.sum()
    for n in range(n_assets):
        out[n] = y[n] / total
    return status
