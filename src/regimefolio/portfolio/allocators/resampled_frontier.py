"""The mean of what would be best, had the past been another draw."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.arrays import time_seed
from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer
from regimefolio.portfolio.convex import most_useful, root_of
from regimefolio.portfolio.sample import Sample


class ResampledFrontier(ReturnRiskOptimizer, kind="resampled_frontier"):
    """The mean of the weights of best utility over samples that could have been.

    Each draw makes as many normal returns as there are, with the expected returns and the covariance, and asks for the
    long-only weights of sum 1 that maximise μ − risk_aversion/2 · σ² of its own moments. The mean holds more assets
    than one optimum, and moves less from one rebalance to the next. Draws depend on the seed and the bar's time alone.
    Source: Michaud (1998), Efficient Asset Management, chapter 6.
    """

    slow: ClassVar[bool] = True

    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts")
    draws: int = Field(50, ge=1, le=10_000, description="samples that could have been")
    seed: int = Field(0, ge=0, lt=2**63, description="which draws")

    def fitted(self, sample: Sample) -> Float:
        (expected, covariance), random = self.moments(sample), drawing(sample, self.seed)
        root, found = root_of(covariance), np.zeros(len(expected))
        for _ in range(self.draws):
            drawn = expected + random.standard_normal(sample.returns.shape) @ root
            means = drawn.mean(axis=0)
            own = (drawn - means).T @ (drawn - means) / len(drawn)
            found += self.shares(sample, most_useful(means, own, self.risk_aversion * sample.unit))
        return found / self.draws


def drawing(sample: Sample, seed: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the time of the sample's last bar alone."""
    return np.random.default_rng([seed, time_seed(sample.view.market.timestamps[-1])])
