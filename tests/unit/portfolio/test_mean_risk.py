"""Optimizers of return and of risk: closed forms, ends, seeds and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.component import registered
from regimefolio.core.errors import ConfigError, MissingDataError, NotConvergedError
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    Allocator,
    BlackLitterman,
    ConditionalValueAtRisk,
    HigherMoments,
    MaxDrawdown,
    MeanSemivariance,
    MeanVariance,
    MinVariance,
    PortfolioManager,
    PortfolioSpec,
    ResampledFrontier,
    RiskBudgeting,
    Sample,
    WorstCase,
)
from regimefolio.portfolio.allocators.higher_moments import l_moment_weights, rank_weights
from regimefolio.portfolio.allocators.resampled_frontier import drawing
from regimefolio.portfolio.convex import SOLVED, Rows, budget, minimised, most_useful, root_of
from regimefolio.testing.strategies import market_of
from tests.unit.portfolio.test_optimizers import returns as uncorrelated

LOOKBACK = 60


def view(made: Float, alpha: Float | None = None) -> View:
    close = 100.0 * np.vstack([np.ones(made.shape[1]), np.cumprod(1.0 + made, axis=0)])
    told = np.zeros(made.shape[1]) if alpha is None else alpha
    return View(market_of(close), told.astype(np.float32), np.ones(made.shape[1], np.bool_))


def optimizer(kind: str, **parameters: object) -> Allocator:
    """One that looks at all returns, and at their own covariance where at any."""
    given = {"kind": kind, "lookback": LOOKBACK, "covariance_transformers": [], **parameters}
    return Allocator.of({name: value for name, value in given.items() if name in _fields(kind)})


def _fields(kind: str) -> set[str]:
    return {"kind", *registered("allocator")[kind].model_fields}


MADE = uncorrelated(0.01, 0.02, 0.04) + np.array([0.0002, 0.0006, 0.0012])
SHOWN = view(MADE)
LEAST = (1.0 / np.array([0.01, 0.02, 0.04]) ** 2) / (1.0 / np.array([0.01, 0.02, 0.04]) ** 2).sum()


def yearly(weights: Float) -> tuple[float, float]:
    """Expected return and volatility of weights."""
    covariance = np.cov(MADE.T, ddof=0)
    return 252.0 * float(MADE.mean(axis=0) @ weights), float(np.sqrt(252.0 * weights @ covariance @ weights))


def test_a_target_is_met_and_beyond_the_frontier_is_its_end() -> None:
    met = optimizer("mean_variance", objective="efficient_return", target_return=0.15).weights(SHOWN)
    assert yearly(met)[0] == pytest.approx(0.15, rel=1e-5)
    far = optimizer("mean_variance", objective="efficient_return", target_return=5.0).weights(SHOWN)
    assert far.tolist() == [0.0, 0.0, 1.0]
    low = optimizer("mean_variance", objective="efficient_return", target_return=-0.5).weights(SHOWN)
    np.testing.assert_allclose(low, LEAST, rtol=1e-6)


def test_an_allowed_volatility_is_used_and_beyond_the_frontier_is_its_end() -> None:
    met = optimizer("mean_variance", objective="efficient_risk", target_volatility=0.25).weights(SHOWN)
    assert yearly(met)[1] == pytest.approx(0.25, rel=1e-5)
    far = optimizer("mean_variance", objective="efficient_risk", target_volatility=5.0).weights(SHOWN)
    assert far.tolist() == [0.0, 0.0, 1.0]
    low = optimizer("mean_variance", objective="efficient_risk", target_volatility=0.01).weights(SHOWN)
    np.testing.assert_allclose(low, LEAST, rtol=1e-6)


def test_the_point_of_a_return_is_the_point_of_its_risk() -> None:
    by_return = optimizer("mean_variance", objective="efficient_return", target_return=0.2).weights(SHOWN)
    by_risk = optimizer("mean_variance", objective="efficient_risk", target_volatility=yearly(by_return)[1]).weights(
        SHOWN
    )
    np.testing.assert_allclose(by_return, by_risk, atol=1e-4)


def test_doubt_in_the_means_leads_to_least_variance() -> None:
    sure = optimizer("robust_mean_variance", confidence=1e-12).weights(SHOWN)
    np.testing.assert_allclose(sure, optimizer("mean_variance").weights(SHOWN), atol=1e-3)
    doubtful = optimizer("robust_mean_variance", confidence=1.0 - 1e-15).weights(SHOWN)
    assert np.abs(doubtful - LEAST).sum() < 0.5 * np.abs(sure - LEAST).sum()


def test_without_views_weights_are_equal_and_a_view_moves_its_asset() -> None:
    found = optimizer("black_litterman").weights(SHOWN)
    np.testing.assert_allclose(found, [1 / 3] * 3, atol=1e-5)
    moved = optimizer("black_litterman").weights(view(MADE, np.array([1.0, 0.0, 0.0])))
    assert moved[0] > 1 / 3 + 0.05
    trusted = optimizer("black_litterman", confidence=0.9).weights(view(MADE, np.array([1.0, 0.0, 0.0])))
    assert trusted[0] > moved[0]
    against = optimizer("black_litterman").weights(view(MADE, np.array([-1.0, 0.0, 0.0])))
    assert against[0] < 1 / 3 - 0.05


def test_a_view_of_what_moves_together_moves_both() -> None:
    made = MADE.copy()
    made[:, 1] = 2.0 * made[:, 0] + 0.1 * made[:, 1]
    allocator = BlackLitterman(lookback=LOOKBACK, covariance_transformers=())
    sample = Sample.of(view(made, np.array([1.0, 0.0, 0.0])), LOOKBACK)
    covariance = sample.covariance([])
    before = allocator.expected(Sample.of(view(made), LOOKBACK), covariance)
    after = allocator.expected(sample, covariance)
    assert (after - before)[1] > (after - before)[0] > 0.0
    assert abs((after - before)[2]) < 0.1 * (after - before)[0]


def test_diversification_of_what_is_uncorrelated_is_inverse_to_volatility() -> None:
    found = optimizer("maximum_diversification").weights(SHOWN)
    np.testing.assert_allclose(found, np.array([4.0, 2.0, 1.0]) / 7.0, rtol=1e-9)


def test_two_clusters_share_by_their_least_variances() -> None:
    made = uncorrelated(*[0.01] * 6)
    made[:, :3] += 3.0 * made[:, [0]]
    made[:, 3:] += 6.0 * made[:, [3]]
    shown = view(made)
    found = optimizer("nco").weights(shown)
    covariance = np.cov(made.T, ddof=0)
    inner = np.zeros((2, 6))
    for k, own in enumerate((slice(0, 3), slice(3, 6))):
        inner[k, own] = optimizer("min_variance").weights(view(made[:, own]))
    risk = np.diag(inner @ covariance @ inner.T)
    np.testing.assert_allclose(found, (1.0 / risk) / (1.0 / risk).sum() @ inner, atol=1e-6)


def test_clusters_share_equally_where_they_are_alike() -> None:
    made = uncorrelated(*[0.01] * 7)
    made[:, :2] += 3.0 * made[:, [0]]
    made[:, 2:] += 3.0 * made[:, [2]]
    found = optimizer("herc").weights(view(made))
    assert found[:2].sum() > 1.3 * 2 / 7  # two assets are one of two clusters


def test_budgets_are_parts_of_the_risk() -> None:
    found = optimizer("risk_budgeting", budgets={"A2": 2.0}).weights(SHOWN)
    risk = found**2 * np.array([0.01, 0.02, 0.04]) ** 2
    np.testing.assert_allclose(risk / risk.sum(), [0.25, 0.25, 0.5], rtol=1e-8)
    alike = optimizer("risk_budgeting").weights(SHOWN)
    np.testing.assert_allclose(alike, optimizer("equal_risk_contribution").weights(SHOWN), rtol=1e-9)


def test_a_sector_shares_its_part() -> None:
    market = Market(replace(SHOWN.market.panel, sectors=("Energy", "Health", "Energy")))
    found = optimizer("risk_budgeting", by="sector", budgets={"Health": 3.0}).weights(SHOWN._replace(market=market))
    risk = found**2 * np.array([0.01, 0.02, 0.04]) ** 2
    np.testing.assert_allclose(risk / risk.sum(), [0.125, 0.75, 0.125], rtol=1e-8)


def test_budgets_that_nobody_can_have_are_refused() -> None:
    with pytest.raises(ValidationError, match="A1 must have a part above 0, but has 0"):
        RiskBudgeting(budgets={"A1": 0.0})
    with pytest.raises(ConfigError, match=r"a budget for the symbol 'A9', which is not in the data; "):
        PortfolioManager(PortfolioSpec(allocator=RiskBudgeting(budgets={"A9": 2.0})), SHOWN.market)
    with pytest.raises(MissingDataError, match=r"no sectors.*use `by: symbol`"):
        PortfolioManager(PortfolioSpec(allocator=RiskBudgeting(by="sector")), SHOWN.market)


def test_draws_depend_on_seed_and_bar_alone() -> None:
    for kind in (ResampledFrontier, WorstCase):
        first, second = kind(lookback=LOOKBACK, draws=5), kind(lookback=LOOKBACK, draws=5, seed=1)
        assert first.weights(SHOWN).tobytes() == first.weights(view(MADE)).tobytes()
        assert np.abs(first.weights(SHOWN) - second.weights(SHOWN)).max() > 1e-6
        later = view(np.vstack([MADE[:1], MADE]))  # the same returns, one bar later
        assert Sample.of(later, LOOKBACK).returns == pytest.approx(MADE, abs=1e-12)
        assert np.abs(first.weights(SHOWN) - first.weights(later)).max() > 1e-6


def test_draws_before_1970() -> None:
    panel = SHOWN.market.panel
    old = Market(replace(panel, timestamps=panel.timestamps - np.timedelta64(100 * 365, "D")))
    for kind in (ResampledFrontier, WorstCase):
        found = kind(lookback=LOOKBACK, draws=5).weights(SHOWN._replace(market=old))
        assert found.sum() == pytest.approx(1.0)


def test_the_mean_of_draws_holds_more_than_one_optimum() -> None:
    found = ResampledFrontier(lookback=LOOKBACK, draws=20, risk_aversion=0.5).weights(SHOWN)
    alone = MeanVariance(lookback=LOOKBACK, risk_aversion=0.5).weights(SHOWN)
    assert (found**2).sum() < (alone**2).sum()


def test_one_draw_is_one_utility() -> None:
    shown = Sample.of(SHOWN, LOOKBACK)
    optimizer = WorstCase(lookback=LOOKBACK, draws=1)
    expected, covariance = optimizer.moments(shown)
    drawn = drawing(shown, 0).standard_normal((1, 3)) @ root_of(covariance) / np.sqrt(LOOKBACK)
    wished = most_useful(expected + drawn[0], covariance, 5.0 * shown.unit).x
    np.testing.assert_allclose(optimizer.fitted(shown), wished, atol=1e-4)


def test_the_worst_bars_decide() -> None:
    made = np.full((20, 2), 0.001)
    made[::2] = -0.001
    made[3] = [-0.05, 0.0]
    made[8] = [0.0, -0.10]
    # two bars of 20 are the worst 10%: mean loss 0.05·a + 0.10·(1 − a) over 2, unless a third one is worse
    found = ConditionalValueAtRisk(lookback=20, confidence=0.95).weights(view(made))
    np.testing.assert_allclose(found, [2 / 3, 1 / 3], atol=1e-6)  # the worst one of 20: 0.05·a = 0.10·(1 − a)


def test_falls_that_add_up_are_one_drawdown() -> None:
    made = np.full((20, 2), 0.0001)
    made[3:6] = [-0.02, 0.0]  # 0.06 in three bars
    made[12] = [0.10, 0.10]
    made[14] = [0.0, -0.03]
    found = MaxDrawdown(lookback=20).weights(view(made))
    np.testing.assert_allclose(found, [1 / 3, 2 / 3], atol=2e-3)  # 0.06·a = 0.03·(1 − a), but for what drifts
    worst = ConditionalValueAtRisk(lookback=20, confidence=0.95).weights(view(made))
    np.testing.assert_allclose(worst, [0.6, 0.4], atol=2e-3)  # of single bars: 0.02·a = 0.03·(1 − a)


@pytest.mark.parametrize("kind", ["cvar", "cdar", "max_drawdown", "mean_semivariance"])
def test_where_nothing_gains_no_ratio_is_best(kind: str) -> None:
    falling = view(uncorrelated(0.01, 0.02, mean=-0.001))
    assert not optimizer(kind, objective="max_ratio").weights(falling).any()
    assert optimizer(kind, objective="min_risk").weights(falling).sum() == pytest.approx(1.0)
    rising = optimizer(kind, objective="max_ratio").weights(view(uncorrelated(0.01, 0.02, mean=0.001)))
    assert rising.sum() == pytest.approx(1.0)


def test_gains_are_no_risk() -> None:
    made = uncorrelated(0.01, 0.01)
    made[:, 1] = np.abs(made[:, 1])  # it only gains
    found = MeanSemivariance(lookback=LOOKBACK, objective="min_risk").weights(view(made))
    assert found[1] > 0.98  # losses are squared: a hundredth of the other costs nothing that a solver sees


def test_a_covariance_says_nothing_of_expected_returns_where_there_is_no_ratio() -> None:
    scores = {"expected_returns": "alpha_scores"}
    assert not optimizer("cvar", **scores).uses_alpha
    assert optimizer("cvar", objective="max_ratio", **scores).uses_alpha
    assert optimizer("mean_variance", **scores).uses_alpha
    assert optimizer("black_litterman").uses_alpha
    assert not optimizer("min_variance").uses_alpha


# L-moments


def test_l_moments_by_hand() -> None:
    weights = l_moment_weights(4, 4)
    # of 1, 2, 4, 8: λ₁ = 15/4, λ₂ = half the mean gap of two, λ₃ and λ₄ by Hosking's unbiased formulas
    values = np.array([1.0, 2.0, 4.0, 8.0])
    gaps = [abs(a - b) for i, a in enumerate(values) for b in values[i + 1 :]]
    assert weights[0] @ values == pytest.approx(15 / 4)
    assert weights[1] @ values == pytest.approx(np.mean(gaps) / 2)
    triples = [(1, 2, 4), (1, 2, 8), (1, 4, 8), (2, 4, 8)]
    assert weights[2] @ values == pytest.approx(np.mean([c - 2 * b + a for a, b, c in triples]) / 3)
    assert weights[3] @ values == pytest.approx((8 - 3 * 4 + 3 * 2 - 1) / 4)


@pytest.mark.parametrize("aversion", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("order", [2, 3, 4, 6])
def test_the_weight_of_a_return_never_falls_with_it(order: int, aversion: float) -> None:
    found = rank_weights(60, order, aversion)
    assert (np.diff(found) >= 0.0).all()
    assert found.sum() == pytest.approx(0.0, abs=1e-12)


def test_of_two_orders_it_is_half_the_mean_difference() -> None:
    found = rank_weights(60, 2, 0.5) @ np.sort(MADE[:, 0])
    gaps = np.abs(MADE[:, None, 0] - MADE[None, :, 0]).sum() / (60 * 59)
    assert found == pytest.approx(gaps / 2, rel=1e-10)


def test_a_heavy_tail_is_held_less() -> None:
    made = uncorrelated(0.01, 0.01)
    made[::12, 0] = np.where(np.arange(5) == 2, -0.08, 0.016)  # leaning down
    plain = HigherMoments(lookback=LOOKBACK, order=2).weights(view(made))
    lean = HigherMoments(lookback=LOOKBACK, order=4, risk_aversion=1.0).weights(view(made))
    assert lean[0] < plain[0]


# Programs


def test_programs_by_hand() -> None:
    found = minimised(np.array([1.0, 2.0]), budget(2))
    assert found.status == SOLVED
    np.testing.assert_allclose(found.x, [1.0, 0.0], atol=1e-9)
    found = minimised(np.zeros(2), budget(2), np.diag([1.0, 3.0]))
    np.testing.assert_allclose(found.x, [0.75, 0.25], atol=1e-8)
    ball = Rows("norm", np.vstack([np.zeros((1, 2)), -np.eye(2)]), np.array([1.0, 0.0, 0.0]))
    found = minimised(np.array([-3.0, -4.0]), [ball])
    np.testing.assert_allclose(found.x, [0.6, 0.8], atol=1e-7)


@pytest.mark.parametrize("quadratic", [None, np.eye(2)])
def test_a_program_without_a_solution_says_so(quadratic: Float | None) -> None:
    above = Rows("below", -np.ones((1, 2)), np.array([-2.0]))  # a sum of at least 2
    found = minimised(np.zeros(2), [*budget(2), above], quadratic)
    assert found.status != SOLVED
    assert "nfeasible" in found.status


def test_what_is_not_solved_is_an_error_of_the_allocator() -> None:
    sample = Sample.of(SHOWN, LOOKBACK)
    allocator = MinVariance(lookback=LOOKBACK)
    unsolved = minimised(np.ones(3), [*budget(3), Rows("below", np.ones((1, 3)), np.zeros(1))])
    with pytest.raises(NotConvergedError, match=r"min_variance found no weights for 3 assets and 60 returns \(.*nfeas"):
        allocator.shares(sample, unsolved)


def test_who_holds_what_is_clean() -> None:
    sample = Sample.of(SHOWN, LOOKBACK)
    found = MinVariance(lookback=LOOKBACK).cleaned(sample, np.array([0.5, 1e-8, -1e-9]))
    assert found.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(NotConvergedError, match="it gave"):
        MinVariance(lookback=LOOKBACK).cleaned(sample, np.zeros(3))
