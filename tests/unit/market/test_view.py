"""The market's own series, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.market import Market
from regimefolio.testing import market_of

NAN = np.nan


def test_equal_weight_is_the_mean_return_compounded() -> None:
    found = market_of([[100.0, 100.0], [110.0, 100.0], [110.0, 50.0]]).series("equal_weight")
    assert found == pytest.approx([1.0, 1.05, 1.05 * 0.75], rel=1e-15)


def test_a_loss_across_a_gap_counts_at_the_bar_that_ends_it() -> None:
    found = market_of([[100.0, 100.0], [NAN, 100.0], [50.0, 100.0]]).series("equal_weight")
    assert found == pytest.approx([1.0, 1.0, 0.75], rel=1e-15)


def test_a_late_listing_counts_from_its_second_bar_and_a_departed_one_not_at_all() -> None:
    found = market_of([[100.0, NAN], [110.0, 10.0], [NAN, 20.0], [NAN, 30.0]]).series("equal_weight")
    assert found == pytest.approx([1.0, 1.1, 2.2, 3.3], rel=1e-15)


def test_nothing_earlier_changes_when_the_future_does() -> None:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(0.02 * rng.standard_normal((200, 5)), axis=0))
    close[rng.random(close.shape) < 0.2] = NAN
    whole = market_of(close).series("equal_weight")
    for cut in (1, 2, 50, 199):
        assert np.array_equal(market_of(close[:cut]).series("equal_weight"), whole[:cut])


def test_only_series_that_there_are_are_offered() -> None:
    market = market_of(np.ones((3, 1)))
    for index, offered in ((None, {"equal_weight"}), (np.ones(3), {"equal_weight", "index"})):
        with pytest.raises(ConfigError, match="unknown series 'zzzz'; known: ") as caught:
            Market(market.panel, index).series("zzzz")
        known = str(caught.value).partition("known: ")[2].split(", ")
        assert set(known) == offered | set(market.symbols)


def test_the_memo_counts_an_array_once() -> None:
    market = market_of(np.ones((100, 3)))
    array = np.ones(1000)
    market.memo("a", lambda: array)
    market.memo("b", lambda: array)
    assert market._memo_bytes() == array.nbytes


def test_equal_weight_loses_what_a_delisting_loses() -> None:
    panel = market_of([[10.0, 10.0], [10.0, 10.0], [10.0, NAN], [10.0, NAN]]).panel
    gone = replace(panel, delisted_at=np.array([-1, 2]), delisting_return=np.array([NAN, -0.5]))
    assert Market(panel).series("equal_weight").tolist() == [1.0, 1.0, 1.0, 1.0]
    assert Market(gone).series("equal_weight").tolist() == [1.0, 1.0, 0.75, 0.75]
    assert Market(gone.until(2)).series("equal_weight").tolist() == [1.0, 1.0]
