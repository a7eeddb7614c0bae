"""Weights along an order of assets in which neighbours move together: each half gets what its variance asks for."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


@lean
def _variance(covariance: Float, order: Int, first: int, after: int) -> float:
    """The variance of part of the order, each asset weighing the inverse of its own."""
    total, variance = 0.0, 0.0
    for i in range(first, after):
        total += 1.0 / covariance[order[i], order[i]]
    for i in range(first, after):
        row, inner = covariance[order[i]], 0.0
        for j in range(first, after):
            inner += row[order[j]] / covariance[order[j], order[j]]
        variance += inner / covariance[order[i], order[i]]
    return variance / (total * total)


@kernel
def bisect(covariance: Float, order: Int, out: Float) -> None:
    """Halve the order again and again; of each two halves one gets the other's part of their variances.

    An odd asset goes to the second half. Source: López de Prado (2016), Building Diversified Portfolios that
    Outperform Out of Sample, section 3.3.

    Parameters
    ----------
    covariance : ndarray of shape (N, N)
        Variances above 0.
    order : ndarray of shape (N,), int64
        Every asset once.
    out : ndarray of shape (N,)
        Weights, summing to 1.
    """
    n_assets = order.size
    out[:] = 1.0
    begin, end = np.empty(n_assets + 1, np.int64), np.empty(n_assets + 1, np.int64)
    begin[0], end[0], parts = 0, n_assets, 1
    while parts > 0:
        parts -= 1
        first, after = begin[parts], end[parts]
        if after - first < 2:
            continue
        middle = first + (after - first) // 2
        left, right = _variance(covariance, order, first, middle), _variance(covariance, order, middle, after)
        share = 1.0 - left / (left + right)
        for i in range(first, middle):
            out[order[i]] *= share
        for i in range(middle, after):
            out[order[i]] *= 1.0 - share
        begin[parts], end[parts] = first, middle
        begin[parts + 1], end[parts + 1] = middle, after
        parts += 2
