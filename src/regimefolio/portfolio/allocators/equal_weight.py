"""The same weight for everything that trades."""

from __future__ import annotations

from regimefolio.kernels.weights import EQUAL_WEIGHT
from regimefolio.portfolio.allocators.base import CompiledAllocator, Rule


class EqualWeight(CompiledAllocator, kind="equal_weight"):
    """1/n for each of the n members that have a bar; the alpha is ignored."""

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    @property
    def rule(self) -> Rule:
        return Rule(EQUAL_WEIGHT)
