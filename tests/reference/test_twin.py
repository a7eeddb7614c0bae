"""The kernels and their readable twin give the same numbers, to 1e-12."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from regimefolio.core.types import REASONS, read_only
from regimefolio.kernels import constraints, metrics, replay, simulate, weights
from regimefolio.kernels import ledger as ledgers
from regimefolio.kernels.guards import LONGS, SHORTS
from regimefolio.kernels.terms import NO_FRICTIONS, NO_GUARDS, Execution, Frictions, Guards
from regimefolio.kernels.volatility import Scaling, scale_row
from tests.reference import twin
from tests.terms import for_assets, rate, terms_of

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

PPY, RF, CAPITAL = 252.0, 0.00005, 1e6
TEN_BP = terms_of(0.0005, 0.0005, 0.0)


def same(kernel: float, reference: float, what: object) -> None:
    """Equal to 1e-12 relative; both may be undefined."""
    if math.isnan(reference) or math.isnan(kernel):
        assert math.isnan(kernel), what
        assert math.isnan(reference), what
        return
    assert kernel == pytest.approx(reference, rel=1e-12, abs=1e-12), what


@cache
def real_prices() -> Float:
    """Adjusted closes of 20 stocks, 1990-2022, as skfolio bundles them."""
    spec = find_spec("skfolio")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "datasets" / "data" / "sp500_dataset.csv.gz"
    return pl.read_csv(path).drop("Date").cast(pl.Float64).to_numpy().astype(np.float64, order="C")


@dataclass(frozen=True, eq=False)
class Case:
    """A history of prices and targets, for both sides; equal to itself alone."""

    fill: Float
    close: Float
    target: Float
    decide: Bool
    start: int
    costs: Execution
    events: Mapping[int, Sequence[twin.Event]] = dataclasses.field(default_factory=dict)
    frictions: Frictions = NO_FRICTIONS
    capital: float = CAPITAL
    risk: twin.Risk = dataclasses.field(default_factory=twin.Risk)


def case(
    name: str,
    first: int,
    start: int = 5,
    missing: float = 0.0,
    costs: Execution = TEN_BP,
    at_open: bool = False,
    short: bool = False,
    every: int = 3,
    n_bars: int = 260,
    levels: tuple[float, ...] = (),
    dividends: float = 0.0,
) -> Case:
    """Real closes, from bar `first` on, with opens, missing bars and targets drawn from the case's own name.

    `levels` are targets that stay for a while, each for itself; without them they are shares of the whole. With
    `dividends`, which many bars pay up to 1% of the price, two assets are also delisted.
    """
    rng = np.random.default_rng(list(name.encode()))
    close = real_prices()[first : first + n_bars].copy()
    n = close.shape[1]
    fill = close.copy()
    if at_open:
        share = rng.random((n_bars - 1, n))
        fill[1:] = close[:-1] ** share * close[1:] ** (1.0 - share)
    gone = rng.random(close.shape) < missing
    close[gone], fill[gone] = np.nan, np.nan
    if missing:
        close[:40, 0], fill[:40, 0] = np.nan, np.nan  # listed late
        close[200:, 1], fill[200:, 1] = np.nan, np.nan  # gone for good
    target = rng.standard_normal(close.shape) if short else np.maximum(rng.standard_normal(close.shape), 0.0)
    target /= np.abs(target).sum(axis=1, keepdims=True)
    target[rng.random(n_bars) < 0.2] *= 0.6  # part in cash
    if levels:
        target = np.repeat(rng.choice(levels, close.shape), 4, axis=0)[:n_bars]
    target[rng.random(n_bars) < 0.1] = np.nan
    target[rng.random(close.shape) < 0.02] = np.nan
    events: dict[int, list[twin.Event]] = {}
    for t, i in np.argwhere(rng.random(close.shape) < dividends).tolist():
        if t > 0 and not math.isnan(close[t - 1, i]):
            events.setdefault(t, []).append(twin.Event(str(i), float(close[t - 1, i] * rng.uniform(0.0, 0.01))))
    if dividends:
        for i, (bar, left) in enumerate(((150, 0.3), (180, 0.0)), start=2):
            close[bar:, i], fill[bar:, i] = np.nan, np.nan
            events.setdefault(bar, []).append(twin.Event(str(i), left * float(np.nanmin(close[:bar, i])), ends=True))
    for array in (fill, close):
        array.setflags(write=False)
    return Case(fill, close, target, np.arange(n_bars) % every == 0, start, costs, events)


DAILY = 0.0001 * np.random.default_rng(7).standard_normal(260)
FEES = 0.001 * np.random.default_rng(8).random((260, 20))

CASES = {
    "closes": case("closes", 0),
    "every bar": case("every bar", 3000, every=1, n_bars=130),
    "from bar 0": case("from bar 0", 6000, start=0),
    "no costs": case("no costs", 1000, costs=terms_of(0.0, 0.0, 0.0)),
    "open, interest": case("open", 2000, at_open=True, costs=terms_of(0.001, 0.002, 0.0001)),
    "missing bars": case("missing", 4000, missing=0.1, at_open=True),
    "long and short": case("short", 5000, short=True, missing=0.05, costs=terms_of(0.001, 0.001, 0.0002)),
    "borrowed": case("borrowed", 5500, short=True, missing=0.05, costs=terms_of(0.001, 0.0, 0.0001, 0.0007)),
    "two bars late": case("late", 2500, missing=0.1, at_open=True, costs=terms_of(0.001, 0.0, 0.0001, delay=2)),
    "late from bar 0": case("late 0", 1500, start=0, every=1, n_bars=60, costs=terms_of(0.001, 0.0, 0.0, delay=1)),
    "on change": case(
        "on change",
        3500,
        missing=0.1,
        every=1,
        levels=(0.0, 0.02, 0.05),
        costs=terms_of(0.001, 0.001, 0.0001, on_change=True),
    ),
    "apart": case(
        "apart",
        4500,
        missing=0.1,
        every=1,
        levels=(0.0, 1.0, 1.0, 0.6),
        costs=terms_of(0.001, 0.0, 0.0002, apart=True),
    ),
    "apart, long and short": case(
        "apart short",
        500,
        missing=0.05,
        at_open=True,
        every=2,
        levels=(-0.8, 0.0, 0.4, 1.0),
        costs=terms_of(0.0005, 0.001, 0.0001, 0.0003, delay=1, on_change=True, apart=True),
    ),
    "rates that change": case(
        "rates",
        5500,
        short=True,
        missing=0.05,
        costs=terms_of(0.001, 0.0, DAILY, 3.0 * FEES, financing_rate=DAILY + 0.0002),
    ),
    "rates that change, apart": case(
        "rates apart",
        5500,
        missing=0.05,
        levels=(-0.8, 0.0, 0.4, 1.0),
        costs=terms_of(0.001, 0.0, DAILY, FEES, apart=True, financing_rate=DAILY + 0.0002),
    ),
    "a fee for each symbol": case(
        "fees", 5500, short=True, missing=0.05, costs=terms_of(0.001, 0.0, 0.0001, FEES[7], financing_rate=0.0003)
    ),
    "dividends and delistings": case("paid", 1200, missing=0.05, at_open=True, dividends=0.05),
    "dividends on shorts": case("paid short", 2200, short=True, missing=0.05, dividends=0.05),
    "dividends, on change": case(
        "paid on change",
        3200,
        every=1,
        levels=(0.0, 0.02, 0.05),
        costs=terms_of(0.001, 0.001, 0.0001, on_change=True),
        dividends=0.05,
    ),
    "dividends, apart": case(
        "paid apart",
        5200,
        missing=0.05,
        every=2,
        levels=(-0.8, 0.0, 0.4, 1.0),
        costs=terms_of(0.0005, 0.001, 0.0001, 0.0003, apart=True),
        dividends=0.05,
    ),
}


def prices_at(row: Float) -> dict[str, float]:
    return {str(n): float(p) for n, p in enumerate(row) if not math.isnan(p)}


def happening(c: Case) -> ledgers.Events:
    rows = [(t, int(event.symbol), event.pay, event.ends) for t, now in c.events.items() for event in now]
    bar, asset, pay, ends = (np.array(column) for column in zip(*rows, strict=True))
    return ledgers.events_of(len(c.close), bar, asset, pay, ends)


def run_kernel(c: Case) -> tuple[int, ledgers.Ledger]:
    ledger = ledgers.empty_ledger(len(c.close), c.close.shape[1], record=True, stops=True)
    prices = ledgers.prices_of(c.fill, c.close, happening(c) if c.events else None)
    terms = for_assets(c.costs._replace(frictions=c.frictions, guards=guards(c)), c.close.shape[1])
    status = simulate.simulate(prices, scaled(c), c.decide, c.start, c.capital, terms, ledger)
    return status, ledger


def panel_of(rows: Sequence[Mapping[str, float]], shape: tuple[int, ...]) -> Float:
    """Prices by bar and symbol as a panel."""
    out = np.full(shape, np.nan)
    for t, row in enumerate(rows):
        for symbol, price in row.items():
            out[t, int(symbol)] = price
    return read_only(out)


def guards(c: Case) -> Guards:
    """What holds the account back, for the kernel."""
    stops, brake, shape = c.risk.stops, c.risk.brake, c.close.shape
    found = NO_GUARDS
    if c.risk.vetoes:
        codes = {1: LONGS, -1: SHORTS}
        veto = [sum(codes[side] for side in c.risk.vetoes.get(t, ())) for t in range(shape[0])]
        found = found._replace(veto=read_only(np.array(veto, dtype=np.int64)))
    if brake is not None:
        found = found._replace(begin=brake.begin, full=brake.full, floor=brake.floor, window=brake.window)
    if stops == dataclasses.replace(
        twin.Stops(), open=stops.open, high=stops.high, low=stops.low, assets=stops.assets, at_open=stops.at_open
    ):
        return found
    panels = [c.close] * 3
    if stops.open is not None and stops.high is not None and stops.low is not None:
        panels = [panel_of(rows, shape) for rows in (stops.open, stops.high, stops.low)]
    return found._replace(
        loss=stops.loss,
        fall=stops.fall,
        gain=stops.gain,
        bars=stops.bars,
        quantile=stops.quantile,
        winners=stops.winners,
        memory=0 if math.isnan(stops.quantile) else stops.memory,
        wait=-1 if stops.wait is None else stops.wait,
        at_open=stops.at_open,
        open=read_only(panels[0]),
        high=read_only(panels[1]),
        low=read_only(panels[2]),
        ranged=stops.has_ranges,
    )


def scaled(c: Case) -> Float:
    """The targets, scaled to a volatility by the kernel that scales them for a replay."""
    volatility = c.risk.volatility
    if volatility is None:
        return c.target
    rules, returns = volatility.rules, np.zeros(c.close.shape)
    returns[1:] = np.nan_to_num(c.close[1:] / c.close[:-1] - 1.0)
    names = [rules.sector.get(str(n), str(n)) for n in range(c.close.shape[1])]
    sector = np.array([sorted(set(names)).index(name) for name in names], dtype=np.int64)
    limits = constraints.Limits(rules.max_position, rules.max_sector, rules.max_gross, rules.min_net, rules.max_net)
    scaling = Scaling(volatility.annual / math.sqrt(volatility.ppy), volatility.lookback, read_only(returns))
    target = c.target.copy()
    for t in range(len(target)):
        scale_row(t, sector, limits, scaling, target[t])
    return target


def frictions(f: Frictions, commission: float) -> twin.Frictions:
    """The same, by bar and symbol, and the commission of each tier after the first one's."""
    units, money, volatility = (
        {t: prices_at(row) for t, row in enumerate(panel)} for panel in (f.units, f.money, f.volatility)
    )
    told = f._asdict() | {"units": units, "money": money, "volatility": volatility}
    if f.tiers.size:
        told["tiers"] = list(zip(f.tiers[0].tolist(), (commission + f.tiers[1].cumsum()).tolist(), strict=True))
    else:
        told["tiers"] = []
    return twin.Frictions(**told)


