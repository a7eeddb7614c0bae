"""What the strategies say, against what holding everything says."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.convex import most_useful
from regimefolio.portfolio.moments import AlphaScores, Equilibrium
from regimefolio.portfolio.sample import Sample


class BlackLitterman(RiskOptimizer, kind="black_litterman"):
    """Equal weights, moved by the strategies' alphas as views of the assets: long-only weights of sum 1.

    Equilibrium returns π = δ·Σ·1/n are those that make equal weights the best; each alpha that is not 0 is the view
    that its asset returns q = coefficient · σ · alpha. With P that picks the assets of which there is a view, and
    Ω = diag(PτΣP')·(1 − c)/c for the confidence c, what is expected is π + τΣP'(PτΣP' + Ω)⁻¹(q − Pπ), and
    μ − δ/2 · σ² is maximised; without views the weights are equal. τ says how far views reach: it matters only
    where alphas leave assets out.
    Source: Black and Litterman (1992), Global Portfolio Optimization; He and Litterman (1999), eq. 8; Idzorek (2005),
    A Step-by-Step Guide to the Black-Litterman Model, for the confidence. Σ is left as it is.
    """

    risk_aversion: float = Field(2.5, gt=0, le=1e6, description="δ: how much variance counts")
    coefficient: float = Field(0.05, gt=0, le=1, description="the correlation of alpha with what follows")
    confidence: float = Field(0.5, gt=0, le=1, description="c: how far views are trusted")
    tau: float = Field(0.05, gt=0, le=1, description="τ: how uncertain the equilibrium is, in parts of Σ")

    @property
    def uses_alpha(self) -> bool:
        return True

    def fitted(self, sample: Sample) -> Float:
        covariance = self.covariance(sample)
        expected = self.expected(sample, covariance) / sample.unit
        return self.shares(sample, most_useful(expected, covariance / sample.unit**2, self.risk_aversion * sample.unit))

    def expected(self, sample: Sample, covariance: Float) -> Float:
        """What is expected (n,) of a bar's returns, once the views are known."""
        prior = Equilibrium(risk_aversion=self.risk_aversion).estimate(sample, covariance)
        views = np.flatnonzero(sample.alpha)
        told = AlphaScores(coefficient=self.coefficient).estimate(sample, covariance)[views]
        reach = self.tau * covariance[:, views]
        doubt = np.diag(reach[views, np.arange(views.size)] * (1.0 - self.confidence) / self.confidence)
        found: Float = prior + reach @ np.linalg.solve(reach[views] + doubt, told - prior[views])
        return found
