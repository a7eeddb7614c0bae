"""Optimizers and moments against other solvers and other implementations.

Tolerances: what an optimizer makes best is within 1e-6 of what scipy's SLSQP, or skfolio with Clarabel where ours is
HiGHS, makes of the same program; moments agree with skfolio's and scikit-learn's to 1e-10, detoned correlations to the
thousandth that ours leaves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint, linprog, minimize
from scipy.stats import chi2
from skfolio import RiskMeasure
from skfolio.moments import (
    DenoiseCovariance,
    DetoneCovariance,
    EmpiricalCovariance,
    EquilibriumMu,
    EWCovariance,
    EWMu,
    ShrunkMu,
    ShrunkMuMethods,
)
from skfolio.optimization import (
    MaximumDiversification,
    MeanRisk,
    NestedClustersOptimization,
    ObjectiveFunction,
)
from skfolio.optimization import RiskBudgeting as TheirRiskBudgeting
from skfolio.prior import BlackLitterman as TheirBlackLitterman
from skfolio.prior import EmpiricalPrior
from sklearn.covariance import OAS

from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio import (
    BlackLitterman,
    ConditionalDrawdownAtRisk,
    ConditionalValueAtRisk,
    CovarianceTransformer,
    Denoise,
    Detone,
    Equilibrium,
    ExponentialCovariance,
    ExponentialMean,
    Gerber,
    HigherMoments,
    JamesStein,
    MaxDrawdown,
    MeanSemivariance,
    MeanVariance,
    NestedClusters,
    OracleApproximating,
    RiskBudgeting,
    RobustMeanVariance,
    Sample,
    Shrunk,
    WorstCase,
)
from regimefolio.portfolio import MaximumDiversification as OurMaximumDiversification
from regimefolio.portfolio.allocators import Optimizer
from regimefolio.portfolio.allocators.higher_moments import rank_weights
from regimefolio.portfolio.allocators.resampled_frontier import drawing
from regimefolio.portfolio.convex import root_of
from regimefolio.portfolio.skfolio_moments import GivenMoments
from regimefolio.testing.strategies import market_of

LOOKBACK, AGREES = 120, 1e-6


def sample_of(n_assets: int, lookback: int = LOOKBACK, factors: int = 2) -> Sample:
    random = np.random.default_rng(n_assets)
    exposures = random.normal(0.7, 0.4, (factors, n_assets))
    own = random.normal(0.0, 0.01, (lookback, n_assets)) * random.uniform(0.5, 2.0, n_assets)
    returns = random.normal(0.0005, 0.01, (lookback, factors)) @ exposures + own + random.normal(0, 0.0005, n_assets)
    market = market_of(100.0 * np.vstack([np.ones(n_assets), np.cumprod(1.0 + returns, axis=0)]))
    view = View(market, random.uniform(-1, 1, n_assets).astype(np.float32), np.ones(n_assets, np.bool_))
    return Sample.of(view, lookback)


def moments(sample: Sample, optimizer: MeanVariance | None = None) -> tuple[Float, Float]:
    """Expected returns and covariance in percent, as most optimizers take them by default."""
    shown = optimizer or MeanVariance(lookback=LOOKBACK)
    return 100.0 * shown.expected(sample), 1e4 * shown.covariance(sample)


Value = Callable[[Float], float]


def least(value: Value, n_assets: int, *constraints: LinearConstraint | NonlinearConstraint) -> float:
    """The least value of weights of sum 1, none below 0, as SLSQP finds it from several of them."""
    whole = LinearConstraint(np.ones((1, n_assets)), 1.0, 1.0)
    found = []
    for start in (np.full(n_assets, 1.0 / n_assets), *np.eye(n_assets)[:2] * 0.5 + 0.5 / n_assets):
        answer = minimize(
            value,
            start,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * n_assets,
            constraints=[whole, *constraints],
            options={"ftol": 1e-15, "maxiter": 2_000},
        )
        found.append(float(answer.fun))
    return min(found)


def agree(ours: float, theirs: float) -> None:
    assert abs(ours - theirs) <= AGREES * abs(theirs), (ours, theirs)


def utility(sample: Sample, aversion: float = 5.0) -> Value:
    expected, covariance = moments(sample)
    return lambda w: float(-expected @ w + 0.005 * aversion * (w @ covariance @ w))


def ratio(sample: Sample) -> Value:
    expected, covariance = moments(sample)
    return lambda w: float(-expected @ w / np.sqrt(w @ covariance @ w))


def robust(sample: Sample) -> Value:
    expected, covariance = moments(sample)
    radius = np.sqrt(chi2.ppf(0.9, len(expected)) / LOOKBACK)
    return lambda w: float(-expected @ w + radius * np.sqrt(w @ covariance @ w) + 0.005 * 5.0 * (w @ covariance @ w))


def semivariance(sample: Sample) -> Value:
    expected, returns = moments(sample)[0], 100.0 * sample.returns
    return lambda w: float(-expected @ w + 0.005 * 5.0 * (np.minimum(returns @ w, 0.0) ** 2).mean())


def sortino(sample: Sample) -> Value:
    expected, returns = moments(sample)[0], 100.0 * sample.returns
    return lambda w: float(-expected @ w / np.sqrt((np.minimum(returns @ w, 0.0) ** 2).mean()))


@pytest.mark.parametrize(
    ("optimizer", "value"),
    [
        (MeanVariance(lookback=LOOKBACK), utility),
        (MeanVariance(lookback=LOOKBACK, objective="max_sharpe"), ratio),
        (RobustMeanVariance(lookback=LOOKBACK), robust),
        (MeanSemivariance(lookback=LOOKBACK), semivariance),
        (MeanSemivariance(lookback=LOOKBACK, objective="max_ratio"), sortino),
    ],
)
@pytest.mark.parametrize("n_assets", [3, 9])
def test_what_is_best_is_so_for_slsqp(optimizer: Optimizer, value: Callable[[Sample], Value], n_assets: int) -> None:
    sample = sample_of(n_assets)
    measured = value(sample)
    agree(measured(optimizer.fitted(sample)), least(measured, n_assets))


@pytest.mark.parametrize("n_assets", [3, 9])
def test_points_of_the_frontier_are_those_of_slsqp(n_assets: int) -> None:
    sample = sample_of(n_assets)
    expected, covariance = moments(sample)
    between = float(np.quantile(expected, 0.8))
    found = MeanVariance(lookback=LOOKBACK, objective="efficient_return", target_return=between / 100.0 * 252).fitted(
        sample
    )
    rows = LinearConstraint(expected[None], between, np.inf)
    agree(float(found @ covariance @ found), least(lambda w: float(w @ covariance @ w), n_assets, rows))
    assert expected @ found == pytest.approx(between, rel=1e-6)

    allowed = 1.1 * float(np.sqrt(found @ covariance @ found))
    found = MeanVariance(
        lookback=LOOKBACK, objective="efficient_risk", target_volatility=allowed / 100.0 * np.sqrt(252)
    ).fitted(sample)
    below = NonlinearConstraint(lambda w: w @ covariance @ w, 0.0, allowed**2)
    agree(float(-expected @ found), least(lambda w: float(-expected @ w), n_assets, below))


def test_the_worst_of_the_draws_is_best_for_slsqp() -> None:
    sample, optimizer = sample_of(6), WorstCase(lookback=LOOKBACK, draws=15)
    expected, covariance = moments(sample)
    drawn = drawing(sample, 0).standard_normal((15, 6))
    means = expected + drawn @ root_of(covariance) / np.sqrt(LOOKBACK)
    found = optimizer.fitted(sample)
    ours = float(-(means @ found).min() + 0.025 * (found @ covariance @ found))
    # with one more variable, the least of the means
    answer = minimize(  # type: ignore[call-overload]  # a lambda says too little
        lambda x: float(-x[6] + 0.025 * (x[:6] @ covariance @ x[:6])),
        np.append(np.full(6, 1 / 6), means.mean(axis=1).min()),
        method="SLSQP",
        bounds=Bounds(np.append(np.zeros(6), -np.inf), np.append(np.ones(6), np.inf)),
        constraints=[
            LinearConstraint(np.append(np.ones(6), 0.0)[None], 1.0, 1.0),
            LinearConstraint(np.column_stack([means, -np.ones(15)]), 0.0, np.inf),
        ],
        options={"ftol": 1e-15, "maxiter": 2_000},
    )
    agree(ours, float(answer.fun))


def tail_mean(losses: Float, part: float = 0.05) -> float:
    """The mean of the worst part of the losses, the last of which counts in part."""
    ordered, count = np.sort(losses)[::-1], part * len(losses)
    whole = int(count)
    return float((ordered[:whole].sum() + (count - whole) * ordered[whole]) / count)


def falls(returns: Float) -> Float:
    grown = np.concatenate([[0.0], np.cumsum(returns)])
    return (np.maximum.accumulate(grown) - grown)[1:]


MEASURES: dict[str, tuple[type[Optimizer], RiskMeasure, Value]] = {
    "cvar": (ConditionalValueAtRisk, RiskMeasure.CVAR, lambda r: tail_mean(-r)),
    "cdar": (ConditionalDrawdownAtRisk, RiskMeasure.CDAR, lambda r: tail_mean(falls(r))),
    "max_drawdown": (MaxDrawdown, RiskMeasure.MAX_DRAWDOWN, lambda r: float(falls(r).max())),
}


@pytest.mark.parametrize("name", sorted(MEASURES))
@pytest.mark.parametrize("objective", ["min_risk", "max_ratio"])
def test_risk_of_bad_bars_is_that_of_skfolio(name: str, objective: str) -> None:
    kind, measure, risk = MEASURES[name]
    sample = sample_of(25)
    expected, covariance = moments(sample)
    theirs = MeanRisk(
        ObjectiveFunction.MINIMIZE_RISK if objective == "min_risk" else ObjectiveFunction.MAXIMIZE_RATIO,
        risk_measure=measure,
        prior_estimator=GivenMoments(expected, covariance),
        solver_params={"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10},
        scale_objective=1.0,
        scale_constraints=1.0,
    ).fit(100.0 * sample.returns)
    ours = kind.model_validate({"lookback": LOOKBACK, "objective": objective}).fitted(sample)

    def value(w: Float) -> float:
        found = risk(100.0 * sample.returns @ w)
        return found if objective == "min_risk" else found / float(expected @ w)

    agree(value(ours), value(theirs.weights_))


@pytest.mark.parametrize("order", [2, 4])
def test_l_moments_are_least_in_the_linear_program_of_all_pairs(order: int) -> None:
    sample = sample_of(5, lookback=30)
    returns, ranks = 100.0 * sample.returns, rank_weights(30, order, 0.5)
    found = HigherMoments(lookback=30, order=order).fitted(sample)
    ours = float(ranks @ np.sort(returns @ found))
    # Ogryczak and Śliwiński (2003): least Σ a + Σ b with aᵢ + bⱼ ≥ rankᵢ · returnⱼ
    pairs = np.zeros((900, 65))
    for i in range(30):
        pairs[30 * i : 30 * i + 30, :5] = ranks[i] * returns
        pairs[30 * i : 30 * i + 30, 5 + i] = -1.0
        pairs[30 * i + np.arange(30), 35 + np.arange(30)] = -1.0
    answer = linprog(
        np.concatenate([np.zeros(5), np.ones(60)]),
        A_ub=pairs,
        b_ub=np.zeros(900),
        A_eq=np.concatenate([np.ones(5), np.zeros(60)])[None],
        b_eq=np.ones(1),
        bounds=[(0.0, None)] * 5 + [(None, None)] * 60,
    )
    assert answer.fun is not None
    agree(ours, float(answer.fun))


def test_the_ratio_of_diversification_is_that_of_skfolio() -> None:
    sample = sample_of(25)
    expected, covariance = moments(sample)
    theirs = MaximumDiversification(prior_estimator=GivenMoments(expected, covariance)).fit(100.0 * sample.returns)
    ours = OurMaximumDiversification(lookback=LOOKBACK).fitted(sample)
    found = [float(w @ np.sqrt(np.diag(covariance)) / np.sqrt(w @ covariance @ w)) for w in (ours, theirs.weights_)]
    agree(*found)


def test_parts_of_the_risk_are_those_of_skfolio() -> None:
    sample = sample_of(10)
    expected, covariance = moments(sample)
    asked = np.array([4.0, *np.ones(9)])
    ours = RiskBudgeting(lookback=LOOKBACK, budgets={sample.view.market.symbols[0]: 4.0}).fitted(sample)
    part = ours * (covariance @ ours)
    assert part / part.sum() == pytest.approx(asked / 13.0, rel=1e-9)
    theirs = TheirRiskBudgeting(risk_budget=asked / 13.0, prior_estimator=GivenMoments(expected, covariance)).fit(
        100.0 * sample.returns
    )
    assert ours == pytest.approx(theirs.weights_, abs=1e-4)


def test_nested_clusters_are_those_of_skfolio() -> None:
    sample = sample_of(12, factors=4)
    ours = NestedClusters(lookback=LOOKBACK, covariance_transformers=()).fitted(sample)
    tight = MeanRisk(solver_params={"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11})
    theirs = NestedClustersOptimization(inner_estimator=tight, outer_estimator=tight, cv="ignore")
    assert ours == pytest.approx(theirs.fit(100.0 * sample.returns).weights_, abs=1e-4)


# Moments


def sampled(sample: Sample) -> Float:
    return sample.covariance([])


def test_forgetting_moments_are_those_of_skfolio() -> None:
    sample = sample_of(8)
    found = ExponentialCovariance(half_life=20.0).transform(sampled(sample), sample)
    theirs = EWCovariance(half_life=20.0).fit(sample.returns).covariance_
    np.testing.assert_allclose(found, theirs, rtol=1e-10)
    means = ExponentialMean(half_life=20.0).estimate(sample, sampled(sample))
    np.testing.assert_allclose(means, EWMu(half_life=20.0).fit(sample.returns).mu_, rtol=1e-10)


@pytest.mark.parametrize("n_assets", [5, 40])
def test_normal_shrinkage_is_that_of_scikit_learn(n_assets: int) -> None:
    sample = sample_of(n_assets, lookback=30)
    found = OracleApproximating().transform(sampled(sample), sample)
    np.testing.assert_allclose(found, OAS().fit(sample.returns).covariance_, rtol=1e-10)


def test_counted_correlations_are_those_of_a_loop() -> None:
    sample = sample_of(4, lookback=50)
    deviation = sample.returns.std(axis=0)
    sign = np.where(np.abs(sample.returns) >= 0.5 * deviation, np.sign(sample.returns), 0.0)
    expected = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            together = sum(a * b for a, b in zip(sign[:, i], sign[:, j], strict=True))
            moved = sum(a != 0 or b != 0 for a, b in zip(sign[:, i], sign[:, j], strict=True))
            expected[i, j] = together / moved * deviation[i] * deviation[j]
    np.testing.assert_allclose(Gerber().transform(sampled(sample), sample), expected, rtol=1e-10)


def test_denoised_covariances_are_those_of_skfolio() -> None:
    sample = sample_of(30, lookback=400)
    found = Denoise().transform(sampled(sample), sample)
    theirs = DenoiseCovariance(EmpiricalCovariance(ddof=0)).fit(sample.returns).covariance_
    np.testing.assert_allclose(found, theirs, rtol=1e-10, atol=1e-16)


def test_detoned_correlations_are_those_of_skfolio() -> None:
    sample = sample_of(15)
    theirs = DetoneCovariance(EmpiricalCovariance(ddof=0), nearest=False).fit(sample.returns).covariance_
    found = Detone().transform(sampled(sample), sample)
    scale = np.sqrt(np.outer(np.diag(theirs), np.diag(theirs)))
    np.testing.assert_allclose(found / scale, theirs / scale, atol=2e-3)


def test_means_are_shrunk_as_those_of_skfolio() -> None:
    sample = sample_of(8, factors=0)  # none is more than half of all variance
    covariance = sampled(sample)
    theirs = ShrunkMu(EmpiricalCovariance(ddof=0), method=ShrunkMuMethods.JAMES_STEIN).fit(sample.returns)
    assert 0.0 < theirs.alpha_ < 1.0
    np.testing.assert_allclose(JamesStein().estimate(sample, covariance), theirs.mu_, rtol=1e-10)
    theirs = ShrunkMu(EmpiricalCovariance(ddof=0), vol_weighted_target=True, method=ShrunkMuMethods.BAYES_STEIN)
    np.testing.assert_allclose(Shrunk().estimate(sample, covariance), theirs.fit(sample.returns).mu_, rtol=1e-9)


def test_equilibrium_and_views_are_those_of_skfolio() -> None:
    sample = sample_of(6)
    allocator = BlackLitterman(lookback=LOOKBACK, confidence=0.3, covariance_transformers=())
    covariance, symbols = sampled(sample), sample.view.market.symbols
    prior = EmpiricalPrior(
        mu_estimator=EquilibriumMu(risk_aversion=2.5, covariance_estimator=EmpiricalCovariance(ddof=0)),
        covariance_estimator=EmpiricalCovariance(ddof=0),
    )
    np.testing.assert_allclose(
        Equilibrium().estimate(sample, covariance), prior.fit(sample.returns).return_distribution_.mu, rtol=1e-10
    )
    told = 0.05 * np.sqrt(np.diag(covariance)) * sample.alpha
    theirs = TheirBlackLitterman(
        views=[f"{symbol} == {view:.17f}" for symbol, view in zip(symbols, told, strict=True)],
        groups=[list(symbols)],
        prior_estimator=prior,
        view_confidences=[0.3] * 6,
    ).fit(sample.returns)
    np.testing.assert_allclose(
        allocator.expected(sample, covariance), theirs.return_distribution_.mu, rtol=1e-8, atol=1e-14
    )


def test_a_list_is_applied_in_order() -> None:
    sample = sample_of(8)
    parts: list[CovarianceTransformer] = [ExponentialCovariance(), OracleApproximating(), Denoise()]
    found = sampled(sample)
    for part in parts:
        found = part.transform(found, sample)
    np.testing.assert_array_equal(sample.covariance(parts), found)
    assert not np.array_equal(found, sample.covariance([parts[0], parts[2], parts[1]]))