@lru_cache(128)  # several tests ask for the same cases
def run_twin(c: Case) -> tuple[twin.Account, list[twin.Bar]]:
    """The bars, and the account they ended with; of accounts apart the first, with the round trips of all."""
    terms, n = c.costs, c.close.shape[1]
    deciding = [t for t in range(len(c.decide)) if c.decide[t] or t == c.start - 1 - terms.delay]
    history = (
        [prices_at(row) for row in c.fill],
        [prices_at(row) for row in c.close],
        {t: prices_at(c.target[t]) for t in deciding if t >= c.start - 1 - terms.delay},
        c.start,
    )

    borrow = [prices_at(row) for row in for_assets(terms, n).borrow_rate] or [{}]

    def account(capital: float) -> twin.Account:
        return twin.Account(
            capital,
            terms.commission,
            terms.slippage,
            terms.cash_rate.tolist(),
            borrow,
            terms.on_change,
            terms.financing_rate.tolist(),
            frictions(c.frictions, terms.commission),
        )

    if not terms.apart:
        one = account(c.capital)
        return one, twin.simulate(*history, one, terms.delay, c.events, c.risk)
    accounts = {str(i): account(c.capital / n) for i in range(n)}
    bars = twin.simulate_apart(*history, accounts, terms.delay, c.events, c.risk)
    first = accounts["0"]
    for other in list(accounts.values())[1:]:
        first.closed_trips += other.closed_trips
        first.open_trips |= other.open_trips
    return first, bars


