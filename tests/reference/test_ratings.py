"""All 26 votes of the compiled engine against the slow twin, on random markets with gaps, flat stretches and ticks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimefolio.core.types import Panel
from regimefolio.features import AVERAGES, INDICATORS, NO_VOTE, Ratings, RuleSet, technical_ratings
from regimefolio.testing import synthetic_market
from tests.reference.twin.ratings import Bar, votes

RULE_SETS: tuple[RuleSet, ...] = ("2020", "2024")


def twin(panel: Panel, rule_set: RuleSet) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The votes (T, N, 26) as the twin tells them."""
    assert panel.high is not None
    assert panel.low is not None
    assert panel.volume is not None
    told = np.full((*panel.close.shape, len(INDICATORS)), NO_VOTE)
    for n in range(panel.n_assets):
        present = np.flatnonzero(np.isfinite(panel.close[:, n]))
        columns = (x[present, n].tolist() for x in (panel.high, panel.low, panel.close, panel.volume))
        rows = votes([Bar(*bar) for bar in zip(*columns, strict=True)], rule_set)
        for t, row in zip(present, rows, strict=True):
            told[t, n] = [NO_VOTE if vote is None else vote for vote in row]
    return told


def must_agree(panel: Panel) -> None:
    for rule_set in RULE_SETS:
        expected, found = twin(panel, rule_set), technical_ratings(panel, rule_set, threads=1)
        wrong = np.argwhere(found.votes != expected)
        assert not len(wrong), (rule_set, [(t, n, INDICATORS[i]) for t, n, i in wrong[:5]])
        must_be_means(found)


def must_be_means(ratings: Ratings) -> None:
    """Against exact sums of rows, divided once."""
    for t, n in np.argwhere(np.ones(ratings.recommend_all.shape, np.bool_))[::37]:
        told = [int(v) for v in ratings.votes[t, n]]
        some = [[v for v in half if v != NO_VOTE] for half in (told[: len(AVERAGES)], told[len(AVERAGES) :])]
        means = [sum(half) / len(half) if half else math.nan for half in some]
        np.testing.assert_array_equal([ratings.recommend_ma[t, n], ratings.recommend_other[t, n]], means)


@pytest.mark.parametrize("complete", [True, False])
def test_votes_are_those_of_the_twin_on_a_market_made_unpleasant(complete: bool) -> None:
    must_agree(synthetic_market(420, complete=complete).panel)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(1, 140),
    assets=st.integers(1, 3),
    tick=st.sampled_from([0.0, 0.25, 2.0]),
    missing=st.sampled_from([0.0, 0.1]),
    still=st.sampled_from([0.0, 0.6]),
)
def test_votes_are_those_of_the_twin_on_random_markets(
    seed: int, bars: int, assets: int, tick: float, missing: float, still: float
) -> None:
    must_agree(random_panel(seed, bars, assets, tick, missing, still))


def random_panel(seed: int, bars: int, assets: int, tick: float, missing: float, still: float) -> Panel:
    """Prices on a binary tick, so that ties are ties in any arithmetic; some bars repeat the last, some are missing."""
    rng = np.random.default_rng(seed)
    shape = bars, assets
    moves = 0.02 * rng.standard_normal(shape) * (rng.random(shape) >= still)
    close = 40.0 * np.exp(np.cumsum(moves, axis=0))
    high, low = close * np.exp(0.01 * rng.random(shape)), close * np.exp(-0.01 * rng.random(shape))
    if tick:
        close, high, low = (np.maximum(np.round(x / tick) * tick, tick) for x in (close, high, low))
    volume = np.floor(1e4 * rng.random(shape)) * (rng.random(shape) >= still)
    close[rng.random(shape) < missing] = np.nan
    return Panel(
        timestamps=np.arange(bars).astype("datetime64[D]").astype("datetime64[ns]"),
        symbols=tuple(f"A{n}" for n in range(assets)),
        close=close,
        member=np.ones(shape, np.bool_),
        periods_per_year=252.0,
        high=high,
        low=low,
        volume=volume,
    )
