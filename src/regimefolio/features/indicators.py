"""The indicators that vote in a technical rating, as functions of arrays.

Prices and volumes are (T,) or (T, N): bars, and assets where there are several. NaN is a missing bar: the value is NaN
there, and the next bar carries on where the last one stood, so that a window of 20 is always an asset's last 20 bars. A
bar is missing where any of the inputs is. Values are float64, and NaN in an asset's first bars, before the first value
exists; each function says how many these are. All are prefix-invariant: a later bar changes no value before it. Where
the last values are all equal, an average is that value to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float
from regimefolio.features.grouping import side_by_side
from regimefolio.kernels import averages, oscillators, own_bars, sliding

Kernel: TypeAlias = Callable[..., None]
"""Takes tiles (bars, assets), and then those that it writes."""


class Ichimoku(NamedTuple):
    """The lines of the cloud; the leads stand at the bar at which they are drawn."""

    conversion: Float
    base: Float
    lead_a: Float
    lead_b: Float


class Stochastic(NamedTuple):
    """%K, and %D, its average."""

    k: Float
    d: Float


class DirectionalIndex(NamedTuple):
    """Wilder's directional movement index, and the indicators of rising and of falling."""

    adx: Float
    plus: Float
    minus: Float


class Macd(NamedTuple):
    """The line, its signal, and the distance between them."""

    line: Float
    signal: Float
    histogram: Float


class Power(NamedTuple):
    """How far the high, and the low, lie above the average."""

    bull: Float
    bear: Float


def sma(close: ArrayLike, window: int) -> Float:
    """Simple moving average: the mean of the last `window` closes.

    NaN in an asset's first `window` - 1 bars. Sums are made of whole blocks, so that rounding does not grow.

    Raises
    ------
    ConfigError
        A window below 1, here and wherever there is one.
    DataError
        An input that is not (T,) or (T, N), infinite, or of another shape than the others, here and everywhere.
    """
    _at_least(1, window=window)
    return _each(lambda x, out: _average(x, window, out), [close], [window - 1])[0]


def _average(x: Float, window: int, out: Float) -> None:
    run = np.empty(x.shape)
    sliding.repeats(x, run)
    sliding.simple_average(x, run, window, out)


def ema(close: ArrayLike, span: int) -> Float:
    """Exponential moving average: moves by 2 / (span + 1) of the distance to the newest close.

    Its seed is the first close; NaN in an asset's first `span` - 1 bars all the same.
    """
    _at_least(1, span=span)
    return _each(lambda x, out: averages.exponential_average(x, span, out), [close], [span - 1])[0]


def wma(close: ArrayLike, window: int) -> Float:
    """Weighted moving average: weights `window`, `window` - 1, …, 1 from the newest close back.

    NaN in an asset's first `window` - 1 bars.
    """
    _at_least(1, window=window)
    return _each(lambda x, out: averages.weighted_average(x, window, 0, out), [close], [window - 1])[0]


def hull(close: ArrayLike, window: int = 9) -> Float:
    """Hull moving average: wma(2 · wma(close, ⌊window / 2⌋) - wma(close, window), ⌊√window⌋).

    NaN in an asset's first `window` + ⌊√window⌋ - 2 bars.
    Source: Hull (2005), How to reduce lag in a moving average.
    """
    _at_least(2, window=window)

    def compute(x: Float, out: Float) -> None:
        averages.hull_average(x, window, np.empty(x.shape), out)

    return _each(compute, [close], [window + int(np.sqrt(window)) - 2])[0]


def vwma(close: ArrayLike, volume: ArrayLike, window: int = 20) -> Float:
    """Volume-weighted moving average: Σ close · volume / Σ volume over the last `window` bars.

    NaN in an asset's first `window` - 1 bars, and where there is no volume in the window.
    """
    _at_least(1, window=window)
    return _each(lambda x, v, out: averages.volume_average(x, v, window, out), [close, volume], [window - 1])[0]