def changing(n_bars: int) -> Float:
    """A risk-free return that is another one at every bar."""
    return rate(RF + 0.001 * np.cos(np.arange(n_bars)))


def bars_agree(name: str, c: Case, ledger: ledgers.Ledger, bars: Sequence[twin.Bar]) -> None:
    for t, bar in enumerate(bars, c.start):
        for field in ("turnover", "gross"):
            same(getattr(ledger, field)[t], getattr(bar, field), (name, t, field))
        for field in ("equity", "cash", "cost", "pre_fill"):
            same(getattr(ledger, field)[t] / CAPITAL, getattr(bar, field) / CAPITAL, (name, t, field))
        for n in range(c.close.shape[1]):
            scale = bar.equity if bar.equity > 0.0 else c.capital
            price = scale / max(bar.shares.get(str(n), 1.0), 1.0)  # one share's scale
            same(ledger.shares_held[t, n] / price, bar.shares.get(str(n), 0.0) / price, (name, t, n))
            exits = bar.exits.get(str(n), ())
            ordered = bar.traded.get(str(n), 0.0) - math.fsum(each.shares for each in exits)
            same(ledger.traded[t, n] / price, ordered / price, (name, t, n))
            closed = [ledger.exits[when, :, t, n] for when in (0, 1) if ledger.exits[when, 3, t, n] > 0.0]
            assert [REASONS[int(each[3])] for each in closed] == [each.reason for each in exits], (name, t, n)
            for mine, other in zip(closed, exits, strict=True):
                same(mine[0] / price, other.shares / price, (name, t, n))
                same(mine[1] / other.price, 1.0, (name, t, n))
                same(mine[2] / CAPITAL, other.cost / CAPITAL, (name, t, n))
            same(ledger.weights[t, n], bar.weights.get(str(n), 0.0), (name, t, n))


