"""What must be true of any account with stops, vetoes, a volatility target and a drawdown brake, bar by bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from regimefolio.kernels.ledger import BANKRUPT
from regimefolio.kernels.terms import NO_FRICTIONS
from tests.reference import twin
from tests.reference.examples import examples
from tests.reference.test_frictions import rub, trips_agree
from tests.reference.test_twin import CAPITAL, Case, Float, bars_agree, prices_at, run_kernel, run_twin
from tests.terms import terms_of

START_OF_RUN = twin.Bar(CAPITAL, CAPITAL, 0.0, 0.0, 0.0, CAPITAL, {}, {}, {})
ANY = examples(100)
MANY = settings(ANY, max_examples=2000, phases=[Phase.generate], derandomize=True)


def walk(rng: np.random.Generator, shape: tuple[int, int], wild: float, digits: int) -> tuple[Float, ...]:
    """Opens, highs, lows and closes with gaps, jumps of 30%, and prices that repeat."""
    step = np.exp(wild * rng.standard_normal(shape))
    step = np.where(rng.random(shape) < 0.08, rng.choice([0.7, 1.3], shape), step)
    step[rng.random(shape) < 0.1] = 1.0
    close = np.maximum(rng.uniform(20.0, 100.0, shape[1]) * step.cumprod(axis=0), 0.5)
    before = np.vstack([close[:1], close[:-1]])
    share = rng.random(shape) * (rng.random(shape) < 0.7)  # of the way that is a gap
    opens = before ** (1.0 - share) * close**share
    over, under = wild * np.abs(rng.standard_normal((2, *shape))) * (rng.random((2, *shape)) < 0.8)
    high, low = np.maximum(opens, close) * np.exp(over), np.minimum(opens, close) * np.exp(-under)
    return tuple(np.maximum(panel.round(digits), 0.1) for panel in (opens, high, low, close))


def some_targets(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, int], long_only: bool) -> Float:
    """Weights of either side that often stay for a while, now and then none."""
    gross = 1.0 if long_only else draw(st.sampled_from([0.6, 1.0, 10.0]))
    target = rng.dirichlet(np.ones(shape[1] + 1), shape[0])[:, :-1] * gross
    if not long_only:
        target *= np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.4, 0.9])), -1.0, 1.0)
    target[rng.random(shape) < 0.2] = 0.0
    for t in np.flatnonzero(rng.random(shape[0] - 1) < draw(st.sampled_from([0.0, 0.6]))).tolist():
        target[t + 1] = target[t]
    target[rng.random(shape) < 0.1] = np.nan
    return target


def some_events(draw: st.DrawFn, rng: np.random.Generator, panels: Sequence[Float]) -> dict[int, list[twin.Event]]:
    """Dividends, and the end of an asset, whose later prices are taken away."""
    close = panels[-1]
    events: dict[int, list[twin.Event]] = {}
    for t, n in np.argwhere(rng.random(close.shape) < draw(st.sampled_from([0.0, 0.1]))).tolist():
        events.setdefault(t, []).append(twin.Event(str(n), float(rng.uniform(0.0, 5.0))))
    if draw(st.booleans()):
        end = int(rng.integers(1, len(close)))
        for panel in panels:
            panel[end:, 0] = np.nan
        events = {t: [e for e in now if e.symbol != "0" or t <= end] for t, now in events.items()}
        events.setdefault(end, []).append(twin.Event("0", float(rng.uniform(0.0, 50.0)), ends=True))
    return {t: now for t, now in events.items() if now}


def some_stops(draw: st.DrawFn, n_assets: int, at_open: bool) -> twin.Stops:
    """Any stops, none of them sometimes."""

    def some(*amounts: float) -> float:
        return draw(st.sampled_from([math.inf, *amounts]))

    mae = draw(st.booleans())
    return twin.Stops(
        loss=some(0.02, 0.1),
        fall=some(0.05, 0.2),
        gain=some(0.03, 0.15),
        bars=draw(st.sampled_from([0, 0, 1, 4])),
        quantile=draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])) if mae else math.nan,
        winners=draw(st.integers(1, 3)),
        memory=draw(st.integers(3, 5)),
        wait=draw(st.sampled_from([None, 0, 1, 3])),
        at_open=at_open,
        assets=tuple(str(n) for n in range(n_assets)),
    )


def some_risk(draw: st.DrawFn, rng: np.random.Generator, stops: twin.Stops, n_bars: int, shared: bool) -> twin.Risk:
    """Stops with vetoes, and of a shared account a volatility target and a brake."""
    vetoed = np.flatnonzero(rng.random(n_bars) < draw(st.sampled_from([0.0, 0.4]))).tolist()
    sides = [(1,), (-1,), (-1, 1)]
    rules = twin.Rules(
        sector={"0": "a", "1": "a", "2": "b", "3": "b"},
        max_gross=draw(st.sampled_from([1.0, 1.5])),
        max_position=draw(st.sampled_from([math.inf, 0.5])),
        max_sector=draw(st.sampled_from([math.inf, 0.8])),
        min_net=draw(st.sampled_from([-math.inf, -0.3])),
        max_net=draw(st.sampled_from([math.inf, 0.6])),
    )
    volatility = twin.VolatilityTarget(
        draw(st.sampled_from([0.1, 0.6])), draw(st.sampled_from([2, 5, 20])), 252.0, rules
    )
    begin = draw(st.sampled_from([0.0, 0.05]))
    brake = twin.Brake(begin, begin + 0.15, draw(st.sampled_from([0.0, 0.3])), draw(st.sampled_from([2, 10, 100])))
    return twin.Risk(
        stops,
        {t: sides[int(rng.integers(3))] for t in vetoed},
        volatility if shared and draw(st.booleans()) else None,
        brake if shared and draw(st.booleans()) else None,
    )


@st.composite
def markets(draw: st.DrawFn, long_only: bool = False) -> Case:
    """Small markets with bars missing, and accounts that are held back; `long_only` ones borrow and owe nothing.

    What there is is drawn; how much of it comes from a generator.
    """
    n_bars, n_assets = draw(st.integers(10, 40)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (n_bars, n_assets)
    panels = walk(rng, shape, draw(st.sampled_from([0.01, 0.1])), draw(st.sampled_from([0, 2, 6])))
    gone = rng.random(shape) < draw(st.sampled_from([0.0, 0.15]))
    for panel in panels:
        panel[gone] = np.nan
    events = some_events(draw, rng, panels)
    opens, high, low, close = panels
    for panel in panels:
        panel.setflags(write=False)
    at_open, apart = draw(st.booleans()), draw(st.sampled_from([False, False, True]))
    stops = some_stops(draw, n_assets, at_open)
    if draw(st.sampled_from([True, True, False])):
        open_rows, high_rows, low_rows = ([prices_at(row) for row in panel] for panel in (opens, high, low))
        stops = replace(stops, open=open_rows, high=high_rows, low=low_rows)
    risk = some_risk(draw, rng, stops, n_bars, not apart)
    if long_only and risk.volatility is not None:
        rules = replace(risk.volatility.rules, max_gross=1.0)
        risk = replace(risk, volatility=replace(risk.volatility, rules=rules))
    rate = draw(st.sampled_from([0.0, 0.0003]))
    terms = terms_of(
        draw(st.sampled_from([0.0, 0.002])),
        draw(st.sampled_from([0.0, 0.002])),
        rate,
        draw(st.sampled_from([0.0, 0.001])),
        delay=draw(st.integers(0, 2)),
        on_change=draw(st.booleans()),
        financing_rate=rate if apart else 2 * rate,
        apart=apart,
    )
    target = some_targets(draw, rng, shape, long_only)
    if apart:
        target = target.clip(-0.9, 1.0) * draw(st.sampled_from([1.0, 0.5]))
    frictions = NO_FRICTIONS
    if not apart and draw(st.booleans()):
        frictions = frictions._replace(
            participation=draw(st.sampled_from([math.inf, 0.05, 0.3])),
            carry=draw(st.booleans()),
            whole=draw(st.booleans()),
            min_value=draw(st.sampled_from([0.0, 20_000.0])),
            band=draw(st.sampled_from([0.0, 0.02])),
            step=draw(st.sampled_from([1.0, 0.5])),
        )
        if not long_only:
            frictions = frictions._replace(
                per_order=draw(st.sampled_from([0.0, 50.0, 5000.0])),
                per_share=draw(st.sampled_from([0.0, 0.02])),
                impact=draw(st.sampled_from([0.0, 0.7])),
            )
    decide = rng.random(n_bars) < draw(st.sampled_from([0.3, 1.0]))
    c = Case(opens if at_open else close, close, target, decide, draw(st.integers(0, 3)), terms, events, risk=risk)
    return rub(c, frictions, int(rng.integers(2**32)))


def marks(c: Case) -> list[dict[str, float]]:
    """The last close of every asset, bar by bar."""
    seen: list[dict[str, float]] = []
    for row in c.close:
        seen.append({**(seen[-1] if seen else {}), **prices_at(row)})
    return seen


def decisions(c: Case, account: twin.Account) -> Mapping[int, Mapping[str, float]]:
    """Targets as they were recorded, by the bar that decided them; those of accounts apart are as they were given."""
    if not c.costs.apart:
        return account.decisions
    return {t: prices_at(c.target[t]) for t in np.flatnonzero(c.decide).tolist()} | {
        t: prices_at(c.target[t]) for t in [c.start - 1 - c.costs.delay] if t >= 0
    }


def exits_of(c: Case, bars: Sequence[twin.Bar]) -> Iterator[tuple[int, str, twin.Exit]]:
    """Every closing by a stop, with its bar and asset."""
    return ((t, s, e) for t, bar in enumerate(bars, c.start) for s, exits in bar.exits.items() for e in exits)


def ordered(c: Case, t: int, before: twin.Bar, bar: twin.Bar) -> dict[str, float]:
    """Money that orders bought for, below 0 where they sold: what was traded but by events and stops."""
    ended = {event.symbol for event in c.events.get(t, ()) if event.ends}
    fill, money = prices_at(c.fill[t]), {}
    for s in {*bar.traded, *bar.exits}:
        stopped = math.fsum(e.shares for e in bar.exits.get(s, ()))
        if s in fill:
            money[s] = (bar.traded.get(s, 0.0) - stopped) * fill[s]
        else:
            assert bar.traded[s] == stopped == 0.0 or (s in ended and bar.traded[s] == -before.shares[s]), (t, s)
    return money


def money_moved(c: Case, t: int, before: twin.Bar, bar: twin.Bar) -> float:
    """What interest, events, orders, stops and costs did to the cash of a bar."""
    flows = [before.cash * (c.costs.cash_rate[0] if before.cash > 0.0 else c.costs.financing_rate[0]), -bar.cost]
    flows += [before.shares.get(event.symbol, 0.0) * event.pay for event in c.events.get(t, ())]
    flows += [-d for d in ordered(c, t, before, bar).values()]
    return math.fsum([*flows, *(-e.shares * e.price for exits in bar.exits.values() for e in exits)])


@ANY
@given(markets())
def test_every_bar_adds_up(c: Case) -> None:
    _, bars = run_twin(c)
    price = marks(c)
    for t, (before, bar) in enumerate(pairwise([START_OF_RUN, *bars]), c.start):
        scale = max(CAPITAL, abs(bar.equity) * max(bar.gross, 1.0), abs(bar.traded_value))
        held = math.fsum([bar.cash, *(shares * price[t][s] for s, shares in bar.shares.items())])
        assert bar.equity == pytest.approx(held, abs=1e-11 * scale), t
        change = {s: bar.shares.get(s, 0.0) - before.shares.get(s, 0.0) for s in {*bar.shares, *before.shares}}
        stopped = [abs(e.shares * e.price) for exits in bar.exits.values() for e in exits]
        traded_value = math.fsum([*map(abs, ordered(c, t, before, bar).values()), *stopped])
        if bar.pre_fill > 0.0:
            assert bar.turnover * 2.0 * bar.pre_fill == pytest.approx(traded_value, abs=1e-10 * scale), t
        left = [s for s, d in change.items() if abs(d - bar.traded.get(s, 0.0)) * price[t][s] > 1e-10 * scale]
        if left:  # by an account that is bankrupt: it is closed as it is
            assert c.costs.apart or bar.equity <= 0.0
            continue
        if bar.equity <= 0.0:
            continue
        earned = math.fsum(
            [
                *(shares * price[t][s] for s, shares in bar.shares.items()),
                *(-shares * price[t - 1][s] for s, shares in before.shares.items()),
                money_moved(c, t, before, bar),
            ]
        )
        assert bar.equity - before.equity == pytest.approx(earned, abs=1e-10 * scale), t


@examples(300)
@given(markets())
def test_the_kernel_agrees(c: Case) -> None:
    status, ledger = run_kernel(c)
    account, bars = run_twin(c)
    assert (status == BANKRUPT) == (bars[-1].equity <= 0.0)
    bars_agree("any", c, ledger, bars)
    trips_agree(ledger, account)


@ANY
@given(markets())
def test_every_exit_is_within_its_bar_and_lasts(c: Case) -> None:
    account, bars = run_twin(c)
    stops, decided = c.risk.stops, decisions(c, account)
    for t, s, e in exits_of(c, bars):
        side = -math.copysign(1.0, e.shares)
        if stops.high is not None and stops.low is not None:
            assert stops.low[t][s] * (1.0 - 1e-12) <= e.price <= stops.high[t][s] * (1.0 + 1e-12)
        else:
            assert e.price == c.fill[t][int(s)]
        for u in range(t, c.start + len(bars)):
            ends = any(event.ends and event.symbol == s for event in c.events.get(u, ()))
            late = stops.wait is not None and u > t + stops.wait
            signal = side * decided.get(u - 1 - c.costs.delay, {}).get(s, side) <= 0.0
            if late or signal or (ends and u > t):
                break
            assert side * bars[u - c.start].shares.get(s, 0.0) <= 0.0, (t, u, s, e)


@ANY
@given(markets(long_only=True))
def test_a_long_account_owes_nothing(c: Case) -> None:
    _, bars = run_twin(c)
    assert min(bar.cash for bar in bars) >= -1e-10 * CAPITAL


@ANY
@given(markets(), st.integers(1, 40))
def test_no_bar_knows_a_later_one(c: Case, n_bars: int) -> None:
    until = max(c.start + 1, min(n_bars, len(c.close)))
    rows = {name: getattr(c, name)[:until] for name in ("fill", "close", "target", "decide")}
    _, bars = run_twin(c)
    assert run_twin(replace(c, **rows))[1] == bars[: until - c.start]


def closes_by(reason: str) -> Callable[[Case], bool]:
    return lambda c: any(e.reason == reason for _, _, e in exits_of(c, run_twin(c)[1]))


def matters(without: Callable[[twin.Risk], twin.Risk]) -> Callable[[Case], bool]:
    """Whether an account would be another one without something."""

    def differs(c: Case) -> bool:
        plain = replace(c, risk=without(c.risk))
        return [bar.equity for bar in run_twin(plain)[1]] != [bar.equity for bar in run_twin(c)[1]]

    return differs


@pytest.mark.parametrize(
    "happens",
    [
        *map(closes_by, ("stop_loss", "trailing_stop", "mae_stop", "take_profit", "time_stop")),
        lambda c: any(len(exits) == 2 for bar in run_twin(c)[1] for exits in bar.exits.values()),
        lambda c: run_twin(c)[1][-1].equity <= 0.0,
        matters(lambda risk: replace(risk, vetoes={})),
        matters(lambda risk: replace(risk, volatility=None)),
        matters(lambda risk: replace(risk, brake=None)),
    ],
)
def test_what_is_drawn_matters(happens: Callable[[Case], bool]) -> None:
    """Markets in which nothing happens would say nothing."""
    assert happens(find(markets(), happens, settings=MANY))
