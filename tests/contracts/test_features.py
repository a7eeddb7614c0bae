"""Every feature of ours keeps the public contract; and the contract bites."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from regimefolio.core.component import registered
from regimefolio.core.types import Float, Panel
from regimefolio.features import Feature, History, MedianValue, RatingMeans, RatingVotes, features_of
from regimefolio.features.base import Columns
from regimefolio.testing import FeatureContract, synthetic_market
from tests.contracts.biting import failures


class TestRating(FeatureContract):
    feature: ClassVar[Feature] = RatingMeans()
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)


class TestRatingOf2020(TestRating):
    feature: ClassVar[Feature] = RatingMeans(rule_set="2020")


class TestVotes(FeatureContract):
    feature: ClassVar[Feature] = RatingVotes()
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)


class TestHistory(FeatureContract):
    feature: ClassVar[Feature] = History()
    bounds: ClassVar[tuple[float, float]] = (1.0, 600.0)


class TestMedianValue(FeatureContract):
    feature: ClassVar[Feature] = MedianValue(window=20)
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)


SUITES = (TestRating, TestRatingOf2020, TestVotes, TestHistory, TestMedianValue)


def test_every_feature_of_ours_is_under_contract() -> None:
    ours = {kind for kind, part in registered("feature").items() if part.__module__.startswith("regimefolio.")}
    suites = [each for each in list(globals().values()) if inspect.isclass(each) and issubclass(each, FeatureContract)]
    assert {suite.feature.kind for suite in suites if "feature" in vars(suite)} == ours


@pytest.mark.parametrize("suite", SUITES)
def test_a_bar_that_is_missing_is_as_if_it_had_never_been(suite: type[FeatureContract]) -> None:
    """More than the contract asks: values at an asset's own bars do not know on whose clock they stand."""
    panel = synthetic_market(400).panel
    for asset in (6, 8, 11):  # bars missing here and there, listed late, delisted
        own = np.isfinite(panel.close[:, asset])
        assert not own.all()
        cut = {name: array[own][:, [asset]] for name, array in panel.by_bar.items() if array.ndim == 2}
        alone = replace(panel, timestamps=panel.timestamps[own], symbols=("X",), sectors=None, **cut)  # type: ignore[arg-type]
        whole, found = (features_of(each, [suite.feature]).values for each in (panel, alone))
        assert np.array_equal(whole[own, asset], found[:, 0], equal_nan=True)


# The contract bites: each of these features breaks one promise, and one test says so.

Rule = Callable[[Panel], Float]


def honest(panel: Panel) -> Float:
    return panel.close / 2.0


def whole_history(panel: Panel) -> Float:
    return panel.close / np.nanmax(panel.close)


def next_bar(panel: Panel) -> Float:
    after = np.roll(panel.close, -1, axis=0)
    return np.where(np.isnan(panel.close), np.nan, np.where(np.isnan(after), panel.close, after))


def filled(panel: Panel) -> Float:
    return np.nan_to_num(panel.close)


def first_symbol(panel: Panel) -> Float:
    return panel.close * (1.0 + (np.arange(panel.n_assets) == 0))


def silent(panel: Panel) -> Float:
    return np.full(panel.close.shape, np.nan)


def negative(panel: Panel) -> Float:
    return -panel.close


def one_asset(panel: Panel) -> Float:
    return panel.close[:, 0]


def whole_numbers(panel: Panel) -> Float:
    return np.where(np.isnan(panel.close), 0, 1)


CALLS = iter(range(10**6))


def moody(panel: Panel) -> Float:
    return panel.close + next(CALLS)


class Suspect(Feature):
    """A feature that does what its maker tells it."""

    _rule: Rule

    def columns(self, panel: Panel) -> Columns:
        return {"suspect": self._rule(panel)}


class SuspectContract(FeatureContract):
    bars: ClassVar[int] = 200
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)


def verdicts(rule: Rule) -> set[str]:
    """The contract's tests that a feature fails."""
    suspect = Suspect()
    suspect._rule = rule
    return failures(SuspectContract, feature=suspect)


def test_an_honest_feature_fails_nothing() -> None:
    assert verdicts(honest) == set()


@pytest.mark.parametrize(
    ("rule", "failed"),
    [
        (whole_history, "the_future_changes_nothing"),
        (next_bar, "the_future_changes_nothing"),
        (filled, "missing_bars_have_no_value"),
        (first_symbol, "the_order_of_symbols_changes_nothing"),
        (silent, "something_is_known_in_the_end"),
        (negative, "values_keep_their_range"),
        (moody, "equal_prices_give_equal_columns"),
    ],
)
def test_a_broken_promise_is_found(rule: Rule, failed: str) -> None:
    assert failed in verdicts(rule)


@pytest.mark.parametrize(("rule", "message"), [(one_asset, "has shape"), (whole_numbers, "is int64, not float32")])
def test_what_is_no_panel_of_numbers_is_found(rule: Rule, message: str) -> None:
    suspect = Suspect()
    suspect._rule = rule
    suite = type("Suite", (SuspectContract,), {"feature": suspect})()
    with pytest.raises(AssertionError, match=message):
        suite.test_columns_are_named_panels_of_numbers()
