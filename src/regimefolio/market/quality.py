"""What makes a bar unusable, or doubtful: the rules, on plain arrays that know of no files and lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Bool, Float, Int

PRICES = ("open", "high", "low", "close", "adj_close")
LEAST, MOST = 1e-15, 1e15
"""Nothing costs less or more; products and ratios of such numbers are far from the ends of float64."""


FIVE = 5
"""Bars around a cell, itself included, whose median it is held against."""

FAR = 2.7
"""Times above or below that median from which a cell is doubtful."""

BLOCK = 252
"""Bars whose prices tell the smallest step."""

COARSE_BP = 5.0
"""Basis points of the price above which its smallest step is coarse."""

LONG = 21
"""Missing bars from which on a symbol that resumes may be another company's."""

STALE = 5
"""Bars in a row with the same numbers from which on nobody can have traded at them."""

FEW_BARS = 30
"""Bars below which a symbol can say nothing."""

_ROUNDING = 1e-6
"""Differences below this share of a price come from arithmetic, not from steps: a hundredth of a basis point."""


SPLITS = (3 / 2, 2.0, 3.0, 4.0, 5.0, 10.0)
"""Shares after per share before that companies choose, and their inverses."""

SPLIT_NEAR = 0.03
"""Log distance of a one-bar change from such a ratio, below which it looks like it: what a day moves besides."""

SPLIT_DEVIATIONS = 8.0
"""Deviations of the asset's own log returns before it, of which such a change must be at least as many."""

SPLIT_MEMORY, SPLIT_HISTORY = 63, 10
"""The log returns that tell those deviations: at most, and at least."""

SPLIT_LASTS = 0.1
"""Log distance of the median of five bars from the level before, and after, that a change that lasts stays within."""

SPLIT_MONEY = 5.0
"""Times the usual traded money at a bar, from which a change is news and no split."""


class Problem(NamedTuple):
    """A rule that some bars break.

    `rows` is True where it is broken, `column` the field to blame, `beside` those it was compared with.
    """

    column: str
    text: str
    rows: Bool
    beside: tuple[str, ...] = ()


def bar_problems(fields: Mapping[str, Float]) -> Iterator[Problem]:
    """Every rule that bars break by their numbers alone.

    Parameters
    ----------
    fields : mapping of name to ndarray of shape (R,), float64
        Any of open, high, low, close, adj_close, volume, one entry a bar; NaN breaks no rule.

    Yields
    ------
    Problem
        A cell that breaks a rule by itself is not compared with others.
    """
    sound = {}
    for name, values in fields.items():
        infinite = np.isinf(values)
        yield Problem(name, "not a finite number", infinite)
        below = (values <= 0) if name in PRICES else (values < 0)
        yield Problem(name, "zero or negative price" if name in PRICES else "negative volume", below & ~infinite)
        beyond = ((values < LEAST) | (values > MOST)) & ~infinite & ~below & (name in PRICES)
        yield Problem(name, "not a price", beyond)
        sound[name] = np.where(infinite | below | beyond, np.nan, values)
    if "adj_close" in sound and "close" in sound:
        yield Problem("adj_close", "not an adjustment of close", _absurd(sound), ("close",))
    if "high" not in sound or "low" not in sound:
        return
    high, low = sound["high"], sound["low"]
    yield Problem("high", "high below low", high < low, ("low",))
    for name in ("open", "close"):
        if name in sound:
            outside = (sound[name] > high) | (sound[name] < low)
            yield Problem(name, f"{name} outside low to high", outside, ("low", "high"))


def _absurd(sound: Mapping[str, Float]) -> Bool:
    """Where adj_close/close would turn a sound field into no price, or a volume into no number."""
    factor = sound["adj_close"] / sound["close"]
    absurd = np.zeros(len(factor), dtype=bool)
    for name in ("open", "high", "low"):
        if name in sound:
            adjusted = sound[name] * factor
            absurd |= (adjusted < LEAST) | (adjusted > MOST)
    if "volume" in sound:
        with np.errstate(over="ignore"):
            absurd |= np.isinf(sound["volume"] / factor)
    return absurd


class Order(NamedTuple):
    """Which bars stand where they should not.

    Parameters
    ----------
    first : ndarray of shape (R,), int64
        The row in which a bar stands first; a row that names another row is a duplicate.
    unsorted : ndarray of shape (R,), bool
        An earlier bar than one above it of the same symbol; duplicates are not counted.
    """

    first: Int
    unsorted: Bool


