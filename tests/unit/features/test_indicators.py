"""The indicators as functions: numbers by hand, warm-ups, gaps, shapes, prefixes, drift, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float
from regimefolio.features import indicators as of
from regimefolio.testing import synthetic_market

NAN = math.nan
H, L, C, V = "high", "low", "close", "volume"

INDICATORS: dict[str, tuple[Callable[..., Float | tuple[Float, ...]], tuple[str, ...], tuple[int, ...]]] = {
    "sma": (lambda c: of.sma(c, 20), (C,), (19,)),
    "ema": (lambda c: of.ema(c, 20), (C,), (19,)),
    "wma": (lambda c: of.wma(c, 7), (C,), (6,)),
    "hull": (of.hull, (C,), (10,)),
    "vwma": (of.vwma, (C, V), (19,)),
    "ichimoku": (of.ichimoku, (H, L), (8, 25, 51, 77)),
    "rsi": (of.rsi, (C,), (14,)),
    "stochastic": (of.stochastic, (H, L, C), (15, 17)),
    "stochastic_rsi": (of.stochastic_rsi, (C,), (29, 31)),
    "cci": (of.cci, (C,), (19,)),
    "adx": (of.adx, (H, L, C), (27, 14, 14)),
    "awesome": (of.awesome, (H, L), (33,)),
    "momentum": (of.momentum, (C,), (10,)),
    "macd": (of.macd, (C,), (33, 33, 33)),
    "williams_r": (of.williams_r, (H, L, C), (13,)),
    "bull_bear_power": (of.bull_bear_power, (H, L, C), (12, 12)),
    "ultimate": (of.ultimate, (H, L, C), (28,)),
}
"""Each with what it takes, and the number of an asset's bars that pass before the first value of each result."""


def results(name: str, bars: int, asset: int | slice = slice(None), *, complete: bool = False) -> list[Float]:
    function, columns, _ = INDICATORS[name]
    panel = synthetic_market(300, complete=complete).panel
    found = function(*(getattr(panel, column)[:bars, asset] for column in columns))
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize("name", INDICATORS)
def test_the_first_value_stands_where_it_is_said(name: str) -> None:
    for found, first in zip(results(name, 300, complete=True), INDICATORS[name][2], strict=True):
        assert np.isnan(found[:first]).all()
        assert not np.isnan(found[first:]).any()
    for found in results(name, 5):
        assert np.isnan(found).all()
    assert all(found.size == 0 for found in results(name, 0))


@pytest.mark.parametrize("name", INDICATORS)
def test_a_prefix_and_an_asset_alone_have_the_same_bits(name: str) -> None:
    whole = results(name, 300)
    for one, part in zip(whole, results(name, 187), strict=True):
        assert one[:187].tobytes() == part.tobytes()
    for asset in range(12):
        for one, alone in zip(whole, results(name, 300, asset), strict=True):
            assert alone.shape == (300,)
            assert np.ascontiguousarray(one[:, asset]).tobytes() == alone.tobytes()


@pytest.mark.parametrize("name", INDICATORS)
def test_a_missing_bar_is_as_if_it_had_never_been(name: str) -> None:
    function, columns, _ = INDICATORS[name]
    panel = synthetic_market(300).panel
    prices = [np.array(getattr(panel, column)[:, 7]) for column in columns]
    prices[-1][[40, 41, 200]] = NAN  # of one input: the bar is missing
    present = np.logical_and.reduce([np.isfinite(x) for x in prices])
    with_gaps, without = function(*prices), function(*(x[present] for x in prices))
    for gaps, none in zip(np.atleast_2d(with_gaps), np.atleast_2d(without), strict=True):
        assert gaps[present].tobytes() == none.tobytes()
        assert np.isnan(gaps[~present]).all()


def test_averages_by_hand() -> None:
    x = [1.0, 2.0, 4.0, 8.0]
    np.testing.assert_array_equal(of.sma(x, 2), [NAN, 1.5, 3.0, 6.0])
    np.testing.assert_array_equal(of.ema(x, 3), [NAN, NAN, 2.75, 5.375])  # moves by half, from 1
    np.testing.assert_allclose(of.wma(x, 3), [NAN, NAN, 17.0 / 6.0, 34.0 / 6.0], rtol=1e-15)
    np.testing.assert_array_equal(of.vwma(x, [1.0, 3.0, 0.0, 0.0], 2), [NAN, 1.75, 2.0, NAN])
    np.testing.assert_allclose(of.hull(x, 2), [NAN, 7.0 / 3.0, 14.0 / 3.0, 28.0 / 3.0], rtol=1e-15)
    found = of.ichimoku([3.0, 5.0, 4.0], [1.0, 2.0, 0.0], 1, 2, 2, 1)
    np.testing.assert_array_equal(found.conversion, [2.0, 3.5, 2.0])
    np.testing.assert_array_equal(found.base, [NAN, 3.0, 2.5])
    np.testing.assert_array_equal(found.lead_a, [NAN, NAN, 3.25])
    np.testing.assert_array_equal(found.lead_b, [NAN, NAN, 3.0])


