"""What regime detectors share: returns and realised volatility, trend votes, and debouncing."""

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