def bar_order(asset: Int, bar: Int) -> Order:
    """Find bars that are given twice, and bars that are not in the order of time within their symbol.

    Parameters
    ----------
    asset, bar : ndarray of shape (R,), int64
        Place of each row in the panel, in the order of the file.
    """
    key = asset * (bar.max(initial=0) + 1) + bar
    _, where, inverse = np.unique(key, return_index=True, return_inverse=True)
    first: Int = where[inverse]
    # In the order of symbols, and of the file within each, a key must be above all that came before it.
    order = np.argsort(asset, kind="stable")
    highest = np.maximum.accumulate(key[order])
    unsorted = np.zeros(len(key), dtype=bool)
    unsorted[order[1:]] = key[order[1:]] < highest[:-1]
    return Order(first, unsorted & (first == np.arange(len(key))))


def is_price(values: Float) -> Bool:
    """Where a number can be a price at all."""
    return (values >= LEAST) & (values <= MOST)


class Far(NamedTuple):
    """Prices far from their five bars: where they stand, and the medians that they are far from."""

    at: Int
    median: Float


def far_from_five_bars(asset: Int, price: Float) -> Far:
    """The prices more than 2.7 times above or below the median of their symbol's five bars around them.

    At either end these are the outermost five; a symbol with fewer has none. The middle one of five stays sound when
    two of them are wrong, and a split or a jump that lasts moves it along.

    Parameters
    ----------
    asset : ndarray of shape (R,), int64
        In increasing order, and within each in the order of time.
    price : ndarray of shape (R,), float64
        Without NaN.
    """
    # Three of the four others lie beyond the median, so one of those at most two bars away is as far off as it.
    suspect = np.zeros(len(price), dtype=bool)
    for distance in (1, 2):
        one, other = price[distance:], price[:-distance]
        apart = ((one > FAR * other) | (other > FAR * one)) & (asset[distance:] == asset[:-distance])
        suspect[distance:] |= apart
        suspect[:-distance] |= apart
    at: Int = np.flatnonzero(suspect)
    start = np.searchsorted(asset, asset[at], side="left")
    end = np.searchsorted(asset, asset[at], side="right")
    enough = end - start >= FIVE
    at, start, end = at[enough], start[enough], end[enough]
    first = np.clip(at - FIVE // 2, start, end - FIVE)
    median: Float = np.median(price[first[:, None] + np.arange(FIVE)], axis=1)
    far = (price[at] > FAR * median) | (FAR * price[at] < median)
    return Far(at[far], median[far])


class Block(NamedTuple):
    """Some bars of a symbol, from `first` up to `last` (itself not one), and how finely their prices are told.

    Parameters
    ----------
    step : float
        The smallest difference between two of the prices.
    price : float
        Their median.
    """

    first: int
    last: int
    step: float
    price: float

    @property
    def basis_points(self) -> float:
        return 1e4 * self.step / self.price


def coarse_blocks(price: Float) -> Iterator[Block]:
    """The stretches of 252 bars whose smallest step is more than 5 bp of their median price.

    Parameters
    ----------
    price : ndarray of shape (B,), float64
        One symbol's prices, without NaN. Stretches follow each other from the first bar; the last one ends with the
        last bar, and overlaps the one before. With fewer than 252 bars all are one stretch.

    Yields
    ------
    Block
        Equal prices alone have no step, and are not yielded.
    """
    for last in sorted({*range(BLOCK, len(price) + 1, BLOCK), len(price)} - {0}):
        first = max(last - BLOCK, 0)
        prices = np.sort(price[first:last])
        median = float(prices[(last - first - 1) // 2] + prices[(last - first) // 2]) / 2
        steps = np.diff(prices)
        steps = steps[steps > _ROUNDING * median]
        if len(steps):
            block = Block(first, last, float(steps.min()), median)
            if block.basis_points > COARSE_BP * (1 + _ROUNDING):
                yield block


class Runs(NamedTuple):
    """Bars that follow each other: the places of the first and of the last one of each run.

    Parameters
    ----------
    first, last : ndarray of shape (R,), int64
    """

    first: Int
    last: Int


def stale_runs(asset: Int, fields: Mapping[str, Float]) -> Runs:
    """Five bars of a symbol in a row, or more, with the same close, each without volume or with the same numbers.

    Closes alone say nothing: where prices come in steps they are often equal.

    Parameters
    ----------
    asset : ndarray of shape (R,), int64
        In increasing order, and within each in the order of time.
    fields : mapping of name to ndarray of shape (R,), float64
        Any of open, high, low, close, volume; NaN is not equal to anything.
    """
    none = np.zeros(0, np.int64)
    known = [name for name in ("open", "high", "low", "close", "volume") if name in fields]
    if len(asset) < STALE or len(known) < 2:
        return Runs(none, none)

    def same(name: str) -> Bool:
        return fields[name][1:] == fields[name][:-1]

    again = np.logical_and.reduce([same(name) for name in known])
    if "volume" in fields:
        again |= same("close") & (fields["volume"][1:] == 0.0)
    again &= asset[1:] == asset[:-1]
    edges = np.diff(np.concatenate([[False], again, [False]]).astype(np.int8))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = last - first + 1 >= STALE
    return Runs(first[long], last[long])


def missing_sessions(asset: Int, bar: Int, n_bars: int, n_assets: int) -> Bool:
    """Where a symbol has no bar between its first and its last one, though another symbol has.

    Parameters
    ----------
    asset, bar : ndarray of shape (R,), int64
        Place of each bar in the panel.

    Returns
    -------
    ndarray of shape (n_bars, n_assets), bool
    """
    has = np.zeros((n_bars, n_assets), dtype=bool)
    has[bar, asset] = True
    begun = np.logical_or.accumulate(has, axis=0)
    goes_on = np.logical_or.accumulate(has[::-1], axis=0)[::-1]
    return begun & goes_on & ~has


class Jumps(NamedTuple):
    """Changes that look like splits: at which bar of which asset, and price before over price after.

    Parameters
    ----------
    bar, asset : ndarray of shape (J,), int64
    ratio : ndarray of shape (J,), float64
    """

    bar: Int
    asset: Int
    ratio: Float


def split_like_jumps(close: Float, volume: Float | None) -> Jumps:
    """One-bar changes of the close by a ratio that companies split by, which last and are nothing like the days before.

    Within 3% of 3/2, 2, 3, 4, 5, 10 or an inverse; at least 8 deviations of the asset's up to 63 log returns before
    it, of which there must be 10; and the medians of the five bars before it, and of those from it on, within 10% of
    the two closes. Where volumes are known, the money traded at the bar is less than 5 times the median of the 20 bars
    before: at a split volume moves inversely to the price, and news of a third or more is traded on. A change over more
    than 21 missing bars is none.

    Parameters
    ----------
    close : ndarray of shape (T, N), float64
        Adjusted for all that is known; NaN where an asset has no bar.
    volume : ndarray of shape (T, N), float64, or None
    """
    asset, bar = np.nonzero(np.isfinite(close).T)
    price = close[bar, asset]
    least = SPLITS[0] * (1.0 - SPLIT_NEAR)
    apart = (price[:-1] > least * price[1:]) | (price[1:] > least * price[:-1])
    apart &= (asset[1:] == asset[:-1]) & (np.diff(bar) <= LONG + 1)
    found: list[int] = []
    for at in (np.flatnonzero(apart) + 1).tolist():
        first, last = np.searchsorted(asset, asset[at]), np.searchsorted(asset, asset[at], side="right")
        own = slice(max(int(first), at - SPLIT_MEMORY - 1), min(int(last), at + FIVE))
        traded = None if volume is None else price[own] * volume[bar[own], asset[own]]
        if _looks_like_a_split(price[own], traded, at - own.start):
            found.append(at)
    index: Int = np.array(found, dtype=np.int64)
    return Jumps(bar[index], asset[index], price[index - 1] / price[index])


def _looks_like_a_split(price: Float, traded: Float | None, at: int) -> bool:
    """Whether the change from the price before `at` to the one there does; `traded` is in money."""
    log = np.log(price)
    change = abs(log[at] - log[at - 1])
    before = np.diff(log[:at])
    if len(before) < SPLIT_HISTORY or change < SPLIT_DEVIATIONS * before.std():
        return False
    if min(abs(change - np.log(ratio)) for ratio in SPLITS) > SPLIT_NEAR:
        return False
    if len(price) < at + 3:
        return False  # nobody knows yet whether it lasts
    left, stays = np.median(log[at - FIVE : at]) - log[at - 1], np.median(log[at:]) - log[at]
    if max(abs(left), abs(stays)) > SPLIT_LASTS:
        return False
    usual = 0.0 if traded is None else float(np.median(traded[max(at - 20, 0) : at]))
    return traded is None or not usual > 0.0 or bool(traded[at] < SPLIT_MONEY * usual)
