"""Bull, neutral and bear by a majority of three simple facts about a price series."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.types import RegimePath
from regimefolio.kernels.regimes import TrendRule, trend_votes
from regimefolio.market.view import Market
from regimefolio.regimes.base import RegimeDetector

MAJORITY = 2


class Trend(RegimeDetector, kind="trend"):
    """Bull when the votes of distance, slope and drawdown sum to 2 or more, bear at -2 or less, else neutral.

    The probability is 1 for the regime of the bar and 0 for the others; NaN until every window is full.
    """

    names: ClassVar[tuple[str, ...]] = ("bull", "neutral", "bear")

    average: int = Field(200, ge=2, le=2520, description="bars in the long average of the close")
    band: float = Field(0.0, ge=0, lt=1, description="votes when the close is this fraction above or below the average")
    slope: int = Field(21, ge=1, le=2520, description="bars over which the average must have risen or fallen")
    high: int = Field(252, ge=2, le=2520, description="bars in which the high is sought")
    shallow: float = Field(
        0.05, gt=0, lt=1, description="votes bull when the close is less than this fraction below the high"
    )
    deep: float = Field(
        0.15, gt=0, lt=1, description="votes bear when the close is more than this fraction below the high"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shallow > self.deep:
            raise ValueError(f"shallow <= deep must hold, but got (shallow={self.shallow}, deep={self.deep})")
        return self

    @property
    def warmup(self) -> int:
        """Closes that pass before the first label."""
        return max(self.average + self.slope, self.high) - 1

    def detect(self, market: Market) -> RegimePath:
        known, close = self.observed(market)
        votes = np.empty(len(close), np.int64)
        rule = TrendRule(self.average, self.slope, self.high, self.band, self.shallow, self.deep)
        first = trend_votes(close, rule, votes)
        bull, bear = votes >= MAJORITY, votes <= -MAJORITY
        probability = np.stack([bull, ~(bull | bear), bear], axis=1).astype(np.float64)
        probability[:first] = np.nan
        return self.path(market, known, probability)
