"""A trend is worth following when two readings of it agree."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy

FULL_HISTOGRAM = 2.0
"""Deviations of the MACD histogram at which its vote is full."""

FULL_RSI = 20.0
"""Points away from 50 at which the RSI's vote is full: Wilder's 30 and 70."""


class MacdRsiConfluence(Strategy, kind="macd_rsi_confluence"):
    """Follows the direction in which the MACD histogram and the RSI both point.

    Each votes in [-1, 1]: m = histogram / (2 · its moving deviation), r = (RSI - 50) / 20, both clipped.
    Where the signs agree, alpha = (m + r) / 2 and confidence = min(|m|, |r|), the weaker vote; elsewhere
    no opinion.

    Source: Appel (2005), Technical Analysis: Power Tools for Active Investors; Wilder (1978), New
    Concepts in Technical Trading Systems.
    """

    fast: int = Field(12, ge=1, description="span of the fast exponential average, bars")
    slow: int = Field(26, ge=2, description="span of the slow exponential average, bars; above `fast`")
    signal: int = Field(9, ge=2, description="span of the signal line, bars")
    rsi_period: int = Field(14, ge=2, description="bars of Wilder's smoothing")
    scale_window: int = Field(63, ge=2, description="bars over which the histogram's deviation is taken")
    horizon: int = Field(10, ge=1, description="bars over which the trend is expected to go on")

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"`fast < slow` must hold, but got fast={self.fast}, slow={self.slow}")
        return self

    @property
    def warmup(self) -> int:
        return max(self.slow + self.signal + self.scale_window - 3, self.rsi_period)

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        histogram = market.macd_strength(self.fast, self.slow, self.signal, self.scale_window)
        _confluence(histogram, market.rsi(self.rsi_period), panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon, volatility_adjusted=True)


@kernel
def _confluence(histogram: Float, rsi: Float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = histogram.shape
    for t in range(bars):
        h, s, a, c = histogram[t], rsi[t], alpha[t], confidence[t]
        for n in range(assets):
            m = max(-1.0, min(1.0, h[n] * (1.0 / FULL_HISTOGRAM)))
            r = max(-1.0, min(1.0, (s[n] - 50.0) * (1.0 / FULL_RSI)))
            agree = (h[n] > 0.0 and s[n] > 50.0) or (h[n] < 0.0 and s[n] < 50.0)  # False where one is NaN
            a[n] = np.float32((m + r) * 0.5 if agree else 0.0)
            c[n] = np.float32(min(abs(m), abs(r)) if agree else 0.0)
