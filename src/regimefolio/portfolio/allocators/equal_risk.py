"""The same part of the risk for every asset."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.risk_budgeting import SOLVED, risk_budgeting
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.sample import Sample


class EqualRiskContribution(RiskOptimizer, kind="equal_risk_contribution"):
    """The long-only weights of sum 1 of which each, w·(Σw), is the same part of the variance.

    Unlike `risk_parity`, which looks at volatilities alone, it knows what moves together.
    Source: Maillard, Roncalli and Teïletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios.
    """

    def fitted(self, sample: Sample) -> Float:
        n_assets = sample.assets.size
        found = np.empty(n_assets)
        if risk_budgeting(self.covariance(sample), np.full(n_assets, 1.0 / n_assets), found) != SOLVED:
            raise self.unsolved(sample, "the parts did not become equal")
        return found
