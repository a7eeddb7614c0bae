"""Features by their names, computed together; and loaders that stand in for them."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import pytest
from pydantic import Field, model_validator

from regimefolio.core.errors import ConfigError, DataError, LookAheadError
from regimefolio.core.progress import Progress
from regimefolio.core.types import Features, Panel
from regimefolio.features import Feature, History, MedianValue, features_of, known_at
from regimefolio.features.base import Columns
from regimefolio.testing import market_of, synthetic_market

PANEL = market_of([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]]).panel


class Given(Feature):
    """Columns that a test makes."""

    _columns: Columns

    def columns(self, panel: Panel) -> Columns:
        return self._columns


def given(**columns: np.ndarray) -> Given:
    made = Given()
    made._columns = columns
    return made


class Band(Feature, kind="band_of_a_test"):
    """Two numbers and a switch."""

    low: float
    high: float = Field(1.0, gt=0)
    inside: bool = True

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.low >= self.high:
            raise ValueError("`low < high` must hold")
        return self

    def columns(self, panel: Panel) -> Columns:
        return {self.name: panel.close}


class TestNames:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("history", History()),
            ("history()", History()),
            ("median_value", MedianValue(window=63)),
            ("median_value(20)", MedianValue(window=20)),
            (" median_value ( 20 ) ", MedianValue(window=20)),
            ("band_of_a_test(0.5)", Band(low=0.5)),
            ("band_of_a_test(-1, 2.5, false)", Band(low=-1.0, high=2.5, inside=False)),
        ],
    )
    def test_a_feature_is_written_as_it_is_called(self, text: str, part: Feature) -> None:
        assert Feature.of(text) == part
        assert Feature.of(part.name) == part
        assert Feature.of(part.spec()) == part

    def test_names_say_every_parameter(self) -> None:
        names = [part.name for part in (History(), MedianValue(), Band(low=0.5))]
        assert names == ["history", "median_value(63)", "band_of_a_test(0.5, 1.0, True)"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("histroy", "unknown feature 'histroy'; did you mean 'history'"),
            ("medain_value(63)", "unknown feature 'medain_value'; did you mean 'median_value'"),
            ("history(3)", r"history\(3\) has 1 values, but history takes no parameter"),
            ("median_value(3, 4)", r"median_value\(3, 4\) has 2 values, but median_value takes window"),
            ("median_value(0)", r"median_value\(0\): window: input should be greater than or equal to 1"),
            ("median_value(many)", r"median_value\(many\): window: input should be a valid integer"),
            ("band_of_a_test", "band_of_a_test: low: field required"),
            ("band_of_a_test(3, 1)", r"band_of_a_test\(3, 1\): `low < high` must hold"),
        ],
    )
    def test_what_is_no_feature(self, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=f"^{message}"):
            Feature.of(text)


class TestComputing:
    def test_columns_stand_in_the_order_of_the_features(self) -> None:
        x, y = PANEL.close.astype(np.float32), 2.0 * PANEL.close
        found = features_of(PANEL, [given(y=y, x=x), History()])
        assert found.names == ("y", "x", "history")
        assert (found.symbols, found.timestamps.tolist()) == (PANEL.symbols, PANEL.timestamps.tolist())
        assert found.values.dtype == np.float32
        expected = np.stack([y, x, np.array([[1, np.nan], [2, 1], [3, 2]])], axis=2)
        assert np.array_equal(found.values, expected, equal_nan=True)

    def test_of_no_feature_nothing_is_known(self) -> None:
        assert features_of(PANEL, []).values.shape == (3, 2, 0)

    def test_every_nan_has_the_same_bits(self) -> None:
        odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
        found = features_of(PANEL, [given(x=np.tile(odd, (3, 1)))])
        assert set(found.values.view(np.uint32).ravel().tolist()) == {np.float32(np.nan).view(np.uint32).item()}

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (PANEL.close[:2], r"must be float32 or float64 of shape \(3, 2\), but is float64 of \(2, 2\)"),
            (np.ones((3, 2), np.int64), r"must be float32 or float64 of shape \(3, 2\), but is int64 of \(3, 2\)"),
            (
                np.array([[1, 1], [1, np.inf], [1, 1]]),
                "is infinite for A1 at 2001-01-02; NaN says that it is not there",
            ),
            (np.full((3, 2), 1e300), "is infinite for A0 at 2001-01-01; "),
        ],
    )
    def test_what_no_column_can_be(self, column: np.ndarray, message: str) -> None:
        with pytest.raises(DataError, match=f"the column 'x' {message}"):
            features_of(PANEL, [given(x=column)])

    def test_two_columns_of_one_name_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"^history and history both give the column 'history'; leave one out"):
            features_of(PANEL, [History(), History()])

    @pytest.mark.parametrize("name", ["timestamp", "symbol", "rule_set"])
    def test_a_column_called_as_one_of_the_table_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"the column '{name}' is called as one .*; give it another name"):
            features_of(PANEL, [given(**{name: PANEL.close})])

    def test_a_list_is_no_column(self) -> None:
        with pytest.raises(DataError, match=r"the column 'x' must be an array, but is a list; wrap it in np\.array"):
            features_of(PANEL, [given(x=PANEL.close.tolist())])

    def test_progress_counts_features(self) -> None:
        class Told(Progress):
            stages: ClassVar[list[tuple[str, int]]] = []
            steps = 0

            def stage(self, name: str, total: int) -> None:
                self.stages.append((name, total))

            def advance(self, steps: int = 1) -> None:
                self.steps += steps

        told = Told()
        features_of(PANEL, [History(), given(x=PANEL.close)], told)
        assert (told.stages, told.steps) == ([("features", 2)], 2)


class Late:
    """A loader of quarterly numbers, which stand from some day on."""

    def __init__(self, *days: str, shift: int = 0) -> None:
        self.days, self.shift = np.array(days, "datetime64[ns]"), shift

    def as_of(self, when: np.datetime64) -> Features:
        rows = int(np.searchsorted(self.days, when, side="right")) + self.shift
        values = np.array([[[10.0 * t, -t], [20.0 * t, t]] for t in range(rows)], np.float32).reshape(rows, 2, 2)
        return Features(self.days[:rows], ("B", "A"), ("size", "debt"), values)


class TestLoaders:
    TIMES = np.array(["2020-01-01", "2020-02-01", "2020-05-01"], "datetime64[ns]")

    def test_the_latest_row_counts_and_symbols_and_columns_are_put_in_order(self) -> None:
        loader = Late("2020-01-15", "2020-02-01", "2020-04-01")
        found = known_at(loader, self.TIMES, ("A", "C", "B"), ("debt", "size"))
        nan = np.nan
        expected = [[[nan, nan]] * 3, [[1, 20], [nan, nan], [-1, 10]], [[2, 40], [nan, nan], [-2, 20]]]
        assert np.array_equal(found.values, np.array(expected), equal_nan=True)
        assert (found.symbols, found.names) == (("A", "C", "B"), ("debt", "size"))

    def test_a_loader_that_sees_the_future_is_refused(self) -> None:
        loader = Late("2020-01-15", "2020-02-01", "2020-02-02", "2020-09-01", shift=1)
        with pytest.raises(LookAheadError, match=r"^Late gave a row of 2020-01-15 for what was known at 2020-01-01; "):
            known_at(loader, self.TIMES, ("A",), ("debt",))

    def test_a_column_that_it_has_not_is_named(self) -> None:
        with pytest.raises(ConfigError, match="unknown feature 'sice'; did you mean 'size'"):
            known_at(Late("2020-01-01"), self.TIMES, ("A",), ("sice",))

    def test_features_stand_for_themselves(self) -> None:
        panel = synthetic_market(100).panel
        features = features_of(panel, [History(), MedianValue(window=5)])
        found = known_at(features, panel.timestamps[10::7], panel.symbols, features.names)
        assert np.array_equal(found.values, features.values[10::7], equal_nan=True)
