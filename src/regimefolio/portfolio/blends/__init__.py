"""Blends make one portfolio of what several allocators would hold, one file a blend."""

from regimefolio.portfolio.blends.attention_then_equal import AttentionThenEqual
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals
from regimefolio.portfolio.blends.equal import EqualBlend

__all__ = ["AttentionThenEqual", "Blend", "Blended", "EqualBlend", "Proposals"]
