"""The median of the last values, against sorting."""

from __future__ import annotations

from statistics import median

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.kernels.medians import rolling_median

CELL = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.0, -3.0]), st.floats(-1e6, 1e6))


def slow(column: list[float], window: int) -> list[float]:
    """The definition: the middle of the last values that are there."""
    found, own = [], list[float]()
    for value in column:
        if value == value:
            own.append(value)
        enough = value == value and len(own) >= window
        found.append(median(own[-window:]) if enough else float("nan"))
    return found


@given(columns=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=60), window=st.integers(1, 9))
def test_it_is_the_middle_of_the_last_own_values(columns: list[tuple[float, float]], window: int) -> None:
    x = np.array(columns)
    x.flags.writeable = False
    out = np.empty(x.shape)
    rolling_median(x, window, out)
    expected = np.array([slow(column, window) for column in x.T.tolist()]).T
    assert np.array_equal(out, expected, equal_nan=True)
