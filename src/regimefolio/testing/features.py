"""The promises of every feature, as tests that a user's own feature inherits.

    class TestRange(FeatureContract):
        feature = Range(window=20)

pytest then runs each of them on prices that are made to be unpleasant.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np

from regimefolio.core.types import Bool, Features, Panel
from regimefolio.features import Feature, features_of
from regimefolio.testing.strategies import ORDER_TOLERANCE, reordered, synthetic_market


class FeatureContract:
    """Checks what is promised of any feature; inherit it in a test file and set `feature`.

    The prices are those of `StrategyContract`: late listings, a delisting, missing bars, a long pause, prices that
    never move, assets that tie. Prefixes must give equal columns to the bit.
    """

    feature: ClassVar[Feature]

    bars: ClassVar[int] = 600
    """Bars of the prices; more than the feature's warm-up."""

    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    """Between which every value lies."""

    def test_columns_are_named_panels_of_numbers(self) -> None:
        panel = self._panel()
        columns = self.feature.columns(panel)
        assert columns, "a feature has at least one column"
        for name, column in columns.items():
            assert name, "a column has a name"
            assert column.shape == panel.close.shape, f"{name} has shape {column.shape}, the prices {panel.close.shape}"
            assert column.dtype in (np.float32, np.float64), f"{name} is {column.dtype}, not float32 or float64"

    def test_values_keep_their_range(self) -> None:
        found = self._features(self._panel())
        low, high = self.bounds
        wrong = (found.values < low) | (found.values > high)
        assert not wrong.any(), f"a value is outside {self.bounds} at {_where(wrong, found)}"

    def test_missing_bars_have_no_value(self) -> None:
        panel = self._panel()
        found = self._features(panel)
        wrong = np.isnan(panel.close)[:, :, None] & ~np.isnan(found.values)
        assert not wrong.any(), f"there is no bar, but a value, at {_where(wrong, found)}"

    def test_something_is_known_in_the_end(self) -> None:
        found = self._features(self._panel(complete=True))
        silent = [name for f, name in enumerate(found.names) if np.isnan(found.values[-1, :, f]).all()]
        assert not silent, f"{silent[0]} is not available after {self.bars} bars; set `bars` beyond the warm-up"

    def test_equal_prices_give_equal_columns(self) -> None:
        panel = self._panel()
        once = self._features(panel)
        _equal(once, self._features(panel), "the same prices, asked again")
        _equal(once, self._features(replace(panel)), "equal prices")

    def test_the_future_changes_nothing(self) -> None:
        panel = self._panel()
        whole = self._features(panel)
        for cut in (1, 2, 60, self.bars // 2, 2 * self.bars // 3, self.bars - 1):
            expected = whole.as_of(panel.timestamps[cut - 1])
            _equal(expected, self._features(panel.until(cut)), f"the prices cut after {cut} of {self.bars} bars")

    def test_the_order_of_symbols_changes_nothing(self) -> None:
        market = synthetic_market(self.bars)
        whole = self._features(market.panel).values
        order = np.random.default_rng(5).permutation(market.panel.n_assets)
        found = self._features(reordered(market, order).panel)
        gap = np.abs(whole[:, order] - found.values)
        both = np.isnan(whole[:, order]) & np.isnan(found.values)
        wrong = ~(both | (gap <= ORDER_TOLERANCE * np.maximum(1.0, np.abs(found.values))))
        assert not wrong.any(), f"the order of symbols matters at {_where(wrong, found)}"

    def test_the_description_gives_the_feature_back(self) -> None:
        described = json.loads(json.dumps(self.feature.spec(), allow_nan=False))
        again = type(self.feature).of(described)
        assert again == self.feature
        assert again.fingerprint == self.feature.fingerprint

    def _panel(self, complete: bool = False) -> Panel:
        return synthetic_market(self.bars, complete=complete).panel

    def _features(self, panel: Panel) -> Features:
        return features_of(panel, [self.feature])


def _equal(expected: Features, found: Features, what: str) -> None:
    """Fail unless both have the same axes and the same bits."""
    assert found.names == expected.names, f"{what}: the columns have other names"
    differs = found.values.view(np.uint32) != expected.values.view(np.uint32)
    assert not differs.any(), f"{what}: {differs.sum()} values differ, first at {_where(differs, expected)}"


def _where(wrong: Bool, features: Features) -> str:
    bar, asset, column = np.argwhere(wrong)[0]
    return f"bar {bar}, asset {asset}, column {features.names[column]}"
