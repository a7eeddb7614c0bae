"""What indicators of a few assets say side by side: buy, sell or neither, and the means of it.

Values are (T, M), float64, votes int8: a row is a bar, a column an asset. `first` is the first row at which all that
a rule needs exists; before it there is no vote. Every sell is the mirror image of its buy.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece

Float: TypeAlias = NDArray[np.float64]
Votes: TypeAlias = NDArray[np.int8]

NO_VOTE = -128
"""Stands where an indicator is not available."""


@piece
def _silent(votes: Votes) -> None:
    for n in range(votes.size):
        votes[n] = NO_VOTE


@lean
def silence(first: int, votes: Votes) -> None:
    """No vote in the rows before `first`."""
    for t in range(min(first, votes.shape[0])):
        _silent(votes[t])


@piece
def above(x: Float, y: Float, votes: Votes) -> None:
    """Vote for the larger of two, at one bar."""
    for n in range(x.size):
        vote = np.int8(x[n] > y[n]) - np.int8(x[n] < y[n])
        votes[n] = vote if x[n] - y[n] == x[n] - y[n] else NO_VOTE


@lean
def vote_above(x: Float, y: Float, first: int, votes: Votes) -> None:
    """Buy where one lies above the other, sell where below; no vote where there is none of them."""
    silence(first, votes)
    for t in range(first, x.shape[0]):
        above(x[t], y[t], votes[t])


@lean
def vote_rising(x: Float, first: int, votes: Votes) -> None:
    """Buy where a value is above that of the bar before, sell where below."""
    silence(first, votes)
    for t in range(first, x.shape[0]):
        above(x[t], x[t - 1], votes[t])


@piece
def _turn(x: Float, before: Float, low: float, high: float, votes: Votes) -> None:
    for n in range(x.size):
        buy = (x[n] < low) & (x[n] > before[n])
        sell = (x[n] > high) & (x[n] < before[n])
        votes[n] = np.int8(buy) - np.int8(sell)


@lean
def vote_turning(x: Float, low: float, high: float, first: int, votes: Votes) -> None:
    """Buy where a value is below `low` and rising, sell where above `high` and falling."""
    silence(first, votes)
    for t in range(first, x.shape[0]):
        _turn(x[t], x[t - 1], low, high, votes[t])


@piece
def _beyond(x: Float, low: float, high: float, votes: Votes) -> None:
    for n in range(x.size):
        votes[n] = np.int8(x[n] > high) - np.int8(x[n] < low)


@lean
def vote_beyond(x: Float, low: float, high: float, first: int, votes: Votes) -> None:
    """Buy above `high`, sell below `low`."""
    silence(first, votes)
    for t in range(first, x.shape[0]):
        _beyond(x[t], low, high, votes[t])


class Lines(NamedTuple):
    """%K and %D, (T, M) each."""

    k: Float
    d: Float


@piece
def _lines(k: Float, d: Float, votes: Votes) -> None:
    for n in range(k.size):
        buy = (k[n] < 20.0) & (d[n] < 20.0) & (k[n] > d[n])
        sell = (k[n] > 80.0) & (d[n] > 80.0) & (k[n] < d[n])
        votes[n] = np.int8(buy) - np.int8(sell)


@piece
def _only_crossing(k: Float, d: Float, votes: Votes) -> None:
    """Keep a buy where the lines of the bar before say that %K was below %D, and a sell where it was above."""
    for n in range(k.size):
        kept = ((votes[n] > 0) & (k[n] < d[n])) | ((votes[n] < 0) & (k[n] > d[n]))
        votes[n] = votes[n] if kept else 0


@piece
def _only_against(close: Float, trend: Float, votes: Votes) -> None:
    """Keep a buy where the close is below its trend, and a sell where it is above."""
    for n in range(close.size):
        kept = ((votes[n] > 0) & (close[n] < trend[n])) | ((votes[n] < 0) & (close[n] > trend[n]))
        votes[n] = votes[n] if kept else 0


@lean
def vote_lines(lines: Lines, crossing: bool, first: int, votes: Votes) -> None:
    """Buy where both lines are below 20 and %K is above %D, or crosses it; sell mirrored at 80."""
    silence(first, votes)
    for t in range(first, votes.shape[0]):
        _lines(lines.k[t], lines.d[t], votes[t])
        if crossing:
            _only_crossing(lines.k[t - 1], lines.d[t - 1], votes[t])


@lean
def vote_lines_against(lines: Lines, crossing: bool, close: Float, trend: Float, first: int, votes: Votes) -> None:
    """As `vote_lines`, a buy only where the close is below its trend and a sell only where it is above."""
    vote_lines(lines, crossing, first, votes)
    for t in range(first, votes.shape[0]):
        _only_against(close[t], trend[t], votes[t])


class Cloud(NamedTuple):
    """Ichimoku's lines, (T, M) each: conversion, base, and half-way of the longest window, lead B."""

    conversion: Float
    base: Float
    lead_b: Float


