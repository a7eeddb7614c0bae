"""The long-only portfolio of least variance: an active set that grows and shrinks one asset at a time.

Minimise ½·w'Σw subject to Σw = 1 and 0 ≤ w ≤ u. An asset is at 0, at its limit, or free; at the solution the gradient
Σw of the free ones is λ, of those at 0 at least λ, of those at their limit at most λ. The free ones keep a Cholesky
factor of Σ + κ, the same constant added everywhere, which changes w'Σw by κ alone since Σw = 1: so it exists wherever
the solution is unique, of fewer returns than assets too, and an asset that depends on the free ones never joins them.
Source: Nocedal and Wright (2006), Numerical Optimization, algorithm 16.3; Lawson and Hanson (1974), Solving Least
Squares Problems, chapters 23 and 24.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, summing

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

SOLVED, NOT_CONVERGED, NO_ROOM = 0, 1, 2
"""What `minimum_variance` returns: a solution; too many steps; limits that sum to less than 1."""

TOLERANCE, ROUNDING = 1e-11, 1e-14
"""By how much a gradient may be on the wrong side: a fraction of λ, and one of the largest variance."""

DEPENDENT = 1e-12
"""An asset of whose variance less than this fraction is its own, given the free ones, depends on them."""

SLACK = 1e-13
"""A weight may be beyond its limit by this before it is held there: rounding alone must not go in circles."""

_ZERO, _FREE, _FULL = 0, 1, 2


class _Set(NamedTuple):
    """The active set, its factor, and memory.

    Attributes
    ----------
    place : ndarray of shape (N,), int64
        Where each asset is.
    free : ndarray of shape (N,), int64
        The numbers of the free assets, in the order of the factor; the first of `size`.
    size : ndarray of shape (1,), int64
    factor : ndarray of shape (N, N)
        Lower Cholesky factor of the free assets' covariance.
    ones, limited : ndarray of shape (N,)
        Solutions of Σ_FF·x for ones, and for what the assets at their limit contribute.
    weight, gradient : ndarray of shape (N,)
    lift : float
        κ: the least variance.
    """

    place: Int
    free: Int
    size: Int
    factor: Float
    ones: Float
    limited: Float
    weight: Float
    gradient: Float
    lift: float


@summing
def _dot(a: Float, b: Float, n: int) -> float:
    total = 0.0
    for i in range(n):
        total += a[i] * b[i]
    return total


@lean
def _add(covariance: Float, n: int, active: _Set) -> bool:
    """Free asset `n`; False where it depends on the free ones."""
    k, factor = active.size[0], active.factor
    row = factor[k]
    for i in range(k):
        row[i] = (covariance[n, active.free[i]] + active.lift - _dot(factor[i], row, i)) / factor[i, i]
    variance = covariance[n, n] + active.lift
    own = variance - _dot(row, row, k)
    if not own > DEPENDENT * variance:
        return False
    row[k] = np.sqrt(own)
    active.free[k], active.place[n] = n, _FREE
    active.size[0] = k + 1
    return True


@lean
def _remove(at: int, place: int, active: _Set) -> None:
    """Take the free asset at `at` of the factor away to `place`; rotations make the rest a factor again."""
    k, factor, free = active.size[0] - 1, active.factor, active.free
    active.place[free[at]] = place
    active.size[0] = k
    for i in range(at, k):
        free[i] = free[i + 1]
        for j in range(i + 2):
            factor[i, j] = factor[i + 1, j]
    for i in range(at, k):
        length = np.hypot(factor[i, i], factor[i, i + 1])
        cosine, sine = factor[i, i] / length, factor[i, i + 1] / length
        for j in range(i, k):
            a, b = factor[j, i], factor[j, i + 1]
            factor[j, i], factor[j, i + 1] = cosine * a + sine * b, cosine * b - sine * a


@lean
def _back(factor: Float, k: int, x: Float) -> None:
    """Solve L·L'·x = x in place."""
    for i in range(k):
        x[i] = (x[i] - _dot(factor[i], x, i)) / factor[i, i]
    for i in range(k - 1, -1, -1):
        x[i] /= factor[i, i]
        for j in range(i):
            x[j] -= factor[i, j] * x[i]


@lean
def _solve(covariance: Float, upper: Float, active: _Set) -> float:
    """Write the weights that the free assets should have into `ones`, in the order of the factor; returns λ."""
    k, left, share, offset = active.size[0], 1.0, 0.0, 0.0
    for i in range(k):
        active.ones[i], active.limited[i] = 1.0, 0.0
    for n in range(upper.size):
        if active.place[n] == _FULL:
            left -= upper[n]
            for i in range(k):
                active.limited[i] += (covariance[n, active.free[i]] + active.lift) * upper[n]
    _back(active.factor, k, active.ones)
    if left < 1.0:
        _back(active.factor, k, active.limited)
    for i in range(k):
        share += active.ones[i]
        offset += active.limited[i]
    level = (left + offset) / share
    for i in range(k):
        active.ones[i] = level * active.ones[i] - active.limited[i]
    return level - active.lift


@lean
def _step(upper: Float, active: _Set) -> bool:
    """Go as far towards what `_solve` wrote as limits allow; True if all the way, else one asset stops at its limit."""
    part, stops, place = 1.0, -1, _ZERO
    for i in range(active.size[0]):
        n = active.free[i]
        move = active.ones[i] - active.weight[n]
        if active.ones[i] < -SLACK and -active.weight[n] > part * move:
            part, stops, place = max(active.weight[n], 0.0) / -move, i, _ZERO
        elif active.ones[i] > upper[n] + SLACK and upper[n] - active.weight[n] < part * move:
            part, stops, place = max(upper[n] - active.weight[n], 0.0) / move, i, _FULL
    for i in range(active.size[0]):
        n = active.free[i]
        active.weight[n] += part * (active.ones[i] - active.weight[n])
    if stops < 0:
        return True
    n = active.free[stops]
    active.weight[n] = 0.0 if place == _ZERO else upper[n]
    _remove(stops, place, active)
    return False


