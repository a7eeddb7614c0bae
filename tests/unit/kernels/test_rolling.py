"""The indicator kernels: numbers by hand, plain loops beside them, and the rules of time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import rankdata

from regimefolio.core.types import Float
from regimefolio.kernels import oscillators, rolling

NAN = math.nan


def frozen(values: object) -> Float:
    """Input as the product gives it: float64, C-ordered, read-only; one column where only one is given."""
    array = np.array(values, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    array.flags.writeable = False
    return array


def deviation(x: object, window: int) -> Float:
    out = np.empty(frozen(x).shape)
    rolling.rolling_deviation(frozen(x), window, False, out)
    return out


def zscore(x: object, window: int) -> Float:
    out = np.empty(frozen(x).shape)
    rolling.rolling_deviation(frozen(x), window, True, out)
    return out


def histogram(x: object, fast: int, slow: int, signal: int) -> Float:
    out = np.empty(frozen(x).shape)
    rolling.macd_histogram(frozen(x), fast, slow, signal, out)
    return out


def rsi(x: object, period: int) -> Float:
    out = np.full(frozen(x).shape, NAN)
    oscillators.strength_index(frozen(x), period, out)
    return out


def ranks(x: object) -> Float:
    out = np.empty(frozen(x).shape)
    rolling.rank_across(frozen(x), out)
    return out


INDICATORS: dict[str, Callable[[Float], Float]] = {
    "deviation 20": lambda x: deviation(x, 20),
    "zscore 2": lambda x: zscore(x, 2),
    "zscore 20": lambda x: zscore(x, 20),
    "zscore 100": lambda x: zscore(x, 100),
    "histogram": lambda x: histogram(x, 12, 26, 9),
    "rsi": lambda x: rsi(x, 14),
    "ranks": ranks,
}


def prices(kind: str) -> Float:
    """Columns of 1,500 prices that are unkind to running sums."""
    rng = np.random.default_rng(11)
    bars, noise = np.arange(1500)[:, None], rng.standard_normal((1500, 4))
    if kind == "walk":
        return frozen(50.0 * np.exp(np.cumsum(0.02 * noise, axis=0)))
    if kind == "crash":
        return frozen(1e6 * np.exp(np.cumsum(0.001 * noise - 0.01, axis=0)))
    if kind == "spike":
        return frozen(np.where(bars == 300, 1e6, np.where(bars == 700, 1e-4, 100.0 + 0.01 * noise)))
    if kind == "step":
        return frozen(np.where(bars < 700, 1e6, 1e-2) * (1.0 + 1e-4 * noise))
    ticks = np.maximum(np.round(5.0 + np.cumsum(0.004 * noise, axis=0), 2), 0.01)
    return frozen(np.where((bars > 200) & (bars < 300), 5.0, ticks))


KINDS = ("walk", "crash", "spike", "step", "ticks")


def test_deviation_and_zscore_by_hand() -> None:
    x = [1.0, 2.0, 3.0, 3.0, 3.0, 9.0]
    root2, root6 = math.sqrt(2.0), math.sqrt(6.0)
    expected = [NAN, NAN, root6 / 3.0, root2 / 3.0, 0.0, 2.0 * root2]
    np.testing.assert_allclose(deviation(x, 3)[:, 0], expected, rtol=1e-14)
    expected = [NAN, NAN, root6 / 2.0, root2 / 2.0, 0.0, root2]
    np.testing.assert_allclose(zscore(x, 3)[:, 0], expected, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [2, 3, 20, 252])
def test_deviation_is_that_of_two_passes(kind: str, window: int) -> None:
    """1e-10 relative for the deviation, 1e-10 absolute for the z-score, whatever went through the window before."""
    x = prices(kind)
    windows = np.lib.stride_tricks.sliding_window_view(x, window, axis=0).astype(np.longdouble)
    apart = windows - windows.mean(axis=-1, keepdims=True)
    flat = (windows == windows[..., :1]).all(axis=-1)
    expected = np.where(flat, 0.0, np.sqrt((apart**2).mean(axis=-1)))
    found = deviation(x, window)
    assert np.isnan(found[: window - 1]).all()
    np.testing.assert_allclose(found[window - 1 :], expected.astype(np.float64), rtol=1e-10, atol=0.0)
    scores = np.divide(apart[..., -1], expected, out=np.zeros_like(expected), where=~flat)
    np.testing.assert_allclose(zscore(x, window)[window - 1 :], scores.astype(np.float64), rtol=0.0, atol=1e-10)


def test_a_window_of_equal_prices_is_flat_whatever_rounding_left_in_the_sums() -> None:
    walk = 50.0 * np.exp(np.cumsum(0.02 * np.random.default_rng(5).standard_normal((50, 300)), axis=0))
    x = np.concatenate([walk, np.repeat(walk[-1:] * 1.01, 30, axis=0)])
    first_flat = 50 + 10 - 1
    for found in (deviation(x, 10), zscore(x, 10)):
        assert (found[first_flat - 1] != 0.0).all()
        assert (found[first_flat:] == 0.0).all()


def test_a_window_that_is_all_but_flat_is_not() -> None:
    x = np.concatenate([prices("walk")[:50, 0], np.full(30, 0.1 + 0.2), [0.3]])
    assert 0.0 < deviation(x, 10)[80, 0] < 1e-16
    assert zscore(x, 10)[80, 0] == pytest.approx(-3.0, abs=1e-9)  # one of ten lies apart: -√9


def test_histogram_by_hand() -> None:
    """Spans 1, 3, 2: the averages move by 1, 1/2, 2/3 of the distance."""
    found = histogram([1.0, 2.0, 4.0, 4.0, 4.0], 1, 3, 2)[:, 0]
    late = [1.0, 1.5, 2.75, 3.375, 3.6875]
    macd = [0.0, 0.5, 1.25, 0.625, 0.3125]
    line = [0.0, 1 / 3, 17 / 18, 79 / 108, 0.3125 + (79 / 108 - 0.3125) / 3]
    assert [x - y for x, y in zip([1.0, 2.0, 4.0, 4.0, 4.0], late, strict=True)] == macd
    np.testing.assert_allclose(found, [NAN, NAN, NAN, macd[3] - line[3], macd[4] - line[4]], rtol=1e-14)


def test_histogram_of_a_price_that_never_moves_is_zero() -> None:
    assert (histogram(np.full(60, 0.3), 12, 26, 9)[33:] == 0.0).all()


def test_rsi_by_hand() -> None:
    """Period 2 on +1, -1, +2, -4: mean gain 1/2, 5/4, 5/8; mean loss 1/2, 1/4, 17/8."""
    found = rsi([10.0, 11.0, 10.0, 12.0, 8.0], 2)[:, 0]
    np.testing.assert_allclose(found, [NAN, NAN, 50.0, 500.0 / 6.0, 500.0 / 22.0], rtol=1e-14)


@pytest.mark.parametrize(("step", "expected"), [(1.0, 100.0), (-1.0, 0.0), (0.0, 50.0)])
def test_rsi_of_one_direction(step: float, expected: float) -> None:
    found = rsi(100.0 + step * np.arange(30.0), 14)[:, 0]
    assert np.isnan(found[:14]).all()
    assert (found[14:] == expected).all()


def test_ranks_by_hand() -> None:
    found = ranks(
        [
            [3.0, 1.0, 2.0],
            [1.0, 1.0, 2.0],
            [5.0, 5.0, 5.0],
            [NAN, 7.0, 1.0],
            [NAN, 7.0, NAN],
            [NAN, NAN, NAN],
            [math.inf, -math.inf, 0.0],
        ]
    )
    expected = [
        [1.0, -1.0, 0.0],
        [-0.5, -0.5, 1.0],
        [0.0, 0.0, 0.0],
        [NAN, 1.0, -1.0],
        [NAN, NAN, NAN],
        [NAN, NAN, NAN],
        [1.0, -1.0, 0.0],
    ]
    np.testing.assert_array_equal(found, expected)


def test_ranks_are_average_ranks() -> None:
    rng = np.random.default_rng(3)
    x = np.round(rng.standard_normal((200, 17)), 1)
    x[rng.random(x.shape) < 0.2] = NAN
    order = rankdata(x, method="average", axis=1, nan_policy="omit")
    count = np.isfinite(x).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ranks(x), (2.0 * order - count - 1.0) / (count - 1.0), rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("kind", KINDS)
def test_prefixes_and_powers_of_two_agree_to_the_bit(name: str, kind: str) -> None:
    x, indicator = prices(kind), INDICATORS[name]
    whole = indicator(x)
    for cut in (1, 2, 19, 20, 21, 301, 702, 1499):
        assert indicator(x[:cut]).tobytes() == whole[:cut].tobytes(), f"cut after {cut} bars"
    for exponent in (-20, 1, 33):
        factor = 2.0**exponent
        unit = factor if name in ("histogram", "deviation 20") else 1.0
        assert indicator(x * factor).tobytes() == (whole * unit).tobytes(), f"prices times 2^{exponent}"


@pytest.mark.parametrize("name", INDICATORS)
def test_an_asset_that_ends_leaves_the_others_alone(name: str) -> None:
    x = np.array(prices("walk"))
    x[400:, 1] = NAN
    found = INDICATORS[name](frozen(x))
    if name == "ranks":
        assert np.isnan(found[400:, 1]).all()
        return
    alone = INDICATORS[name](prices("walk"))
    assert found[:, [0, 2, 3]].tobytes() == alone[:, [0, 2, 3]].tobytes()
    assert found[:400].tobytes() == alone[:400].tobytes()


@pytest.mark.parametrize("name", INDICATORS)
def test_no_bars_give_nothing(name: str) -> None:
    assert INDICATORS[name](np.empty((0, 3))).shape == (0, 3)
