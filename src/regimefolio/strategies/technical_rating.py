"""What most indicators say is worth following."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.types import Bool, Float, Float32, SignalBuffer, Signals
from regimefolio.features import RuleSet, technical_ratings
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy

RATINGS = ("ma", "other", "all")


class TechnicalRating(Strategy, kind="technical_rating"):
    """Follows the technical rating: the mean of the votes of moving averages, of oscillators, or of both.

    Where the rating is further from 0 than `threshold`, alpha is the rating and confidence its size; elsewhere no
    opinion.

    Source: TradingView, Technical Ratings.
    """

    rating: Literal["all", "ma", "other"] = Field("all", description="which mean: of both kinds, averages, oscillators")
    rule_set: RuleSet = Field("2024", description="the rules by which indicators vote, by their year")
    threshold: float = Field(0.1, ge=0.0, lt=1.0, description="rating at which it begins to count; 0.1 is a buy")
    history: int = Field(200, ge=12, description="bars that an asset must have had; all indicators vote from 200 on")
    horizon: int = Field(5, ge=1, description="bars over which the rating is expected to hold")

    @property
    def warmup(self) -> int:
        return self.history - 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        rating = self._means(market)[RATINGS.index(self.rating)]
        _follow(rating, self._early(market), self.threshold, panels.alpha, panels.confidence)
        return self.emit(market, panels, horizon=self.horizon)

    def _means(self, market: Market) -> Float:
        """The three means (3, T, N), in the order of RATINGS."""

        def compute() -> Float:
            rated = technical_ratings(market.panel, self.rule_set, threads=1)
            return np.stack([rated.recommend_ma, rated.recommend_other, rated.recommend_all])

        return market.memo(("technical_rating", self.rule_set), compute)

    def _early(self, market: Market) -> Bool:
        """Where an asset has not had `history` bars yet."""

        def compute() -> Bool:
            shape = market.panel.close.shape
            row = np.arange(len(market.timestamps))[:, None] if market.own_row is None else market.own_row
            return np.ascontiguousarray(np.broadcast_to(row < self.history - 1, shape))

        return market.memo(("technical_rating early", self.history), compute)


@kernel
def _follow(rating: Float, early: Bool, threshold: float, alpha: Float32, confidence: Float32) -> None:
    bars, assets = rating.shape
    for t in range(bars):
        r, e, a, c = rating[t], early[t], alpha[t], confidence[t]
        for n in range(assets):
            opinion = (abs(r[n]) > threshold) & ~e[n]  # False where there is no rating
            a[n] = np.float32(r[n] if opinion else 0.0)
            c[n] = np.float32(abs(r[n]) if opinion else 0.0)
