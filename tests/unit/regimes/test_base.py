"""What all detectors share: reading the series, and turning probabilities into a path."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Float, Panel, RegimePath
from regimefolio.market.view import Market
from regimefolio.regimes import RegimeDetector


class UpOrDown(RegimeDetector):
    """Up for a close of 2, down for a close of 1, unknown for a close of 3."""

    names: ClassVar[tuple[str, ...]] = ("up", "down")

    def detect(self, market: Market) -> RegimePath:
        known, close = self.observed(market)
        probability = np.stack([close == 2.0, close == 1.0], axis=1).astype(np.float64)
        probability[close == 3.0] = np.nan
        return self.path(market, known, probability)


def market_of(series: list[float]) -> Market:
    close: Float = np.array(series, np.float64)[:, None]
    days = (np.datetime64("2020-01-01") + np.arange(len(series))).astype("datetime64[ns]")
    return Market(Panel(days, ("A",), close, np.ones(close.shape, bool), 252.0), benchmark=close[:, 0])


def test_the_label_is_the_most_probable_regime() -> None:
    path = UpOrDown().detect(market_of([3, 2, 1, 1, 2]))
    assert path.label.tolist() == [-1, 0, 1, 1, 0]
    assert np.isnan(path.probability[0]).all()
    assert path.probability[1:].tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]


def test_only_the_label_is_debounced() -> None:
    path = UpOrDown(min_duration=2).detect(market_of([3, 2, 1, 2, 1, 1, 1]))
    assert path.label.tolist() == [-1, 0, 0, 0, 0, 1, 1]
    assert path.probability[2].tolist() == [0, 1]


def test_a_bar_without_a_close_keeps_the_regime_and_counts_for_nothing() -> None:
    gap = np.nan
    path = UpOrDown(min_duration=2).detect(market_of([gap, 3, gap, 2, gap, 1, gap, gap, 1, gap]))
    assert path.label.tolist() == [-1, -1, -1, 0, 0, 0, 0, 0, 1, 1]
    assert path.probability[3:6].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert np.isnan(path.probability[:3]).all()


def test_no_close_at_all_and_no_bar_at_all_know_nothing() -> None:
    assert UpOrDown().detect(market_of([np.nan, np.nan])).label.tolist() == [-1, -1]
    assert UpOrDown().detect(market_of([])).label.tolist() == []


@pytest.mark.parametrize("price", [0.0, -3.0])
def test_a_price_that_is_not_above_zero_is_named(price: float) -> None:
    with pytest.raises(DataError, match=rf"'benchmark' is {price} at 2020-01-03"):
        UpOrDown().detect(market_of([2, 1, price, 2]))


def test_a_series_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingDataError, match="no index"):
        UpOrDown(on="index").detect(market_of([2, 1]))
