"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.base import Allocator, CompiledAllocator, Rule
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.proportional import Proportional
from regimefolio.portfolio.allocators.risk_parity import RiskParity

__all__ = ["Allocator", "CompiledAllocator", "EqualWeight", "Proportional", "RiskParity", "Rule"]
