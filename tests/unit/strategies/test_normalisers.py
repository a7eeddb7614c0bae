"""Normalisers against numpy and scipy, written out slowly; and that they see no future."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float
from regimefolio.strategies import normalise_min_max, normalise_rank, normalise_tanh, normalise_zscore

NAN = math.nan
Normaliser = Callable[..., Float]


def zscore(among: Float, own: float) -> float:
    return 0.0 if np.ptp(among) == 0.0 else float((own - among.mean()) / among.std())


def min_max(among: Float, own: float) -> float:
    low, high = among.min(), among.max()
    return 0.0 if low == high else float(2.0 * (own - low) / (high - low) - 1.0)


def rank(among: Float, own: float) -> float:
    place = stats.rankdata(among)[np.flatnonzero(among == own)[0]]
    return float((2.0 * place - len(among) - 1.0) / (len(among) - 1.0))


WAYS: dict[str, tuple[Normaliser, Callable[[Float, float], float]]] = {
    "zscore": (normalise_zscore, zscore),
    "min_max": (normalise_min_max, min_max),
    "rank": (normalise_rank, rank),
    "tanh": (partial(normalise_tanh, scale=2.0), lambda among, own: math.tanh(zscore(among, own) / 2.0)),
}


def values(bars: int = 60, assets: int = 7) -> Float:
    """Ties, holes, an empty row, a column without values, and one that never changes."""
    rng = np.random.default_rng(4)
    x = rng.normal(0.0, 1.0, (bars, assets)).round(1)
    x[rng.random(x.shape) < 0.3] = NAN
    x[11] = NAN
    x[:, 5] = NAN
    x[:, 6] = 0.1
    return x


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("window", [None, 2, 4, 12, 100])
def test_every_value_against_the_definition(way: str, window: int | None) -> None:
    normalise, definition = WAYS[way]
    x = values()
    found = normalise(x, window=window)
    defined = 0
    for t, n in np.ndindex(*x.shape):
        among = x[t] if window is None else x[max(0, t - window + 1) : t + 1, n]
        among = among[np.isfinite(among)]
        least = 2 if window is None else min(5, window)
        early = window is not None and t < window - 1
        expected = NAN if early or len(among) < least or np.isnan(x[t, n]) else definition(among, float(x[t, n]))
        defined += not np.isnan(expected)
        assert found[t, n] == pytest.approx(expected, rel=1e-9, abs=2e-12, nan_ok=True), (t, n)
    assert defined > 20 or window == 100


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("window", [None, 3, 20])
def test_a_prefix_gives_a_prefix_and_the_scale_changes_nothing(way: str, window: int | None) -> None:
    normalise, _ = WAYS[way]
    x = values()
    whole = normalise(x, window=window)
    for cut in (1, 2, 19, 20, 41):
        assert normalise(x[:cut], window=window).tobytes() == whole[:cut].tobytes()
    assert normalise(x * 2.0**-30, window=window).tobytes() == whole.tobytes()
    assert normalise(x.astype(np.float32), window=window).dtype == np.float64


def test_by_hand() -> None:
    """Mean 2, population deviation √2 of 0, 2, 4 less one third: 8/3 is the variance."""
    row = np.array([[0.0, 2.0, 4.0, NAN]])
    np.testing.assert_allclose(normalise_zscore(row), [[-math.sqrt(1.5), 0.0, math.sqrt(1.5), NAN]])
    np.testing.assert_array_equal(normalise_min_max(row), [[-1.0, 0.0, 1.0, NAN]])
    np.testing.assert_array_equal(normalise_rank(row), [[-1.0, 0.0, 1.0, NAN]])
    np.testing.assert_allclose(normalise_tanh(row)[0, 2], math.tanh(math.sqrt(1.5)))
    assert np.isnan(normalise_zscore(np.array([[3.0, NAN]]))).all()


@pytest.mark.parametrize("far", [1.0, 1e6, 1e9])
def test_a_column_far_from_zero_keeps_its_digits(far: float) -> None:
    x = far + np.arange(40.0)[:, None] % 7
    expected = [zscore(x[t - 9 : t + 1, 0] - far, float(x[t, 0] - far)) for t in range(9, 40)]
    np.testing.assert_allclose(normalise_zscore(x, window=10)[9:, 0], expected, rtol=1e-9, atol=1e-12)


def test_what_is_like_an_array_is_taken_for_one() -> None:
    values: Any = [[1.0, 2.0, 3.0]]
    assert normalise_rank(values).tolist() == [[-1.0, 0.0, 1.0]]


def test_what_cannot_be_normalised_is_refused() -> None:
    with pytest.raises(DataError, match="finite numbers, NaN where there is none"):
        normalise_rank(np.array([[1.0, math.inf]]))
    with pytest.raises(DataError, match=r"shape \(T, N\)"):
        normalise_zscore(np.arange(3.0))
    with pytest.raises(ConfigError, match="a window of 1 rows compares nothing"):
        normalise_min_max(values(), window=1)
    with pytest.raises(ConfigError, match="scale of tanh must be above 0, but is 0"):
        normalise_tanh(values(), scale=0.0)