def ichimoku(
    high: ArrayLike, low: ArrayLike, conversion: int = 9, base: int = 26, lead: int = 52, displacement: int = 26
) -> Ichimoku:
    """Half-way between the highest high and the lowest low of three windows, and the cloud that they cast ahead.

    Lead A is the mean of the conversion and the base line, lead B the line of the window `lead`, both as they were
    `displacement` bars before. NaN in an asset's first window - 1 bars, and for the leads `displacement` more.
    Source: Hosoda (1969), Ichimoku Kinko Hyo.
    """
    _at_least(1, conversion=conversion, base=base, lead=lead)
    _at_least(0, displacement=displacement)

    def compute(h: Float, low: Float, *out: Float) -> None:
        scratch = np.empty(h.shape)
        for window, to in ((conversion, out[0]), (base, out[1]), (lead, scratch)):
            averages.middle_of_range(h, low, window, np.empty(h.shape), to)
        then = max(len(h) - displacement, 0)
        out[2][displacement:] = 0.5 * (out[0][:then] + out[1][:then])
        out[3][displacement:] = scratch[:then]

    late = displacement - 1
    warmups = [conversion - 1, base - 1, max(conversion, base) + late, lead + late]
    return Ichimoku(*_each(compute, [high, low], warmups))


def rsi(close: ArrayLike, period: int = 14) -> Float:
    """Relative strength index in 0 … 100: smoothed gains over gains and losses; 50 where nothing has moved.

    Wilder's smoothing, by 1 / `period` of the distance, is seeded by the mean of the first `period` changes. A close
    that has not moved leaves the index as it was, to the bit. NaN in an asset's first `period` bars.
    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    _at_least(1, period=period)
    return _each(lambda x, out: oscillators.strength_index(x, period, out), [close], [period])[0]


def stochastic(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, window: int = 14, smooth_k: int = 3, smooth_d: int = 3
) -> Stochastic:
    """%K, the mean of the last `smooth_k` places of the close in its range, 0 … 100; and %D, that of `smooth_d` %K.

    The place is 100 · (close - lowest low) / (highest high - lowest low) of the last `window` bars, 50 where both are
    equal. NaN in an asset's first `window` + `smooth_k` - 2 bars, and for %D `smooth_d` - 1 more.
    Source: Lane (1984), Lane's Stochastics.
    """
    _at_least(1, window=window, smooth_k=smooth_k, smooth_d=smooth_d)

    def compute(h: Float, low: Float, x: Float, k: Float, d: Float) -> None:
        _smoothed_place(x, h, low, (window, smooth_k, smooth_d), k, d)

    first = window + smooth_k - 2
    return Stochastic(*_each(compute, [high, low, close], [first, first + smooth_d - 1]))


def stochastic_rsi(
    close: ArrayLike, period: int = 14, window: int = 14, smooth_k: int = 3, smooth_d: int = 3
) -> Stochastic:
    """`stochastic` of the RSI of `period`: where it lies between its own lowest and highest values.

    NaN in an asset's first `period` + `window` + `smooth_k` - 2 bars, and for %D `smooth_d` - 1 more.
    Source: Chande and Kroll (1994), The New Technical Trader.
    """
    _at_least(1, period=period, window=window, smooth_k=smooth_k, smooth_d=smooth_d)

    def compute(x: Float, k: Float, d: Float) -> None:
        strength = np.empty(x.shape)
        oscillators.strength_index(x, period, strength)
        late = strength[period:]
        _smoothed_place(late, late, late, (window, smooth_k, smooth_d), k[period:], d[period:])

    first = period + window + smooth_k - 2
    return Stochastic(*_each(compute, [close], [first, first + smooth_d - 1]))


def _smoothed_place(x: Float, high: Float, low: Float, lengths: tuple[int, int, int], k: Float, d: Float) -> None:
    window, smooth_k, smooth_d = lengths
    highest, lowest, place = np.empty((3, *x.shape))
    sliding.highest(high, window, highest)
    sliding.lowest(low, window, lowest)
    oscillators.place_in_range(x, highest, lowest, window - 1, place)
    oscillators.short_average(place, smooth_k, window - 1, k)
    oscillators.short_average(k, smooth_d, window + smooth_k - 2, d)


def cci(close: ArrayLike, window: int = 20) -> Float:
    """Commodity channel index: distance from the mean over 0.015 of the mean distance from it, of the last closes.

    Any price may be given for the close; Lambert took (high + low + close) / 3. 0 where all are equal; NaN in an
    asset's first `window` - 1 bars.
    Source: Lambert (1980), Commodity Channel Index: Tool for Trading Cyclic Trends.
    """
    _at_least(2, window=window)

    def compute(x: Float, out: Float) -> None:
        mean = np.empty(x.shape)
        _average(x, window, mean)
        oscillators.channel_index(x, mean, window, out)

    return _each(compute, [close], [window - 1])[0]


def adx(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14) -> DirectionalIndex:
    """Average directional index, and the directional indicators +DI and -DI that it is made of, in 0 … 100.

    With Wilder's smoothing of the true range and of the moves up and down, each seeded by the mean of the first
    `period` of them: DI = 100 · move / range, DX = 100 · |+DI - -DI| / (+DI + -DI), and ADX is DX smoothed once more.
    0 where nothing has moved. NaN in an asset's first `period` bars, for the index in the first 2 · `period` - 1.
    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    _at_least(1, period=period)

    def compute(h: Float, low: Float, x: Float, *out: Float) -> None:
        oscillators.directional_index(oscillators.Bars(h, low, x), period, oscillators.Directional(*out))

    return DirectionalIndex(*_each(compute, [high, low, close], [2 * period - 1, period, period]))


