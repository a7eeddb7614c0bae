"""The least of the largest loss from a peak."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.downside import DownsideOptimizer, Risk, drawdowns
from regimefolio.portfolio.convex import Rows


class MaxDrawdown(DownsideOptimizer, kind="max_drawdown"):
    """The long-only weights of sum 1 whose largest drawdown is least.

    A drawdown is what the sum of a portfolio's returns, of weights that stay as they are, lies below its highest, 0
    at the start. `max_ratio` maximises the expected return for it, as the Calmar ratio does; where nothing is expected
    to gain it holds nothing. A single fall decides, and no two windows have the same one.
    Source: Chekhlov, Uryasev and Zabarankin (2005), Drawdown Measure in Portfolio Optimization.
    """

    def risk(self, returns: Float) -> Risk:
        n_bars, n_assets = returns.shape
        # one more variable, which no drawdown is above
        worst = np.hstack([np.zeros((n_bars, n_assets)), np.eye(n_bars), -np.ones((n_bars, 1))])
        linear = np.concatenate([np.zeros(n_assets + n_bars), [1.0]])
        return Risk(linear, (*drawdowns(returns), Rows("below", worst, np.zeros(n_bars))))
