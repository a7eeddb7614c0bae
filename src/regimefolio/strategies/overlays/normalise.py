"""Alphas of different strategies are on different scales; side by side they should not be."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float, SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies.normalisers import (
    normalise_min_max,
    normalise_rank,
    normalise_tanh,
    normalise_zscore,
)
from regimefolio.strategies.overlays.base import Overlay

MIDDLE = 1e-6
"""What is nearer to the middle than this is in the middle: alphas come as float32, whose rounding leaves less."""


class Normalise(Overlay, kind="normalise"):
    """Says where each alpha stands among others: the members' at the same bar, or the asset's own of late.

    `zscore` is clip(z / saturation, -1, 1) and `tanh` is tanh(z / saturation), with z the deviations above the mean;
    `min_max` runs from -1, the smallest, to 1, the largest; so does `rank`, in equal steps. Opinions alone are
    compared, two at least at one bar, five of one asset. An alpha in the very middle has no side: no opinion. The
    others keep their confidence. So alpha becomes relative: where all opinions are positive, the weaker ones turn
    negative.
    """

    method: Literal["zscore", "min_max", "rank", "tanh"] = Field("zscore", description="how the place is measured")
    over: Literal["cross_section", "own_history"] = Field("cross_section", description="what alphas are compared with")
    window: int = Field(252, ge=5, description="the asset's own bars that own_history looks back on")
    saturation: float = Field(2.0, gt=0, description="deviations at which zscore reaches 1 and tanh 0.76")

    @property
    def warmup(self) -> int:
        return self.window - 1 if self.over == "own_history" else 0

    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        opinion = signals.confidence > 0.0
        if self.over == "own_history":
            alpha = market.on_own_bars(np.where(opinion, signals.alpha, np.nan).astype(np.float64))
            placed = market.on_clock(self._placed(alpha, self.window))
        else:
            alpha = np.where(opinion & market.panel.member, signals.alpha, np.nan).astype(np.float64)
            placed = self._placed(alpha, None)
        out.alpha[:] = np.where(np.abs(placed) > MIDDLE, np.clip(placed, -1.0, 1.0), 0.0)  # 0 where there is none
        out.confidence[:] = np.where(out.alpha != 0.0, signals.confidence, np.float32(0.0))

    def _placed(self, alpha: Float, window: int | None) -> Float:
        match self.method:
            case "zscore":
                return normalise_zscore(alpha, window) / self.saturation
            case "tanh":
                return normalise_tanh(alpha, window, self.saturation)
            case "min_max":
                return normalise_min_max(alpha, window)
            case "rank":
                return normalise_rank(alpha, window)
