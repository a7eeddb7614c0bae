"""Bought once, and left alone."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float, Int, Panel, last_seen
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class BuyAndHold(Allocator, kind="buy_and_hold"):
    """Equal weights of what can be traded at the first decision, which then drift with their prices.

    Nothing is bought later. What is delisted, is no member any more or was selected out turns to cash, at its price
    then, a known delisting return included, and stays cash; an asset that only lacks a bar is kept. Between a decision
    and its fill prices move on, and that little is traded: a `no_trade_band` keeps it from being. `view.past` tells the
    first decision.
    """

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    def weights(self, view: View) -> Float:
        panel, past = view.market.panel, [each for each in view.past if np.isfinite(each.weights).all()]
        if not past:
            return view.tradable / max(view.tradable.sum(), 1)
        bars = np.searchsorted(panel.timestamps, [each.timestamp for each in past])
        first, given = past[0].weights, np.stack([each.weights for each in past] + [np.where(view.tradable, 1.0, 0.0)])
        ended = _ended(panel, np.append(bars, panel.n_bars - 1), given)
        value = first * _growth(panel, int(bars[0]), ended)
        total = 1.0 - first.sum() + value.sum()
        held = view.tradable & (ended < 0)
        return np.where(held, value, 0.0) / total if total > 0.0 else np.zeros(first.size)


def _ended(panel: Panel, bars: Int, given: Float) -> Int:
    """The bar at which each holding (N,) was given up, -1 where it is held on.

    It was at the first of these decisions (S,) that gave it nothing, unless it only lacked a bar.
    """
    silent = panel.member[bars] & np.isnan(panel.close[bars])
    if panel.delisted_at is not None:
        silent &= (panel.delisted_at < 0) | (panel.delisted_at > bars[:, np.newaxis])
    gone = (given == 0.0) & ~silent
    return np.where(gone.any(axis=0), bars[gone.argmax(axis=0)], -1)


def _growth(panel: Panel, first: int, ended: Int) -> Float:
    """Last price over the one at bar `first`, (N,); of what was given up, the price at that bar; 1 where none is."""
    seen = last_seen(panel.close[first:])
    last = np.where(ended < 0, len(seen) - 1, ended - first)
    growth = seen[last, np.arange(seen.shape[1])] / seen[0]
    if panel.delisted_at is not None and panel.delisting_return is not None:
        delisted = (panel.delisted_at > first) & (ended >= panel.delisted_at)
        growth = np.where(delisted, growth * (1.0 + panel.delisting_return), growth)
    return np.where(np.isfinite(growth), growth, 1.0)
