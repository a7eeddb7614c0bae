"""Prices that left their Bollinger band come back."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.kernels._compile import kernel, lean
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy


class BollingerMeanReversion(Strategy, kind="bollinger_mean_reversion"):
    """Expects a close outside its Bollinger band to return to the moving mean.

    With z the close's distance from the moving mean in deviations, and beyond = |z| - width: alpha =
    -sign(z) · min(1, beyond / saturation) and confidence = min(1, |z| / (width + saturation)) outside the
    band. Inside it, edge included, alpha has no sign to believe in: alpha 0 and confidence 0, no opinion.
    With `rsi_period` an opinion needs a second witness: to buy an RSI below `oversold`, to sell one above 100 -
    `oversold`.

    Source: Bollinger (2001), Bollinger on Bollinger Bands; Wilder (1978), New Concepts in Technical Trading Systems.
    """

    lookback: int = Field(20, ge=2, description="bars in the moving window")
    width: float = Field(2.0, gt=0, description="half the band's width, in deviations of the window")
    saturation: float = Field(1.0, gt=0, description="deviations beyond the band at which alpha reaches 1")
    horizon: int = Field(5, ge=1, description="bars over which the return to the mean is expected")
    rsi_period: int | None = Field(None, ge=2, description="bars of the RSI that must confirm; none asks for none")
    oversold: float = Field(
        30.0, gt=0, le=50, description="RSI that confirms a purchase below it, a sale above 100 less it"
    )

    @property
    def warmup(self) -> int:
        return max(self.lookback - 1, self.rsi_period or 0)

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        z = market.zscore(self.lookback)
        _reversion(z.ravel(), self.width, self.saturation, panels.alpha.ravel(), panels.confidence.ravel())
        if self.rsi_period is not None:
            _confirm(market.rsi(self.rsi_period), self.oversold, panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon, volatility_adjusted=True)


@lean
def _reversion(z: Float, width: float, saturation: float, alpha: Float32, confidence: Float32) -> None:
    slope, share = 1.0 / saturation, 1.0 / (width + saturation)
    for i in range(z.size):
        distance = abs(z[i])
        outside = distance > width  # False where z is NaN
        size = min((distance - width) * slope, 1.0)
        alpha[i] = np.float32((-size if z[i] > 0.0 else size) if outside else 0.0)
        confidence[i] = np.float32(min(distance * share, 1.0) if outside else 0.0)


@kernel
def _confirm(rsi: Float, oversold: float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = rsi.shape
    for t in range(bars):
        row, a, c = rsi[t], alpha[t], confidence[t]
        for n in range(assets):
            buys, sells = a[n] > 0.0 and row[n] < oversold, a[n] < 0.0 and row[n] > 100.0 - oversold  # False if NaN
            a[n] = a[n] if buys or sells else np.float32(0.0)
            c[n] = c[n] if buys or sells else np.float32(0.0)
