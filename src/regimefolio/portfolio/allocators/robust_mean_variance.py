"""Return for risk, where the means are known to be wrong."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer
from regimefolio.portfolio.convex import Rows, budget, minimised, root_of
from regimefolio.portfolio.sample import Sample


class RobustMeanVariance(ReturnRiskOptimizer, kind="robust_mean_variance"):
    """The long-only weights whose utility is best with the worst means that the sample leaves possible.

    They maximise w'μ − κ·√(w'Σw / T) − risk_aversion/2 · w'Σw: true means lie with probability `confidence` in the
    ellipsoid (m − μ)'Σ⁻¹(m − μ) ≤ κ²/T around the expected ones, κ² being that quantile of χ² with n degrees of
    freedom. With many assets the ellipsoid is so large that what is left is close to least variance.
    Source: Goldfarb and Iyengar (2003), Robust Portfolio Selection Problems; Fabozzi, Kolm, Pachamanova and Focardi
    (2007), Robust Portfolio Optimization, eq. 4.
    """

    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts")
    confidence: float = Field(0.9, gt=0, lt=1, description="probability that the means lie in the ellipsoid")

    def fitted(self, sample: Sample) -> Float:
        from scipy.stats import chi2

        (n_returns, n_assets), (expected, covariance) = sample.returns.shape, self.moments(sample)
        radius = float(np.sqrt(chi2.ppf(self.confidence, n_assets) / n_returns))
        # one more variable, the weights' deviation at least, which costs κ/√T of itself and λ/2 of its square
        above = np.zeros((n_assets + 1, n_assets + 1))
        above[0, n_assets] = -1.0
        above[1:, :n_assets] = -root_of(covariance)
        rows = (*budget(n_assets), Rows("norm", above, np.zeros(n_assets + 1)))
        quadratic = np.zeros((n_assets + 1, n_assets + 1))
        quadratic[n_assets, n_assets] = self.risk_aversion * sample.unit
        return self.shares(sample, minimised(np.append(-expected, radius), rows, quadratic))