def metrics_agree(name: str, c: Case, ledger: ledgers.Ledger, account: twin.Account, bars: Sequence[twin.Bar]) -> None:
    index = np.nanmean(c.close / np.nanmean(c.close, axis=0), axis=1)
    benchmark = np.concatenate(([np.nan], index[1:] / index[:-1] - 1.0))
    benchmark[::17] = np.nan
    values = np.empty(len(metrics.NAMES))
    equity = [bar.equity for bar in bars]
    for free in (rate(RF), changing(len(c.close))):
        metrics.all_metrics(ledger, CAPITAL, c.start, benchmark, PPY, free, values)
        by_bar = np.broadcast_to(free, len(c.close))[c.start :].tolist()
        expected = {
            **twin.equity_metrics(equity, CAPITAL, PPY, by_bar),
            **twin.ledger_metrics(bars, account, CAPITAL, PPY),
            **twin.benchmark_metrics(equity, CAPITAL, benchmark[c.start :].tolist(), PPY, by_bar),
        }
        assert set(expected) == set(metrics.NAMES)
        for metric, value in zip(metrics.NAMES, values, strict=True):
            scale = CAPITAL if metric in ("costs", "average_win", "average_loss") else 1.0
            same(value / scale, expected[metric] / scale, (name, metric, free.size))