@piece
def _above_cloud(close: Float, conversion: Float, base: Float, leads: tuple[Float, Float, Float], votes: Votes) -> None:
    conversion_then, base_then, b = leads
    for n in range(close.size):
        a = 0.5 * (conversion_then[n] + base_then[n])
        buy = (a > b[n]) & (base[n] > a) & (conversion[n] > base[n]) & (close[n] > conversion[n])
        sell = (a < b[n]) & (base[n] < a) & (conversion[n] < base[n]) & (close[n] < conversion[n])
        votes[n] = np.int8(buy) - np.int8(sell)


@piece
def _back_into_cloud(close: Float, before: Float, cloud: tuple[Float, Float, Float], votes: Votes) -> None:
    conversion, base, b = cloud
    for n in range(close.size):
        a = 0.5 * (conversion[n] + base[n])
        buy = (a > b[n]) & (close[n] > a) & (close[n] < base[n])
        sell = (a < b[n]) & (close[n] < a) & (close[n] > base[n])
        up = (before[n] < conversion[n]) & (close[n] > conversion[n])
        down = (before[n] > conversion[n]) & (close[n] < conversion[n])
        votes[n] = np.int8(buy & up) - np.int8(sell & down)


@lean
def vote_cloud(close: Float, cloud: Cloud, ago: int, first: int, votes: Votes) -> None:
    """Ichimoku, with lead A half-way between conversion and base; the leads as they were `ago` bars before.

    Buy where lead A > lead B, base > lead A, conversion > base and close > conversion; with `ago` 0 by the rule of
    2020, where lead A > lead B, close > lead A, close < base, and the close comes from below the conversion line.
    """
    silence(first, votes)
    conversion, base, lead_b = cloud
    for t in range(first, votes.shape[0]):
        then = t - ago
        leads = (conversion[then], base[then], lead_b[then])
        if ago > 0:
            _above_cloud(close[t], conversion[t], base[t], leads, votes[t])
        else:
            _back_into_cloud(close[t], close[t - 1], leads, votes[t])


@piece
def _trending(x: Float, before: Float, plus: Float, minus: Float, votes: Votes) -> None:
    for n in range(x.size):
        strong = (x[n] > 20.0) & (x[n] > before[n])
        votes[n] = np.int8(strong & (plus[n] > minus[n])) - np.int8(strong & (plus[n] < minus[n]))


@piece
def _crossing(x: Float, now: tuple[Float, Float], before: tuple[Float, Float], votes: Votes) -> None:
    plus, minus = now
    plus_before, minus_before = before
    for n in range(x.size):
        up = (plus[n] > minus[n]) & (plus_before[n] < minus_before[n])
        down = (plus[n] < minus[n]) & (plus_before[n] > minus_before[n])
        votes[n] = np.int8((x[n] > 20.0) & up) - np.int8((x[n] > 20.0) & down)


@lean
def vote_directional(adx: Float, plus: Float, minus: Float, crossing: bool, first: int, votes: Votes) -> None:
    """ADX above 20: rising, buy where +DI is above -DI; or, by crossings, where it crosses it. A sell swaps the DIs."""
    silence(first, votes)
    for t in range(first, votes.shape[0]):
        if crossing:
            _crossing(adx[t], (plus[t], minus[t]), (plus[t - 1], minus[t - 1]), votes[t])
        else:
            _trending(adx[t], adx[t - 1], plus[t], minus[t], votes[t])