@lean
def _find_gradient(covariance: Float, active: _Set) -> None:
    gradient = active.gradient
    for n in range(gradient.size):
        gradient[n] = 0.0
    for m in range(gradient.size):
        if active.weight[m] != 0.0:
            row, weight = covariance[m], active.weight[m]
            for n in range(gradient.size):
                gradient[n] += weight * row[n]


@lean
def _least_at_zero(upper: Float, active: _Set) -> float:
    """The least gradient at 0, which is λ where no asset is free; infinite where all are at their limits."""
    level = np.inf
    for n in range(upper.size):
        if active.place[n] == _ZERO and upper[n] > 0.0:
            level = min(level, active.gradient[n])
    return level


@lean
def _worst(level: float, rounding: float, upper: Float, barred: Bool, active: _Set) -> int:
    """The asset whose gradient is on the wrong side of λ by the most, −1 if none is."""
    worst, by = -1, TOLERANCE * abs(level) + rounding
    for n in range(barred.size):
        if active.place[n] != _FREE and upper[n] > 0.0 and not barred[n]:
            wrong = level - active.gradient[n] if active.place[n] == _ZERO else active.gradient[n] - level
            if wrong > by:
                worst, by = n, wrong
    return worst


@lean
def _open(covariance: Float, upper: Float, hint: Bool, active: _Set) -> None:
    """Start at equal weights of the hinted assets where these are below all limits, else at the least variances."""
    count = 0
    for n in range(upper.size):
        active.place[n], active.weight[n] = _ZERO, 0.0
        count += hint[n] and upper[n] > 0.0
    active.size[0] = 0
    fits = count > 0
    for n in range(upper.size):
        fits = fits and (not hint[n] or upper[n] <= 0.0 or upper[n] * count > 1.0)
    if fits:
        for n in range(upper.size):
            if hint[n] and upper[n] > 0.0:
                fits = fits and _add(covariance, n, active)
                active.weight[n] = 1.0 / count
    if fits:
        return
    left = 1.0
    active.size[0] = 0
    for n in range(upper.size):
        active.place[n], active.weight[n] = _ZERO, 0.0
    while left > SLACK:
        best = -1
        for n in range(upper.size):
            if active.place[n] == _ZERO and upper[n] > 0.0:
                best = n if best < 0 or covariance[n, n] < covariance[best, best] else best
        if upper[best] >= left - SLACK:
            active.weight[best] = left
            _add(covariance, best, active)
            return
        active.weight[best], active.place[best] = upper[best], _FULL
        left -= upper[best]


@lean
def _settle(covariance: Float, upper: Float, active: _Set) -> None:
    """Solve once more with the free assets in the order of their numbers: the set alone says what the weights are."""
    settled = False
    while not settled:
        active.size[0], settled = 0, True
        for n in range(upper.size):
            if active.place[n] == _FREE:
                _add(covariance, n, active)
        _solve(covariance, upper, active)
        for i in range(active.size[0]):
            n = active.free[i]
            active.weight[n] = active.ones[i]
            if active.ones[i] <= SLACK or active.ones[i] >= upper[n] - SLACK:  # free by rounding alone
                active.place[n] = _ZERO if active.ones[i] <= SLACK else _FULL
                active.weight[n] = 0.0 if active.ones[i] <= SLACK else upper[n]
                settled = False


@kernel
def minimum_variance(covariance: Float, upper: Float, hint: Bool, out: Float) -> int:
    """The weights of least variance, long-only and fully invested.

    Parameters
    ----------
    covariance : ndarray of shape (N, N)
        Symmetric, positive semidefinite, finite; variances above 0 where `upper` is.
    upper : ndarray of shape (N,)
        The most that each asset may weigh, 0 … 1; their sum must be at least 1.
    hint : ndarray of shape (N,), bool
        Assets that are likely held, such as those held before. Fewer steps lead from there; the set of free assets
        where they end says what the weights are.
    out : ndarray of shape (N,)
        Weights, summing to 1; zeros where there is no solution.

    Returns
    -------
    int
        `SOLVED`, `NOT_CONVERGED` or `NO_ROOM`.
    """
    n_assets = upper.size
    out[:] = 0.0
    if not upper.sum() >= 1.0 - SLACK:
        return NO_ROOM
    rounding, lift = 0.0, np.inf
    for n in range(n_assets):
        if upper[n] > 0.0:
            rounding, lift = max(rounding, ROUNDING * covariance[n, n]), min(lift, covariance[n, n])
    active = _Set(
        np.zeros(n_assets, np.int64),
        np.zeros(n_assets, np.int64),
        np.zeros(1, np.int64),
        np.empty((n_assets, n_assets)),
        np.empty(n_assets),
        np.empty(n_assets),
        np.zeros(n_assets),
        np.empty(n_assets),
        lift,
    )
    barred = np.zeros(n_assets, np.bool_)
    _open(covariance, upper, hint, active)
    for _ in range(100 + 20 * n_assets):
        level = _solve(covariance, upper, active)
        if not _step(upper, active):
            barred[:] = False
            continue
        _find_gradient(covariance, active)
        if active.size[0] == 0:
            level = _least_at_zero(upper, active)
        n = _worst(level, rounding, upper, barred, active)
        if n < 0:
            _settle(covariance, upper, active)
            for m in range(n_assets):
                out[m] = active.weight[m]
            return SOLVED
        if not _add(covariance, n, active):
            barred[n] = True
    return NOT_CONVERGED
