"""Less of what moves more."""

from __future__ import annotations

from pydantic import Field

from regimefolio.kernels.weights import RISK_PARITY
from regimefolio.portfolio.allocators.base import CompiledAllocator, Rule


class InverseVolatility(CompiledAllocator, kind="inverse_volatility"):
    """w in proportion to 1/σ, long-only; the alpha is ignored.

    σ is the population deviation of the last `lookback` simple returns of the asset; without σ yet, or with σ = 0, it
    gets nothing. It is `risk_parity` with tilt 0.
    """

    lookback: int = Field(63, ge=2, description="returns whose volatility counts, of the asset's own bars")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    @property
    def rule(self) -> Rule:
        return Rule(RISK_PARITY, 0.0, self.lookback)
