"""Oscillators of a few assets side by side.

Arrays are (T, M), float64: a row is a bar, a column an asset, whose own bars stand without holes from the top. Rows of
`out` before the first value are not written, or hold nothing of use. Where nothing has moved, so that a value would be
nothing over nothing, it is the middle of its range.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece
from regimefolio.kernels.sliding import Window, average, fill_row, slide_sum, window_of

Float: TypeAlias = NDArray[np.float64]


@piece
def _move(row: Float, before: Float, share: float, seeding: bool, gain: Float, loss: Float) -> None:
    """Wilder's smoothing of gains and losses, or their share in the mean that seeds it."""
    kept = 0.0 if seeding else 1.0
    for n in range(row.size):
        change = row[n] - before[n]
        gain[n] += (max(change, 0.0) - kept * gain[n]) * share
        loss[n] += (max(-change, 0.0) - kept * loss[n]) * share


@piece
def _strength(gain: Float, loss: Float, out: Float) -> None:
    for n in range(gain.size):
        total = gain[n] + loss[n]
        strength = 100.0 * (gain[n] / total)
        out[n] = 50.0 if total == 0.0 else strength


@piece
def _keep(row: Float, before: Float, kept: Float, out: Float) -> None:
    """A value that has not changed leaves what is made of it as it was: both smoothed moves fall by the same share."""
    for n in range(row.size):
        out[n] = kept[n] if row[n] == before[n] else out[n]


@lean
def _strength_index(x: Float, period: int, gain: Float, loss: Float, out: Float) -> None:
    share = 1.0 / period
    for t in range(1, x.shape[0]):
        _move(x[t], x[t - 1], share, t <= period, gain, loss)
        if t >= period:
            _strength(gain, loss, out[t])
        if t > period:
            _keep(x[t], x[t - 1], out[t - 1], out[t])


@kernel
def strength_index(x: Float, period: int, out: Float) -> None:
    """Wilder's RSI in 0 … 100, from row `period` on.

    50 where nothing has moved, 100 to the bit where nothing fell; and where a value is that of the bar before, so is
    its strength.
    """
    _strength_index(x, period, np.zeros(x.shape[1]), np.zeros(x.shape[1]), out)


@piece
def _place(row: Float, high: Float, low: Float, out: Float) -> None:
    for n in range(row.size):
        reach = high[n] - low[n]
        place = 100.0 * ((row[n] - low[n]) / reach)
        out[n] = 50.0 if reach == 0.0 else place


@lean
def place_in_range(x: Float, high: Float, low: Float, first: int, out: Float) -> None:
    """Where a value lies between a low (0) and a high (100), exactly so at either; 50 where both are equal."""
    for t in range(first, x.shape[0]):
        _place(x[t], high[t], low[t], out[t])


@piece
def _shift(row: Float, by: float, out: Float) -> None:
    for n in range(row.size):
        out[n] = row[n] + by


@lean
def shift(x: Float, by: float, first: int, out: Float) -> None:
    """A number added to every value, from row `first` on."""
    for t in range(first, x.shape[0]):
        _shift(x[t], by, out[t])


@piece
def _mean_of_three(x: Float, y: Float, z: Float, out: Float) -> None:
    for n in range(out.size):
        out[n] = (x[n] + y[n] + z[n]) / 3.0


@piece
def _add_to(out: Float, row: Float) -> None:
    for n in range(out.size):
        out[n] += row[n]


@piece
def _divide(out: Float, by: float) -> None:
    for n in range(out.size):
        out[n] /= by


@lean
def short_average(x: Float, window: int, first: int, out: Float) -> None:
    """Mean of the last few values, summed anew at every row; from row `first` + `window` - 1 on."""
    for t in range(first + window - 1, x.shape[0]):
        if window == 3:
            _mean_of_three(x[t - 2], x[t - 1], x[t], out[t])
            continue
        fill_row(out[t], 0.0)
        for i in range(t - window + 1, t + 1):
            _add_to(out[t], x[i])
        _divide(out[t], float(window))


@piece
def _add_distance(row: Float, mean: Float, total: Float) -> None:
    for n in range(row.size):
        total[n] += abs(row[n] - mean[n])


