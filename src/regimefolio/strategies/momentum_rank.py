"""Winners of the last months go on winning, losers losing."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy

TIE = 1e-12
"""Ranks whose sum is nearer to 0 than this cancel; their true sum is 0 or above 1 / assets²."""


class MomentumRank(Strategy, kind="momentum_rank"):
    """Ranks assets by volatility-adjusted momentum over three windows, the last `skip` bars left out.

    With s the average rank of an asset's momentum among the members, from -1 to 1, over `lookback`,
    `lookback` // 2 and `lookback` // 4 bars: alpha = (s₁ + s₂ + s₃) / 3 and confidence = |s₁ + s₂ + s₃| /
    (|s₁| + |s₂| + |s₃|), 1 where all windows see the asset on the same side of the middle, 0 where they
    cancel. An asset needs all three.

    Source: Jegadeesh and Titman (1993), Returns to Buying Winners and Selling Losers; Rachev, Jašić,
    Stoyanov and Fabozzi (2007), Momentum strategies based on reward-risk stock selection.
    """

    lookback: int = Field(252, ge=8, description="bars in the longest window; the others are a half and a quarter")
    skip: int = Field(21, ge=0, description="latest bars left out, where returns tend to reverse")
    horizon: int = Field(21, ge=1, description="bars over which the ranking is expected to hold")

    @property
    def warmup(self) -> int:
        return self.lookback + self.skip

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        windows = (self.lookback, self.lookback // 2, self.lookback // 4)
        long, medium, short = (market.momentum_rank(window, self.skip) for window in windows)
        _agreement(long, medium, short, panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon, volatility_adjusted=True)


@kernel
def _agreement(long: Float, medium: Float, short: Float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = long.shape
    for t in range(bars):
        x, y, z, a, c = long[t], medium[t], short[t], alpha[t], confidence[t]
        for n in range(assets):
            total = x[n] + y[n] + z[n]
            size = abs(x[n]) + abs(y[n]) + abs(z[n])
            opinion = abs(total) > TIE  # False where one is NaN
            a[n] = np.float32(total / 3.0 if opinion else 0.0)
            c[n] = np.float32(min(abs(total) / size, 1.0) if opinion else 0.0)