def awesome(high: ArrayLike, low: ArrayLike, fast: int = 5, slow: int = 34) -> Float:
    """Awesome oscillator: simple average over `fast` less that over `slow` bars of (high + low) / 2.

    NaN in an asset's first `slow` - 1 bars.
    Source: Williams (1998), New Trading Dimensions.
    """
    _at_least(1, fast=fast)
    _at_least(fast + 1, slow=slow)
    return _each(lambda h, low, out: oscillators.awesome_oscillator(h, low, fast, slow, out), [high, low], [slow - 1])[
        0
    ]


def momentum(close: ArrayLike, period: int = 10) -> Float:
    """The close less that of `period` bars before; NaN in an asset's first `period` bars."""
    _at_least(1, period=period)
    return _each(lambda x, out: oscillators.change(x, period, out), [close], [period])[0]


def macd(close: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Exponential average over `fast` less that over `slow`, its own average over `signal`, and the distance of both.

    Averages are seeded by their first value, that of the line by its first, 0. NaN in an asset's first
    `slow` + `signal` - 2 bars.
    Source: Appel (2005), Technical Analysis: Power Tools for Active Investors.
    """
    _at_least(1, fast=fast, signal=signal)
    _at_least(fast + 1, slow=slow)

    def compute(x: Float, line: Float, average: Float, histogram: Float) -> None:
        quick, late = np.empty((2, *x.shape))
        averages.exponential_average(x, fast, quick)
        averages.exponential_average(x, slow, late)
        oscillators.difference(quick, late, 0, line)
        averages.exponential_average(line, signal, average)
        oscillators.difference(line, average, 0, histogram)

    return Macd(*_each(compute, [close], [slow + signal - 2] * 3))


def williams_r(high: ArrayLike, low: ArrayLike, close: ArrayLike, window: int = 14) -> Float:
    """Williams %R in -100 … 0: how far the close lies below the highest high, in parts of the range of `window` bars.

    -50 where the highest high is the lowest low. NaN in an asset's first `window` - 1 bars.
    Source: Williams (1973), How I Made One Million Dollars Last Year Trading Commodities.
    """
    _at_least(1, window=window)

    def compute(h: Float, low: Float, x: Float, out: Float) -> None:
        highest, lowest, place = np.empty((3, *x.shape))
        sliding.highest(h, window, highest)
        sliding.lowest(low, window, lowest)
        oscillators.place_in_range(x, highest, lowest, window - 1, place)
        oscillators.shift(place, -100.0, window - 1, out)

    return _each(compute, [high, low, close], [window - 1])[0]


def bull_bear_power(high: ArrayLike, low: ArrayLike, close: ArrayLike, span: int = 13) -> Power:
    """How far the high (bull power) and the low (bear power) lie above the exponential average of the closes.

    NaN in an asset's first `span` - 1 bars.
    Source: Elder (1993), Trading for a Living.
    """
    _at_least(1, span=span)

    def compute(h: Float, low: Float, x: Float, bull: Float, bear: Float) -> None:
        average = np.empty(x.shape)
        averages.exponential_average(x, span, average)
        oscillators.difference(h, average, 0, bull)
        oscillators.difference(low, average, 0, bear)

    return Power(*_each(compute, [high, low, close], [span - 1, span - 1]))


def ultimate(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, short: int = 7, medium: int = 14, long: int = 28
) -> Float:
    """Ultimate oscillator in 0 … 100: buying pressure over true range of three windows, weighted 4, 2 and 1.

    With c the close before, the pressure is close - min(low, c) and the range max(high, c) - min(low, c). A window
    without range counts half. NaN in an asset's first `long` bars.
    Source: Williams (1985), The Ultimate Oscillator.
    """
    _at_least(1, short=short)
    _at_least(short, medium=medium)
    _at_least(medium, long=long)

    def compute(h: Float, low: Float, x: Float, out: Float) -> None:
        oscillators.ultimate_oscillator(oscillators.Bars(h, low, x), short, medium, long, out)

    return _each(compute, [high, low, close], [long])[0]


def _at_least(least: int, **lengths: int) -> None:
    for name, length in lengths.items():
        if not isinstance(length, int | np.integer) or length < least:
            raise ConfigError(f"{name} must be a whole number of bars, at least {least}, but is {length!r}")


def _each(compute: Kernel, inputs: list[ArrayLike], warmups: list[int]) -> list[Float]:
    """What a kernel makes of every asset's own bars, on the bars' own clock; NaN in each result's warm-up."""
    arrays = [np.ascontiguousarray(_table(x)) for x in inputs]
    if any(x.shape != arrays[0].shape for x in arrays):
        raise DataError(f"all inputs must have one shape, but they have {[np.shape(x) for x in inputs]}")
    bars, assets = arrays[0].shape
    present = np.logical_and.reduce([~np.isnan(x) for x in arrays])
    for x in (*arrays, present):
        x.flags.writeable = False
    out = np.empty((len(warmups), bars, assets))
    for first, width in side_by_side(assets) if bars else []:
        rows = np.empty((bars, width), np.int64)
        own_bars.number_own_bars(present, first, rows)
        tiles = np.empty((len(arrays) + len(warmups), bars, width))
        for x, tile in zip(arrays, tiles, strict=False):
            own_bars.to_own_bars(x, rows, first, tile)
        compute(*tiles)
        for tile, to, warmup in zip(tiles[len(arrays) :], out, warmups, strict=True):
            tile[:warmup] = np.nan
            own_bars.to_clock(tile, rows, first, np.nan, to)
    return [x if np.ndim(inputs[0]) == 2 else x[:, 0] for x in out]


def _table(values: ArrayLike) -> Float:
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"prices and volumes must be numbers, in rows of one length; {error}") from error
    if array.ndim not in (1, 2):
        raise DataError(f"bars must be (T,), or (T, N) for N assets, but this array has shape {array.shape}")
    if np.isinf(array).any():
        bar = np.argwhere(np.isinf(array))[0].tolist()
        raise DataError(f"prices and volumes must be finite, or NaN where a bar is missing, but one at {bar} is not")
    return array if array.ndim == 2 else array[:, None]
