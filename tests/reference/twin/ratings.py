"""The technical rating of one asset, told slowly: every window is added up anew, every rule is a sentence.

A value that does not exist yet is None, and so is a vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

Value = float | None
Line = list[Value]


class Bar(NamedTuple):
    high: float
    low: float
    close: float
    volume: float


def window(x: Sequence[Value], t: int, n: int) -> list[float] | None:
    """The last n values up to t, where all of them exist."""
    last = x[t - n + 1 : t + 1] if t >= n - 1 else []
    known = [v for v in last if v is not None]
    return known if last and len(known) == n else None


def over(x: Sequence[Value], n: int, what: Callable[[list[float]], Value]) -> Line:
    """What is found of every window of n values."""
    windows = [window(x, t, n) for t in range(len(x))]
    return [None if w is None else what(w) for w in windows]


def combine(what: Callable[..., Value], *lines: Sequence[Value]) -> Line:
    """What is found of values of the same bar, where all exist."""
    return [None if None in row else what(*row) for row in zip(*lines, strict=True)]


def mean(x: list[float]) -> float:
    return x[0] if min(x) == max(x) else math.fsum(x) / len(x)


def sma(x: Sequence[Value], n: int) -> Line:
    return over(x, n, mean)


def wma(x: Sequence[Value], n: int) -> Line:
    weight = n * (n + 1) / 2
    return over(x, n, lambda w: w[-1] + math.fsum((i + 1) * (v - w[-1]) for i, v in enumerate(w)) / weight)


def ema(x: Sequence[float], n: int) -> Line:
    """Seeded by the first value."""
    out: list[float] = []
    for v in x:
        out.append(v if not out else out[-1] + 2.0 / (n + 1.0) * (v - out[-1]))
    return [None] * min(n - 1, len(x)) + out[n - 1 :]


def wilder(x: Sequence[float], n: int) -> list[float]:
    """Seeded by the mean of the first n values, the first of which are left out."""
    if len(x) < n:
        return []
    out = [math.fsum(x[:n]) / n]
    for v in x[n:]:
        out.append(out[-1] + (v - out[-1]) / n)
    return out


def after(gone: int, x: Sequence[Value], length: int) -> Line:
    """A line that starts some bars late."""
    return [*[None] * gone, *x][:length]


def hull(close: Sequence[Value]) -> Line:
    doubled = combine(lambda short, long: 2.0 * short - long, wma(close, 4), wma(close, 9))
    return wma(doubled, 3)


def vwma(bars: Sequence[Bar], n: int) -> Line:
    def of(w: Sequence[Bar]) -> Value:
        volume = math.fsum(b.volume for b in w)
        if volume == 0.0:
            return None
        return w[-1].close + math.fsum(b.volume * (b.close - w[-1].close) for b in w) / volume

    return [None if t < n - 1 else of(bars[t - n + 1 : t + 1]) for t in range(len(bars))]


def middle(bars: Sequence[Bar], n: int) -> Line:
    """Half-way between the highest high and the lowest low."""
    high, low = over([b.high for b in bars], n, max), over([b.low for b in bars], n, min)
    return combine(lambda h, low: (h + low) / 2.0, high, low)


def rsi(close: Sequence[float], n: int) -> Line:
    """Where the close has not moved, neither has it."""
    change = [b - a for a, b in pairwise(close)]
    gain, loss = wilder([max(c, 0.0) for c in change], n), wilder([max(-c, 0.0) for c in change], n)
    found: list[float] = []
    for g, s, moved in zip(gain, loss, change[n - 1 :], strict=True):
        fresh = 50.0 if g + s == 0.0 else 100.0 * (g / (g + s))
        found.append(found[-1] if found and moved == 0.0 else fresh)
    return after(n, found, len(close))


def place(v: float, high: float, low: float) -> float:
    """Where a value lies between a low (0) and a high (100)."""
    return 50.0 if high == low else 100.0 * ((v - low) / (high - low))


def stochastic(high: Sequence[Value], low: Sequence[Value], x: Sequence[Value]) -> tuple[Line, Line]:
    """Three values are added from the oldest on: what is equal stays so."""
    k = over(combine(place, x, over(high, 14, max), over(low, 14, min)), 3, lambda w: sum(w) / 3.0)
    return k, over(k, 3, lambda w: sum(w) / 3.0)


def cci(close: Sequence[Value]) -> Line:
    def of(w: list[float]) -> float:
        m = mean(w)
        off = math.fsum(abs(v - m) for v in w) / len(w)
        return 0.0 if off == 0.0 else (w[-1] - m) / (0.015 * off)

    return over(close, 20, of)


def directional(bars: Sequence[Bar], n: int) -> tuple[Line, Line, Line]:
    """ADX, +DI and -DI."""
    up, down, true_range = [], [], []
    for a, b in pairwise(bars):
        rise, fall = b.high - a.high, a.low - b.low
        up.append(rise if rise > max(fall, 0.0) else 0.0)
        down.append(fall if fall > max(rise, 0.0) else 0.0)
        true_range.append(max(b.high, a.close) - min(b.low, a.close))
    u, d, r = (wilder(x, n) for x in (up, down, true_range))
    plus = [0.0 if z == 0.0 else 100.0 * x / z for x, z in zip(u, r, strict=True)]
    minus = [0.0 if z == 0.0 else 100.0 * x / z for x, z in zip(d, r, strict=True)]
    apart = [0.0 if p + m == 0.0 else 100.0 * abs(p - m) / (p + m) for p, m in zip(plus, minus, strict=True)]
    length = len(bars)
    return after(2 * n - 1, wilder(apart, n), length), after(n, plus, length), after(n, minus, length)


def awesome(bars: Sequence[Bar]) -> Line:
    half = [(b.high + b.low) / 2.0 for b in bars]
    return combine(lambda fast, slow: fast - slow, sma(half, 5), sma(half, 34))


def macd(close: Sequence[float]) -> tuple[Line, Line]:
    line = [a - b for a, b in zip(whole_ema(close, 12), whole_ema(close, 26), strict=True)]
    signal = whole_ema(line, 9)
    return after(33, line[33:], len(close)), after(33, signal[33:], len(close))


def whole_ema(x: Sequence[float], n: int) -> list[float]:
    out: list[float] = []
    for v in x:
        out.append(v if not out else out[-1] + 2.0 / (n + 1.0) * (v - out[-1]))
    return out


def ultimate(bars: Sequence[Bar]) -> Line:
    bought: Line = after(1, [], len(bars))
    ranged: Line = after(1, [], len(bars))
    for a, b in pairwise(bars):
        bought.append(b.close - min(b.low, a.close))
        ranged.append(max(b.high, a.close) - min(b.low, a.close))

    def share(n: int) -> Line:
        return combine(lambda b, r: 0.5 if r == 0.0 else b / r, over(bought, n, math.fsum), over(ranged, n, math.fsum))

    return combine(lambda a, b, c: 100.0 * ((4.0 * a + 2.0 * b + c) / 7.0), share(7), share(14), share(28))


# The rules.


def sign(buy: bool, sell: bool) -> int:
    return 1 if buy else -1 if sell else 0


def ago(x: Sequence[Value], n: int = 1) -> Line:
    """The line as it stood n bars before."""
    return after(n, x, len(x))


def rated(rule: Callable[..., int], *lines: Sequence[Value]) -> list[int | None]:
    return [None if None in row else rule(*row) for row in zip(*lines, strict=True)]


def side(x: float, y: float) -> int:
    return sign(x > y, x < y)


def swings(low: float, high: float) -> Callable[[float, float], int]:
    return lambda x, before: sign(x < low and x > before, x > high and x < before)


def ichimoku_2024(a: float, b: float, base: float, conversion: float, close: float) -> int:
    return sign(close > conversion > base > a > b, close < conversion < base < a < b)


def ichimoku_2020(a: float, b: float, base: float, conversion: float, close: float, before: float) -> int:
    return sign(
        a > b and base > close > a and before < conversion < close,
        a < b and base < close < a and before > conversion > close,
    )


def lines_2024(k: float, d: float) -> int:
    return sign(k < 20.0 and d < 20.0 and k > d, k > 80.0 and d > 80.0 and k < d)


def lines_2020(k: float, d: float, k_before: float, d_before: float) -> int:
    return sign(
        k < 20.0 and d < 20.0 and k > d and k_before < d_before,
        k > 80.0 and d > 80.0 and k < d and k_before > d_before,
    )


def adx_2024(x: float, before: float, plus: float, minus: float) -> int:
    return side(plus, minus) if x > 20.0 and x > before else 0


def adx_2020(x: float, plus: float, minus: float, plus_before: float, minus_before: float) -> int:
    return sign(
        x > 20.0 and plus > minus and plus_before < minus_before,
        x > 20.0 and plus < minus and plus_before > minus_before,
    )


def awesome_rule(x: float, y: float, z: float) -> int:
    """The value now, and one and two bars before."""
    return sign((x > 0.0 and y <= 0.0) or (z > y < x and y > 0.0), (x < 0.0 and y >= 0.0) or (z < y > x and y < 0.0))


def power_rule(close: float, trend: float, bull: float, bear: float, bull_before: float, bear_before: float) -> int:
    return sign(
        close > trend and bear < 0.0 and bear > bear_before, close < trend and bull > 0.0 and bull < bull_before
    )


def votes(bars: Sequence[Bar], rule_set: str) -> list[list[int | None]]:
    """The 26 votes of every bar, averages first."""
    close: list[float] = [b.close for b in bars]
    found = [rated(side, close, sma(close, n)) for n in (10, 20, 30, 50, 100, 200)]
    found += [rated(side, close, ema(close, n)) for n in (10, 20, 30, 50, 100, 200)]
    conversion, base, b_line = (middle(bars, n) for n in (9, 26, 52))
    a_line = combine(lambda x, y: (x + y) / 2.0, conversion, base)
    if rule_set == "2024":
        found.append(rated(ichimoku_2024, ago(a_line, 26), ago(b_line, 26), base, conversion, close))
    else:
        found.append(rated(ichimoku_2020, a_line, b_line, base, conversion, close, ago(close)))
    found += [rated(side, close, vwma(bars, 20)), rated(side, close, hull(close))]

    trend, strength = ema(close, 50), rsi(close, 14)
    found.append(rated(swings(30.0, 70.0), strength, ago(strength)))
    k, d = stochastic([b.high for b in bars], [b.low for b in bars], close)
    crossed = [k, d] if rule_set == "2024" else [k, d, ago(k), ago(d)]
    found.append(rated(lines_2024 if rule_set == "2024" else lines_2020, *crossed))
    x = cci(close)
    found.append(rated(swings(-100.0, 100.0), x, ago(x)))
    x, plus, minus = directional(bars, 14)
    if rule_set == "2024":
        found.append(rated(adx_2024, x, ago(x), plus, minus))
    else:
        found.append(rated(adx_2020, x, plus, minus, ago(plus), ago(minus)))
    x = awesome(bars)
    found.append(rated(awesome_rule, x, ago(x), ago(x, 2)))
    x = combine(lambda now, then: now - then, close, ago(close, 10))
    found.append(rated(side, x, ago(x)))
    found.append(rated(side, *macd(close)))
    k, d = stochastic(strength, strength, strength)
    crossed = [k, d] if rule_set == "2024" else [k, d, ago(k), ago(d)]
    told = rated(lines_2024 if rule_set == "2024" else lines_2020, *crossed)
    wanted = rated(side, trend, close)  # a buy below the trend, a sell above it
    found.append([None if v is None or w is None else v if v == w else 0 for v, w in zip(told, wanted, strict=True)])
    x = combine(lambda v, h, low: place(v, h, low) - 100.0, close, *reach(bars, 14))
    found.append(rated(swings(-80.0, -20.0), x, ago(x)))
    average = ema(close, 13)
    bull = combine(lambda h, a: h - a, [b.high for b in bars], average)
    bear = combine(lambda low, a: low - a, [b.low for b in bars], average)
    found.append(rated(power_rule, close, trend, bull, bear, ago(bull), ago(bear)))
    found.append([None if x is None else sign(x > 70.0, x < 30.0) for x in ultimate(bars)])
    return [list(row) for row in zip(*found, strict=True)]


def reach(bars: Sequence[Bar], n: int) -> tuple[Line, Line]:
    """The highest high and the lowest low."""
    return over([b.high for b in bars], n, max), over([b.low for b in bars], n, min)
