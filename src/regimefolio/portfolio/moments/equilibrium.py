"""Means that would make a portfolio the right one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import ExpectedReturns
from regimefolio.portfolio.sample import Sample


class Equilibrium(ExpectedReturns, kind="equilibrium"):
    """The returns which somebody expects who holds the weights w for good reasons: δ·Σw.

    It looks at no mean of past returns. The weights are equal, or in proportion to the traded value, the median of
    raw close · raw volume in the window, which stands in for what an asset is worth in all.
    Source: Black and Litterman (1992), Global Portfolio Optimization; He and Litterman (1999), The Intuition Behind
    Black-Litterman Model Portfolios, section 2, with δ = 2.5.
    """

    weights: Literal["equal", "traded_value"] = Field("equal", description="the portfolio that is held")
    risk_aversion: float = Field(2.5, gt=0, le=1e6, description="δ: return that is asked for variance")

    def estimate(self, sample: Sample, covariance: Float) -> Float:
        found: Float = self.risk_aversion * (covariance @ self._held(sample))
        return found

    def _held(self, sample: Sample) -> Float:
        n_assets = sample.assets.size
        if self.weights == "equal":
            return np.full(n_assets, 1.0 / n_assets)
        panel, n_returns = sample.view.market.panel, len(sample.returns)
        if (traded := panel.traded_value) is None:
            raise MissingDataError(
                "this data has no volume, of which `equilibrium` makes the market's weights; use `weights: equal`"
            )
        value = np.median(np.nan_to_num(traded[-n_returns:, sample.assets]), axis=0)
        if not value.sum() > 0.0:
            raise MissingDataError(
                f"nothing was traded in the last {n_returns} bars, of which `equilibrium` makes the market's weights; "
                "use `weights: equal`"
            )
        found: Float = value / value.sum()
        return found
