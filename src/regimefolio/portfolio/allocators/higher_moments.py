"""The least of a risk that knows how a distribution leans and how heavy its tails are."""

from __future__ import annotations

from math import comb, factorial
from typing import ClassVar

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import Optimizer
from regimefolio.portfolio.convex import SOLVED, Rows, budget, minimised
from regimefolio.portfolio.sample import Sample

GAP = 1e-7
"""How far above a lower bound the risk of the weights may be, as a fraction of that of equal weights."""

CUTS = 500
"""Planes after which it is given up."""

TOWARDS = 0.3
"""How far the next plane lies from the best weights so far towards those that are best under the planes."""


class HigherMoments(Optimizer, kind="higher_moments"):
    """The long-only weights of sum 1 whose L-moments are the least risk.

    The risk is Σ φₖ·(−1)ᵏ·λₖ over k = 2 … `order`, with φₖ in proportion to γ(γ+1)…(γ+k−2)/k! for the risk aversion γ
    and λₖ the sample's L-moments: scale, lean and tails from sorted returns, which one extreme bar moves less than it
    does powers. The weight of a sorted return must not fall with it, so that the risk is convex; where it does, the
    nearest weights that do not take their place. Source: Hosking (1990), L-Moments; Cajas (2023), Higher Order Moment
    Portfolio Optimization with L-Moments.
    Planes below the risk are added until the least of them is as high: Ben-Ameur and Neto (2007), Acceleration of
    Cutting-Plane and Column Generation Algorithms.
    """

    slow: ClassVar[bool] = True

    order: int = Field(4, ge=2, le=8, description="the last L-moment that counts")
    risk_aversion: float = Field(0.5, gt=0, le=1, description="γ: how much the higher ones count")

    def fitted(self, sample: Sample) -> Float:
        returns = sample.returns / sample.unit
        ranks = rank_weights(len(returns), self.order, self.risk_aversion)
        n_assets = returns.shape[1]
        best = np.full(n_assets, 1.0 / n_assets)
        planes = [_plane(returns, ranks, best)]
        least, linear = float(planes[0] @ best), np.append(np.zeros(n_assets), 1.0)
        enough = GAP * least
        while len(planes) < CUTS:
            above = np.column_stack([np.array(planes), -np.ones(len(planes))])
            lowest = minimised(linear, (*budget(n_assets), Rows("below", above, np.zeros(len(planes)))))
            if lowest.status != SOLVED:
                raise self.unsolved(sample, lowest.status)
            if least - lowest.x[-1] <= enough:
                return self.cleaned(sample, best)
            asked = best + TOWARDS * (lowest.x[:n_assets] - best)
            planes.append(_plane(returns, ranks, asked))
            if planes[-1] @ asked < least:
                best, least = asked, float(planes[-1] @ asked)
        raise self.unsolved(sample, f"{CUTS} planes were not enough")


def _plane(returns: Float, ranks: Float, weights: Float) -> Float:
    """The slope (n,) of the risk at weights, which times other weights is never above their risk."""
    slope: Float = ranks @ returns[np.argsort(returns @ weights, kind="stable")]
    return slope


def rank_weights(n_returns: int, order: int, risk_aversion: float) -> Float:
    """The weights (n_returns,) of returns, the lowest first, of which the risk is the sum; they never fall."""
    from scipy.optimize import isotonic_regression

    k = np.arange(2, order + 1)
    shares = np.cumprod(risk_aversion + k - 2.0) / [factorial(each) for each in k]
    signed = (shares / shares.sum()) * (-1.0) ** k
    found: Float = isotonic_regression(signed @ l_moment_weights(n_returns, order)[1:]).x
    return found


def l_moment_weights(n_returns: int, order: int) -> Float:
    """The weights (order, n_returns) of sorted values, the lowest first, of which L-moments are the sums: unbiased.

    Source: Hosking (1990), L-Moments, section 3.1, by probability-weighted moments.
    """
    rank = np.arange(n_returns)
    moments = np.empty((order, n_returns))
    moments[0] = 1.0 / n_returns
    for k in range(1, order):
        moments[k] = moments[k - 1] * (rank - k + 1) / (n_returns - k)
    shifted = [[(-1.0) ** (r - k) * comb(r, k) * comb(r + k, k) for k in range(order)] for r in range(order)]
    found: Float = np.array(shifted) @ moments
    return found
