"""Alpha decay where it is known: signals that lose a fixed share of what they know a bar."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Panel, Signals
from regimefolio.evaluation import alpha_decay, information_coefficient
from tests.unit.evaluation.test_information_coefficient import panel_of, random_case, signals_of

SPEARMAN = 3.0 / math.pi
"""Spearman's coefficient over Pearson's, of normal variables that depend little on each other."""


def simulated(keep: float, strength: float, bars: int = 1500, assets: int = 20, seed: int = 1) -> tuple[Signals, Panel]:
    """Alphas that keep a share of themselves each bar; one of bar t has the correlation `strength` with the return from
    bar t+1 to t+2, and so keep^(h-1) of that with the return that ends h bars after the fill."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((bars, assets))
    alpha = noise.copy()
    for t in range(1, bars):
        alpha[t] = keep * alpha[t - 1] + math.sqrt(1.0 - keep**2) * noise[t]
    own = rng.standard_normal((bars, assets))
    own[2:] = strength * alpha[:-2] + math.sqrt(1.0 - strength**2) * own[2:]
    panel = panel_of(100.0 * np.cumprod(1.0 + 0.01 * own, axis=0))
    return signals_of(panel, np.tanh(alpha / 2.0)), panel


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.9])
def test_a_known_half_life_is_found(keep: float) -> None:
    signals, panel = simulated(keep, strength=0.15)
    found = alpha_decay(signals, panel, "next_close")
    expected = SPEARMAN * 0.15 * keep ** (found.lag - 1.0)
    assert np.abs((found.ic - expected) / found.error).max() < 3.5
    assert found.low < -math.log(2.0) / math.log(keep) < found.high
    assert found.low < found.half_life < found.high
    assert found.half_life == pytest.approx(-math.log(2.0) / math.log(keep), rel=0.2)
    assert found.initial == pytest.approx(SPEARMAN * 0.15, abs=0.012)
    assert found.reason == ""


def test_the_interval_of_the_half_life_holds_what_it_says() -> None:
    """Forty seeds of a half-life of 3.1 bars: about 95% of the intervals hold it."""
    markets = [simulated(0.8, 0.15, bars=700, assets=10, seed=seed) for seed in range(40)]
    found = [alpha_decay(signals, panel, "next_close", lags=10) for signals, panel in markets]
    held = [each.low < -math.log(2.0) / math.log(0.8) < each.high for each in found if not each.reason]
    assert len(held) >= 36
    assert np.mean(held) >= 0.87


def test_an_alpha_of_the_wrong_sign_decays_as_well() -> None:
    signals, panel = simulated(0.8, strength=-0.15)
    found = alpha_decay(signals, panel, "next_close")
    assert found.initial < 0.0
    assert found.low < -math.log(2.0) / math.log(0.8) < found.high


@pytest.mark.parametrize(
    ("keep", "strength", "reason"),
    [
        (0.8, 0.0, "the start of the fit is not significantly different from 0: there is nothing to decay"),
        (0.9999, 0.08, "the coefficient does not significantly decay within 21 bars"),
        (0.0, 0.08, "nothing is left after one bar: the half-life is below what bars can show"),
    ],
)
def test_what_is_not_significant_has_no_half_life(keep: float, strength: float, reason: str) -> None:
    signals, panel = simulated(keep, strength, seed=6)
    found = alpha_decay(signals, panel, "next_close")
    assert found.reason == reason
    assert math.isnan(found.half_life)
    assert math.isnan(found.low)
    assert np.isfinite(found.ic).all()


def test_errors_are_what_they_say_and_noise_has_no_half_life() -> None:
    """Sixty seeds: coefficients scatter by as much as their errors claim; lasting noise is seldom taken for decay."""
    markets = [simulated(0.8, 0.0, bars=400, assets=8, seed=seed) for seed in range(60)]
    found = [alpha_decay(signals, panel, "next_close", lags=6) for signals, panel in markets]
    scatter = np.std([each.ic for each in found], axis=0, ddof=1)
    claimed = np.mean([each.error for each in found], axis=0)
    np.testing.assert_allclose(claimed / scatter, 1.0, atol=0.3)
    assert sum(math.isfinite(each.half_life) for each in found) <= 6


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_scipy_says_the_same_of_every_lag(fill: Literal["next_open", "next_close"]) -> None:
    signals, panel = random_case(t=90, horizon=7)
    price = panel.open if fill == "next_open" else panel.close
    assert price is not None
    first, last = 10, 80
    found = alpha_decay(signals, panel, fill, first, last, lags=4)
    for h in (1, 2, 3, 4):
        rhos = []
        for t in range(first, last - h - 1):
            label = price[t + h + 1] / price[t + h] - 1
            counts = (signals.confidence[t] > 0) & panel.member[t] & np.isfinite(label)
            if counts.sum() >= 5:
                rhos.append(stats.spearmanr(signals.alpha[t, counts], label[counts]).statistic)
        assert found.ic[h - 1] == pytest.approx(np.mean(rhos), rel=1e-12)


def test_the_first_lag_is_the_coefficient_of_horizon_one() -> None:
    signals, panel = random_case(t=200, horizon=1)
    one = information_coefficient(signals, panel, "next_close")
    found = alpha_decay(signals, panel, "next_close", lags=3)
    assert found.ic[0] == pytest.approx(one.mean, rel=1e-12)
    assert found.ic[0] / found.error[0] == pytest.approx(one.t_value, rel=1e-9)


def test_a_single_asset_is_followed_over_time() -> None:
    signals, panel = simulated(0.8, strength=0.3, bars=4000, assets=1)
    found = alpha_decay(signals, panel, "next_close", lags=12)
    assert found.low < -math.log(2.0) / math.log(0.8) < found.high


def test_too_little_is_said() -> None:
    signals, panel = random_case(t=40)
    assert alpha_decay(signals, panel, "next_close").reason == "17 bars are too few for a decay over 21 lags"
    silent = signals_of(panel, signals.alpha, confidence=np.zeros(signals.alpha.shape))
    assert alpha_decay(silent, panel, "next_close", lags=3).reason == "no bar has a coefficient with lag 1"
    with pytest.raises(ConfigError, match="at least 3 lags, but there are 2"):
        alpha_decay(signals, panel, "next_close", lags=2)
