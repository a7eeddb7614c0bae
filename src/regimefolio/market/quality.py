"""What makes a bar unusable: the rules, on plain arrays that know of no files and lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Bool, Float, Int

PRICES = ("open", "high", "low", "close", "adj_close")
LEAST, MOST = 1e-15, 1e15
"""Nothing costs less or more; products and ratios of such numbers are far from the ends of float64."""


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
