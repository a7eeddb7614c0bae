"""Breakout, range and reversal by what a price does to its channel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.types import RegimePath
from regimefolio.kernels.regimes import PatternRule, price_patterns
from regimefolio.market.view import Market
from regimefolio.regimes.base import RegimeDetector


class PricePattern(RegimeDetector, kind="price_pattern"):
    """Breakout when a close leaves its channel, reversal when it does so against the slope before, else range.

    A symbol's channel is made of its highs and lows, that of any other series of closes. The probability is 1 for
    the regime of the bar and 0 for the others; NaN until every window is full.
    """

    names: ClassVar[tuple[str, ...]] = ("breakout", "range", "reversal")

    channel: int = Field(20, ge=2, le=2520, description="bars before this one whose highs and lows make the channel")
    slope: int = Field(60, ge=3, le=2520, description="bars over which the slope before a break is measured")
    steep: float = Field(
        1.0, gt=0, le=10, description="least slope to be reversed, in deviations of a random walk's slope"
    )
    band: int = Field(20, ge=2, le=2520, description="bars in the Bollinger bandwidth")
    squeeze: int = Field(
        125, ge=2, le=2520, description="a break is over when the bandwidth is the narrowest of so many bars"
    )

    @property
    def warmup(self) -> int:
        """Closes that pass before the first label."""
        return max(self.channel, self.slope, self.band + self.squeeze - 2)

    def detect(self, market: Market) -> RegimePath:
        known, close = self.observed(market)
        high, low = (each[known] for each in market.extremes(self.on))
        pattern = np.empty(len(close), np.int64)
        rule = PatternRule(self.channel, self.slope, self.steep, self.band, self.squeeze)
        first = price_patterns(close, high, low, rule, pattern)
        probability = (pattern[:, None] == np.arange(len(self.names))).astype(np.float64)
        probability[:first] = np.nan
        return self.path(market, known, probability)
