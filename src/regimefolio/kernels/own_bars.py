"""Between the panel's clock and the bars that each asset has: to the top of its column, and back to their times."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, piece

Bool: TypeAlias = NDArray[np.bool_]
Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]

A = TypeVar("A", np.float64, np.int8)


@kernel
def number_own_bars(present: Bool, first: int, rows: Int) -> bool:
    """Number the bars of some assets, and say whether none of them lacks any.

    Parameters
    ----------
    present : ndarray of shape (T, N), bool
        Where an asset has a bar.
    first : int
        The first of the assets.
    rows : ndarray of shape (T, M), int64
        At each bar its number among the asset's own bars, -1 where it is missing. Beyond the last asset its column is
        repeated.
    """
    bars, width = rows.shape
    last = present.shape[1] - 1
    count = np.zeros(width, np.int64)
    for t in range(bars):
        for m in range(width):
            there = present[t, min(first + m, last)]
            rows[t, m] = count[m] if there else -1
            count[m] += there
    return count.min() == bars


@piece
def _copy(row: NDArray[A], out: NDArray[A]) -> None:
    for m in range(out.size):
        out[m] = row[m]


@kernel
def to_own_bars(values: Float, rows: Int, whole: bool, first: int, out: Float) -> None:
    """Move the bars of some assets up to the top of their columns; NaN below them.

    Parameters
    ----------
    values : ndarray of shape (T, N)
    rows : ndarray of shape (T, M), int64
        What `number_own_bars` found; not read where none is missing.
    whole : bool
        Whether none is missing.
    first : int
    out : ndarray of shape (T, M)
    """
    last, width = values.shape[1] - 1, out.shape[1]
    if whole and first + width - 1 <= last:
        for t in range(out.shape[0]):
            _copy(values[t, first : first + width], out[t])
        return
    out[:] = np.nan
    for t in range(out.shape[0]):
        for m in range(width):
            row = t if whole else rows[t, m]
            if row >= 0:
                out[row, m] = values[t, min(first + m, last)]


@kernel
def to_clock(own: NDArray[A], rows: Int, whole: bool, first: int, missing: float, out: NDArray[A]) -> None:
    """The way back, to the columns of `out` (T, N) from `first` on; `missing` where an asset has no bar."""
    width = min(own.shape[1], out.shape[1] - first)
    if whole:
        for t in range(out.shape[0]):
            _copy(own[t, :width], out[t, first : first + width])
        return
    for t in range(out.shape[0]):
        to = out[t, first : first + width]
        for m in range(width):
            row = rows[t, m]
            to[m] = own[max(row, 0), m] if row >= 0 else missing