@pytest.mark.parametrize("name", CASES)
def test_every_bar_agrees(name: str) -> None:
    c = CASES[name]
    status, ledger = run_kernel(c)
    _, bars = run_twin(c)
    assert status == ledgers.OK
    assert len(bars) == len(c.close) - c.start
    bars_agree(name, c, ledger, bars)


@pytest.mark.parametrize("name", CASES)
def test_every_metric_agrees(name: str) -> None:
    c = CASES[name]
    _, ledger = run_kernel(c)
    account, bars = run_twin(c)
    metrics_agree(name, c, ledger, account, bars)


@pytest.mark.parametrize("name", CASES)
def test_every_regime_metric_agrees(name: str) -> None:
    c = CASES[name]
    _, ledger = run_kernel(c)
    _, bars = run_twin(c)
    label = np.repeat(np.random.default_rng(1).integers(-1, 3, 60), 5)[: len(c.close)]
    label = np.resize(label, len(c.close)).astype(np.int64)
    returns = simulate.decision_return(ledger.pre_fill, c.start, c.costs.delay)
    expected = twin.decision_returns(bars, c.start, c.costs.delay)
    assert set(np.flatnonzero(~np.isnan(returns))) == set(expected)
    for t, value in expected.items():
        same(returns[t], value, (name, t))
    table = np.empty((3, len(metrics.REGIME_NAMES)))
    for free in (rate(RF), changing(len(c.close))):
        earned = simulate.of_decisions(free, c.costs.delay)
        metrics.regime_metrics(returns, label, 3, PPY, earned, table)
        by_decision = [float(free[min(t + 2 + c.costs.delay, free.size - 1)]) for t in range(len(c.close))]
        for k in range(3):
            reference = twin.regime_metrics(expected, label.tolist(), k, PPY, by_decision)
            assert set(reference) == set(metrics.REGIME_NAMES)
            for metric, value in zip(metrics.REGIME_NAMES, table[k], strict=True):
                same(value, reference[metric], (name, k, metric))


SECTORS = {str(n): "abcde"[n % 5] for n in range(20)}

