"""Covariances of the bars that lie close together."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.sample import Sample


class RobustEllipse(CovarianceTransformer, kind="robust"):
    """The covariance of the bars inside the tightest ellipse that holds `share` of them, reweighted.

    The rest, such as crashes, counts as outliers: it says how assets move on most days, and too little of the bad
    ones. It needs more than two returns an asset, and starts from the returns anew.
    Source: Rousseeuw and Van Driessen (1999), A Fast Algorithm for the Minimum Covariance Determinant Estimator, with
    scikit-learn's `MinCovDet`.
    """

    slow: ClassVar[bool] = True
    starts_anew: ClassVar[bool] = True

    share: float = Field(0.75, ge=0.5, le=1, description="part of the bars that the ellipse holds")
    seed: int = Field(0, ge=0, lt=2**32, description="where the search for the ellipse begins")

    def transform(self, covariance: Float, sample: Sample) -> Float:
        from sklearn.covariance import MinCovDet

        n_returns, n_assets = sample.returns.shape
        if n_returns <= 2 * n_assets:
            raise NotConvergedError(
                f"`robust` needs more than {2 * n_assets} returns for {n_assets} assets, but has {n_returns}; use a "
                "longer lookback, fewer assets or another covariance"
            )
        returns = sample.returns / sample.unit
        try:
            with warnings.catch_warnings():  # it warns where bars lie in a plane
                for each in (UserWarning, RuntimeWarning):
                    warnings.simplefilter("error", each)
                found = MinCovDet(support_fraction=self.share, random_state=self.seed).fit(returns).covariance_
        except (ValueError, UserWarning, RuntimeWarning) as error:
            raise NotConvergedError(f"`robust` found no ellipse ({error}); use another covariance") from error
        return np.asarray(found, dtype=np.float64) * sample.unit**2
