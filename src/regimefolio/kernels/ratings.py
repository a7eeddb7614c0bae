"""All 26 votes and their means: a few assets side by side, one indicator after the other."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean
from regimefolio.kernels.averages import (
    approach,
    copy_row,
    exponential_average,
    hull_average,
    middle_of_range,
    volume_average,
)
from regimefolio.kernels.oscillators import (
    Bars,
    Directional,
    awesome_oscillator,
    change,
    channel_index,
    difference,
    directional_index,
    place_in_range,
    shift,
    short_average,
    strength_index,
    ultimate_oscillator,
)
from regimefolio.kernels.own_bars import none_is_missing, number_own_bars, to_clock, to_own_bars
from regimefolio.kernels.sliding import (
    Window,
    average,
    highest,
    lowest,
    repeats,
    simple_average,
    slide_sum,
    window_of,
)
from regimefolio.kernels.votes import (
    NO_VOTE,
    Cloud,
    Lines,
    Means,
    Power,
    above,
    mean_votes,
    silence,
    vote_above,
    vote_awesome,
    vote_beyond,
    vote_cloud,
    vote_directional,
    vote_lines,
    vote_lines_against,
    vote_power,
    vote_rising,
    vote_turning,
)

Bool: TypeAlias = NDArray[np.bool_]
Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Votes: TypeAlias = NDArray[np.int8]

SPANS = (10, 20, 30, 50, 100, 200)
N_AVERAGES, N_INDICATORS, N_NUMBERS = 15, 26, 10


class Prices(NamedTuple):
    """What is rated, (T, N) each; highs, lows and volumes are not read where there are none."""

    high: Float
    low: Float
    close: Float
    volume: Float
    present: Bool


class Rules(NamedTuple):
    """Whether the rules of 2020 are followed, and whether there are highs and lows, and volumes."""

    dated_2020: bool
    ranges: bool
    volumes: bool


class Rated(NamedTuple):
    """Votes (26, T, N), and their means (T, N)."""

    votes: Votes
    averages: Float
    others: Float
    both: Float


class Tile(NamedTuple):
    """What is known of a few assets, (T, M) each, and room for what is in between."""

    high: Float
    low: Float
    close: Float
    volume: Float
    trend: Float
    a: Float
    b: Float
    c: Float
    d: Float
    e: Float


@lean
def _mend(tile: Tile) -> None:
    """A high or low that is missing, or inside the close, is the close; a volume that is missing is none."""
    for t in range(tile.close.shape[0]):
        for n in range(tile.close.shape[1]):
            close = tile.close[t, n]
            tile.high[t, n] = tile.high[t, n] if tile.high[t, n] > close else close
            tile.low[t, n] = tile.low[t, n] if tile.low[t, n] < close else close
            tile.volume[t, n] = tile.volume[t, n] if tile.volume[t, n] > 0.0 else 0.0


@lean
def _vote_simple(close: Float, run: Float, window: Window, row: Float, votes: Votes) -> None:
    """What a simple average says, which is not kept."""
    length = window.rows.shape[0]
    silence(length - 1, votes)
    for t in range(close.shape[0]):
        slide_sum(close[t], t % length, window, row)
        if t >= length - 1:
            average(close[t], run[t], float(length), row)
            above(close[t], row, votes[t])


@lean
def _vote_exponential(close: Float, span: int, rows: Float, votes: Votes) -> None:
    """What an exponential average says, which is not kept; `rows` is (2, M)."""
    share = 2.0 / (span + 1.0)
    silence(span - 1, votes)
    copy_row(close[0], rows[0])
    for t in range(1, close.shape[0]):
        approach(close[t], rows[(t - 1) % 2], share, rows[t % 2])
        if t >= span - 1:
            above(close[t], rows[t % 2], votes[t])


@kernel
def _vote_averages(tile: Tile, rules: Rules, votes: Votes) -> None:
    close = tile.close
    width = close.shape[1]
    rows = np.zeros((2, width))
    repeats(close, tile.e)
    for i in range(len(SPANS)):
        _vote_simple(close, tile.e, window_of(SPANS[i], width), rows[0], votes[i])
        _vote_exponential(close, SPANS[i], rows, votes[6 + i])
    if rules.ranges:
        middle_of_range(tile.high, tile.low, 9, tile.e, tile.a)
        middle_of_range(tile.high, tile.low, 26, tile.e, tile.b)
        middle_of_range(tile.high, tile.low, 52, tile.e, tile.c)
        ago = 0 if rules.dated_2020 else 26
        vote_cloud(close, Cloud(tile.a, tile.b, tile.c), ago, 51 + ago, votes[12])
    else:
        silence(close.shape[0], votes[12])
    if rules.volumes:
        volume_average(close, tile.volume, 20, tile.a)
        vote_above(close, tile.a, 19, votes[13])
    else:
        silence(close.shape[0], votes[13])
    hull_average(close, 9, tile.b, tile.a)
    vote_above(close, tile.a, 10, votes[14])


@kernel
def _stochastic(x: Float, high: Float, low: Float, start: int, scratch: Lines, lines: Lines) -> None:
    """%K and %D of 14, 3 and 3 bars, of values from row `start` on; scratch.k has where they lie in their range."""
    highest(high[start:], 14, lines.k[start:])
    lowest(low[start:], 14, lines.d[start:])
    place_in_range(x, lines.k, lines.d, start + 13, scratch.k)
    short_average(scratch.k, 3, start + 13, lines.k)
    short_average(lines.k, 3, start + 15, lines.d)


@kernel
def _vote_closes(tile: Tile, rules: Rules, votes: Votes) -> None:
    """The oscillators that are made of closes alone."""
    close, trend, crossing = tile.close, tile.trend, rules.dated_2020
    exponential_average(close, 50, trend)
    strength_index(close, 14, tile.a)
    vote_turning(tile.a, 30.0, 70.0, 15, votes[15])
    lines = Lines(tile.b, tile.c)
    _stochastic(tile.a, tile.a, tile.a, 14, Lines(tile.d, tile.e), lines)
    vote_lines_against(lines, crossing, close, trend, 49, votes[22])
    repeats(close, tile.a)
    simple_average(close, tile.a, 20, tile.b)
    channel_index(close, tile.b, 20, tile.a)
    vote_turning(tile.a, -100.0, 100.0, 20, votes[17])
    change(close, 10, tile.a)
    vote_rising(tile.a, 11, votes[20])
    exponential_average(close, 12, tile.a)
    exponential_average(close, 26, tile.b)
    difference(tile.a, tile.b, 0, tile.c)
    exponential_average(tile.c, 9, tile.a)
    vote_above(tile.c, tile.a, 33, votes[21])


@kernel
def _vote_ranges(tile: Tile, rules: Rules, votes: Votes) -> None:
    """The oscillators that are made of highs and lows too."""
    bars, crossing = Bars(tile.high, tile.low, tile.close), rules.dated_2020
    lines = Lines(tile.b, tile.c)
    _stochastic(tile.close, tile.high, tile.low, 0, Lines(tile.a, tile.e), lines)
    vote_lines(lines, crossing, 18 if crossing else 17, votes[16])
    shift(tile.a, -100.0, 13, tile.b)
    vote_turning(tile.b, -80.0, -20.0, 14, votes[23])
    directional_index(bars, 14, Directional(tile.a, tile.b, tile.c))
    vote_directional(tile.a, tile.b, tile.c, crossing, 27 if crossing else 28, votes[18])
    awesome_oscillator(tile.high, tile.low, 5, 34, tile.a)
    vote_awesome(tile.a, 35, votes[19])
    exponential_average(tile.close, 13, tile.a)
    vote_power(Power(tile.high, tile.low, tile.close, tile.a, tile.trend), 49, votes[24])
    ultimate_oscillator(bars, 7, 14, 28, tile.a)
    vote_beyond(tile.a, 30.0, 70.0, 28, votes[25])


class Room(NamedTuple):
    """Where M assets are rated: (10, T, M) for numbers, (26, T, M) for votes, (T, M) for the places of bars."""

    numbers: Float
    votes: Votes
    rows: Int


@kernel
def rate(prices: Prices, rules: Rules, first: int, room: Room, out: Rated) -> None:
    """Rate as many assets as there is room for, from the asset `first` on.

    Parameters
    ----------
    prices : Prices
        Of N assets, at least one bar.
    rules : Rules
    first : int
        Others may be rated at the same time, in another room.
    room : Room
        With any content.
    out : Rated
        Votes are -1, 0, 1 or NO_VOTE; means are NaN where there is no vote.
    """
    x, votes, rows = room.numbers, room.votes, room.rows
    tile = Tile(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9])
    if none_is_missing(prices.present, first, rows.shape[1]):
        rows = rows[:0]
    else:
        number_own_bars(prices.present, first, rows)
    to_own_bars(prices.close, rows, first, tile.close)
    if rules.ranges:
        to_own_bars(prices.high, rows, first, tile.high)
        to_own_bars(prices.low, rows, first, tile.low)
    if rules.volumes:
        to_own_bars(prices.volume, rows, first, tile.volume)
    _mend(tile)
    _vote_averages(tile, rules, votes)
    _vote_closes(tile, rules, votes)
    if rules.ranges:
        _vote_ranges(tile, rules, votes)
    else:
        for i in (16, 18, 19, 23, 24, 25):
            silence(votes.shape[1], votes[i])
    means = Means(tile.a, tile.b, tile.c)
    mean_votes(votes, N_AVERAGES, means)
    for i in range(N_INDICATORS):
        to_clock(votes[i], rows, first, NO_VOTE, out.votes[i])
    to_clock(means.averages, rows, first, np.nan, out.averages)
    to_clock(means.others, rows, first, np.nan, out.others)
    to_clock(means.both, rows, first, np.nan, out.both)
