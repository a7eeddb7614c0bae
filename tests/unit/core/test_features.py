"""What was known of every asset at every bar: checked once, looked up by bar or date, and never beyond it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError, DataError, LookAheadError
from regimefolio.core.types import Features

DAYS = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]").astype("datetime64[ns]")
VALUES = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
FEATURES = Features(DAYS, ("A", "B"), ("x", "y", "z"), VALUES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": VALUES[:3]}, r"Features.values must have shape \(4, 2, 3\), but has \(3, 2, 3\)"),
        ({"values": VALUES.astype(np.float64)}, "Features.values must be float32, but is float64"),
        ({"timestamps": DAYS.astype("datetime64[s]")}, r"Features.timestamps must be datetime64\[ns\]"),
        ({"timestamps": DAYS[::-1]}, "Features.timestamps must be strictly increasing"),
        ({"symbols": ("A", "A")}, "Features.symbols must be different names"),
        ({"names": ("x", "y", "y")}, "Features.names must be different names"),
    ],
)
def test_what_features_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        replace(FEATURES, **changes)


def test_values_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        FEATURES.values[0, 0, 0] = 1.0


def test_a_column_has_its_bars_and_assets() -> None:
    assert FEATURES.column("y").tolist() == VALUES[:, :, 1].tolist()
    with pytest.raises(ConfigError, match=r"^unknown feature 'yy'; did you mean 'y'"):
        FEATURES.column("yy")


@pytest.mark.parametrize(
    ("when", "rows"),
    [
        ("2019-12-31", 0),
        ("2020-01-01", 1),
        ("2020-01-01T23:59", 1),
        ("2020-01-03T00:00:00.000000001", 3),
        ("2030-01-01", 4),
    ],
)
def test_as_of_sees_no_later_row(when: str, rows: int) -> None:
    known = FEATURES.as_of(np.datetime64(when))
    assert known.timestamps.tolist() == DAYS[:rows].tolist()
    assert known.values.tolist() == VALUES[:rows].tolist()


def test_as_of_copies_nothing() -> None:
    assert np.shares_memory(FEATURES.as_of(DAYS[2]).values, FEATURES.values)


def test_a_row_is_looked_up_by_its_bar() -> None:
    assert FEATURES.at(2).tolist() == VALUES[2].tolist()


@pytest.mark.parametrize("bar", [2, 3, -1])
def test_a_later_row_is_not_known(bar: int) -> None:
    """Nor is one counted from the end, where the end moves with what is known."""
    with pytest.raises(
        LookAheadError, match=f"^the features of bar {bar} are not known here: the last is bar 1, 2020-01-02"
    ):
        FEATURES.as_of(DAYS[1]).at(bar)
    with pytest.raises(LookAheadError, match="not known here: there is none"):
        FEATURES.as_of(np.datetime64("2019-01-01")).at(0)
