"""More of what rose more, but of nothing too much."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.momentum import Momentum


class CappedMomentum(Momentum, kind="capped_momentum"):
    """`momentum` with at most `cap` in one asset; what is above goes to the others in proportion.

    Water-filling: w = min(cap, c·m⁺) with the c that makes the sum 1. Where so few assets have risen that the cap
    leaves something, it is cash.
    """

    cap: float = Field(0.1, gt=0, le=1, description="largest share of one asset")

    def shares(self, scores: Float) -> Float:
        return water_filled(super().shares(scores), self.cap)


def water_filled(weights: Float, cap: float) -> Float:
    """Weights (n,) of the same sum and proportions, but none above `cap`; all that have one at `cap`, if need be."""
    total, held = weights.sum(), weights > 0.0
    if cap * held.sum() <= total:
        return np.where(held, cap, 0.0)
    out, full = weights, np.zeros(weights.size, dtype=bool)
    while (out[~full] > cap).any():
        full |= out > cap
        rest = np.where(full, 0.0, weights)
        least = cap / weights[full].min()  # what brings the full ones to the cap; less is rounding
        out = np.where(full, cap, rest * max((total - cap * full.sum()) / rest.sum(), least))
    return out
