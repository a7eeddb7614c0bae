"""Moments as parts: closed forms, what they keep, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.component import registered
from regimefolio.core.errors import MissingDataError, NotConvergedError
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    AlphaScores,
    CovarianceTransformer,
    Denoise,
    Detone,
    Equilibrium,
    ExponentialCovariance,
    ExponentialMean,
    Gerber,
    JamesStein,
    LedoitWolf,
    MinVariance,
    OracleApproximating,
    PrincipalComponents,
    RobustEllipse,
    Sample,
    Shrunk,
)
from regimefolio.portfolio.moments.spectrum import Spectrum
from regimefolio.testing.strategies import market_of


def sample(returns: Float, alpha: Float | None = None) -> Sample:
    close = 100.0 * np.vstack([np.ones(returns.shape[1]), np.cumprod(1.0 + returns, axis=0)])
    told = np.zeros(returns.shape[1]) if alpha is None else alpha
    view = View(market_of(close), told.astype(np.float32), np.ones(returns.shape[1], np.bool_))
    return Sample.of(view, len(returns))


def normal(bars: int, n_assets: int, common: float = 0.0) -> Sample:
    """Returns with deviations from 1% up; a common factor has the share `common` of each."""
    random = np.random.default_rng(5)
    own = random.standard_normal((bars, n_assets))
    returns = np.sqrt(common) * random.standard_normal((bars, 1)) + np.sqrt(1.0 - common) * own
    return sample(0.01 * np.linspace(1.0, 2.0, n_assets) * returns)


def correlation(covariance: Float) -> Float:
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


# Expected returns


def test_forgetting_means_by_hand() -> None:
    shown = sample(np.array([[0.04, 0.0], [0.02, 0.01], [0.01, 0.02]]))
    found = ExponentialMean(half_life=1.0).estimate(shown, np.eye(2))
    np.testing.assert_allclose(found, [(0.04 + 2 * 0.02 + 4 * 0.01) / 7, (2 * 0.01 + 4 * 0.02) / 7], rtol=1e-12)


@pytest.mark.parametrize("part", [JamesStein(), Shrunk()])
def test_shrunk_means_lie_between_their_own_and_one_for_all(part: JamesStein | Shrunk) -> None:
    shown = sample(normal(60, 6).returns + 0.001 * np.arange(6))
    means, covariance = shown.returns.mean(axis=0), shown.covariance([])
    apart = part.estimate(shown, covariance) - means
    share = apart @ (means - means.mean()) / ((means - means.mean()) ** 2).sum()
    assert -1.0 < share < 0.0
    order = np.argsort(means)
    assert (np.diff(part.estimate(shown, covariance)[order]) >= 0.0).all()


def test_means_that_chance_explains_become_one() -> None:
    # |m − b|² below the error tr Σ − 2λ₁ over T
    returns = 0.01 * np.tile([[1.0], [-1.0]], (20, 4)) * [[1.0, -1.0, 1.0, -1.0]] + 1e-5 * np.arange(4)
    shown = sample(returns)
    found = JamesStein().estimate(shown, np.eye(4))
    np.testing.assert_allclose(found, shown.returns.mean(), rtol=1e-12)


def test_a_market_that_is_most_of_the_variance_stops_james_and_stein() -> None:
    shown = normal(60, 6, common=0.8)
    np.testing.assert_array_equal(JamesStein().estimate(shown, shown.covariance([])), shown.returns.mean(axis=0))
    assert (Shrunk().estimate(shown, shown.covariance([])) != shown.returns.mean(axis=0)).all()


def test_bayes_and_stein_bear_a_covariance_without_an_inverse() -> None:
    shown = normal(6, 10)
    assert np.isfinite(Shrunk().estimate(shown, shown.covariance([]))).all()


def test_scores_are_worth_their_volatility() -> None:
    shown = sample(normal(40, 3).returns, np.array([1.0, -0.5, 0.0]))
    found = AlphaScores(coefficient=0.1).estimate(shown, np.diag([1e-4, 4e-4, 9e-4]))
    np.testing.assert_allclose(found, [0.001, -0.001, 0.0], rtol=1e-12)
    assert AlphaScores.uses_alpha


def test_equilibrium_of_what_is_traded() -> None:
    shown = normal(40, 3)
    panel = shown.view.market.panel
    volume = np.array([3e5, 1e5, 0.0]) / panel.close
    view = shown.view._replace(market=type(shown.view.market)(replace(panel, volume=volume)))
    covariance = shown.covariance([])
    found = Equilibrium(weights="traded_value", risk_aversion=2.0).estimate(Sample.of(view, 40), covariance)
    np.testing.assert_allclose(found, 2.0 * covariance @ [0.75, 0.25, 0.0], rtol=1e-12)
    paid = np.zeros_like(volume)
    paid[1, 1] = 0.5 * panel.close[0, 1]  # prices are adjusted for it, which is no trade
    richer = replace(panel, volume=volume, split=np.ones_like(volume), dividend=paid)
    seen = Sample.of(view._replace(market=type(view.market)(richer)), 40)
    np.testing.assert_allclose(
        Equilibrium(weights="traded_value").estimate(seen, covariance),
        2.5 * covariance @ [6.0 / 7.0, 1.0 / 7.0, 0.0],
        rtol=1e-12,
    )
    with pytest.raises(MissingDataError, match=r"no volume.*use `weights: equal`"):
        Equilibrium(weights="traded_value").estimate(shown, covariance)
    idle = view._replace(market=type(view.market)(replace(panel, volume=np.zeros_like(volume))))
    with pytest.raises(MissingDataError, match="nothing was traded in the last 40 bars"):
        Equilibrium(weights="traded_value").estimate(Sample.of(idle, 40), covariance)


# Covariances


@pytest.mark.parametrize("kind", sorted(registered("covariance")))
def test_covariances_are_symmetric_and_of_no_negative_variance(kind: str) -> None:
    part = CovarianceTransformer.of(kind)
    for shown in (normal(120, 8, common=0.5), normal(17, 8)):
        given = shown.covariance([])
        found = part.transform(given, shown)
        np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-18)
        assert np.linalg.eigvalsh(found)[0] >= -1e-12 * np.linalg.eigvalsh(found)[-1]
        assert not np.shares_memory(found, given)
        twice = part.transform(*(4.0 * given, shown._replace(returns=2.0 * shown.returns)))
        np.testing.assert_allclose(twice, 4.0 * found, rtol=1e-9)


@pytest.mark.parametrize("part", [Denoise(), Detone(), PrincipalComponents(factors=2), Gerber()])
def test_deviations_stay_as_they_were(part: CovarianceTransformer) -> None:
    shown = normal(120, 8, common=0.5)
    np.testing.assert_allclose(
        np.diag(part.transform(shown.covariance([]), shown)), np.diag(shown.covariance([])), rtol=1e-6
    )


def test_forgetting_products_by_hand() -> None:
    shown = sample(np.array([[0.04, 0.0], [0.02, 0.01], [0.01, 0.02]]))
    found = ExponentialCovariance(half_life=1.0).transform(np.eye(2), shown)
    expected = [[(16 + 2 * 4 + 4 * 1) / 7, (2 * 2 + 4 * 2) / 7], [(2 * 2 + 4 * 2) / 7, (2 * 1 + 4 * 4) / 7]]
    np.testing.assert_allclose(found, 1e-4 * np.array(expected), rtol=1e-10)


def test_noise_becomes_equal_and_a_factor_stays() -> None:
    nothing = normal(400, 20)
    apart = correlation(Denoise().transform(nothing.covariance([]), nothing)) - np.eye(20)
    assert np.abs(apart).max() < 1e-12  # all components alike: no correlation is left
    shown = normal(400, 20, common=0.4)
    values = np.linalg.eigvalsh(correlation(Denoise().transform(shown.covariance([]), shown)))
    assert values[-1] > 5.0
    assert np.ptp(values[:-1]) < 0.2


def test_without_the_market_what_is_left_hardly_correlates() -> None:
    shown = normal(400, 12, common=0.6)
    given = correlation(shown.covariance([]))
    found = correlation(Detone().transform(shown.covariance([]), shown))
    upper = np.triu_indices(12, 1)
    assert given[upper].mean() > 0.5
    assert abs(found[upper].mean() + 1.0 / 11.0) < 0.02  # what is left of one factor: −1/(n − 1)
    assert np.linalg.eigvalsh(found)[0] > 1e-4
    alone = Detone(components=50).transform(shown.covariance([]), shown)  # one component is always left
    assert np.isfinite(alone).all()


def test_all_factors_are_the_covariance_and_one_leaves_one() -> None:
    shown = normal(100, 6, common=0.5)
    given = shown.covariance([])
    np.testing.assert_allclose(PrincipalComponents(factors=6).transform(given, shown), given, rtol=1e-9)
    found = correlation(PrincipalComponents(factors=1).transform(given, shown))
    # one factor: of any four assets ρ₁₂·ρ₃₄ = ρ₁₃·ρ₂₄
    assert found[0, 1] * found[2, 3] == pytest.approx(found[0, 2] * found[1, 3], rel=1e-9)


def test_components_are_those_of_the_correlations() -> None:
    shown = normal(100, 6, common=0.5)
    spectrum = Spectrum.of(shown.covariance([]))
    assert spectrum.values.sum() == pytest.approx(6.0)
    assert (np.diff(spectrum.values) <= 0.0).all()
    np.testing.assert_allclose(spectrum.covariance(spectrum.values), shown.covariance([]), rtol=1e-10)


def test_a_crash_is_an_outlier_for_the_ellipse() -> None:
    calm = normal(200, 4)
    returns = calm.returns.copy()
    returns[::40] = -0.2
    crashed = sample(returns)
    found = RobustEllipse().transform(crashed.covariance([]), crashed)
    assert (np.sqrt(np.diag(crashed.covariance([]))) > 1.5 * np.sqrt(np.diag(calm.covariance([])))).all()
    np.testing.assert_allclose(np.sqrt(np.diag(found)), np.sqrt(np.diag(calm.covariance([]))), rtol=0.15)
    few = normal(8, 4)
    with pytest.raises(NotConvergedError, match=r"more than 8 returns for 4 assets, but has 8; use a longer lookback"):
        RobustEllipse().transform(few.covariance([]), few)


@pytest.mark.parametrize("kind", ["gerber", "robust"])
@pytest.mark.filterwarnings("default")  # as outside of tests, where a warning stops nothing
def test_an_asset_without_deviation_is_refused_by_what_divides_by_it(kind: str) -> None:
    returns = 0.01 * np.random.default_rng(3).standard_normal((252, 6))
    returns[:, 0] = 1e-4
    shown = sample(returns)
    with pytest.raises(NotConvergedError, match=f"`{kind}` found no .*; use another"):
        CovarianceTransformer.of(kind).transform(shown.covariance([]), shown)


def test_shrinkage_grows_where_there_are_fewer_returns() -> None:
    parts = []
    for bars in (30, 300):
        shown = normal(bars, 10, common=0.5)
        found, given = OracleApproximating().transform(shown.covariance([]), shown), shown.covariance([])
        parts.append(1.0 - found[0, 1] / given[0, 1])
    assert parts[0] > 2.0 * parts[1] > 0.0


def test_shrinkage_of_what_forgets_after_a_crash_leaves_no_negative_variance() -> None:
    random = np.random.default_rng(0)
    returns = 0.01 * random.standard_normal((252, 10))
    returns[-15:] = 0.08 * random.standard_normal((15, 1)) + 1e-3 * random.standard_normal((15, 10))
    shown = sample(returns)
    forgetful = ExponentialCovariance(half_life=11.0)
    found = shown.covariance([forgetful, LedoitWolf()])
    np.testing.assert_allclose(found, shown.covariance([forgetful]), rtol=1e-12)
    assert np.linalg.eigvalsh(found)[0] > 0.0


# Lists of them


@pytest.mark.parametrize("second", ["ewma", "gerber", "robust"])
def test_what_starts_anew_must_stand_first(second: str) -> None:
    text = rf"'{second}' starts from the returns anew and throws away what ledoit_wolf made; put it first"
    with pytest.raises(ValidationError, match=text):
        MinVariance.model_validate({"covariance_transformers": ["ledoit_wolf", second]})
    with pytest.raises(ValidationError, match=text):
        AllocationOrchestrator.model_validate(
            {
                "optimizers": ["hrp"],
                "orchestration_type": "equal",
                "covariance_transformers": ["ledoit_wolf", second],
            }
        )
    MinVariance.model_validate({"covariance_transformers": [second, "ledoit_wolf", "denoise"]})


def test_the_unit_is_a_power_of_two_near_the_volatility() -> None:
    shown = normal(100, 6)
    assert np.log2(shown.unit) == round(np.log2(shown.unit))
    assert 0.7 < np.sqrt(shown.returns.var(axis=0).mean()) / shown.unit < 1.42
    assert shown._replace(returns=2.0 * shown.returns).unit == 2.0 * shown.unit
