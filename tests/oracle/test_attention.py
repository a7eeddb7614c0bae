"""The regression and the corrections of attention against scipy, statsmodels and what is planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, linregress

from regimefolio.core.types import Float
from regimefolio.portfolio.attention import corrected, regressed

GREW = np.array(
    [
        [-0.8, -0.25, 1.14, -0.55, 0.75, 0.27, -0.96, 0.2, -0.08, -0.63, -0.71, -0.06],
        [-1.32, 0.42, 0.11, -0.78, 1.63, -1.23, 1.6, -1.73, -1.16, -0.49, 0.55, -0.59],
    ]
).T
FOLLOWING = np.array(
    [
        [-0.07, -0.54, -0.55, -0.98, 0.35, -0.15, -1.53, 0.14, 0.05, -1.57, -1.14, -0.03],
        [0.44, 0.1, 0.04, -0.37, 0.32, -1.1, -1.37, -2.78, 0.25, -0.11, 0.29, -1.47],
    ]
).T


def test_statsmodels_has_the_same_numbers() -> None:
    """statsmodels 0.15.0: OLS(y, add_constant(x)).fit(cov_type="HC3", use_t=True), and half of its p-values."""
    found = regressed(FOLLOWING, GREW, 12)
    assert found.slope == pytest.approx([0.6063048892384324, 0.2618791259062223], rel=1e-12)
    assert found.t_value == pytest.approx([1.2737733352390177, 0.623419773707531], rel=1e-12)
    assert found.p_value == pytest.approx([0.11577615234627635, 0.2734819886329047], rel=1e-12)


def test_statsmodels_corrects_to_the_same_numbers() -> None:
    """statsmodels 0.15.0: multipletests with fdr_bh and fdr_by."""
    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    hochberg = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.10571428571428572, 0.216, 0.216, 0.216]
    assert corrected(p, "benjamini_hochberg") == pytest.approx(hochberg, rel=1e-14)
    yekutieli = [0.029289682539682536, 0.11715873015873014, *[0.24603333333333333] * 3, 0.2928968253968254]
    yekutieli += [0.3096337868480725, *[0.6326571428571428] * 3]
    assert corrected(p, "benjamini_yekutieli") == pytest.approx(yekutieli, rel=1e-14)
    assert corrected(p, "none").tolist() == p.tolist()


def test_slopes_and_corrections_are_those_of_scipy_with_pairs_left_out() -> None:
    rng = np.random.default_rng(2)
    views, price = rng.standard_normal((80, 9)), rng.standard_normal((80, 9))
    price += np.linspace(-1.0, 1.0, 9) * views
    views[rng.random(views.shape) < 0.1] = np.nan
    price[rng.random(price.shape) < 0.1] = np.nan
    found = regressed(price, views, 40)
    for n in range(9):
        both = np.isfinite(views[:, n]) & np.isfinite(price[:, n])
        assert found.slope[n] == pytest.approx(linregress(views[both, n], price[both, n]).slope, rel=1e-12)
    p = np.append(found.p_value, np.nan)
    hochberg, yekutieli = corrected(p, "benjamini_hochberg"), corrected(p, "benjamini_yekutieli")
    assert hochberg[:-1] == pytest.approx(false_discovery_control(found.p_value, method="bh"), rel=1e-12)
    assert yekutieli[:-1] == pytest.approx(false_discovery_control(found.p_value, method="by"), rel=1e-12)
    assert np.isnan([hochberg[-1], yekutieli[-1]]).all()


def test_where_errors_are_alike_it_is_the_ordinary_test() -> None:
    rng = np.random.default_rng(3)
    views = rng.standard_normal((20_000, 4))
    price = 0.01 * views + rng.standard_normal(views.shape)
    found = regressed(price, views, 100)
    for n in range(4):
        ordinary = linregress(views[:, n], price[:, n], alternative="greater")
        assert found.t_value[n] == pytest.approx(ordinary.slope / ordinary.stderr, abs=0.05)
        assert found.p_value[n] == pytest.approx(ordinary.pvalue, abs=0.01)


def bursts(rng: np.random.Generator, n_led: int) -> tuple[Float, Float]:
    """Returns and steps of views (258, 50) whose volatility comes in the same bursts; some are led."""
    level = np.zeros((258, 50))
    for t in range(1, 258):
        level[t] = 0.97 * level[t - 1] + 0.2 * rng.standard_normal(50)
    step, price = (np.exp(level) * rng.standard_normal(level.shape) for _ in range(2))
    price[1:, :n_led] += 1.5 * step[:-1, :n_led]
    return price, step


def test_what_leads_is_found_and_false_discoveries_stay_few() -> None:
    """5 of 50 are led: of those found a twentieth are false, within what 60 draws allow."""
    rng = np.random.default_rng(4)
    found, false = [], []
    for _ in range(60):
        price, step = bursts(rng, 5)
        keeps = corrected(regressed(price[1:], step[:-1], 126).p_value, "benjamini_hochberg") <= 0.05
        found.append(keeps[:5].sum())
        false.append(keeps[5:].sum() / max(keeps.sum(), 1))
    assert np.mean(found) > 4.5
    assert np.mean(false) <= 0.05 + 3.0 * np.std(false) / np.sqrt(60)


def test_where_nothing_leads_it_seldom_finds_anything() -> None:
    rng = np.random.default_rng(5)
    any_found, ordinary = [], []
    for _ in range(60):
        price, step = bursts(rng, 0)
        p = regressed(price[1:], step[:-1], 126).p_value
        any_found.append((corrected(p, "benjamini_hochberg") <= 0.05).any())
        by_hand = [linregress(step[:-1, n], price[1:, n], alternative="greater").pvalue for n in range(0, 50, 5)]
        ordinary.append(np.mean(np.array(by_hand) < 0.05))
    assert np.mean(any_found) <= 0.2
    assert np.mean(ordinary) > 0.1, "the ordinary test must fail here, or robust errors would not be needed"
