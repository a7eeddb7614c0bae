"""A strategy whose opinions are written down, for tests that compute by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from regimefolio.core.types import Panel, RegimePath, SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import Strategy


class Scripted(Strategy, kind="scripted"):
    """Says what it is told: one row of alphas a bar, the last one for all bars after it; confidence |alpha|."""

    alpha: tuple[tuple[float, ...], ...] = ((0.0,),)
    scale: float = 1.0
    wait: int = 0

    @property
    def warmup(self) -> int:
        return self.wait

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        bars, assets = market.panel.close.shape
        rows = np.minimum(np.arange(bars), len(self.alpha) - 1)
        alpha = np.broadcast_to(np.array(self.alpha) * self.scale, (len(self.alpha), assets))[rows]
        panels.alpha[:] = np.where(np.arange(bars)[:, None] < self.wait, 0.0, alpha)
        panels.confidence[:] = np.abs(panels.alpha)
        return self.emit(market, panels, horizon=1)


class Second(Scripted, kind="scripted_second"):
    """Another of its kind."""


def written(close: ArrayLike, open: ArrayLike | None = None, sectors: tuple[str, ...] | None = None) -> Market:
    """A market of daily bars from Monday, 2 January 2023 on; assets A, B, C …; NaN = no bar."""
    prices = np.array(close, np.float64)
    bars, assets = prices.shape
    days = np.busday_offset("2023-01-02", np.arange(bars), roll="forward").astype("datetime64[ns]")
    panel = Panel(
        timestamps=days,
        symbols=tuple("ABCDEFGH"[:assets]),
        close=prices,
        member=np.ones(prices.shape, np.bool_),
        periods_per_year=252.0,
        open=None if open is None else np.array(open, np.float64),
        sectors=sectors,
    )
    return Market(panel)


def regimes(market: Market, names: tuple[str, ...], label: Sequence[int]) -> RegimePath:
    """A path with these labels."""
    labels = np.array(label, np.int64)
    probability = np.where(labels[:, None] == np.arange(len(names)), 1.0, 0.0)
    probability[labels < 0] = np.nan
    return RegimePath(market.timestamps, names, probability, labels)