@piece
def _add_four_distances(rows: tuple[Float, Float, Float, Float], mean: Float, total: Float) -> None:
    p, q, r, s = rows
    for n in range(mean.size):
        m = mean[n]
        total[n] += (abs(p[n] - m) + abs(q[n] - m)) + (abs(r[n] - m) + abs(s[n] - m))


@piece
def _in_distances(row: Float, mean: Float, total: Float, length: float, out: Float) -> None:
    for n in range(row.size):
        index = (row[n] - mean[n]) / (0.015 * (total[n] / length))
        out[n] = 0.0 if total[n] == 0.0 else index


@lean
def _channel_index(x: Float, mean: Float, window: int, total: Float, out: Float) -> None:
    for t in range(window - 1, x.shape[0]):
        fill_row(total, 0.0)
        i = t - window + 1
        while i + 4 <= t + 1:
            _add_four_distances((x[i], x[i + 1], x[i + 2], x[i + 3]), mean[t], total)
            i += 4
        while i <= t:
            _add_distance(x[i], mean[t], total)
            i += 1
        _in_distances(x[t], mean[t], total, float(window), out[t])


@kernel
def channel_index(x: Float, mean: Float, window: int, out: Float) -> None:
    """Distance from the mean of the last `window` values over 0.015 of their mean distance from it.

    `mean` is their simple average; the index exists from row `window` - 1 on.
    """
    _channel_index(x, mean, window, np.empty(x.shape[1]), out)


class Bars(NamedTuple):
    """Highs, lows and closes of a few assets, (T, M) each."""

    high: Float
    low: Float
    close: Float


class Directional(NamedTuple):
    """What the directional index gives, (T, M) each: itself, and the indicators of rising and of falling."""

    adx: Float
    plus: Float
    minus: Float


@piece
def _directions(
    now: tuple[Float, Float], before: tuple[Float, Float, Float], share: float, seeding: bool, smooth: Directional
) -> None:
    """Wilder's smoothing of the true range (in the place of `adx`), and of the moves up and down."""
    high, low = now
    high_before, low_before, close_before = before
    reach, plus, minus = smooth.adx, smooth.plus, smooth.minus
    kept = 0.0 if seeding else 1.0
    for n in range(high.size):
        up, down = high[n] - high_before[n], low_before[n] - low[n]
        rise = up if (up > down) & (up > 0.0) else 0.0
        fall = down if (down > up) & (down > 0.0) else 0.0
        true_range = max(high[n], close_before[n]) - min(low[n], close_before[n])
        reach[n] += (true_range - kept * reach[n]) * share
        plus[n] += (rise - kept * plus[n]) * share
        minus[n] += (fall - kept * minus[n]) * share


@piece
def _indicators(smooth: Directional, index: Float, plus: Float, minus: Float) -> None:
    """Both directional indicators, and how far they are apart."""
    for n in range(plus.size):
        still = smooth.adx[n] == 0.0
        up, down = 100.0 * (smooth.plus[n] / smooth.adx[n]), 100.0 * (smooth.minus[n] / smooth.adx[n])
        up, down = 0.0 if still else up, 0.0 if still else down
        apart = 100.0 * (abs(up - down) / (up + down))
        plus[n], minus[n] = up, down
        index[n] = 0.0 if up + down == 0.0 else apart


@piece
def _smooth(row: Float, before: Float, kept: float, share: float, out: Float) -> None:
    for n in range(row.size):
        out[n] = before[n] + (row[n] - kept * before[n]) * share


@lean
def _directional(bars: Bars, period: int, smooth: Directional, index: Float, out: Directional) -> None:
    high, low, close = bars
    share = 1.0 / period
    for t in range(1, high.shape[0]):
        now, before = (high[t], low[t]), (high[t - 1], low[t - 1], close[t - 1])
        _directions(now, before, share, t <= period, smooth)
        if t == period:
            fill_row(out.adx[t - 1], 0.0)
        if t >= period:
            _indicators(smooth, index, out.plus[t], out.minus[t])
            kept = 0.0 if t < 2 * period else 1.0
            _smooth(index, out.adx[t - 1], kept, share, out.adx[t])


