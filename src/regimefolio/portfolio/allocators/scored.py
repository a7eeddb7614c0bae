"""Weights in proportion to a score of each asset's past returns."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.sample import Sample


class ScoredAllocator(Allocator):
    """Weights in proportion to scores above 0, long-only and of sum 1; cash where no score is.

    `Sample` says which assets can be judged; the others get nothing.
    """

    lookback: int = Field(252, ge=2, description="bars whose returns count")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    @property
    def warmup(self) -> int:
        return self.lookback

    @abstractmethod
    def scores(self, returns: Float) -> Float:
        """A score (n,) of each asset, from its returns (lookback, n)."""

    def shares(self, scores: Float) -> Float:
        """Weights (n,) of the scores."""
        good = np.maximum(scores, 0.0)
        return good / good.sum() if good.any() else good

    def weights(self, view: View) -> Float:
        out, sample = np.zeros(view.alpha.size), Sample.of(view, self.lookback)
        out[sample.assets] = self.shares(self.scores(sample.returns))
        return out
