"""Splits and dividends: where they take effect, and prices adjusted for them, forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Adjustment, Bool, Float, Int, Panel, Times, last_seen
from regimefolio.market.notes import counted, used
from regimefolio.market.quality import Problem

ACTIONS = ("split", "dividend")

MOST_SHARES = 1e6
"""Shares that one can become, or that can become one."""

SHARES = ("volume",)
"""Fields that count shares; all others are prices of one."""


class Actions(NamedTuple):
    """Corporate actions as they are dated, in any order.

    Parameters
    ----------
    row : ndarray of shape (A,), int64
        Where each stands in its table.
    asset : ndarray of shape (A,), int64
        Whose it is; -1 for a symbol without prices.
    time : ndarray of shape (A,), datetime64[ns]
        It takes effect before the open of the first bar of its asset at or after this.
    split : ndarray of shape (A,), float64
        Shares after per share before, 1 where there is none.
    dividend : ndarray of shape (A,), float64
        Cash per share as of the shares of that time, 0 where there is none.
    """

    row: Int
    asset: Int
    time: Times
    split: Float
    dividend: Float

    def where(self, which: Bool) -> Actions:
        """Some of them."""
        return Actions(self.row[which], self.asset[which], self.time[which], self.split[which], self.dividend[which])


class Placed(NamedTuple):
    """Corporate actions on the bars at which they take effect.

    Parameters
    ----------
    split, dividend : ndarray of shape (T, N), float64
        Several at one bar are joined: a dividend before a split is told per share after it.
    bar : ndarray of shape (A,), int64
        The bar of each action; -1 at or before its asset's first bar, or after its last one: it has no effect.
    """

    split: Float
    dividend: Float
    bar: Int


def action_problems(split: Float, dividend: Float) -> Iterator[Problem]:
    """Every rule that actions break by their numbers alone; NaN breaks none."""
    for name, values in (("split", split), ("dividend", dividend)):
        infinite = np.isinf(values)
        yield Problem(name, "not a finite number", infinite)
        yield Problem(name, f"negative {name}", (values < 0) & ~infinite)
    absurd = np.isfinite(split) & (split > 0) & ((split > MOST_SHARES) | (split * MOST_SHARES < 1))
    yield Problem("split", "not a split", absurd)


def actions_of(rows: Actions) -> Actions:
    """The rows that hold an action: an empty split, 0 and 1 are none, nor is an empty dividend."""
    split = np.where(np.isnan(rows.split) | (rows.split == 0.0), 1.0, rows.split)
    dividend = np.where(np.isnan(rows.dividend), 0.0, rows.dividend)
    return rows._replace(split=split, dividend=dividend).where((split != 1.0) | (dividend != 0.0))


def place_actions(actions: Actions, timestamps: Times, close: Float) -> Placed:
    """Find the bar at which each action takes effect: the first one of its asset at or after its time.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
    close : ndarray of shape (T, N), float64
        Raw; NaN where an asset has no bar.
    """
    split, dividend = np.ones(close.shape), np.zeros(close.shape)
    bar = np.full(len(actions.row), -1)
    order = np.lexsort((actions.time, actions.asset))
    order = order[actions.asset[order] >= 0]
    assets, starts = np.unique(actions.asset[order], return_index=True)
    for asset, mine in zip(assets.tolist(), np.split(order, starts[1:]), strict=False):
        own = np.flatnonzero(np.isfinite(close[:, asset]))
        at = np.searchsorted(timestamps[own], actions.time[mine])
        inside = (at > 0) & (at < len(own))
        bar[mine[inside]] = own[at[inside]]
    left = order[bar[order] >= 0]
    while len(left):  # once, and once more for every further action of an asset at one bar
        cells, first = np.unique(bar[left] * close.shape[1] + actions.asset[left], return_index=True)
        now = left[first]
        dividend.ravel()[cells] = dividend.ravel()[cells] / actions.split[now] + actions.dividend[now]
        split.ravel()[cells] *= actions.split[now]
        left = np.delete(left, first)
    return Placed(split, dividend, bar)


def _paid(placed: Placed, close: Float) -> Float:
    """Each dividend as a part of the raw close before it, in shares after a split at the same bar; 0 where none."""
    paid = np.zeros(close.shape)
    owed = placed.dividend[1:] * placed.split[1:]
    np.divide(owed, last_seen(close)[:-1], out=paid[1:], where=owed > 0.0)
    return paid


def unpayable(actions: Actions, placed: Placed, close: Float) -> Bool:
    """The actions, of shape (A,), at whose bar the dividends are not below the close before."""
    return (placed.bar >= 0) & (_paid(placed, close)[placed.bar, actions.asset] >= 1.0)


def adjust_forward(fields: Mapping[str, Float], placed: Placed) -> dict[str, Float]:
    """Raw prices and volumes with the actions carried into all later bars, so that no bar ever changes again.

    Prices are multiplied by Π s / (1 - s·d / p) over the actions so far, s a split, d a dividend and p the raw close
    before it; volumes are divided by the product of the splits alone.

    Parameters
    ----------
    fields : mapping of name to ndarray of shape (T, N), float64
        close, and perhaps open, high, low and volume.

    Source: CRSP, Data Descriptions Guide: cumulative factors to adjust prices and shares; taken from the first bar on
    instead of from the last one back.
    """
    price = np.cumprod(placed.split / (1.0 - _paid(placed, fields["close"])), axis=0)
    shares = np.cumprod(placed.split, axis=0)
    return {name: values / shares if name in SHARES else values * price for name, values in fields.items()}


def restart(panel: Panel, adjusted: Adjustment) -> Panel:
    """A panel whose assets begin later than they did: adjusted from their first bars here, without what went before.

    Parameters
    ----------
    adjusted : Adjustment
        What the panel's prices and volumes are adjusted by, of the panel's shape.
    """
    if panel.split is None or panel.dividend is None:
        return panel
    first = np.isfinite(panel.close).argmax(axis=0)
    lead, shares = (array[first, np.arange(panel.n_assets)] for array in adjusted)
    begun = np.arange(panel.n_bars)[:, None] > first

    def scaled(prices: Float | None) -> Float | None:
        return None if prices is None else prices / lead

    return replace(
        panel,
        close=panel.close / lead,
        open=scaled(panel.open),
        high=scaled(panel.high),
        low=scaled(panel.low),
        volume=None if panel.volume is None else panel.volume * shares,
        split=np.where(begun, panel.split, 1.0),
        dividend=np.where(begun, panel.dividend, 0.0),
    )


def on_fewer_bars(panel: Panel, fewer: Panel, last: Int) -> Panel:
    """A panel's splits and dividends on bars that stand for several of its own; prices are left as they are adjusted.

    An action takes effect at the first bar of its asset that closes with its own one or later. Where that is the
    asset's first bar, the asset begins there, as `restart` has it.

    Parameters
    ----------
    fewer : Panel
        The same assets at R times.
    last : ndarray of shape (R,), int64
        The bar of `panel` with which each of these closes, rising.
    """
    if panel.split is None or panel.dividend is None:
        return fewer
    bar, asset = np.nonzero((panel.split != 1.0) | (panel.dividend != 0.0))
    at = np.searchsorted(last, bar)
    bar, asset, at = (each[at < len(last)] for each in (bar, asset, at))
    actions = Actions(
        np.arange(len(bar)), asset, fewer.timestamps[at], panel.split[bar, asset], panel.dividend[bar, asset]
    )
    placed = place_actions(actions, fewer.timestamps, fewer.close)
    price, shares = panel.adjustment
    carried = replace(fewer, split=placed.split, dividend=placed.dividend)
    return restart(carried, Adjustment(price[last], shares[last]))


def told(actions: Actions, placed: Placed) -> str:
    """How many there are, and how many have no effect, in words."""
    splits, dividends = int((actions.split != 1.0).sum()), int((actions.dividend != 0.0).sum())
    ignored = {
        "of symbols without prices": int((actions.asset < 0).sum()),
        "not between the first and the last bar of their symbol": int(((actions.asset >= 0) & (placed.bar < 0)).sum()),
    }
    return used(f"{counted(splits, 'split')} and {counted(dividends, 'dividend')}", ignored)
