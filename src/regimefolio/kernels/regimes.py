"""What regime detectors compute: returns and realised volatility, trend votes, price patterns, and debouncing."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


class TrendRule(NamedTuple):
    """The windows, in bars, and thresholds, as fractions, of `trend_votes`."""

    average: int
    slope: int
    high: int
    band: float
    shallow: float
    deep: float


class PatternRule(NamedTuple):
    """The windows, in bars, and thresholds of `price_patterns`."""

    channel: int
    slope: int
    steep: float
    band: int
    squeeze: int


BREAKOUT, RANGE, REVERSAL = 0, 1, 2


@kernel
def returns_and_volatility(close: Float, window: int, least: float, out: Float) -> None:
    """Write the log return and the log of realised volatility at each bar into the two rows of out.

    Realised volatility is the root mean square of `window` returns; below `least` it counts as `least`. NaN before
    a row's first value.
    """
    returns, volatility = out[0], out[1]
    for t in range(close.size):
        returns[t] = math.log(close[t] / close[t - 1]) if t > 0 else np.nan
        volatility[t] = np.nan
        if t >= window:
            squares = 0.0
            for i in range(t - window + 1, t + 1):
                squares += returns[i] * returns[i]
            volatility[t] = math.log(max(math.sqrt(squares / window), least))


@kernel
def trend_votes(close: Float, rule: TrendRule, out: Int) -> int:
    """Write the sum of three votes, each -1, 0 or 1, for every bar; returns the first bar that has all three.

    Close against average, average against the average `slope` bars earlier, close against high.
    """
    first = max(rule.average + rule.slope, rule.high) - 1
    average = np.empty(close.size)
    for t in range(close.size):
        out[t] = 0
        if t < rule.average - 1:
            continue
        gaps = 0.0
        for i in range(t - rule.average + 1, t):
            gaps += close[i] - close[t]
        average[t] = close[t] + gaps / rule.average  # exactly the close where all closes are equal
        if t < first:
            continue
        high = close[t]
        for i in range(t - rule.high + 1, t):
            high = max(high, close[i])
        before = average[t - rule.slope]
        out[t] += int(close[t] > average[t] * (1.0 + rule.band)) - int(close[t] < average[t] * (1.0 - rule.band))
        out[t] += int(average[t] > before) - int(average[t] < before)
        out[t] += int(close[t] > high * (1.0 - rule.shallow)) - int(close[t] < high * (1.0 - rule.deep))
    return first


@kernel
def steepness(close: Float, window: int, out: Float) -> None:
    """Write the slope of the last `window` closes over what it would be by chance; NaN where there are fewer.

    With b the least-squares slope, w_i the centred numbers of the bars, and d the root mean square of the
    `window` - 1 changes, it is b / (d √Σ c_j²), c_j = Σ_{i≥j} w_i / Σ w² the part of change j in the slope: about
    standard normal in a random walk. 0 where the close rests.
    """
    squares, chance, tail = 0.0, 0.0, 0.0
    for i in range(window):
        squares += (i - 0.5 * (window - 1)) ** 2
    for i in range(window - 1, 0, -1):
        tail += i - 0.5 * (window - 1)
        chance += (tail / squares) ** 2
    for t in range(close.size):
        if t < window - 1:
            out[t] = np.nan
            continue
        rise, change = 0.0, 0.0
        for i in range(window):
            rise += (i - 0.5 * (window - 1)) * (close[t - window + 1 + i] - close[t])
        for i in range(t - window + 2, t + 1):
            change += (close[i] - close[i - 1]) ** 2
        deviation = math.sqrt(change / (window - 1) * chance)
        out[t] = rise / squares / deviation if deviation > 0.0 else 0.0


@kernel
def bandwidth(close: Float, window: int, out: Float) -> None:
    """Write the width of the Bollinger bands, four population deviations over the mean; NaN in the first bars."""
    for t in range(close.size):
        if t < window - 1:
            out[t] = np.nan
            continue
        gap, squares = 0.0, 0.0
        for i in range(t - window + 1, t):
            gap += close[i] - close[t]
        mean = close[t] + gap / window
        for i in range(t - window + 1, t + 1):
            squares += (close[i] - mean) ** 2
        out[t] = 4.0 * math.sqrt(squares / window) / mean


@kernel
def price_patterns(close: Float, high: Float, low: Float, rule: PatternRule, out: Int) -> int:
    """Write BREAKOUT, RANGE or REVERSAL at each bar; returns the first bar at which all windows are full.

    A close beyond the highs or lows of the `channel` bars before it is a break: a reversal where a slope of at least
    `steep` stood against it at the bar before, and while one stands against further breaks that way; else a breakout.
    It rules until the close is back at the middle of the channel or the bandwidth is the narrowest of `squeeze` bars.
    From then to the next break, and before the first, it is a range.
    """
    first = max(max(rule.channel, rule.slope), rule.band + rule.squeeze - 2)
    steep, width = np.empty(close.size), np.empty(close.size)
    steepness(close, rule.slope, steep)
    bandwidth(close, rule.band, width)
    pattern, direction = RANGE, 0.0
    for t in range(close.size):
        out[t] = RANGE
        if t < first:
            continue
        top, bottom = high[t - 1], low[t - 1]
        for i in range(t - rule.channel, t - 1):
            top, bottom = max(top, high[i]), min(bottom, low[i])
        if close[t] > top or close[t] < bottom:
            way = 1.0 if close[t] > top else -1.0
            against = -way * steep[t - 1]
            goes_on = pattern == REVERSAL and way == direction and against > 0.0
            pattern = REVERSAL if against >= rule.steep or goes_on else BREAKOUT
            direction = way
        elif pattern != RANGE:
            narrowest = width[t - 1]
            for i in range(t - rule.squeeze + 1, t - 1):
                narrowest = min(narrowest, width[i])
            if direction * (close[t] - 0.5 * (top + bottom)) <= 0.0 or width[t] <= narrowest:
                pattern = RANGE
        out[t] = pattern
    return first


@kernel
def debounce(raw: Int, min_duration: int, out: Int) -> None:
    """Write labels that change only at the `min_duration`-th bar in a row of a new raw label.

    The first known label is taken at once, also after an unknown one (-1); an unknown one stays unknown.
    """
    current, candidate, run = -1, -1, 0
    for t in range(raw.size):
        label = raw[t]
        if current < 0 or label < 0 or label == current:
            current, run = label, 0
        else:
            run = run + 1 if label == candidate else 1
            candidate = label
            if run >= min_duration:
                current, run = label, 0
        out[t] = current
