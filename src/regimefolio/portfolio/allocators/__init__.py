"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.proportional import Proportional

__all__ = ["Allocator", "EqualWeight", "Proportional"]
