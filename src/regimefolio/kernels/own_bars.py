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


@piece
def _all(there: Bool) -> bool:
    found = True
    for m in range(there.size):
        found &= there[m]
    return found


@kernel
def none_is_missing(present: Bool, first: int, width: int) -> bool:
    """Whether `width` assets, from `first` on, have every bar."""
    last, found = min(first + width, present.shape[1]), True
    for t in range(present.shape[0]):
        found &= _all(present[t, first:last])
    return found


@kernel
def number_own_bars(present: Bool, first: int, rows: Int) -> None:
    """Number the bars of some assets.

    Parameters
    ----------
    present : ndarray of shape (T, N), bool
        Where an asset has a bar.
    first : int
        The first of the assets.
    rows : ndarray of shape (T, M), int64
        At each bar its number among the asset's own bars, -1 where it is missing. Columns beyond the last asset
        hold nothing of use.
    """
    width = min(rows.shape[1], present.shape[1] - first)
    count = np.zeros(width, np.int64)
    for t in range(rows.shape[0]):
        for m in range(width):
            there = present[t, first + m]
            rows[t, m] = count[m] if there else -1
            count[m] += there


@piece
def _copy(row: NDArray[A], out: NDArray[A]) -> None:
    for m in range(out.size):
        out[m] = row[m]


@piece
def _lift(row: Float, places: Int, out: Float) -> None:
    for m in range(row.size):
        if places[m] >= 0:
            out[np.uint64(places[m]), m] = row[m]


@piece
def _lower(own: NDArray[A], places: Int, missing: float, out: NDArray[A]) -> None:
    for m in range(out.size):
        out[m] = own[np.uint64(max(places[m], 0)), m] if places[m] >= 0 else missing


@kernel
def to_own_bars(values: Float, rows: Int, first: int, out: Float) -> None:
    """Move the bars of some assets up to the top of their columns; NaN below them.

    Parameters
    ----------
    values : ndarray of shape (T, N)
    rows : ndarray of shape (T, M), int64
        What `number_own_bars` found; (0, M) where no bar is missing.
    first : int
    out : ndarray of shape (T, M)
        Columns beyond the last asset repeat it.
    """
    width = min(out.shape[1], values.shape[1] - first)
    if rows.shape[0] > 0:
        out[:] = np.nan
    for t in range(out.shape[0]):
        if rows.shape[0] == 0:
            _copy(values[t, first : first + width], out[t, :width])
        else:
            _lift(values[t, first : first + width], rows[t], out)
    for t in range(out.shape[0]):
        for m in range(width, out.shape[1]):
            out[t, m] = out[t, width - 1]


@kernel
def to_clock(own: NDArray[A], rows: Int, first: int, missing: float, out: NDArray[A]) -> None:
    """The way back, to the columns of `out` (T, N) from `first` on; `missing` where an asset has no bar."""
    width = min(own.shape[1], out.shape[1] - first)
    for t in range(out.shape[0]):
        if rows.shape[0] == 0:
            _copy(own[t, :width], out[t, first : first + width])
        else:
            _lower(own, rows[t], missing, out[t, first : first + width])
