"""More of what rose more."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.component import placed_error
from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.scored import ScoredAllocator


class Momentum(ScoredAllocator, kind="momentum"):
    """In proportion to the return over `lookback` bars without the last `skip` of them, where that is above 0.

    Source: Jegadeesh and Titman (1993), Returns to Buying Winners and Selling Losers; weights in proportion to past
    returns as in Lewellen (2002), Momentum and Autocorrelation in Stock Returns, but long-only.
    """

    skip: int = Field(21, ge=0, description="last bars that are left out")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.skip >= self.lookback:
            text = f"skip {self.skip} leaves nothing of lookback {self.lookback}; make it smaller"
            raise placed_error(("skip",), text)
        return self

    def scores(self, returns: Float) -> Float:
        growth: Float = np.prod(1.0 + returns[: len(returns) - self.skip], axis=0) - 1.0
        return growth
