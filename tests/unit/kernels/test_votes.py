"""Each of the rules at its boundaries: buy, sell, neither, not available; every sell mirrors its buy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from regimefolio.core.types import Float
from regimefolio.kernels import votes as rules
from regimefolio.kernels.votes import NO_VOTE, Cloud, Lines, Power

ABOVE, BELOW = 20.0 + 2.0**-40, 20.0 - 2.0**-40


def column(*values: float) -> Float:
    """The newest values of one asset, after a bar that nothing must read."""
    return np.array([[math.nan], *([value] for value in values)])


def told(rule: Callable[..., None], *inputs: object, bars: int) -> int:
    """The vote at the last bar; there is none before it."""
    found = np.full((bars + 1, 1), 7, np.int8)
    rule(*inputs, bars, found)
    assert (found[:-1] == NO_VOTE).all()
    return int(found[-1, 0])


@pytest.mark.parametrize(
    ("close", "average", "vote"),
    [(2.0, 1.0, 1), (1.0, 2.0, -1), (1.0, 1.0, 0), (1.0, math.nextafter(1.0, 0.0), 1), (1.0, math.nan, NO_VOTE)],
)
def test_a_close_above_its_average_is_bought(close: float, average: float, vote: int) -> None:
    """SMA, EMA, VWMA (NaN where nothing was traded), Hull; MACD's line against its signal."""
    assert told(rules.vote_above, column(close), column(average), bars=1) == vote


@pytest.mark.parametrize(("before", "now", "vote"), [(1.0, 2.0, 1), (2.0, 1.0, -1), (2.0, 2.0, 0)])
def test_rising_momentum_is_bought(before: float, now: float, vote: int) -> None:
    assert told(rules.vote_rising, column(before, now), bars=2) == vote


@pytest.mark.parametrize(("low", "high"), [(30.0, 70.0), (-100.0, 100.0), (-80.0, -20.0)])
def test_turning_up_from_below_is_bought(low: float, high: float) -> None:
    """RSI, CCI, Williams %R."""
    under, centre = low - 2.0**-40, 0.5 * (low + high)
    cases = [
        (under - 5.0, under, 1),
        (under, under, 0),  # not rising
        (under, under - 5.0, 0),  # falling
        (low - 5.0, low, 0),  # not below
        (centre - 1.0, centre, 0),
    ]
    for before, now, vote in cases:
        assert told(rules.vote_turning, column(before, now), low, high, bars=2) == vote
        mirrored = column(2.0 * centre - before, 2.0 * centre - now)
        assert told(rules.vote_turning, mirrored, low, high, bars=2) == -vote


@pytest.mark.parametrize(
    ("x", "vote"), [(70.0, 0), (math.nextafter(70.0, 100.0), 1), (30.0, 0), (math.nextafter(30.0, 0.0), -1), (50.0, 0)]
)
def test_ultimate_is_bought_above_seventy(x: float, vote: int) -> None:
    assert told(rules.vote_beyond, column(x), 30.0, 70.0, bars=1) == vote


LINES = [  # %K and %D of the bar before, and now; the votes of 2024 and of 2020
    ((10.0, 12.0), (15.0, 14.0), 1, 1),
    ((13.0, 12.0), (15.0, 14.0), 1, 0),  # above before already
    ((12.0, 12.0), (15.0, 14.0), 1, 0),  # was not below
    ((10.0, 12.0), (14.0, 14.0), 0, 0),
    ((10.0, 12.0), (13.0, 14.0), 0, 0),
    ((10.0, 12.0), (20.0, 14.0), 0, 0),  # not below 20
    ((10.0, 12.0), (BELOW, 14.0), 1, 1),
    ((10.0, 12.0), (ABOVE, 20.0), 0, 0),
    ((40.0, 45.0), (50.0, 49.0), 0, 0),
]


