"""The features that come with the product, by hand; and which of them give a column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.features import (
    INDICATORS,
    NO_VOTE,
    Feature,
    History,
    MedianValue,
    RatingMeans,
    RatingVotes,
    parts_giving,
    technical_ratings,
)
from regimefolio.testing import market_of, synthetic_market

NAN = np.nan


def test_history_counts_own_bars() -> None:
    panel = market_of([[1.0, NAN], [NAN, 2.0], [3.0, 4.0]]).panel
    expected = np.array([[1.0, NAN], [NAN, 1.0], [2.0, 2.0]])
    assert np.array_equal(History().columns(panel)["history"], expected, equal_nan=True)


def test_median_value_is_of_raw_money() -> None:
    """Shares double before bar 2; before bar 3 a fifth of the price is paid, which lifts prices by a quarter."""
    raw = np.array([[10.0], [NAN], [6.0], [5.0], [7.0]])
    volume = np.array([[100.0], [NAN], [300.0], [200.0], [100.0]])
    shares, price = np.array([[1.0], [1.0], [2.0], [2.0], [2.0]]), np.array([[1.0], [1.0], [2.0], [2.5], [2.5]])
    split, dividend = np.array([[1.0], [1.0], [2.0], [1.0], [1.0]]), np.array([[0.0], [0.0], [0.0], [1.2], [0.0]])
    panel = replace(market_of(raw * price).panel, volume=volume / shares, split=split, dividend=dividend)
    assert panel.adjustment.price == pytest.approx(price)
    found = MedianValue(window=2).columns(panel)["median_value(2)"]
    assert found.ravel()[2:] == pytest.approx([1400.0, 1400.0, 850.0])  # of 1000 and 1800, 1800 and 1000, 1000 and 700
    assert np.isnan(found[:2]).all()


def test_median_value_needs_volumes() -> None:
    with pytest.raises(DataError, match=r"^median_value\(63\) needs volumes, and these prices have none; leave it out"):
        MedianValue().columns(market_of([[1.0]]).panel)


@pytest.mark.parametrize("rule_set", ["2020", "2024"])
def test_ratings_and_votes_are_those_of_technical_ratings(rule_set: str) -> None:
    panel = synthetic_market(90).panel
    rating = RatingMeans.model_validate({"rule_set": rule_set})
    ratings = technical_ratings(panel, rating.rule_set)
    means, votes = rating.columns(panel), RatingVotes(rule_set=rating.rule_set).columns(panel)
    assert list(means) == ["Recommend.All", "Recommend.MA", "Recommend.Other"]
    assert np.array_equal(means["Recommend.All"], ratings.recommend_all, equal_nan=True)
    assert np.array_equal(means["Recommend.MA"], ratings.recommend_ma, equal_nan=True)
    assert np.array_equal(means["Recommend.Other"], ratings.recommend_other, equal_nan=True)
    assert list(votes) == [f"Vote.{name}" for name in INDICATORS]
    for name, column in votes.items():
        vote = ratings.vote(name.removeprefix("Vote."))
        assert np.array_equal(np.isnan(column), vote == NO_VOTE)
        assert np.array_equal(column[vote != NO_VOTE], vote[vote != NO_VOTE])


def test_a_rule_set_may_be_written_without_quotes() -> None:
    assert Feature.of({"kind": "technical_rating", "rule_set": 2020}) == RatingMeans(rule_set="2020")
    assert Feature.of("technical_rating(2020)") == RatingMeans(rule_set="2020")
    with pytest.raises(ValidationError):
        Feature.of({"kind": "technical_rating", "rule_set": 2021})


def test_columns_lead_to_the_features_that_give_them() -> None:
    names = ["median_value(20)", "Recommend.MA", "history", "Recommend.All", "Vote.rsi", "median_value(20)"]
    assert parts_giving(names, "2020") == (
        MedianValue(window=20),
        RatingMeans(rule_set="2020"),
        History(),
        RatingVotes(rule_set="2020"),
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Recommend.all", r"unknown feature 'Recommend\.all'; did you mean 'Recommend\.All'\?"),
        ("Vote.rsy", r"unknown feature 'Vote\.rsy'; did you mean 'Vote\.rsi'\?"),
        ("histori", r"unknown feature 'histori'; did you mean 'history'\?"),
    ],
)
def test_a_column_that_nothing_gives(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        parts_giving([name])
