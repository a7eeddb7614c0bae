"""Ratings: exact means, the rules of time, gaps, and what a panel without columns still says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, Panel
from regimefolio.features import (
    AVERAGES,
    INDICATORS,
    LABELS,
    NO_VOTE,
    OSCILLATORS,
    Ratings,
    RuleSet,
    rating_labels,
    technical_ratings,
)
from regimefolio.features import indicators as of
from regimefolio.kernels.ratings import SPANS
from regimefolio.kernels.votes import Means, mean_votes
from regimefolio.testing import market_of, synthetic_market

RULE_SETS: tuple[RuleSet, ...] = ("2020", "2024")

FIRST = dict.fromkeys(INDICATORS, 0) | {
    **{f"{kind}_{span}": span - 1 for kind in ("sma", "ema") for span in SPANS},
    "ichimoku": 77,
    "vwma": 19,
    "hull": 10,
    "rsi": 15,
    "stochastic": 17,
    "cci": 20,
    "adx": 28,
    "awesome": 35,
    "momentum": 11,
    "macd": 33,
    "stochastic_rsi": 49,
    "williams_r": 14,
    "bull_bear_power": 49,
    "ultimate": 28,
}
"""The bar, counted from 0, at which each has its first vote in 2024."""
FIRST_2020 = FIRST | {"ichimoku": 51, "stochastic": 18, "adx": 27}


def bits(ratings: Ratings, bars: int | None = None) -> list[bytes]:
    means = ratings.recommend_ma, ratings.recommend_other, ratings.recommend_all
    return [np.ascontiguousarray(array[:bars]).tobytes() for array in (ratings.votes, *means)]


# Means.


def means_of(
    votes: NDArray[np.int8],
) -> Float:
    """The three means of votes (26, cells)."""
    out = np.empty((3, votes.shape[1], 1))
    mean_votes(np.ascontiguousarray(votes[:, :, None]), len(AVERAGES), Means(out[0], out[1], out[2]))
    return out[:, :, 0]


def counted(n: int) -> list[tuple[int, int]]:
    """Every sum of votes and number of them."""
    return [(total, count) for count in range(n + 1) for total in range(-count, count + 1)]


def test_means_are_exact_in_every_combination_of_counts() -> None:
    """A mean equals, is above or is below a threshold as the fraction is, in float64 and once rounded to float32."""
    cases = list(product(counted(len(AVERAGES)), counted(len(OSCILLATORS))))
    votes = np.full((len(INDICATORS), len(cases)), NO_VOTE, np.int8)
    for cell, ((ma, n_ma), (other, n_other)) in enumerate(cases):
        for total, count, start in ((ma, n_ma, 0), (other, n_other, len(AVERAGES))):
            votes[start : start + count, cell] = 0
            votes[start : start + abs(total), cell] = np.sign(total)
    ma, n_ma, other, n_other = np.array([(*a, *b) for a, b in cases]).T
    some = (n_ma > 0) & (n_other > 0)
    both = np.where(some, ma * n_other + other * n_ma, ma + other), np.where(some, 2 * n_ma * n_other, n_ma + n_other)
    for mean, (total, count) in zip(means_of(votes), ((ma, n_ma), (other, n_other), both), strict=True):
        there = count > 0
        assert np.isnan(mean[~there]).all()
        assert mean[there].tolist() == [
            a / b for a, b in zip(total[there].tolist(), count[there].tolist(), strict=True)
        ]
        for text in ("-0.5", "-0.25", "-0.1", "0", "0.05", "0.1", "0.2", "0.5", "0.9"):
            exact = Fraction(text)
            order = np.sign(total * exact.denominator - exact.numerator * count)[there]
            np.testing.assert_array_equal(np.sign(mean[there] - float(text)), order)
            short, limit = mean[there].astype(np.float32), np.float32(text)
            np.testing.assert_array_equal(1 * (short > limit) - (short < limit), order)


def test_labels() -> None:
    means = np.array([-1.0, -0.5, -0.49, -0.1, 0.0, 0.1, 3.0 / 30.0, 0.11, 0.5, 0.51, np.nan])
    expected = [LABELS[i] for i in (0, 1, 1, 2, 2, 2, 2, 3, 3, 4)]
    assert rating_labels(means).tolist() == [*expected, ""]
    assert rating_labels(means.astype(np.float32)).tolist() == [*expected, ""]
    assert rating_labels(means.reshape(1, 11)).shape == (1, 11)


# Time.


@pytest.mark.parametrize("rule_set", RULE_SETS)
def test_every_indicator_votes_from_its_first_bar_on(rule_set: RuleSet) -> None:
    rated = technical_ratings(synthetic_market(230, complete=True).panel, rule_set)
    first = FIRST if rule_set == "2024" else FIRST_2020
    for name in INDICATORS:
        there = rated.vote(name) != NO_VOTE
        assert not there[: first[name]].any(), name
        assert there[first[name] :].all(), name
    assert rated.unavailable == ()


@pytest.mark.parametrize("rule_set", RULE_SETS)
def test_a_prefix_has_the_same_ratings_to_the_bit(rule_set: RuleSet) -> None:
    """Every bar of every asset up to each of 30 cuts: more than 10,000 pairs of bar and asset."""
    panel = synthetic_market(420).panel
    whole = technical_ratings(panel, rule_set)
    cuts = sorted(np.random.default_rng(3).choice(np.arange(1, 420), 30, replace=False).tolist())
    assert sum(cuts) * panel.n_assets > 10_000
    for cut in cuts:
        assert bits(technical_ratings(panel.until(cut), rule_set)) == bits(whole, cut), cut


def test_the_price_level_changes_no_vote() -> None:
    panel = synthetic_market(420).panel
    expected = bits(technical_ratings(panel))
    for exponent in (-9, 30):
        scaled = {name: getattr(panel, name) * 2.0**exponent for name in ("open", "high", "low", "close")}
        assert bits(technical_ratings(replace(panel, **scaled))) == expected


def test_neither_threads_nor_neighbours_change_anything() -> None:
    """Assets are computed side by side, in groups that depend on their number and on the threads."""
    market = synthetic_market(260)
    repeated = np.tile(np.arange(12), 4)[:45]
    panel = picked(market.panel, repeated)
    expected = technical_ratings(panel, threads=1)
    for threads in (2, 3, 9):
        assert bits(technical_ratings(panel, threads=threads)) == bits(expected)
    single = technical_ratings(market.panel)
    assert expected.votes.tobytes() == np.ascontiguousarray(single.votes[:, repeated]).tobytes()


def picked(panel: Panel, assets: NDArray[np.int64]) -> Panel:
    cells = {name: np.ascontiguousarray(getattr(panel, name)[:, assets]) for name in PRICES}
    return Panel(
        panel.timestamps,
        tuple(f"{n}" for n in range(len(assets))),
        periods_per_year=252.0,
        **cells,  # type: ignore[arg-type]
    )


PRICES = ("high", "low", "close", "volume", "member")


def test_a_missing_bar_is_as_if_it_had_never_been() -> None:
    panel = synthetic_market(420).panel
    whole = technical_ratings(panel)
    for n in range(panel.n_assets):
        present = np.isfinite(panel.close[:, n])
        cells = {name: np.ascontiguousarray(getattr(panel, name)[present, n : n + 1]) for name in PRICES}
        alone = Panel(panel.timestamps[present], ("X",), periods_per_year=252.0, **cells)  # type: ignore[arg-type]
        assert whole.votes[present, n].tobytes() == np.ascontiguousarray(technical_ratings(alone).votes).tobytes()
        assert (whole.votes[~present, n] == NO_VOTE).all()
        assert np.isnan(whole.recommend_all[~present, n]).all()


# What there is and what there is not.


def test_a_price_that_never_moves_has_26_neutral_votes() -> None:
    flat = np.full((250, 1), 10.1)
    panel = replace(market_of(flat).panel, high=flat, low=flat, volume=flat)
    for rule_set in RULE_SETS:
        rated = technical_ratings(panel, rule_set)
        assert (rated.votes[200:] == 0).all()
        assert (rated.recommend_all[200:] == 0.0).all()


def test_a_price_that_only_rises_saturates_without_noise() -> None:
    """RSI is 100 at every bar, so that Stochastic RSI has no range and no opinion; Stochastic is 100 throughout."""
    close = 100.0 * 1.01 ** np.arange(300.0)[:, None]
    panel = replace(market_of(close).panel, high=close, low=close * 0.999)
    for rule_set in RULE_SETS:
        rated = technical_ratings(panel, rule_set)
        for name in ("rsi", "stochastic", "stochastic_rsi", "williams_r"):
            assert (rated.vote(name)[60:] == 0).all(), name
        assert (rated.vote("sma_200")[199:] == 1).all()
    assert (of.rsi(close)[14:] == 100.0).all()
    assert (of.stochastic_rsi(close).k[29:] == 50.0).all()
    assert (of.stochastic(close, close * 0.999, close).d[17:] == 100.0).all()


def test_closes_alone_have_votes_of_those_that_need_no_more() -> None:
    panel = synthetic_market(300, complete=True).panel
    full = technical_ratings(panel)
    rated = technical_ratings(replace(panel, open=None, high=None, low=None, volume=None))
    lacking = {"ichimoku", "vwma", "stochastic", "adx", "awesome", "williams_r", "bull_bear_power", "ultimate"}
    assert set(rated.unavailable) == lacking
    for name in INDICATORS:
        if name in lacking:
            assert (rated.vote(name) == NO_VOTE).all()
        else:
            assert rated.vote(name).tobytes() == full.vote(name).tobytes()
    kept = [INDICATORS.index(name) for name in OSCILLATORS if name not in lacking]
    np.testing.assert_array_equal(rated.recommend_other[60:], rated.votes[60:, :, kept].mean(axis=-1))
    assert technical_ratings(replace(panel, volume=None)).unavailable == ("vwma",)
    assert technical_ratings(replace(panel, low=None)).unavailable == tuple(
        name for name in INDICATORS if name in lacking - {"vwma"}
    )


def test_a_high_or_low_that_is_missing_or_inside_the_close_is_the_close() -> None:
    panel = synthetic_market(200, complete=True).panel
    assert panel.high is not None
    assert panel.low is not None
    assert panel.volume is not None
    high, low, volume = np.array(panel.high), np.array(panel.low), np.array(panel.volume)
    high[50], low[60], volume[70] = panel.close[50], panel.close[60], 0.0
    expected = bits(technical_ratings(replace(panel, high=high, low=low, volume=volume)))
    high[50], low[60], volume[70] = 0.5 * panel.close[50], np.nan, np.nan
    assert bits(technical_ratings(replace(panel, high=high, low=low, volume=volume))) == expected


def test_a_market_of_few_bars_or_none_has_no_votes() -> None:
    for bars in (0, 1, 8):
        rated = technical_ratings(market_of(np.full((bars, 2), 5.0)).panel)
        assert rated.votes.shape == (bars, 2, 26)
        assert (rated.votes == NO_VOTE).all()
        assert np.isnan(rated.recommend_all).all()


# One definition: votes are what the rules say of the public functions' values.


def test_votes_are_made_of_the_public_indicators() -> None:
    panel = synthetic_market(300).panel
    rated = technical_ratings(panel)
    high, low, close, volume = (np.array(getattr(panel, name)) for name in ("high", "low", "close", "volume"))

    def side(x: Float, y: Float) -> Float:
        return np.sign(x - y)

    expected = {f"sma_{span}": side(close, of.sma(close, span)) for span in SPANS}
    expected |= {f"ema_{span}": side(close, of.ema(close, span)) for span in SPANS}
    expected["vwma"] = side(close, of.vwma(close, volume))
    expected["hull"] = side(close, of.hull(close))
    line, signal, _ = of.macd(close)
    expected["macd"] = side(line, signal)
    ultimate = of.ultimate(high, low, close)
    expected["ultimate"] = np.where(np.isnan(ultimate), np.nan, 1.0 * (ultimate > 70.0) - (ultimate < 30.0))
    k, d = of.stochastic(high, low, close)
    buy, sell = (k < 20.0) & (d < 20.0) & (k > d), (k > 80.0) & (d > 80.0) & (k < d)
    expected["stochastic"] = np.where(np.isnan(d), np.nan, 1.0 * buy - sell)
    cloud = of.ichimoku(high, low)
    order = [close, cloud.conversion, cloud.base, cloud.lead_a, cloud.lead_b]
    falling = np.logical_and.reduce([x > y for x, y in pairwise(order)])
    rising = np.logical_and.reduce([x < y for x, y in pairwise(order)])
    expected["ichimoku"] = np.where(np.isnan(cloud.lead_b), np.nan, 1.0 * falling - rising)
    for name, votes in expected.items():
        told = np.where(np.isnan(votes), NO_VOTE, votes)
        np.testing.assert_array_equal(rated.vote(name), told, err_msg=name)


# What is refused.


def test_bad_arguments_name_what_is_wrong() -> None:
    panel = synthetic_market(60).panel
    with pytest.raises(ConfigError, match="unknown rule set '2042'; did you mean '2024'"):
        technical_ratings(panel, "2042")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="threads must be at least 1, but is 0"):
        technical_ratings(panel, threads=0)
    with pytest.raises(ConfigError, match=r"panel must be a Panel.*market\.panel"):
        technical_ratings(synthetic_market(60))  # type: ignore[arg-type]
    rated = technical_ratings(panel)
    with pytest.raises(ConfigError, match="unknown indicator 'sma_21'; did you mean 'sma_20'"):
        rated.vote("sma_21")
    with pytest.raises(DataError, match=r"Ratings\.votes must be int8 of shape"):
        replace(rated, votes=rated.votes[:-1])
    with pytest.raises(DataError, match=r"Ratings\.recommend_all must be float64 of shape"):
        replace(rated, recommend_all=rated.recommend_all[:-1])
    with pytest.raises(ValueError, match="read-only"):
        rated.votes[0, 0, 0] = 1
