"""Less of what moves more, and more of what has the better alpha."""

from __future__ import annotations

from pydantic import Field

from regimefolio.kernels.weights import RISK_PARITY
from regimefolio.portfolio.allocators.base import CompiledAllocator, Rule


class RiskParity(CompiledAllocator, kind="risk_parity"):
    """Inverse volatility, tilted by alpha: w in proportion to (1 + tilt · alpha)⁺ / σ, long-only.

    σ is the population deviation of the last `lookback` simple returns of the asset. Without a tilt every asset
    contributes the same risk where all correlations are equal; with tilt 1, alpha 1 doubles the weight and alpha −1
    makes it 0. An asset without σ yet, or with σ = 0, gets nothing.
    Source: Maillard, Roncalli and Teïletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios,
    section 2.3 (equal correlations: w in proportion to 1/σ). The tilt is ours.
    """

    lookback: int = Field(63, ge=2, description="returns whose volatility counts, of the asset's own bars")
    tilt: float = Field(1.0, ge=0, le=1, description="how far alpha moves the weights; 0 ignores it")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return self.tilt > 0.0

    @property
    def rule(self) -> Rule:
        return Rule(RISK_PARITY, self.tilt, self.lookback)
