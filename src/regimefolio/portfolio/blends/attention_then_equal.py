"""Only what the public's attention led, then no allocator is better than another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regimefolio.core.types import read_only
from regimefolio.market.view import View
from regimefolio.portfolio.attention import LeadingAttention
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class AttentionThenEqual(LeadingAttention, Blend, kind="attention_then_equal"):
    """The mean of the allocators' weights, which are asked about the assets alone whose page views led their price."""

    if_none: Literal["cash", "all"] = Field(description="what is held where none did: cash, or of all assets")

    def narrowed(self, view: View) -> View:
        chosen = self.chosen(view)
        if self.if_none == "all" and not chosen.any():
            return view
        return view._replace(tradable=read_only(view.tradable & chosen))

    def blend(self, proposals: Proposals, view: View) -> Blended:
        return Blended.equally(proposals)
