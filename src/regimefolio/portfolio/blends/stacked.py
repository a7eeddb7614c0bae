"""More of the allocators that have earned more so far."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blended, Proposals
from regimefolio.portfolio.blends.performing import Decided, PerformanceBlend


class StackedBlend(PerformanceBlend, kind="stacked"):
    """The mean of the allocators' weights, each with a part that grows with what its own account has earned, net.

    A period is what lies between two decisions of this run. With x the log return of an account in a period, less the
    mean of all accounts, cut to ±clip, the parts are in proportion to exp(η Σ x): Hedge. At the first decision they are
    equal. With η = √(8 ln M / R) / (2 clip) at the R-th decision Σ w·x, the sum of what the parts earn of x, is less
    than that of the best of M allocators by 2 clip (√(2 R ln M) + √(ln M / 8)) at most, whatever happens. That is a
    worst case, which clipping, the costs of changing parts and all that the past does not tell are no part of.
    Source: Cesa-Bianchi and Lugosi (2006), Prediction, Learning, and Games, theorem 2.3; Freund and Schapire (1997), A
    Decision-Theoretic Generalization of On-Line Learning.
    """

    clip: float = Field(
        0.05, gt=0, le=1, description="log return of a period above or below the mean that counts at most"
    )
    eta: float | None = Field(
        None, gt=0, le=1e6, description="learning rate; that of the bound, √(8 ln M / R) / (2 clip), if not said"
    )

    def blend(self, proposals: Proposals, view: View) -> Blended:
        if not view.past:
            return Blended.equally(proposals)
        decided = Decided.in_the_past(proposals.names, view)
        with np.errstate(divide="ignore"):
            grown = np.log1p(self.earned(decided, view))
        return Blended.of(self.parts(np.add.reduceat(grown, decided.bars - decided.bars[0])), proposals)

    def parts(self, grown: Float) -> Float:
        """The parts (M,) after the log returns (R - 1, M) of the periods so far."""
        periods, count = grown.shape
        floored = np.maximum(grown, -1e3)  # a ruin is no infinity
        counted = np.clip(floored - floored.mean(axis=1, keepdims=True), -self.clip, self.clip).sum(axis=0)
        eta = np.sqrt(8.0 * np.log(count) / (periods + 1)) / (2.0 * self.clip) if self.eta is None else self.eta
        found: Float = np.exp(eta * (counted - counted.max()))
        return found / found.sum()
