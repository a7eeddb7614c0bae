"""Moving averages of a few assets side by side.

Arrays are (T, M), float64: a row is a bar, a column an asset, whose own bars stand without holes from the top. Rows of
`out` before the first value are not written, or hold nothing of use. Where the last values are all equal, every average
is that value to the bit.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece
from regimefolio.kernels.sliding import fill_row, highest, lowest

Float: TypeAlias = NDArray[np.float64]


@piece
def approach(row: Float, before: Float, share: float, out: Float) -> None:
    """One step of an exponential average."""
    for n in range(row.size):
        out[n] = before[n] + share * (row[n] - before[n])


@piece
def copy_row(row: Float, out: Float) -> None:
    """Copy a row."""
    for n in range(row.size):
        out[n] = row[n]


@lean
def exponential_average(x: Float, span: int, out: Float) -> None:
    """Moves by 2 / (span + 1) of the distance to the newest value; the first value is its seed.

    It is written from the first row on, and of use from row `span` - 1 on.
    """
    share = 2.0 / (span + 1.0)
    copy_row(x[0], out[0])
    for t in range(1, x.shape[0]):
        approach(x[t], out[t - 1], share, out[t])


@piece
def _weigh_in(rows: tuple[Float, Float, Float, Float], newest: Float, weight: float, begins: bool, out: Float) -> None:
    """Four rows, the first with that weight, each other with one more; added to `out` but for the first."""
    p, q, r, s = rows
    for n in range(newest.size):
        x = newest[n]
        total = weight * (p[n] - x) + (weight + 1.0) * (q[n] - x)
        total += (weight + 2.0) * (r[n] - x) + (weight + 3.0) * (s[n] - x)
        out[n] = total + (0.0 if begins else out[n])


@piece
def _from_newest(newest: Float, total: float, out: Float) -> None:
    for n in range(newest.size):
        out[n] = newest[n] + out[n] / total


@lean
def weighted_average(x: Float, window: int, first: int, out: Float) -> None:
    """Weights window, window - 1, …, 1 from the newest value back; from row `first` + `window` - 1 on.

    Summed anew at every row, as distances from the newest value, whose own is 0.
    """
    total = window * (window + 1.0) / 2.0
    for t in range(first + window - 1, x.shape[0]):
        oldest = t - window + 1
        for i in range(oldest, t + 1, 4):
            four = x[i], x[min(i + 1, t)], x[min(i + 2, t)], x[min(i + 3, t)]
            _weigh_in(four, x[t], float(i - oldest + 1), i == oldest, out[t])
        _from_newest(x[t], total, out[t])


@piece
def _double_less(row: Float, out: Float) -> None:
    for n in range(row.size):
        out[n] = 2.0 * row[n] - out[n]


@kernel
def hull_average(x: Float, window: int, scratch: Float, out: Float) -> None:
    """Weighted average, over √window, of twice that over window / 2 less that over the window.

    Both lengths are rounded down. It exists from row `window` + ⌊√window⌋ - 2 on.
    """
    weighted_average(x, window // 2, 0, out)
    weighted_average(x, window, 0, scratch)
    for t in range(window - 1, x.shape[0]):
        _double_less(out[t], scratch[t])
    weighted_average(scratch, int(np.sqrt(window)), window - 1, out)


@piece
def _trade(row: Float, volume: Float, newest: Float, value: Float, traded: Float) -> None:
    for n in range(row.size):
        value[n] += volume[n] * (row[n] - newest[n])
        traded[n] += volume[n]


@piece
def _trade_four(
    rows: tuple[Float, Float, Float, Float],
    volumes: tuple[Float, Float, Float, Float],
    newest: Float,
    value: Float,
    traded: Float,
) -> None:
    p, q, r, s = rows
    a, b, c, d = volumes
    for n in range(newest.size):
        x = newest[n]
        value[n] += (a[n] * (p[n] - x) + b[n] * (q[n] - x)) + (c[n] * (r[n] - x) + d[n] * (s[n] - x))
        traded[n] += (a[n] + b[n]) + (c[n] + d[n])


@piece
def _by_volume(newest: Float, traded: Float, out: Float) -> None:
    for n in range(newest.size):
        out[n] = newest[n] + out[n] / traded[n]


@lean
def _volume_average(x: Float, volume: Float, window: int, traded: Float, out: Float) -> None:
    for t in range(window - 1, x.shape[0]):
        fill_row(out[t], 0.0)
        fill_row(traded, 0.0)
        i = t - window + 1
        while i + 4 <= t + 1:
            four = volume[i], volume[i + 1], volume[i + 2], volume[i + 3]
            _trade_four((x[i], x[i + 1], x[i + 2], x[i + 3]), four, x[t], out[t], traded)
            i += 4
        while i <= t:
            _trade(x[i], volume[i], x[t], out[t], traded)
            i += 1
        _by_volume(x[t], traded, out[t])


@kernel
def volume_average(x: Float, volume: Float, window: int, out: Float) -> None:
    """Mean of the last `window` values weighted by volume, from row `window` - 1 on; NaN without volume in it.

    Summed anew at every row, as distances from the newest value.
    """
    _volume_average(x, volume, window, np.empty(x.shape[1]), out)


@piece
def _half_way(row: Float, out: Float) -> None:
    for n in range(row.size):
        out[n] = 0.5 * (row[n] + out[n])


@kernel
def middle_of_range(high: Float, low: Float, window: int, scratch: Float, out: Float) -> None:
    """Half-way between the highest high and the lowest low of the last `window` bars, from row `window` - 1 on."""
    highest(high, window, out)
    lowest(low, window, scratch)
    for t in range(window - 1, out.shape[0]):
        _half_way(scratch[t], out[t])