def test_oscillators_by_hand() -> None:
    high, low, close = [4.0, 5.0, 6.0, 6.0], [1.0, 3.0, 2.0, 5.0], [2.0, 4.0, 5.0, 5.0]
    assert of.rsi(close, 2).tolist()[2:] == [100.0, 100.0]
    place = [75.0, 80.0, 75.0]  # of 1 … 5, 1 … 6 and 2 … 6, over 2, 3 and 3 bars
    assert of.stochastic(high, low, close, 2, 1, 1).k.tolist()[1:] == [75.0, 75.0, 75.0]
    assert of.stochastic(high, low, close, 3, 1, 2).d.tolist()[3:] == [0.5 * (place[1] + place[2])]
    assert of.williams_r(high, low, close, 3).tolist()[2:] == pytest.approx([-20.0, -25.0])
    assert of.cci(close, 2).tolist()[1:] == pytest.approx([1.0 / 0.015, 1.0 / 0.015, 0.0])
    assert of.momentum(close, 2).tolist()[2:] == [3.0, 1.0]
    assert of.awesome(high, low, 1, 2).tolist()[1:] == [0.75, 0.0, 0.75]
    power = of.bull_bear_power(high, low, close, 1)
    assert (power.bull - power.bear).tolist() == [3.0, 2.0, 4.0, 1.0]
    assert power.bull.tolist() == [2.0, 1.0, 1.0, 1.0]
    # Pressures 2, 3, 0 over ranges 3, 4, 1.
    assert of.ultimate(high, low, close, 1, 2, 3)[3] == pytest.approx(100.0 * (2.0 * 3.0 / 5.0 + 5.0 / 8.0) / 7.0)
    # Moves up 1, 1, 0; down 0, 1, 0, of which the second loses nothing against its equal; ranges 3, 4, 1.
    found = of.adx(high, low, close, 2)
    assert found.plus.tolist()[2:] == pytest.approx([100.0 / 7.0, 100.0 / 9.0])
    assert found.minus.tolist()[2:] == [0.0, 0.0]
    assert found.adx[3] == 100.0


def test_nothing_moves() -> None:
    flat = np.full(120, 10.1)
    assert (of.rsi(flat)[14:] == 50.0).all()
    assert (of.stochastic(flat, flat, flat).d[17:] == 50.0).all()
    assert (of.williams_r(flat, flat, flat)[13:] == -50.0).all()
    assert (of.ultimate(flat, flat, flat)[28:] == 50.0).all()
    assert (of.cci(flat)[19:] == 0.0).all()
    assert (of.adx(flat, flat, flat).adx[27:] == 0.0).all()
    for average in (of.sma(flat, 50), of.ema(flat, 50), of.wma(flat, 50), of.hull(flat, 50), of.vwma(flat, flat)):
        assert (average[60:] == 10.1).all()


def test_an_unchanged_close_leaves_the_strength_as_it_was() -> None:
    x = np.array([10.0, 10.3, 10.1, 10.7, 10.2, 10.9, *[10.4] * 30])
    assert len(set(of.rsi(x, 5)[6:].tolist())) == 1


@pytest.mark.parametrize("window", [2, 20, 200])
def test_an_average_does_not_remember_a_spike(window: int) -> None:
    """A million times the price went through the window; sums that take it away again would be off by 1e-10."""
    x = 50.0 + np.random.default_rng(2).standard_normal(1000)
    x[300] = 5e7
    windows = np.lib.stride_tricks.sliding_window_view(x, window)[301:]
    np.testing.assert_allclose(of.sma(x, window)[300 + window :], windows.mean(axis=1), rtol=1e-14)


def test_bad_input_is_refused_with_its_name() -> None:
    x = np.ones(30)
    with pytest.raises(ConfigError, match="window must be a whole number of bars, at least 1, but is 0"):
        of.sma(x, 0)
    with pytest.raises(ConfigError, match=r"span must be a whole number of bars, at least 1, but is 2\.5"):
        of.ema(x, 2.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="slow must be a whole number of bars, at least 27, but is 12"):
        of.macd(x, 26, 12)
    with pytest.raises(DataError, match=r"one shape, but they have \[\(30,\), \(29,\)\]"):
        of.vwma(x, x[1:])
    with pytest.raises(DataError, match=r"\(T,\), or \(T, N\).* has shape \(1, 1, 30\)"):
        of.sma(x[None, None], 3)
    with pytest.raises(DataError, match=r"must be finite, or NaN where a bar is missing, but one at \[0\] is not"):
        of.rsi([np.inf, 1.0])
    with pytest.raises(DataError, match="must be numbers, in rows of one length; could not convert string"):
        of.sma(["ten"], 1)


@pytest.mark.parametrize("period", [2, 14, 400])
def test_a_market_has_the_same_strength_index(period: int) -> None:
    market = synthetic_market(300)
    np.testing.assert_array_equal(market.rsi(period), of.rsi(market.panel.close, period))