RULES = {
    "weighted": twin.Rules(sector=SECTORS),
    "by confidence": twin.Rules("confidence_weighted", sector=SECTORS, max_gross=0.9),
    "by rank": twin.Rules("rank_average", sector=SECTORS, max_position=0.1),
    "best": twin.Rules("best_strategy", sector=SECTORS),
    "flat": twin.Rules(on_conflict="flat", sector=SECTORS),
    "best of opposites": twin.Rules(on_conflict="best", sector=SECTORS),
    "best of opposites by confidence": twin.Rules("confidence_weighted", "best", sector=SECTORS),
    "best of opposites by rank": twin.Rules("rank_average", "best", sector=SECTORS),
    "limits": twin.Rules(sector=SECTORS, max_position=0.12, max_sector=0.3, max_gross=0.95),
    "top 7": twin.Rules(sector=SECTORS, top_n=7, max_position=0.2, max_sector=0.35),
    "equal weight": twin.Rules(allocator="equal_weight", sector=SECTORS, max_sector=0.15),
    "no gross limit": twin.Rules(sector=SECTORS, max_gross=math.inf, max_position=0.07),
    "risk parity": twin.Rules(allocator="risk_parity", tilt=0.75, sector=SECTORS, max_position=0.2),
    "long and short": twin.Rules(allocator="long_short", sector=SECTORS, max_position=0.08, max_gross=1.2),
    "130/30": twin.Rules(allocator="long_short", sector=SECTORS, max_gross=1.6, max_position=0.3, min_net=1, max_net=1),
    "top 7 of both sides": twin.Rules(allocator="long_short", sector=SECTORS, top_n=7),
    "neutral": twin.Rules(allocator="long_short", sector=SECTORS, max_gross=2, max_sector=0.3, min_net=0, max_net=0),
    "net out of reach": twin.Rules(allocator="long_short", sector=SECTORS, max_sector=0.05, max_net=-0.9),
}


def settings(rules: twin.Rules, risk: Float) -> weights.Settings:
    codes = sorted(set(rules.sector.values()))
    return weights.Settings(
        getattr(weights, rules.method.upper()),
        getattr(weights, rules.allocator.upper()),
        rules.top_n,
        np.array([codes.index(rules.sector[str(n)]) for n in range(20)]),
        constraints.Limits(rules.max_position, rules.max_sector, rules.max_gross, rules.min_net, rules.max_net),
        on_conflict=getattr(weights, rules.on_conflict.upper()),
        tilt=rules.tilt,
        risk=risk if rules.allocator == "risk_parity" else weights.NO_RISK,
    )


def opinions(alpha: NDArray[np.float32], confidence: NDArray[np.float32]) -> Mapping[str, list[twin.Opinion]]:
    return {
        str(n): [twin.Opinion(float(a), float(c)) for a, c in zip(alpha[:, n], confidence[:, n], strict=True)]
        for n in range(alpha.shape[1])
    }


@pytest.mark.parametrize("name", RULES)
def test_every_target_agrees(name: str) -> None:
    rng = np.random.default_rng(7)
    n_bars, n_strategies, n = 60, 4, 20
    shape = (n_bars, n_strategies, n)
    confidence = (rng.random(shape) * (rng.random(shape) < 0.7)).astype(np.float32)
    confidence[5] = 0.0
    alpha = np.where(confidence > 0, np.clip(rng.standard_normal(shape), -1.0, 1.0), 0.0).astype(np.float32)
    alpha = np.where(rng.random(shape) < 0.1, np.float32(0.5), alpha) * (confidence > 0)  # ties
    shares = rng.dirichlet(np.ones(n_strategies), 3).astype(np.float32)
    shares[1, 2] = 0.0
    row = rng.integers(0, 3, n_bars)
    decide = rng.random(n_bars) < 0.8
    tradable = rng.random((n_bars, n)) < 0.9
    tradable[7] = False
    out = np.full((n_bars, n), np.nan)
    risk = rng.uniform(0.005, 0.03, (n_bars, n))
    risk[rng.random((n_bars, n)) < 0.1] = np.nan
    risk[rng.random((n_bars, n)) < 0.1] = 0.0
    risk.flags.writeable = False
    r = RULES[name]
    if r.min_net > -math.inf:
        decide[6:] = False  # the twin's nested roots take their time
    given = read_only(alpha), read_only(confidence), read_only(shares)
    replay.target_weights(*given, row, decide, tradable, settings(r, risk), out)
    for t in range(n_bars):
        if not decide[t]:
            assert np.isnan(out[t]).all()
            continue
        able = {str(i) for i in np.flatnonzero(tradable[t])}
        known = prices_at(risk[t])
        reference = twin.target(opinions(alpha[t], confidence[t]), shares[row[t]].tolist(), able, known, r)
        for i in range(n):
            same(out[t, i], reference[str(i)], (name, t, i))


