"""Indicators over an asset's own bars: moving mean and deviation, MACD histogram, and ranks across assets.

Panels are (T, N), float64, C-ordered, read-only; an asset's bars stand without holes at the top of its
column and NaN may only follow them. Everything runs forward from the first bar, so a prefix of the input
gives a prefix of the output.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece

Float: TypeAlias = NDArray[np.float64]

LOST = 2.0**-12
"""A window's squares are summed anew when they fall below this share of what its running sum once held."""


@kernel
def rolling_mean(x: Float, window: int, out: Float) -> None:
    """Mean of the last `window` values.

    The sum of differences from a centre is taken anew every `window` rows, counted from the first, so that
    rounding does not grow. A window of equal values has that value as its mean, found by counting repeats.

    Parameters
    ----------
    x : ndarray of shape (T, N)
    window : int
        At least 1.
    out : ndarray of shape (T, N)
        NaN in the first `window` - 1 rows.
    """
    bars, assets = x.shape
    sums, repeats, centre = np.zeros(assets), np.zeros(assets), np.zeros(assets)
    share = 1.0 / window
    for t in range(bars):
        row, before, gone, to = x[t], x[max(t - 1, 0)], x[max(t - window, 0)], out[t]
        for n in range(assets):
            repeats[n] = repeats[n] + 1.0 if row[n] == before[n] else 1.0
        if t < window - 1:
            for n in range(assets):
                to[n] = np.nan
            continue
        if t % window == window - 1:
            for n in range(assets):
                centre[n] = x[t - window + 1, n]
                sums[n] = 0.0
            for i in range(t - window + 2, t + 1):
                for n in range(assets):
                    sums[n] += x[i, n] - centre[n]
        else:
            for n in range(assets):
                sums[n] += row[n] - gone[n]
        for n in range(assets):
            to[n] = row[n] if repeats[n] >= window else centre[n] + sums[n] * share


class _Window(NamedTuple):
    """What `rolling_deviation` knows of the last values, (N,) each.

    Sums of differences from a centre and of their squares; the most that the latter held since they were taken anew;
    how often the newest value stands in a row; and the squares about the mean.
    """

    sums: Float
    squares: Float
    peak: Float
    repeats: Float
    spread: Float
    centre: Float


@piece
def _slide(row: Float, before: Float, gone: Float, full: bool, memory: _Window) -> None:
    """Take in a row, and let go another where the window is full."""
    sums, squares, repeats, centre = memory.sums, memory.squares, memory.repeats, memory.centre
    for n in range(row.size):
        repeats[n] = repeats[n] + 1.0 if row[n] == before[n] else 1.0
    if full:
        for n in range(row.size):
            d, e = row[n] - centre[n], gone[n] - centre[n]
            sums[n] += d - e
            squares[n] += d * d - e * e
    else:
        for n in range(row.size):
            d = row[n] - centre[n]
            sums[n] += d
            squares[n] += d * d


@piece
def _find_spread(window: int, memory: _Window) -> int:
    """Find the squares about the mean; returns how many of them are lost in the rounding of the sums."""
    sums, squares, peak, spread, share = memory.sums, memory.squares, memory.peak, memory.spread, 1.0 / window
    lost = 0
    for n in range(sums.size):
        peak[n] = max(peak[n], squares[n])
        spread[n] = squares[n] - sums[n] * sums[n] * share
        lost += (spread[n] < LOST * peak[n]) & (memory.repeats[n] < window)
    return lost


@lean
def _sum_anew(x: Float, window: int, memory: _Window) -> None:
    """Sum the windows (window, N) whose spread is lost about their own means."""
    share = 1.0 / window
    for n in range(x.shape[1]):
        if memory.spread[n] < LOST * memory.peak[n] and memory.repeats[n] < window:
            total = 0.0
            for i in range(window):
                total += x[i, n] - x[0, n]
            memory.centre[n] = x[0, n] + total * share
            total, square = 0.0, 0.0
            for i in range(window):
                d = x[i, n] - memory.centre[n]
                total += d
                square += d * d
            memory.sums[n], memory.squares[n], memory.peak[n] = total, square, square
            memory.spread[n] = square - total * total * share


