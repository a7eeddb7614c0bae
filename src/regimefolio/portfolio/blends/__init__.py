"""Blends make one portfolio of what several allocators would hold, one file a blend."""

from regimefolio.portfolio.blends.attention_then_equal import AttentionThenEqual
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals
from regimefolio.portfolio.blends.custom import CustomBlend
from regimefolio.portfolio.blends.equal import EqualBlend
from regimefolio.portfolio.blends.inverse_disagreement import InverseDisagreementBlend
from regimefolio.portfolio.blends.median import MedianBlend
from regimefolio.portfolio.blends.optimized import OptimizedBlend
from regimefolio.portfolio.blends.performing import PerformanceBlend
from regimefolio.portfolio.blends.stacked import StackedBlend

__all__ = [
    "AttentionThenEqual",
    "Blend",
    "Blended",
    "CustomBlend",
    "EqualBlend",
    "InverseDisagreementBlend",
    "MedianBlend",
    "OptimizedBlend",
    "PerformanceBlend",
    "Proposals",
    "StackedBlend",
]