@piece
def _saucer(x: Float, before: Float, before_that: Float, votes: Votes) -> None:
    for n in range(x.size):
        y, z = before[n], before_that[n]
        buy = (x[n] > 0.0) & ((y <= 0.0) | ((x[n] > y) & (z > y)))
        sell = (x[n] < 0.0) & ((y >= 0.0) | ((x[n] < y) & (z < y)))
        votes[n] = np.int8(buy) - np.int8(sell)


@lean
def vote_awesome(x: Float, first: int, votes: Votes) -> None:
    """Buy where it comes above 0; or is above 0 for two bars, rises, and was higher two bars ago than one bar ago."""
    silence(first, votes)
    for t in range(first, votes.shape[0]):
        _saucer(x[t], x[t - 1], x[t - 2], votes[t])


class Power(NamedTuple):
    """What bull and bear power is made of, (T, M) each."""

    high: Float
    low: Float
    close: Float
    average: Float
    trend: Float


@piece
def _power(now: tuple[Float, Float, Float, Float, Float], before: tuple[Float, Float, Float], votes: Votes) -> None:
    high, low, close, average, trend = now
    high_before, low_before, average_before = before
    for n in range(close.size):
        bear, bear_before = low[n] - average[n], low_before[n] - average_before[n]
        bull, bull_before = high[n] - average[n], high_before[n] - average_before[n]
        buy = (close[n] > trend[n]) & (bear < 0.0) & (bear > bear_before)
        sell = (close[n] < trend[n]) & (bull > 0.0) & (bull < bull_before)
        votes[n] = np.int8(buy) - np.int8(sell)


@lean
def vote_power(power: Power, first: int, votes: Votes) -> None:
    """Buy where the close is above its trend, and bear power (low less average) is negative and rising.

    Sell where it is below its trend, and bull power (high less average) is positive and falling.
    """
    silence(first, votes)
    high, low, close, average, trend = power
    for t in range(first, votes.shape[0]):
        now = (high[t], low[t], close[t], average[t], trend[t])
        _power(now, (high[t - 1], low[t - 1], average[t - 1]), votes[t])


@lean
def _count(votes: Votes, total: Votes, count: Votes) -> None:
    for n in range(votes.size):
        there = votes[n] != NO_VOTE
        total[n] += np.int8(votes[n] if there else 0)
        count[n] += np.int8(there)


class Count(NamedTuple):
    """Sums (T · M,) of votes, int8, and how many there are, of the averages and of the oscillators."""

    averages: Votes
    n_averages: Votes
    others: Votes
    n_others: Votes


class Means(NamedTuple):
    """Means of votes, (T, M) each: of the averages, of the oscillators, and of both."""

    averages: Float
    others: Float
    both: Float


@lean
def _mean(count: Count, averages: Float, others: Float, both: Float) -> None:
    for n in range(averages.size):
        a, p = float(count.averages[n]), float(count.n_averages[n])
        b, q = float(count.others[n]), float(count.n_others[n])
        ma, other = a / p, b / q  # 0 / 0 is NaN
        mean = (a * q + b * p) / (2.0 * p * q)
        averages[n], others[n] = ma, other
        both[n] = mean if p * q > 0.0 else (ma if p > 0.0 else other)


@kernel
def mean_votes(votes: NDArray[np.int8], n_averages: int, means: Means) -> None:
    """Means of the available votes (26, T, M), the averages first; each is one division of whole numbers."""
    size = votes.shape[1] * votes.shape[2]
    sums = np.zeros((4, size), np.int8)
    for i in range(votes.shape[0]):
        kind = 0 if i < n_averages else 2
        _count(votes[i].reshape(size), sums[kind], sums[kind + 1])
    count = Count(sums[0], sums[1], sums[2], sums[3])
    _mean(count, means.averages.reshape(size), means.others.reshape(size), means.both.reshape(size))