@piece
def _standardise(row: Float, window: int, memory: _Window, out: Float) -> None:
    """How many deviations a row lies above the means; 0 where a window's values are equal."""
    spread, share = memory.spread, 1.0 / window
    for n in range(row.size):
        flat = (memory.repeats[n] >= window) | (spread[n] <= 0.0)
        d = row[n] - memory.centre[n] - memory.sums[n] * share
        z = d / np.sqrt(spread[n] * share)
        out[n] = 0.0 if flat else z


@piece
def _deviate(window: int, memory: _Window, out: Float) -> None:
    """The deviations; 0 where a window's values are equal."""
    spread, share = memory.spread, 1.0 / window
    for n in range(out.size):
        flat = (memory.repeats[n] >= window) | (spread[n] <= 0.0)
        deviation = np.sqrt(spread[n] * share)
        out[n] = 0.0 if flat else deviation


@kernel
def rolling_deviation(x: Float, window: int, standardise: bool, out: Float) -> None:
    """Population deviation of the last `window` values, or how many of them the newest lies above their mean.

    Sums run over differences from a centre. Where the sum of squares has shrunk so far that rounding
    matters, the window is summed anew about its own mean: the error stays near 1e-11, whatever came
    before. A window of equal values has deviation and z-score 0, found by counting repeats.

    Parameters
    ----------
    x : ndarray of shape (T, N)
    window : int
        At least 2.
    standardise : bool
        Write the z-score instead of the deviation.
    out : ndarray of shape (T, N)
        NaN in the first `window` - 1 rows.
    """
    bars, assets = x.shape
    rows = np.zeros((6, assets))
    memory = _Window(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5])
    for t in range(bars):
        before, gone = x[max(t - 1, 0)], x[max(t - window, 0)]
        if t == 0:
            memory.centre[:] = x[0]
        _slide(x[t], before, gone, t >= window, memory)
        if t < window - 1:
            out[t] = np.nan
            continue
        if _find_spread(window, memory) > 0:
            _sum_anew(x[t - window + 1 : t + 1], window, memory)
        if standardise:
            _standardise(x[t], window, memory, out[t])
        else:
            _deviate(window, memory, out[t])


@kernel
def macd_histogram(x: Float, fast: int, slow: int, signal: int, out: Float) -> None:
    """MACD line minus its signal line, in price units.

    Exponential averages move by 2 / (span + 1) of the distance and are seeded by the first value: the
    averages of price by the first price, that of the line by its first value, 0.

    Parameters
    ----------
    x : ndarray of shape (T, N)
    fast, slow, signal : int
        Spans in bars.
    out : ndarray of shape (T, N)
        NaN in the first `slow` + `signal` - 2 rows.
    """
    bars, assets = x.shape
    quick, late, line = np.empty(assets), np.empty(assets), np.zeros(assets)
    a, b, c = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    for t in range(bars):
        row, to = x[t], out[t]
        if t == 0:
            for n in range(assets):
                quick[n] = row[n]
                late[n] = row[n]
        warm = t < slow + signal - 2
        for n in range(assets):
            quick[n] += a * (row[n] - quick[n])
            late[n] += b * (row[n] - late[n])
            macd = quick[n] - late[n]
            line[n] += c * (macd - line[n])
            to[n] = np.nan if warm else macd - line[n]


@kernel
def rank_across(x: Float, out: Float) -> None:
    """Average rank of every value in its row, from -1 (lowest) to 1 (highest); equal values share it.

    Parameters
    ----------
    x : ndarray of shape (T, N)
        NaN is not ranked; infinities are.
    out : ndarray of shape (T, N)
        NaN where `x` is, and in rows with fewer than two values.
    """
    bars, assets = x.shape
    order = np.arange(assets)
    for t in range(bars):
        row, to = x[t], out[t]
        # The order of the bar before is nearly right: insertion sort, NaN last.
        for i in range(1, assets):
            asset = order[i]
            value = row[asset]
            j = i
            while j > 0:
                other = row[order[j - 1]]
                if other > value or (other != other and value == value):
                    order[j] = order[j - 1]
                    j -= 1
                else:
                    break
            order[j] = asset
        ranked = assets
        while ranked > 0 and np.isnan(row[order[ranked - 1]]):
            ranked -= 1
        for n in range(assets):
            to[n] = np.nan
        i = 0
        while ranked > 1 and i < ranked:
            j = i
            while j + 1 < ranked and row[order[j + 1]] == row[order[i]]:
                j += 1
            for k in range(i, j + 1):
                to[order[k]] = (i + j - (ranked - 1)) / (ranked - 1)
            i = j + 1