def test_bankruptcy_agrees() -> None:
    close = np.array([[100.0, 50.0], [100.0, 50.0], [250.0, 50.0], [260.0, 50.0], [260.0, 50.0]])
    close.setflags(write=False)
    target = np.array([[-0.9, 0.1]] * 5)
    c = Case(close, close, target, np.zeros(5, np.bool_), 1, terms_of(0.0005, 0.0005, 0.0))
    status, ledger = run_kernel(c)
    account, bars = run_twin(c)
    assert status == ledgers.BANKRUPT
    assert len(bars) == 2
    same(ledger.equity[2] / CAPITAL, bars[-1].equity / CAPITAL, "equity")
    assert ledger.equity[2] < 0.0
    for after in (ledger.equity[3:], ledger.cash[3:], ledger.weights[2:], ledger.shares_held[2:]):
        assert not after.any()
    assert not ledger.shares.any()
    assert ledger.trips[5] == len(account.open_trips) == 2
    values = np.empty(len(metrics.NAMES))
    metrics.all_metrics(ledger, CAPITAL, 1, np.empty(0), PPY, rate(0.0), values)
    expected = {
        **twin.equity_metrics([bar.equity for bar in bars], CAPITAL, PPY, [0.0] * len(bars)),
        **twin.ledger_metrics(bars, account, CAPITAL, PPY),
    }
    got = dict(zip(metrics.NAMES, values.tolist(), strict=True))
    for metric, value in expected.items():
        scale = CAPITAL if metric == "costs" else 1.0
        same(got[metric] / scale, value / scale, metric)
    assert got["total_return"] == got["cagr"] == got["max_drawdown"] == -1.0


def test_an_account_that_is_closed_leaves_its_debt() -> None:
    close = np.array([[100.0, 50.0], [100.0, 50.0], [250.0, 50.0], [260.0, 55.0], [260.0, 60.0]])
    close.setflags(write=False)
    target = np.array([[-0.9, 1.0]] * 5)
    terms = terms_of(0.0005, 0.0005, 0.001, 0.0002, apart=True)
    c = Case(close, close, target, np.ones(5, np.bool_), 1, terms)
    status, ledger = run_kernel(c)
    account, bars = run_twin(c)
    assert status == ledgers.OK
    assert len(bars) == 4
    for t, bar in enumerate(bars, 1):
        for field in ("equity", "cash", "cost", "pre_fill"):
            same(getattr(ledger, field)[t] / CAPITAL, getattr(bar, field) / CAPITAL, (t, field))
        same(ledger.gross[t], bar.gross, t)
    assert ledger.cash[4] < 0.0  # the short account's debt; the other one is fully invested
    assert ledger.weights[2:, 0].tolist() == [0.0] * 3
    assert ledger.trips[5] == len(account.open_trips) == 2


def test_accounts_that_owe_more_than_they_have_end_the_run() -> None:
    close = np.array([[100.0, 50.0], [100.0, 50.0], [450.0, 50.0], [260.0, 55.0]])
    close.setflags(write=False)
    target = np.array([[-0.9, 1.0]] * 4)
    c = Case(close, close, target, np.ones(4, np.bool_), 1, terms_of(0.0005, 0.0005, 0.0, apart=True))
    status, ledger = run_kernel(c)
    _, bars = run_twin(c)
    assert status == ledgers.BANKRUPT
    assert len(bars) == 2
    same(ledger.equity[2] / CAPITAL, bars[-1].equity / CAPITAL, "equity")
    assert ledger.equity[2] < 0.0 == ledger.equity[3]
    assert not ledger.shares.any()
