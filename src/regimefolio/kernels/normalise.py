"""Where a value stands among others: those of the same row, or the last ones of its own column.

Panels are (T, N), float64, C-ordered, read-only; NaN is no value, has no result, and counts nowhere. A window is read
anew at every row, so that a prefix of the input gives a prefix of the output.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float: TypeAlias = NDArray[np.float64]

MIDDLE = 1e-12
"""What is nearer to the middle than this is in the middle: rounding leaves less."""


@kernel
def _settled(place: float) -> float:
    return place if abs(place) > MIDDLE else 0.0


@kernel
def zscore_across(x: Float, out: Float) -> None:
    """Deviations above the mean of the row (population); 0 where all are equal, NaN below two values."""
    bars, assets = x.shape
    for t in range(bars):
        row, to = x[t], out[t]
        count, first, total, square, same = 0, 0.0, 0.0, 0.0, True
        for n in range(assets):
            if not np.isnan(row[n]):
                first = row[n] if count == 0 else first
                same = same and row[n] == first
                count += 1
                total += row[n] - first
        mean = total / count  # NaN or unused without a value
        for n in range(assets):
            if not np.isnan(row[n]):
                square += (row[n] - first - mean) ** 2
        deviation = np.sqrt(square / count)
        for n in range(assets):
            if np.isnan(row[n]) or count < 2:
                to[n] = np.nan
            else:
                to[n] = 0.0 if same or deviation == 0.0 else _settled((row[n] - first - mean) / deviation)


@kernel
def min_max_across(x: Float, out: Float) -> None:
    """Place between the row's smallest (-1) and largest (1); 0 where all are equal, NaN below two values."""
    bars, assets = x.shape
    for t in range(bars):
        row, to = x[t], out[t]
        count, low, high = 0, np.inf, -np.inf
        for n in range(assets):
            if not np.isnan(row[n]):
                count += 1
                low, high = min(low, row[n]), max(high, row[n])
        for n in range(assets):
            to[n] = np.nan if count < 2 or np.isnan(row[n]) else _between(row[n], low, high)


@kernel
def _between(value: float, low: float, high: float) -> float:
    span = high - low
    return _settled(((value - low) - (high - value)) / span) if span > 0.0 else 0.0


@kernel
def zscore_within(x: Float, window: int, least: int, out: Float) -> None:
    """Deviations of the newest value above the mean of the last `window` rows of its column (population).

    Sums run over differences from the newest value: they are 0 to the bit where all are equal, and then so is the
    result. NaN in the first `window` - 1 rows, and where the window holds fewer than `least` values.
    """
    bars, assets = x.shape
    count, total, square = np.empty(assets), np.empty(assets), np.empty(assets)
    for t in range(bars):
        row, to = x[t], out[t]
        count[:] = 0.0
        total[:] = 0.0
        square[:] = 0.0
        for i in range(t - window + 1 if t >= window - 1 else t + 1, t + 1):
            past = x[i]
            for n in range(assets):
                d = past[n] - row[n]
                known = d == d
                d = d if known else 0.0
                count[n] += 1.0 if known else 0.0
                total[n] += d
                square[n] += d * d
        for n in range(assets):
            if count[n] < least or count[n] == 0.0:
                to[n] = np.nan
            else:
                mean = total[n] / count[n]
                variance = square[n] / count[n] - mean * mean
                to[n] = 0.0 if square[n] == 0.0 or variance <= 0.0 else _settled(-mean / np.sqrt(variance))


@kernel
def min_max_within(x: Float, window: int, least: int, out: Float) -> None:
    """Place of the newest value between the smallest (-1) and largest (1) of the last `window` rows of its column.

    0 where all are equal; NaN as in `zscore_within`.
    """
    bars, assets = x.shape
    count, low, high = np.empty(assets), np.empty(assets), np.empty(assets)
    for t in range(bars):
        row, to = x[t], out[t]
        count[:] = 0.0
        low[:] = np.inf
        high[:] = -np.inf
        for i in range(t - window + 1 if t >= window - 1 else t + 1, t + 1):
            past = x[i]
            for n in range(assets):
                count[n] += 1.0 if past[n] == past[n] else 0.0
                low[n] = past[n] if past[n] < low[n] else low[n]
                high[n] = past[n] if past[n] > high[n] else high[n]
        for n in range(assets):
            to[n] = np.nan if count[n] < least or np.isnan(row[n]) else _between(row[n], low[n], high[n])


@kernel
def rank_within(x: Float, window: int, least: int, out: Float) -> None:
    """Average rank of the newest value among the last `window` rows of its column, from -1 (lowest) to 1 (highest).

    Equal values share their rank; NaN as in `zscore_within`.
    """
    bars, assets = x.shape
    count, above = np.empty(assets), np.empty(assets)
    for t in range(bars):
        row, to = x[t], out[t]
        count[:] = 0.0
        above[:] = 0.0
        for i in range(t - window + 1 if t >= window - 1 else t + 1, t + 1):
            past = x[i]
            for n in range(assets):
                count[n] += 1.0 if past[n] == past[n] else 0.0
                above[n] += (1.0 if row[n] > past[n] else 0.0) - (1.0 if row[n] < past[n] else 0.0)
        for n in range(assets):
            few = count[n] < least or count[n] < 2.0 or np.isnan(row[n])
            to[n] = np.nan if few else above[n] / (count[n] - 1.0)
