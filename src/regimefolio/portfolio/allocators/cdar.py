"""The least loss from a peak at the worst bars."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.downside import DownsideOptimizer, Risk, beyond, drawdowns


class ConditionalDrawdownAtRisk(DownsideOptimizer, kind="cdar"):
    """The long-only weights of sum 1 whose mean drawdown at the worst bars is least: conditional drawdown at risk.

    A drawdown is what the sum of a portfolio's returns, of weights that stay as they are, lies below its highest, 0
    at the start. `max_ratio` maximises the expected return for it; where nothing is expected to gain it holds nothing.
    One path decides: which asset fell when others rose. Source: Chekhlov, Uryasev and Zabarankin (2005), Drawdown
    Measure in Portfolio Optimization.
    """

    confidence: float = Field(0.95, ge=0.5, lt=1, description="part of the bars that are not the worst")

    def risk(self, returns: Float) -> Risk:
        n_bars, n_assets = returns.shape
        losses = np.hstack([np.zeros((n_bars, n_assets)), np.eye(n_bars)])
        tail = beyond(losses, self.confidence, n_bars)
        return Risk(tail.linear, (*drawdowns(returns), *tail.rows))
