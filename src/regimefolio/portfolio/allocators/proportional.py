"""Weights in proportion to alpha."""

from __future__ import annotations

from pydantic import Field

from regimefolio.kernels.weights import LONG_SHORT, PROPORTIONAL
from regimefolio.portfolio.allocators.base import CompiledAllocator, Rule


class Proportional(CompiledAllocator, kind="proportional"):
    """Weights in proportion to alpha: alpha⁺ / Σ alpha⁺, or alpha / Σ |alpha| with shorts; cash where that sum is 0."""

    long_short: bool = Field(False, description="short what has a negative alpha; otherwise it gets nothing")

    @property
    def long_only(self) -> bool:
        return not self.long_short

    @property
    def rule(self) -> Rule:
        return Rule(LONG_SHORT if self.long_short else PROPORTIONAL)
