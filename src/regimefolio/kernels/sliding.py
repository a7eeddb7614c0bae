"""Sums and extremes of the last bars of a few assets side by side: what indicators are made of.

Arrays are (T, M), float64: a row is a bar, a column an asset, whose own bars stand without holes from the top.

Nothing is ever taken away from a sum. Blocks as long as the window are counted from the first row; the window is what
its block holds so far, and what the block before holds from there on. So no error stays or grows, and a sum of zeros is
zero.
Source: van Herk (1992), A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece

Float: TypeAlias = NDArray[np.float64]


class Window(NamedTuple):
    """What a sliding sum or extreme remembers.

    Attributes
    ----------
    rows : ndarray of shape (window, width)
        The rows of the block that is being read; then, of the block before, what it holds from each row on.
    total : ndarray of shape (width,)
        What the block holds that is being read.
    """

    rows: Float
    total: Float


@kernel
def window_of(length: int, width: int) -> Window:
    """An empty window, of rows of some width."""
    return Window(np.zeros((length, width)), np.zeros(width))


@piece
def fill_row(out: Float, value: float) -> None:
    """Set a row to a value."""
    for n in range(out.size):
        out[n] = value


@piece
def _sum_inside(row: Float, ahead: Float, total: Float, kept: Float, out: Float) -> None:
    for n in range(row.size):
        so_far = total[n] + row[n]
        total[n], kept[n] = so_far, row[n]
        out[n] = so_far + ahead[n]


@piece
def _sum_last(row: Float, total: Float, kept: Float, out: Float) -> None:
    for n in range(row.size):
        out[n], kept[n] = total[n] + row[n], row[n]
        total[n] = 0.0


@piece
def _add_to(total: Float, row: Float) -> None:
    for n in range(row.size):
        total[n] += row[n]


@piece
def slide_sum(row: Float, place: int, window: Window, out: Float) -> None:
    """Take in a row, the `place`-th of its block; `out` is the sum of the window where it is full."""
    rows, last = window.rows, window.rows.shape[0] - 1
    if place < last:
        _sum_inside(row, rows[place + 1], window.total, rows[place], out)
    else:
        _sum_last(row, window.total, rows[last], out)
        for i in range(last - 1, 0, -1):
            _add_to(rows[i], rows[i + 1])


@piece
def _extreme_inside(row: Float, sign: float, ahead: Float, highest: Float, kept: Float, out: Float) -> None:
    for n in range(row.size):
        x = sign * row[n]
        so_far = x if x > highest[n] else highest[n]
        highest[n], kept[n] = so_far, x
        out[n] = sign * (ahead[n] if ahead[n] > so_far else so_far)


@piece
def _extreme_last(row: Float, sign: float, highest: Float, kept: Float, out: Float) -> None:
    for n in range(row.size):
        x = sign * row[n]
        out[n] = sign * (x if x > highest[n] else highest[n])
        highest[n], kept[n] = -np.inf, x


@piece
def _raise_to(highest: Float, row: Float) -> None:
    for n in range(row.size):
        highest[n] = row[n] if row[n] > highest[n] else highest[n]


@lean
def _extremes(x: Float, sign: float, window: Window, out: Float) -> None:
    rows, last = window.rows, window.rows.shape[0] - 1
    place = 0
    for t in range(x.shape[0]):
        if place < last:
            _extreme_inside(x[t], sign, rows[place + 1], window.total, rows[place], out[t])
            place += 1
        else:
            _extreme_last(x[t], sign, window.total, rows[last], out[t])
            for i in range(last - 1, 0, -1):
                _raise_to(rows[i], rows[i + 1])
            place = 0


@kernel
def highest(x: Float, window: int, out: Float) -> None:
    """The highest of the last `window` values, from row `window` - 1 on."""
    memory = window_of(window, x.shape[1])
    memory.total[:] = -np.inf
    _extremes(x, 1.0, memory, out)


@kernel
def lowest(x: Float, window: int, out: Float) -> None:
    """The lowest of the last `window` values, from row `window` - 1 on."""
    memory = window_of(window, x.shape[1])
    memory.total[:] = -np.inf
    _extremes(x, -1.0, memory, out)


@piece
def count_repeats(row: Float, before: Float, run_before: Float, run: Float) -> None:
    """Count how often the newest value stands in a row."""
    for n in range(row.size):
        run[n] = run_before[n] + 1.0 if row[n] == before[n] else 1.0


@lean
def repeats(x: Float, out: Float) -> None:
    """How often each value stands in a row, itself included."""
    fill_row(out[0], 1.0)
    for t in range(1, x.shape[0]):
        count_repeats(x[t], x[t - 1], out[t - 1], out[t])


@piece
def average(row: Float, run: Float, length: float, out: Float) -> None:
    """Make an average of the sum that `out` is; of equal values, it is that value."""
    for n in range(row.size):
        out[n] = row[n] if run[n] >= length else out[n] / length


@lean
def _averages(x: Float, run: Float, window: Window, out: Float) -> None:
    length = window.rows.shape[0]
    for t in range(x.shape[0]):
        slide_sum(x[t], t % length, window, out[t])
        average(x[t], run[t], float(length), out[t])


@kernel
def simple_average(x: Float, run: Float, window: int, out: Float) -> None:
    """Mean of the last `window` values, from row `window` - 1 on; `run` has their repeats."""
    _averages(x, run, window_of(window, x.shape[1]), out)
