"""No allocator is better than another."""

from __future__ import annotations

import numpy as np

from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class EqualBlend(Blend, kind="equal"):
    """The mean of the allocators' weights."""

    def blend(self, proposals: Proposals, view: View) -> Blended:
        count = len(proposals.names)
        return Blended(proposals.weights.mean(axis=0), np.full(count, 1.0 / count))
