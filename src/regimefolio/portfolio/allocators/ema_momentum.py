"""More of what rose more, and lately."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.scored import ScoredAllocator


class EmaMomentum(ScoredAllocator, kind="ema_momentum"):
    """In proportion to the exponentially weighted mean of the last `lookback` returns, where that is above 0.

    A return k bars ago weighs (1 − 2/(span + 1))^k. It needs no bars left out at the end, but follows short reversals.
    Source: Baz et al. (2015), Dissecting Investment Strategies in the Cross Section and Time Series, section 2, has
    averages of this kind.
    """

    span: int = Field(63, ge=1, description="bars; the centre of the weights is (span − 1)/2 bars ago")

    def scores(self, returns: Float) -> Float:
        weight = (1.0 - 2.0 / (self.span + 1.0)) ** np.arange(len(returns))[::-1]
        mean: Float = weight @ returns / weight.sum()
        return mean
