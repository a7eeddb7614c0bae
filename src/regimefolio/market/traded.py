"""From a panel to what is traded: prices, dividends in cash, and what becomes of the holders of what ends."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Bool, Float, Int, Panel, last_seen, read_only
from regimefolio.kernels.ledger import Prices, events_of, prices_of
from regimefolio.market.fill import Fill, fill_prices
from regimefolio.market.sessions import is_daily

Dividends: TypeAlias = Literal["cash", "reinvest"]
"""Paid in cash, or put into the same asset at the close before."""

DELIST_AFTER = 21
"""Missing daily (weekly, …) bars after which an asset is taken to be delisted, where nothing else is said."""


def patience(panel: Panel) -> int | None:
    """Missing bars in a row after which an asset is taken to be delisted, where nothing else is said; None: never."""
    return DELIST_AFTER if is_daily(panel.timestamps) else None


class Ended(NamedTuple):
    """Assets that end: the bar before whose fill their holders are paid, and what they get of the last close, less 1.

    Attributes
    ----------
    bar, asset : ndarray of shape (M,), int64
    value : ndarray of shape (M,)
        Return on the last close.
    assumed : ndarray of shape (M,), bool
        Whether nobody said so, and too many bars are missing.
    """

    bar: Int
    asset: Int
    value: Float
    assumed: Bool


def endings(panel: Panel, delist_after: int | None, assumed_return: float) -> Ended:
    """When assets end: at a delisting that is known, or when more than `delist_after` bars in a row are missing.

    Both are known at that bar. What ends before the first bar or after the last one does not.

    Parameters
    ----------
    delist_after : int or None
        None: nothing is assumed.
    assumed_return : float
        On the last close, of an asset whose end is assumed.
    """
    present = np.isfinite(panel.close)
    bars = np.arange(panel.n_bars)
    last = np.maximum.accumulate(np.where(present, bars[:, None], -1), axis=0)
    at, value = np.full(panel.n_assets, panel.n_bars), np.full(panel.n_assets, np.nan)
    if panel.delisted_at is not None and panel.delisting_return is not None:
        delisted = np.where(panel.delisted_at >= 0, panel.delisted_at, panel.n_bars)
        over = (bars[:, None] >= delisted) & ~present & (last >= 0)
        at = np.where(over.any(axis=0), over.argmax(axis=0), panel.n_bars)
        value = panel.delisting_return
        _must_come_in_time(panel, at, last, delist_after)
    known = np.flatnonzero(at < panel.n_bars)
    bar, asset = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if delist_after is not None:
        overdue = (last >= 0) & (bars[:, None] - last == delist_after + 1) & (bars[:, None] < at)
        bar, asset = np.nonzero(overdue)
    return Ended(
        np.concatenate([at[known], bar]),
        np.concatenate([known, asset]),
        np.concatenate([value[known], np.full(len(bar), assumed_return)]),
        np.arange(len(known) + len(bar)) >= len(known),
    )


def _must_come_in_time(panel: Panel, at: Int, last: Int, delist_after: int | None) -> None:
    """Refuse a delisting that is known only after the same asset was taken to be delisted."""
    if delist_after is None:
        return
    for n in np.flatnonzero(at < panel.n_bars).tolist():
        missing = int(at[n] - last[at[n], n])
        if missing > delist_after + 1:
            day = panel.timestamps[at[n]].astype("datetime64[D]")
            raise ConfigError(
                f"the delisting of {panel.symbols[n]} is known on {day}, {missing:,} bars after its last, but after "
                f"{delist_after} missing bars it is taken to be delisted; set execution.delist_after to "
                f"{missing:,} or more, or to never",
                ("execution", "delist_after"),
            )


def traded_prices(panel: Panel, fill: Fill, dividends: Dividends, ended: Ended) -> Prices:
    """Prices at which a panel is traded, and what happens to its holders.

    Where dividends are paid in cash, prices are adjusted for splits alone.
    """
    fills, closes = fill_prices(panel, fill), panel.close
    scale = splits_alone(panel, dividends)
    if fill != "next_close" and np.isnan(closes).any():
        fills = read_only(np.where(np.isnan(closes), np.nan, fills))  # a bar without a close is none
    bar, asset, pay = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    if scale is not None and panel.dividend is not None:
        closes = read_only(closes * scale)
        fills = closes if fill == "next_close" else read_only(fills * scale)
        bar, asset = np.nonzero(panel.dividend > 0.0)
        pay = panel.adjustment.shares[bar, asset] * panel.dividend[bar, asset]
    left = last_seen(closes)[ended.bar, ended.asset] * (1.0 + ended.value)
    happening = events_of(
        panel.n_bars,
        np.concatenate([bar, ended.bar]),
        np.concatenate([asset, ended.asset]),
        np.concatenate([pay, left]),
        np.arange(len(bar) + len(ended.bar)) >= len(bar),
    )
    return prices_of(fills, closes, happening)


def splits_alone(panel: Panel, dividends: Dividends) -> Float | None:
    """What a panel's prices (T, N) are multiplied by to be adjusted for splits alone, where dividends are paid in cash.

    None where they are traded as they are.
    """
    if panel.dividend is None or dividends != "cash":
        return None
    price, shares = panel.adjustment
    return shares / price
