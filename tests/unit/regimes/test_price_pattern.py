"""Price patterns on paths whose regime is plain to see."""

from __future__ import annotations

import numpy as np
import pytest

from regimefolio.core.types import Float, Panel
from regimefolio.market.view import Market
from regimefolio.regimes import PricePattern

QUICK = PricePattern(channel=10, slope=30, band=10, squeeze=40)
BREAKOUT, RANGE, REVERSAL = range(3)


def swing(n_bars: int, size: float = 1.0) -> Float:
    """A price that goes around 100 within the same bounds every eight bars."""
    return np.asarray(100.0 + size * np.sin(np.arange(n_bars) * np.pi / 4), np.float64)


def line(start: float, step: float, n_bars: int) -> Float:
    """The bars after `start`, in even steps."""
    on: Float = start + step * np.arange(1, n_bars + 1, dtype=np.float64)
    return on


def market_of(close: Float, reach: float | None = None) -> Market:
    """One asset A, with highs and lows so far from the close, and the same closes as benchmark."""
    days = np.busday_offset("2020-01-01", np.arange(len(close)), roll="forward").astype("datetime64[ns]")
    one = close[:, None]
    panel = Panel(
        timestamps=days,
        symbols=("A",),
        close=one,
        member=np.ones(one.shape, bool),
        periods_per_year=252.0,
        high=None if reach is None else one + reach,
        low=None if reach is None else one - reach,
    )
    return Market(panel, benchmark=close)


def labels(close: Float, detector: PricePattern = QUICK) -> list[int]:
    return detector.detect(market_of(close)).label.tolist()


def test_a_swing_within_bounds_is_a_range() -> None:
    found = labels(swing(120))
    assert found[: QUICK.warmup] == [-1] * QUICK.warmup
    assert found[QUICK.warmup :] == [RANGE] * (120 - QUICK.warmup)


@pytest.mark.parametrize("step", [0.8, -0.8])
def test_leaving_a_range_is_a_breakout_that_lasts_while_the_price_goes_on(step: float) -> None:
    found = labels(np.concatenate([swing(80), line(100.0, step, 40)]))
    assert found[48:81] == [RANGE] * 33  # 100.8 is still inside
    assert found[82:] == [BREAKOUT] * 38


def test_a_breakout_that_falls_back_to_the_middle_of_the_channel_is_over() -> None:
    # Up to 104 and back: the channel of the ten bars before reaches from 99 to 104, its middle is 101.5.
    found = labels(np.concatenate([swing(80), [101.0, 102.0, 103.0, 104.0, 103.0, 102.0, 101.4, 101.6, 101.5]]))
    assert found[81:] == [BREAKOUT] * 5 + [RANGE] * 3


def test_a_breakout_that_dries_up_is_over() -> None:
    close = np.concatenate([swing(80), line(100.0, 0.8, 20), np.full(12, 115.9)])
    found = labels(close)
    # The bandwidth of ten closes shrinks as the climb leaves it; below any of the swing's, volatility has contracted.
    width = np.array([close[t - 9 : t + 1].std() / close[t - 9 : t + 1].mean() for t in range(9, len(close))])
    contracted = next(t for t in range(100, 112) if width[t - 9] == width[t - 48 : t - 8].min())
    assert 105 < contracted < 111
    assert found[82:contracted] == [BREAKOUT] * (contracted - 82)
    assert found[contracted:] == [RANGE] * (112 - contracted)


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_turn_against_the_slope_is_a_reversal_until_the_slope_has_turned(way: float) -> None:
    fall = line(100.0, -0.5 * way, 70)
    close = np.concatenate([fall, line(fall[-1], 0.5 * way, 40)])
    found = labels(close)
    # A V, whose bands are narrowest at its tip: the way there is over. The close leaves the channel of ten bars when
    # as many of them are on either side, and the slope of thirty is zero when the same holds for them.
    assert found[48:70] == [BREAKOUT] * 22
    first = found.index(REVERSAL)
    assert found[72:first] == [RANGE] * (first - 72)
    assert 74 <= first <= 76
    last = len(found) - 1 - found[::-1].index(REVERSAL)
    assert found[first : last + 1] == [REVERSAL] * (last + 1 - first)
    assert 84 <= last <= 86
    assert found[last + 1 :] == [BREAKOUT] * (len(found) - last - 1)


def test_what_is_too_flat_to_be_reversed_breaks_out() -> None:
    fall = line(100.0, -0.5, 70)
    close = np.concatenate([fall, line(fall[-1], 0.5, 40)])
    assert REVERSAL not in labels(close, PricePattern(channel=10, slope=30, band=10, squeeze=40, steep=9.0))


def test_a_symbols_channel_is_made_of_its_highs_and_lows() -> None:
    close = np.concatenate([swing(80), line(100.0, 2.5, 10)])
    of_asset, of_series = QUICK.model_copy(update={"on": "A"}), QUICK
    wide, narrow = market_of(close, 2.0), market_of(close)
    assert labels(close).index(BREAKOUT) == 80
    assert of_asset.detect(narrow).label.tolist().index(BREAKOUT) == 80
    assert of_series.detect(wide).label.tolist().index(BREAKOUT) == 80, "a benchmark has closes alone"
    assert of_asset.detect(wide).label.tolist().index(BREAKOUT) == 81, "102.5 is below 101 + 2"


def test_a_high_or_low_that_is_missing_is_the_close() -> None:
    market = market_of(swing(6), 1.0)
    assert market.panel.high is not None
    gappy = market.panel.high.copy()
    gappy[2] = np.nan
    gappy[3] = market.panel.close[3] - 5.0
    damaged = Market(Panel(**{**vars(market.panel), "high": gappy}))
    high, low = damaged.extremes("A")
    close = damaged.series("A")
    np.testing.assert_array_equal(high, [*(close + 1.0)[:2], *close[2:4], *(close + 1.0)[4:]])
    np.testing.assert_array_equal(low, close - 1.0)


def test_a_price_that_never_moves_is_a_range() -> None:
    assert labels(np.full(90, 0.1))[QUICK.warmup :] == [RANGE] * (90 - QUICK.warmup)


def test_the_warmup_is_the_longest_window() -> None:
    for detector in (QUICK, PricePattern(slope=90, squeeze=30), PricePattern(channel=99, squeeze=30), PricePattern()):
        path = detector.detect(market_of(swing(200)))
        assert int((path.label >= 0).argmax()) == detector.warmup
    assert PricePattern().warmup == 143


def test_probabilities_are_one_hot() -> None:
    probability = QUICK.detect(market_of(np.concatenate([swing(80), line(100.0, 0.8, 40)]))).probability[QUICK.warmup :]
    assert set(probability.ravel()) == {0.0, 1.0}
    assert (probability.sum(axis=1) == 1.0).all()
