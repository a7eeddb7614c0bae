"""Page views that are made up, since no real ones are at hand: seeded, as they are known at bars or as a file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from regimefolio.core.types import Float, read_only
from regimefolio.market.view import Market

VIEWS = "file:views.csv"


def leading_views(close: Float, led: Collection[int], seed: int = 7, strength: float = 0.5) -> Float:
    """Views (T, N) known at each bar: a random walk whose steps correlate by `strength` with the return that follows.

    That of the assets that are not `led` follows nothing.
    """
    rng = np.random.default_rng(seed)
    following = np.zeros(close.shape)
    following[:-1] = np.nan_to_num(close[1:] / close[:-1] - 1.0)
    following /= np.maximum(following.std(axis=0), 1e-12)
    part = np.where(np.isin(np.arange(close.shape[1]), list(led)), strength, 0.0)
    step = part * following + np.sqrt(1.0 - part * part) * rng.standard_normal(close.shape)
    return read_only(np.rint(5000.0 * np.exp(0.1 * np.cumsum(step, axis=0))))


def with_leading_views(market: Market, led: Collection[int]) -> Market:
    """The market that knows such views."""
    return market.with_file(VIEWS, leading_views(market.panel.close, led))


def write_views(path: Path, market: Market, views: Float) -> None:
    """A long file that makes daily bars know these views: each is of the day before its bar."""
    days = np.datetime_as_string(market.timestamps - np.timedelta64(1, "D"), unit="D")
    rows = [
        f"{day},{symbol},{views[t, n]:.0f}\n"
        for n, symbol in enumerate(market.symbols)
        for t, day in enumerate(days.tolist())
    ]
    path.write_text("date,symbol,views\n" + "".join(rows))