@kernel
def directional_index(bars: Bars, period: int, out: Directional) -> None:
    """Wilder's directional indicators, from row `period` on, and index, from row 2 · `period` - 1 on; 0 to 100.

    True range and moves are smoothed from the mean of the first `period` of them, and so is the index. Without any true
    range, or any move, the value is 0.
    """
    width = bars.close.shape[1]
    rows = Directional(np.zeros(width), np.zeros(width), np.zeros(width))
    _directional(bars, period, rows, np.empty(width), out)


class Middles(NamedTuple):
    """Rows (M,): the middle of a bar and of that before, how often the newest stands, and an average."""

    now: Float
    before: Float
    run: Float
    slow: Float


@piece
def _middle(high: Float, low: Float, now: Float, before: Float, run: Float) -> None:
    for n in range(high.size):
        before[n] = now[n]
        now[n] = 0.5 * (high[n] + low[n])
        run[n] = run[n] + 1.0 if now[n] == before[n] else 1.0


@piece
def _take(out: Float, row: Float) -> None:
    for n in range(out.size):
        out[n] -= row[n]


@lean
def _awesome(high: Float, low: Float, fast: Window, slow: Window, middle: Middles, out: Float) -> None:
    short, long = fast.rows.shape[0], slow.rows.shape[0]
    for t in range(high.shape[0]):
        _middle(high[t], low[t], middle.now, middle.before, middle.run)
        slide_sum(middle.now, t % short, fast, out[t])
        average(middle.now, middle.run, float(short), out[t])
        slide_sum(middle.now, t % long, slow, middle.slow)
        average(middle.now, middle.run, float(long), middle.slow)
        _take(out[t], middle.slow)


@kernel
def awesome_oscillator(high: Float, low: Float, fast: int, slow: int, out: Float) -> None:
    """Simple average over `fast` less that over `slow` of the bars' middles, from row `slow` - 1 on."""
    width = high.shape[1]
    rows = Middles(np.full(width, np.nan), np.zeros(width), np.zeros(width), np.zeros(width))
    _awesome(high, low, window_of(fast, width), window_of(slow, width), rows, out)


@piece
def _less(row: Float, other: Float, out: Float) -> None:
    for n in range(row.size):
        out[n] = row[n] - other[n]


@lean
def difference(x: Float, y: Float, first: int, out: Float) -> None:
    """One less the other, from row `first` on."""
    for t in range(first, x.shape[0]):
        _less(x[t], y[t], out[t])


@lean
def change(x: Float, period: int, out: Float) -> None:
    """What has come to a value over the last `period` bars, from row `period` on."""
    for t in range(period, x.shape[0]):
        _less(x[t], x[t - period], out[t])


@piece
def _press(high: Float, low: Float, close: Float, before: Float, bought: Float, reach: Float) -> None:
    for n in range(high.size):
        bottom = min(low[n], before[n])
        bought[n] = close[n] - bottom
        reach[n] = max(high[n], before[n]) - bottom


@piece
def _weigh_pressure(bought: Float, reach: Float, weight: float, out: Float) -> None:
    for n in range(out.size):
        share = bought[n] / reach[n]
        out[n] += weight * (0.5 if reach[n] == 0.0 else share)


@piece
def _percent(out: Float, total: float) -> None:
    for n in range(out.size):
        out[n] = 100.0 * (out[n] / total)


@lean
def _ultimate(bars: Bars, windows: tuple[Window, Window, Window], rows: tuple[Float, Float], out: Float) -> None:
    high, low, close = bars
    both, sums = rows
    lanes = high.shape[1]
    for t in range(1, high.shape[0]):
        _press(high[t], low[t], close[t], close[t - 1], both[:lanes], both[lanes:])
        fill_row(out[t], 0.0)
        weight = 4.0
        for window in windows:
            slide_sum(both, (t - 1) % window.rows.shape[0], window, sums)
            _weigh_pressure(sums[:lanes], sums[lanes:], weight, out[t])
            weight *= 0.5
        _percent(out[t], 7.0)


@kernel
def ultimate_oscillator(bars: Bars, short: int, medium: int, long: int, out: Float) -> None:
    """Buying pressure over true range of three windows, weighted 4, 2 and 1; from row `long` on, in 0 … 100.

    A window without true range counts half.
    """
    width = 2 * bars.close.shape[1]
    windows = (window_of(short, width), window_of(medium, width), window_of(long, width))
    _ultimate(bars, windows, (np.empty(width), np.empty(width)), out)
