"""Return for the risk of losses alone."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.downside import DownsideOptimizer, Risk
from regimefolio.portfolio.convex import Rows, budget, minimised
from regimefolio.portfolio.sample import Sample


class MeanSemivariance(DownsideOptimizer, kind="mean_semivariance"):
    """The best of mean and semivariance, the mean square of the losses, among long-only weights of sum 1.

    `utility` maximises μ − risk_aversion/2 · semivariance, `max_ratio` the mean over its root, as the Sortino ratio
    does; where nothing is expected to gain the latter holds nothing. `min_risk` looks at no mean. Gains are no risk;
    half of the bars say how losses move together.
    Source: Markowitz (1959), Portfolio Selection, chapter 9; Markowitz, Todd, Xu and Yamane (1993), Computation of
    Mean-Semivariance Efficient Sets, whose program this is.
    """

    slow: ClassVar[bool] = True

    objective: Literal["utility", "min_risk", "max_ratio"] = Field(  # type: ignore[assignment]  # one more
        "utility", description="what is looked for"
    )
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much semivariance counts in `utility`")

    def risk(self, returns: Float) -> Risk:
        n_bars, n_assets = returns.shape
        eye, zeros = np.eye(n_bars), np.zeros(n_bars)
        losses = Rows("below", np.hstack([-returns, -eye]), zeros)
        above_zero = Rows("below", np.hstack([np.zeros((n_bars, n_assets)), -eye]), zeros)
        quadratic = np.diag(np.concatenate([np.zeros(n_assets), np.full(n_bars, 1.0 / n_bars)]))
        return Risk(np.zeros(n_assets + n_bars), (losses, above_zero), quadratic)

    def fitted(self, sample: Sample) -> Float:
        if self.objective != "utility":
            return super().fitted(sample)
        n_assets, risk = sample.assets.size, self.risk(sample.returns / sample.unit)
        linear = risk.linear.copy()
        linear[:n_assets] = -self.expected(sample) / sample.unit
        assert risk.quadratic is not None
        quadratic = self.risk_aversion * sample.unit * risk.quadratic
        return self.shares(sample, minimised(linear, (*budget(n_assets), *risk.rows), quadratic))
