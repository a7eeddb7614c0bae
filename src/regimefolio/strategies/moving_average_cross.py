"""A fast average above a slow one is a trend that is under way."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy


class MovingAverageCross(Strategy, kind="moving_average_cross"):
    """Follows the fast simple average: up while it lies above the slow one, down while below.

    With z the distance of the averages in units of the deviation that a random walk of the same volatility
    would give it (`Market.average_gap`): alpha = clip(z / saturation, -1, 1) and confidence = erf(|z| / √2),
    the share of such random walks whose averages lie nearer to each other. Equal averages are no opinion.

    Source: Brock, Lakonishok and LeBaron (1992), Simple Technical Trading Rules and the Stochastic Properties
    of Stock Returns.
    """

    fast: int = Field(50, ge=1, description="bars in the fast average")
    slow: int = Field(200, ge=2, description="bars in the slow average and of the volatility; above `fast`")
    saturation: float = Field(2.0, gt=0, description="deviations of the distance at which alpha reaches 1")
    horizon: int = Field(21, ge=1, description="bars over which the trend is expected to go on")

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"`fast < slow` must hold, but got fast={self.fast}, slow={self.slow}")
        return self

    @property
    def warmup(self) -> int:
        return self.slow

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        _follow(market.average_gap(self.fast, self.slow), self.saturation, panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon, volatility_adjusted=True)


@kernel
def _follow(gap: Float, saturation: float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = gap.shape
    root = math.sqrt(0.5)
    for t in range(bars):
        row, a, c = gap[t], alpha[t], confidence[t]
        for n in range(assets):
            sure = np.float32(math.erf(abs(row[n]) * root))
            opinion = sure > 0.0  # False where the gap is NaN
            a[n] = np.float32(max(-1.0, min(1.0, row[n] / saturation)) if opinion else 0.0)
            c[n] = sure if opinion else np.float32(0.0)
