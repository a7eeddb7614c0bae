"""Covariances of moves that count."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Float
from regimefolio.portfolio.moments.base import CovarianceTransformer
from regimefolio.portfolio.sample import Sample


class Gerber(CovarianceTransformer, kind="gerber"):
    """Correlations by counting: bars at which two assets moved far the same way, less those where they moved apart.

    Over the bars at which at least one of them moved by `threshold` deviations; how far beyond does not count, so that
    a few extreme bars say little. Deviations are the sample's own. It starts from the returns anew.
    Source: Gerber, Markowitz, Ernst, Miao, Javid and Sargen (2022), The Gerber Statistic, eq. 8, with skfolio's
    `GerberCovariance`, which takes the nearest positive definite one.
    """

    starts_anew: ClassVar[bool] = True

    threshold: float = Field(0.5, gt=0, lt=1, description="deviations from which a move counts")

    def transform(self, covariance: Float, sample: Sample) -> Float:
        from skfolio.exceptions import SkfolioError
        from skfolio.moments import GerberCovariance

        try:
            found = GerberCovariance(threshold=self.threshold).fit(sample.returns).covariance_
        except (SkfolioError, ValueError) as error:  # such as of an asset whose returns are all equal
            raise NotConvergedError(f"`gerber` found no covariance ({error}); use another one") from error
        return np.asarray(found, dtype=np.float64)
