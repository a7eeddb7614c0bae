"""Ratings as signals: where they begin to count, and that the market rates itself once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.features import technical_ratings
from regimefolio.strategies import TechnicalRating
from regimefolio.strategies.technical_rating import _follow
from regimefolio.testing import market_of, synthetic_market

NAN = math.nan


@pytest.mark.parametrize(
    ("rating", "threshold", "alpha"),
    [
        (0.1, 0.1, 0.0),  # a tenth is not above a tenth
        (3.0 / 30.0, 0.1, 0.0),
        (0.11, 0.1, 0.11),
        (-0.1, 0.1, 0.0),
        (-0.75, 0.1, -0.75),
        (0.01, 0.0, 0.01),
        (0.0, 0.0, 0.0),
        (NAN, 0.0, 0.0),
    ],
)
def test_opinions(rating: float, threshold: float, alpha: float) -> None:
    ratings, early = np.array([[rating, rating]]), np.array([[False, True]])
    for array in (ratings, early):
        array.flags.writeable = False
    found_alpha, found_confidence = np.empty((1, 2), np.float32), np.empty((1, 2), np.float32)
    _follow(ratings, early, threshold, found_alpha, found_confidence)
    assert found_alpha.tolist() == [[np.float32(alpha), 0.0]]
    assert found_confidence.tolist() == [[abs(np.float32(alpha)), 0.0]]


@pytest.mark.parametrize("rating", ["ma", "other", "all"])
def test_signals_are_the_ratings_of_assets_that_are_old_enough(rating: str) -> None:
    market = synthetic_market(400)
    signals = TechnicalRating.read({"rating": rating, "threshold": 0.25, "history": 60}).signals(market)
    mean = getattr(technical_ratings(market.panel), f"recommend_{rating}")
    bars = np.cumsum(np.isfinite(market.panel.close), axis=0)
    counts = (np.abs(np.nan_to_num(mean)) > 0.25) & (bars >= 60)
    np.testing.assert_array_equal(signals.alpha, np.where(counts, mean, 0.0).astype(np.float32))
    np.testing.assert_array_equal(signals.confidence, np.abs(signals.alpha))
    assert signals.horizon == 5


def test_a_market_is_rated_once_for_all_strategies_of_a_rule_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from regimefolio.strategies import technical_rating as room

    calls: list[str] = []

    def counting(*arguments: object, **keywords: object) -> object:
        calls.append(str(arguments[1]))
        return technical_ratings(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "technical_ratings", counting)
    market = synthetic_market(250)
    for strategy in (TechnicalRating(), TechnicalRating(rating="ma"), TechnicalRating(threshold=0.5, rule_set="2020")):
        strategy.signals(market)
    assert calls == ["2024", "2020"]


def test_closes_alone_are_rated_too() -> None:
    close = 100.0 * 1.01 ** np.arange(250.0)[:, None]
    signals = TechnicalRating(rating="ma").signals(market_of(close))
    assert (signals.alpha[199:] == 1.0).all()
    assert not signals.confidence[:199].any()


def test_what_is_refused() -> None:
    with pytest.raises(ValidationError, match="history"):
        TechnicalRating(history=11)
    with pytest.raises(ValidationError, match="threshold"):
        TechnicalRating(threshold=1.0)
    with pytest.raises(ValidationError, match="2020"):
        TechnicalRating(rule_set="2022")  # type: ignore[arg-type]