@pytest.mark.parametrize(("before", "now", "in_2024", "in_2020"), LINES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_stochastic(
    before: tuple[float, float], now: tuple[float, float], in_2024: int, in_2020: int, mirrored: bool
) -> None:
    """Stochastic; and Stochastic RSI, whose buy needs a close below its trend, and whose sell one above."""
    sign = -1 if mirrored else 1
    k, d = (column(*values) for values in zip(before, now, strict=True))
    lines = Lines(100.0 - k, 100.0 - d) if mirrored else Lines(k, d)
    for crossing, vote in ((False, sign * in_2024), (True, sign * in_2020)):
        assert told(rules.vote_lines, lines, crossing, bars=2) == vote
        for close, trend in ((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)):
            against = (close < trend and vote > 0) or (close > trend and vote < 0)
            prices = column(close, close), column(trend, trend)
            assert told(rules.vote_lines_against, lines, crossing, *prices, bars=2) == (vote if against else 0)


CLOUD_2024 = [  # lead A's two parts and lead B 26 bars ago; base, conversion and close now
    ((8.0, 10.0, 8.0), (10.0, 11.0, 12.0), 1),  # 12 > 11 > 10 > 9 > 8
    ((8.0, 10.0, 9.0), (10.0, 11.0, 12.0), 0),  # lead A is not above lead B
    ((8.0, 12.0, 8.0), (10.0, 11.0, 12.0), 0),  # base is not above lead A
    ((8.0, 10.0, 8.0), (11.0, 11.0, 12.0), 0),
    ((8.0, 10.0, 8.0), (10.0, 11.0, 11.0), 0),
]


@pytest.mark.parametrize(("then", "now", "vote"), CLOUD_2024)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ichimoku_in_2024(
    then: tuple[float, float, float], now: tuple[float, float, float], vote: int, sign: float
) -> None:
    conversion, base, lead_b = (np.full((28, 1), math.nan) for _ in range(3))
    close = np.full((28, 1), sign * now[2])
    conversion[1], base[1], lead_b[1] = (sign * x for x in then)
    base[27], conversion[27] = sign * now[0], sign * now[1]
    assert told(rules.vote_cloud, close, Cloud(conversion, base, lead_b), 26, bars=27) == sign * vote


CLOUD_2020 = [  # conversion, base and lead B; the close of the bar before, and now
    ((10.0, 20.0, 14.0), 9.0, 16.0, 1),  # A is 15: 15 > 14, 20 > 16 > 15, 9 < 10 < 16
    ((10.0, 20.0, 15.0), 9.0, 16.0, 0),  # lead A is not above lead B
    ((10.0, 20.0, 14.0), 9.0, 15.0, 0),  # the close is not above lead A
    ((10.0, 20.0, 14.0), 9.0, 20.0, 0),  # nor below the base line
    ((10.0, 20.0, 14.0), 10.0, 16.0, 0),  # did not come from below
]


@pytest.mark.parametrize(("lines", "before", "now", "vote"), CLOUD_2020)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ichimoku_in_2020(lines: tuple[float, float, float], before: float, now: float, vote: int, sign: float) -> None:
    cloud = Cloud(*(column(math.nan, sign * x) for x in lines))
    assert told(rules.vote_cloud, column(sign * before, sign * now), cloud, 0, bars=2) == sign * vote


ADX = [  # ADX before and now, +DI and -DI before and now, the votes of 2024 and of 2020
    ((19.0, 21.0), (10.0, 15.0), (20.0, 15.0), 1, 1),
    ((19.0, ABOVE), (10.0, 15.0), (20.0, 15.0), 1, 1),
    ((19.0, 20.0), (10.0, 15.0), (20.0, 15.0), 0, 0),  # not above 20
    ((21.0, 21.0), (10.0, 15.0), (20.0, 15.0), 0, 1),  # not rising
    ((19.0, 21.0), (16.0, 15.0), (20.0, 15.0), 1, 0),  # no cross
    ((19.0, 21.0), (15.0, 15.0), (20.0, 15.0), 1, 0),
    ((19.0, 21.0), (10.0, 15.0), (15.0, 15.0), 0, 0),
]


@pytest.mark.parametrize(("adx", "before", "now", "in_2024", "in_2020"), ADX)
@pytest.mark.parametrize("swapped", [False, True])
def test_directional_index(
    adx: tuple[float, float],
    before: tuple[float, float],
    now: tuple[float, float],
    in_2024: int,
    in_2020: int,
    swapped: bool,
) -> None:
    plus, minus = (column(a, b) for a, b in zip(before, now, strict=True))
    sign = -1 if swapped else 1
    both = (minus, plus) if swapped else (plus, minus)
    assert told(rules.vote_directional, column(*adx), *both, False, bars=2) == sign * in_2024
    assert told(rules.vote_directional, column(*adx), *both, True, bars=2) == sign * in_2020


AWESOME = [  # two bars ago, one bar ago, now
    (-2.0, -1.0, 1.0, 1),  # crosses above 0
    (-2.0, 0.0, 1.0, 1),
    (3.0, 1.0, 2.0, 1),  # a saucer
    (1.0, 1.0, 2.0, 0),  # two back is not higher than one back
    (3.0, 2.0, 2.0, 0),  # does not rise
    (-1.0, 1.0, 2.0, 0),
    (3.0, 1.0, 0.0, 0),
    (3.0, 0.0, 0.0, 0),
]


@pytest.mark.parametrize(("oldest", "before", "now", "vote"), AWESOME)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_awesome(oldest: float, before: float, now: float, vote: int, sign: float) -> None:
    assert told(rules.vote_awesome, column(sign * oldest, sign * before, sign * now), bars=3) == sign * vote


POWER = [  # close, trend; low less average before and now
    (2.0, 1.0, (-3.0, -2.0), 1),
    (1.0, 1.0, (-3.0, -2.0), 0),  # not above the trend
    (2.0, 1.0, (-3.0, 0.0), 0),  # bear power is not negative
    (2.0, 1.0, (-2.0, -2.0), 0),  # nor rising
]


@pytest.mark.parametrize(("close", "trend", "bear", "vote"), POWER)
@pytest.mark.parametrize("mirrored", [False, True])
def test_bull_bear_power(close: float, trend: float, bear: tuple[float, float], vote: int, mirrored: bool) -> None:
    level = column(50.0, 50.0)
    reach = [column(*(50.0 - x for x in bear)), column(*(50.0 + x for x in bear))]  # high, low
    if mirrored:
        close, trend, vote = trend, close, -vote
        power = Power(reach[0], level, column(close, close), level, column(trend, trend))
    else:
        power = Power(level, reach[1], column(close, close), level, column(trend, trend))
    assert told(rules.vote_power, power, bars=2) == vote
