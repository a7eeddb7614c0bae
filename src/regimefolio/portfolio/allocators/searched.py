"""Optimizers that search, for objectives that no solver knows or that have many peaks."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio import objectives
from regimefolio.portfolio.allocators.optimizer import Optimizer
from regimefolio.portfolio.search import Score

Objective = Literal["mean_variance", "sortino", "cvar", "l_moments", "drawdown"]


class SearchOptimizer(Optimizer):
    """The best weights that a seeded search meets for an objective of the last returns of the whole portfolio.

    `mean_variance` is mean − risk_aversion/2 · variance, `sortino` the mean over the downside deviation, `cvar` the
    mean of the worst `tail` of the returns, `l_moments` λ₁ − spread_aversion · (λ₂ − λ₃/3 + λ₄/12), `drawdown` the
    largest loss from a peak; `regimefolio.portfolio.objectives` has them. All look at the returns themselves: moments
    that optimizers share have no say. What a search finds is near the best, not at it, and the further the more assets
    there are.
    """

    slow: ClassVar[bool] = True

    objective: Objective = Field("mean_variance", description="what is maximised")
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts in `mean_variance`")
    spread_aversion: float = Field(0.1, gt=0, le=1e6, description="how much the higher moments count in `l_moments`")
    tail: float = Field(0.05, gt=0, le=1, description="part of the returns that is the tail of `cvar`")
    generations: int = Field(300, ge=1, le=100_000, description="rounds of the search")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the search")

    def score(self, returns: Float) -> Score:
        """What the objective says of weightings (P, n), given the returns (T, n) of their assets."""

        def scored(weights: Float) -> Float:
            earned = returns @ weights.T
            if self.objective == "mean_variance":
                return objectives.mean_variance(earned, self.risk_aversion)
            if self.objective == "sortino":
                return objectives.sortino(earned)
            if self.objective == "cvar":
                return objectives.cvar(earned, self.tail)
            if self.objective == "l_moments":
                return objectives.l_moments(earned, self.spread_aversion)
            return objectives.drawdown(earned)

        return scored
