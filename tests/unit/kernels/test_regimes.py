"""Detectors' kernels against slow and obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.core.types import Float, Int
from regimefolio.kernels.regimes import (
    BREAKOUT,
    RANGE,
    REVERSAL,
    PatternRule,
    TrendRule,
    bandwidth,
    debounce,
    price_patterns,
    returns_and_volatility,
    steepness,
    trend_votes,
)
from regimefolio.regimes import episodes

labels = st.lists(st.integers(-1, 2), max_size=60)


def walk(n_bars: int, seed: int = 0) -> Float:
    path: Float = 50.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, n_bars)))
    return path


def debounced(raw: list[int], m: int) -> list[int]:
    out = np.empty(len(raw), np.int64)
    debounce(np.array(raw, np.int64), m, out)
    return [int(label) for label in out]


def slowly_debounced(raw: list[int], m: int) -> list[int]:
    """At every bar: keep the label, unless nothing is known or the last m bars all say the same other thing."""
    out: list[int] = []
    for t, label in enumerate(raw):
        before = out[-1] if out else -1
        agreed = t >= m - 1 and all(raw[i] == label for i in range(t - m + 1, t + 1))
        out.append(label if before == -1 or label == -1 or agreed else before)
    return out


def test_a_label_changes_at_the_third_bar_in_a_row() -> None:
    raw = [-1, 0, 1, 1, 0, 1, 1, 1, 1, 2, 0, 2, 2, 2]
    assert debounced(raw, 3) == [-1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2]


def test_two_candidates_do_not_add_up() -> None:
    assert debounced([0, 1, 2, 1, 2, 1], 2) == [0] * 6


@given(raw=labels, m=st.integers(1, 8))
def test_debouncing_equals_the_slow_version(raw: list[int], m: int) -> None:
    assert debounced(raw, m) == slowly_debounced(raw, m)


@given(raw=labels)
def test_a_duration_of_one_changes_nothing(raw: list[int]) -> None:
    assert debounced(raw, 1) == raw


@given(raw=labels, m=st.integers(1, 8), cut=st.integers(0, 60))
def test_debouncing_does_not_look_ahead(raw: list[int], m: int, cut: int) -> None:
    assert debounced(raw, m)[:cut] == debounced(raw[:cut], m)


@given(raw=st.lists(st.integers(0, 2), max_size=60), m=st.integers(1, 8))
def test_every_episode_but_the_last_lasts_at_least_the_duration(raw: list[int], m: int) -> None:
    found = episodes(np.array(debounced(raw, m), np.int64))
    assert all(episode.bars >= m for episode in found[:-1])


def test_returns_and_volatility() -> None:
    close, out = walk(80), np.empty((2, 80))
    returns_and_volatility(close, 20, 1e-5, out)
    returns = np.log(close[1:] / close[:-1])
    np.testing.assert_allclose(out[0, 1:], returns, rtol=1e-13)
    expected = [np.log(np.sqrt(np.mean(returns[t - 20 : t] ** 2))) for t in range(20, 80)]
    np.testing.assert_allclose(out[1, 20:], expected, rtol=1e-12)
    assert np.isnan(out[0, :1]).all()
    assert np.isnan(out[1, :20]).all()


def test_a_resting_price_has_the_least_volatility() -> None:
    out = np.empty((2, 30))
    returns_and_volatility(np.full(30, 7.0), 20, 1e-5, out)
    assert (out[1, 20:] == np.log(1e-5)).all()


def slow_votes(close: Float, rule: TrendRule) -> Int:
    votes = np.zeros(len(close), np.int64)
    for t in range(max(rule.average + rule.slope, rule.high) - 1, len(close)):
        average = close[t - rule.average + 1 : t + 1].mean()
        before = close[t - rule.slope - rule.average + 1 : t - rule.slope + 1].mean()
        drawdown = 1 - close[t] / close[t - rule.high + 1 : t + 1].max()
        votes[t] += 1 if close[t] / average - 1 > rule.band else -1 if 1 - close[t] / average > rule.band else 0
        votes[t] += 1 if average > before else -1 if average < before else 0
        votes[t] += 1 if drawdown < rule.shallow else -1 if drawdown > rule.deep else 0
    return votes


@given(
    average=st.integers(2, 30),
    slope=st.integers(1, 30),
    high=st.integers(2, 60),
    band=st.sampled_from([0.0, 0.01, 0.05]),
    seed=st.integers(0, 1000),
)
def test_trend_votes_equal_the_slow_version(average: int, slope: int, high: int, band: float, seed: int) -> None:
    rule = TrendRule(average, slope, high, band, 0.04, 0.1)
    close, votes = walk(120, seed), np.empty(120, np.int64)
    first = trend_votes(close, rule, votes)
    assert first == max(average + slope, high) - 1
    assert votes.tolist() == slow_votes(close, rule).tolist()


def test_a_constant_price_has_one_vote_for_not_being_below_its_high() -> None:
    votes = np.empty(50, np.int64)
    trend_votes(np.full(50, 0.1), TrendRule(7, 3, 10, 0.0, 0.05, 0.15), votes)
    assert votes[9:].tolist() == [1] * 41


def test_bandwidth_is_four_deviations_over_the_mean() -> None:
    close, out = walk(60), np.empty(60)
    bandwidth(close, 20, out)
    windows = np.lib.stride_tricks.sliding_window_view(close, 20)
    assert np.isnan(out[:19]).all()
    np.testing.assert_allclose(out[19:], 4 * windows.std(axis=1) / windows.mean(axis=1), rtol=1e-10)


@pytest.mark.parametrize("window", [3, 4, 21])
def test_steepness_is_the_fitted_slope_over_that_of_chance(window: int) -> None:
    close, out = walk(60, 2), np.empty(60)
    steepness(close, window, out)
    assert np.isnan(out[: window - 1]).all()
    steps = np.tril(np.ones((window, window)))[:, 1:]  # a close is the first one and the changes up to it
    chance = np.linalg.norm(np.polyfit(np.arange(window), steps, 1)[0])
    for t in range(window - 1, 60):
        seen = close[t - window + 1 : t + 1]
        slope = np.polyfit(np.arange(window), seen, 1)[0]
        assert out[t] == pytest.approx(slope / (np.sqrt(np.mean(np.diff(seen) ** 2)) * chance), abs=1e-9)


def test_steepness_of_random_walks_is_about_standard_normal() -> None:
    random, last = np.random.default_rng(3), []
    for _ in range(2000):
        out = np.empty(60)
        steepness(1000.0 + np.cumsum(random.normal(size=60)), 60, out)
        last.append(out[-1])
    assert np.std(last) == pytest.approx(1.0, abs=0.05)
    assert np.mean(last) == pytest.approx(0.0, abs=0.07)


def test_a_resting_price_has_no_steepness_and_a_straight_one_has_all_there_is() -> None:
    out = np.empty(40)
    steepness(np.full(40, 0.1), 10, out)
    assert (out[9:] == 0.0).all()
    steepness(5.0 + np.arange(40.0), 10, out)
    np.testing.assert_allclose(out[9:], np.sqrt(10 * 99 / (1.2 * 101)), rtol=1e-12)  # √(n(n²-1) / (1.2 (n²+1)))


def slow_patterns(close: Float, high: Float, low: Float, rule: PatternRule) -> list[int]:
    steep, width = np.empty(len(close)), np.empty(len(close))
    steepness(close, rule.slope, steep)
    bandwidth(close, rule.band, width)
    first = max(rule.channel, rule.slope, rule.band + rule.squeeze - 2)
    out, way = [RANGE] * len(close), 0
    for t in range(first, len(close)):
        before = out[t - 1]
        top, bottom = high[t - rule.channel : t].max(), low[t - rule.channel : t].min()
        if bottom <= close[t] <= top:
            middle = (top + bottom) / 2
            back = close[t] <= middle if way > 0 else close[t] >= middle
            narrow = width[t] == width[t - rule.squeeze + 1 : t + 1].min()
            out[t] = RANGE if back or narrow else before
            continue
        last, way = way, 1 if close[t] > top else -1
        against = -way * steep[t - 1]
        goes_on = before == REVERSAL and last == way and against > 0
        out[t] = REVERSAL if against >= rule.steep or goes_on else BREAKOUT
    return out


@given(
    channel=st.integers(2, 25),
    slope=st.integers(3, 40),
    band=st.integers(2, 20),
    squeeze=st.integers(2, 30),
    steep=st.sampled_from([0.1, 0.5, 1.0]),
    reach=st.sampled_from([0.0, 0.01]),
    seed=st.integers(0, 1000),
)
def test_price_patterns_equal_the_slow_version(
    channel: int, slope: int, band: int, squeeze: int, steep: float, reach: float, seed: int
) -> None:
    rule = PatternRule(channel, slope, steep, band, squeeze)
    close, found = walk(150, seed), np.empty(150, np.int64)
    high, low = close * (1.0 + reach), close * (1.0 - reach)
    assert price_patterns(close, high, low, rule, found) == max(channel, slope, band + squeeze - 2)
    assert found.tolist() == slow_patterns(close, high, low, rule)
