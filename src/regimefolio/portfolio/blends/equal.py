"""No allocator is better than another."""

from __future__ import annotations

from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class EqualBlend(Blend, kind="equal"):
    """The mean of the allocators' weights."""

    def blend(self, proposals: Proposals, view: View) -> Blended:
        return Blended.equally(proposals)
