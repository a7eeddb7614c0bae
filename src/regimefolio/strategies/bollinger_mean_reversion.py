"""Prices that left their Bollinger band come back."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy


class BollingerMeanReversion(Strategy, kind="bollinger_mean_reversion"):
    """Expects a close outside its Bollinger band to return to the moving mean.

    With z the close's distance from the moving mean in deviations, and beyond = |z| - width: alpha =
    -sign(z) · min(1, beyond / saturation) and confidence = min(1, |z| / (width + saturation)) outside the
    band. Inside it, edge included, alpha has no sign to believe in: alpha 0 and confidence 0, no opinion.

    Source: Bollinger (2001), Bollinger on Bollinger Bands.
    """

    lookback: int = Field(20, ge=2, description="bars in the moving window")
    width: float = Field(2.0, gt=0, description="half the band's width, in deviations of the window")
    saturation: float = Field(1.0, gt=0, description="deviations beyond the band at which alpha reaches 1")
    horizon: int = Field(5, ge=1, description="bars over which the return to the mean is expected")

    @property
    def warmup(self) -> int:
        return self.lookback - 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        _reversion(market.zscore(self.lookback), self.width, self.saturation, panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon, volatility_adjusted=True)


@kernel
def _reversion(z: Float, width: float, saturation: float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = z.shape
    slope, share = 1.0 / saturation, 1.0 / (width + saturation)
    for t in range(bars):
        row, a, c = z[t], alpha[t], confidence[t]
        for n in range(assets):
            distance = abs(row[n])
            outside = distance > width  # False where z is NaN
            size = min((distance - width) * slope, 1.0)
            a[n] = np.float32((-size if row[n] > 0.0 else size) if outside else 0.0)
            c[n] = np.float32(min(distance * share, 1.0) if outside else 0.0)
