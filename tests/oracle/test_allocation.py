"""Weights of the kernels against published ones, and against skfolio's on the same covariances.

Tolerances: 1e-12 for the published weights of hierarchical risk parity; of skfolio's optimizers the least variance
agrees to 1e-6 of itself where its solver is told 1e-12, and weights to what a flat optimum leaves open, 1e-4 and 1e-3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from skfolio.optimization import MeanRisk, RiskBudgeting

from regimefolio.core.types import Float
from regimefolio.kernels.bisection import bisect
from regimefolio.kernels.minimum_variance import minimum_variance
from regimefolio.kernels.risk_budgeting import risk_budgeting
from regimefolio.portfolio.clusters import leaf_order

EXACT = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-12)


def returns_of(n_assets: int) -> Float:
    random = np.random.default_rng(n_assets)
    exposures = random.normal(0.7, 0.2, (2, n_assets))
    own = random.normal(0.0, 0.01, (252, n_assets)) * random.uniform(0.5, 2.0, n_assets)
    return random.normal(0.0, 0.01, (252, 2)) @ exposures + own


def pairwise(returns: Float) -> tuple[Float, Float]:
    """Covariances and correlations of the bars that two assets have in common."""
    n_assets = returns.shape[1]
    covariance, correlation = np.empty((n_assets, n_assets)), np.empty((n_assets, n_assets))
    for i in range(n_assets):
        for j in range(n_assets):
            both = np.isfinite(returns[:, i]) & np.isfinite(returns[:, j])
            found = np.cov(returns[both, i], returns[both, j])
            covariance[i, j], correlation[i, j] = found[0, 1], found[0, 1] / np.sqrt(found[0, 0] * found[1, 1])
    return covariance, correlation


@pytest.mark.shared
def test_hierarchical_risk_parity_has_the_published_weights(shared: Path) -> None:
    prices = pl.read_csv(shared / "reference/pypfopt/stock_prices.csv").drop("date")
    close = prices.cast(pl.Float64).to_numpy()
    covariance, correlation = pairwise(close[1:] / close[:-1] - 1.0)
    found = np.empty(len(covariance))
    bisect(covariance, leaf_order(correlation), found)
    published = dict(pl.read_csv(shared / "reference/pypfopt/weights_hrp.csv").iter_rows())
    assert found == pytest.approx([published[symbol] for symbol in prices.columns], abs=1e-12)


@pytest.mark.parametrize("n_assets", [5, 40])
def test_least_variance_is_that_of_skfolio(n_assets: int) -> None:
    returns = returns_of(n_assets)
    covariance, ours = np.cov(returns.T), np.empty(n_assets)
    minimum_variance(covariance, np.ones(n_assets), np.zeros(n_assets, dtype=bool), ours)
    theirs = MeanRisk(solver_params=EXACT).fit(returns).weights_
    variance = theirs @ covariance @ theirs
    assert variance * (1.0 - 1e-6) <= ours @ covariance @ ours <= variance
    assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("n_assets", [5, 40])
def test_equal_risk_is_that_of_skfolio(n_assets: int) -> None:
    returns = returns_of(n_assets)
    ours = np.empty(n_assets)
    risk_budgeting(np.cov(returns.T), np.full(n_assets, 1.0 / n_assets), ours)
    assert ours == pytest.approx(RiskBudgeting().fit(returns).weights_, abs=1e-3)
