"""What makes a fill more than a cost in proportion to its value: the kernel and its twin agree on it, to 1e-12."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels import ledger as ledgers
from regimefolio.kernels.terms import NO_FRICTIONS, Execution, Frictions
from regimefolio.kernels.terms import NONE as NOTHING
from tests.reference import twin
from tests.reference.examples import examples
from tests.reference.test_twin import CAPITAL, Case, bars_agree, case, metrics_agree, run_kernel, run_twin, same
from tests.terms import terms_of

Float = NDArray[np.float64]

NONE = NO_FRICTIONS


def rub(c: Case, terms: Frictions, seed: int, money: float = CAPITAL) -> Case:
    """A case with these terms, with splits, money traded about `money` and volatilities, in part unknown or 0."""
    rng = np.random.default_rng(seed)
    shape = c.close.shape
    split = np.where(rng.random(shape) < 0.02, rng.choice([2.0, 3.0, 1.5, 0.5, 0.1], shape), 1.0)
    units = split.cumprod(axis=0)
    traded = money * np.exp(rng.standard_normal(shape))
    traded[rng.random(shape) < 0.1] = np.nan
    traded[rng.random(shape) < 0.05] = 0.0
    traded[np.isnan(c.fill)] = np.nan
    volatility = rng.uniform(0.005, 0.04, shape)
    volatility[rng.random(shape) < 0.1] = np.nan
    for panel in (units, traded, volatility):
        panel.setflags(write=False)
    asks = terms.impact > 0.0 or terms.participation < math.inf
    terms = terms._replace(
        units=units, money=traded if asks else NOTHING, volatility=volatility if terms.impact else NOTHING
    )
    return replace(c, frictions=terms)


def terms(commission: float = 0.0005, slippage: float = 0.0, delay: int = 0, on_change: bool = False) -> Execution:
    return terms_of(commission, slippage, 0.0001, 0.0003, delay=delay, on_change=on_change, financing_rate=0.0005)


LEVELS = (0.0, 0.02, 0.05)
LEVELS_SHORT = (-0.05, 0.0, 0.02, 0.05)

EVERYTHING = NONE._replace(
    per_order=20.0,
    per_share=0.01,
    impact=0.5,
    participation=0.03,
    carry=True,
    whole=True,
    min_value=300.0,
    band=0.002,
    relative_band=0.1,
)


def tiers(*each: tuple[float, float]) -> Float:
    """Sizes from which on another commission is charged, and by how much it differs."""
    return read_only(np.array(each).T)


FRICTION_CASES = {
    "units alone": rub(case("units", 0), NONE, 1),
    "per order": rub(case("per order", 1000, missing=0.1), NONE._replace(per_order=50.0), 2),
    "per share": rub(case("per share", 2000, at_open=True), NONE._replace(per_share=0.05), 3),
    "per share, short": rub(case("per share short", 2000, short=True, missing=0.05), NONE._replace(per_share=0.05), 4),
    "impact": rub(case("impact", 3000, missing=0.1, at_open=True), NONE._replace(impact=0.8), 5),
    "impact, late": rub(case("impact late", 3000, short=True, costs=terms(delay=2)), NONE._replace(impact=0.8), 6),
    "impact, nothing else": rub(
        case("impact alone", 3000, costs=terms_of(0.0, 0.0, 0.0)), NONE._replace(impact=1.0), 7
    ),
    "participation": rub(case("part", 4000, missing=0.1), NONE._replace(participation=0.02), 8),
    "participation, short": rub(case("part short", 4000, short=True), NONE._replace(participation=0.02), 9),
    "carried": rub(case("carry", 5000, every=7), NONE._replace(participation=0.01, carry=True), 10),
    "carried, short, late": rub(
        case("carry short", 5000, every=7, missing=0.1, short=True, at_open=True, costs=terms(delay=1)),
        NONE._replace(participation=0.01, carry=True, impact=0.5),
        11,
    ),
    "carried, on change": rub(
        case("carry change", 5000, every=7, missing=0.05, levels=LEVELS, costs=terms(on_change=True)),
        NONE._replace(participation=0.01, carry=True),
        12,
    ),
    "whole shares": rub(case("whole", 6000, missing=0.05), NONE._replace(whole=True), 13),
    "whole shares, short": rub(case("whole short", 6000, short=True, at_open=True), NONE._replace(whole=True), 14),
    "smallest order": rub(case("smallest", 500), NONE._replace(min_value=20_000.0), 15),
    "band": rub(case("band", 1500, every=1, levels=LEVELS), NONE._replace(band=0.004), 16),
    "relative band": rub(case("relative", 1500, every=1, levels=LEVELS_SHORT), NONE._replace(relative_band=0.15), 17),
    "bands, on change": rub(
        case("bands", 1500, every=1, levels=(*LEVELS, 0.045), costs=terms(on_change=True)),
        NONE._replace(band=0.002, relative_band=0.2),
        18,
    ),
    "step": rub(case("step", 2500, missing=0.1), NONE._replace(step=0.4), 19),
    "step, short, late": rub(case("step short", 2500, short=True, costs=terms(delay=1)), NONE._replace(step=0.4), 20),
    "short of cash, on change": rub(
        case("cash", 1500, every=1, levels=(0.0, 0.05, 0.12), missing=0.05, costs=terms(on_change=True)),
        NONE._replace(per_order=200.0, whole=True),
        25,
    ),
    "in debt": rub(
        case("debt", 1500, every=9, levels=(-0.1, 0.05, 0.12), dividends=0.05, costs=terms()),
        NONE._replace(per_order=20.0),
        26,
    ),
    "retail": rub(
        case("retail", 3500, every=2, at_open=True, missing=0.05, dividends=0.03, costs=terms(0.001)),
        NONE._replace(per_order=10.0, per_share=0.01, whole=True, min_value=500.0, band=0.003),
        21,
    ),
    "fund": rub(
        case("fund", 4500, every=3, short=True, missing=0.05, dividends=0.03, costs=terms(0.0, 0.001, delay=1)),
        NONE._replace(impact=0.7, participation=0.05, carry=True, relative_band=0.1, step=0.7),
        22,
    ),
    "tiers": rub(
        case("tiers", 1800, missing=0.1), NONE._replace(tiers=tiers((20_000.0, -0.0003), (80_000.0, -0.0001))), 27
    ),
    "tiers, short": rub(
        case("tiers short", 1800, short=True, at_open=True, costs=terms(0.004, 0.001)),
        NONE._replace(tiers=tiers((10_000.0, -0.002), (40_000.0, 0.003), (90_000.0, -0.0045))),
        28,
    ),
    "smallest fee": rub(case("fee", 4000, short=True, missing=0.05), NONE._replace(min_fee=15.0, per_share=0.01), 29),
    "tiers, short of cash": rub(
        case("tiers cash", 7000, every=1, levels=(0.0, 0.05, 0.12), missing=0.05, costs=terms(0.003, on_change=True)),
        NONE._replace(tiers=tiers((30_000.0, -0.0028)), min_fee=50.0, impact=0.5),
        30,
    ),
    "everything": rub(
        case("all", 200, every=4, short=True, at_open=True, missing=0.05, dividends=0.03, costs=terms(delay=1)),
        EVERYTHING._replace(step=0.8),
        23,
    ),
    "everything, on change": rub(
        case(
            "all change",
            200,
            every=3,
            levels=(*LEVELS_SHORT, 0.04),
            at_open=True,
            missing=0.05,
            dividends=0.03,
            costs=terms(on_change=True),
        ),
        EVERYTHING,
        24,
    ),
}


@pytest.mark.parametrize("name", FRICTION_CASES)
def test_every_bar_agrees(name: str) -> None:
    c = FRICTION_CASES[name]
    status, ledger = run_kernel(c)
    _, bars = run_twin(c)
    assert status == ledgers.OK
    assert len(bars) == len(c.close) - c.start
    bars_agree(name, c, ledger, bars)


@pytest.mark.parametrize("name", FRICTION_CASES)
def test_every_metric_agrees(name: str) -> None:
    c = FRICTION_CASES[name]
    _, ledger = run_kernel(c)
    account, bars = run_twin(c)
    metrics_agree(name, c, ledger, account, bars)


@pytest.mark.parametrize("name", FRICTION_CASES)
def test_every_friction_matters(name: str) -> None:
    """A case whose friction changes nothing would say nothing of it."""
    c = FRICTION_CASES[name]
    plain = [bar.equity for bar in run_twin(replace(c, frictions=NONE))[1]]
    rubbed = [bar.equity for bar in run_twin(c)[1]]
    assert (plain == rubbed) == (name == "units alone")


def test_cash_falls_short_where_a_case_says_so() -> None:
    assert any(bar.cash < -1.0 for bar in run_twin(FRICTION_CASES["in debt"])[1])
    for name in ("short of cash, on change", "tiers, short of cash"):
        ordered = run_twin(FRICTION_CASES[name])[0].ordered
        assert any(math.isnan(w) for w in ordered.values())  # to be ordered again


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.0, 0.3]))
def test_targets_are_met_after_costs(seed: int, n_tiers: int, impact: float) -> None:
    """Tiers up or down, of up to 20%: what is held is the target of the equity after costs, to 1e-13."""
    rng = np.random.default_rng(seed)
    n_assets = 6
    close = read_only(np.full((4, n_assets), 10.0))
    target = np.zeros((4, n_assets))
    target[:2] = rng.dirichlet(np.ones(n_assets), 2) * np.where(rng.random((2, n_assets)) < 0.4, -1.0, 1.0)
    rates = rng.uniform(0.0, 0.2, n_tiers + 1)
    bounds = np.sort(CAPITAL * 10.0 ** rng.uniform(-6.0, 0.0, n_tiers))
    dear = NONE._replace(
        tiers=tiers(*zip(bounds, np.diff(rates), strict=True)), min_fee=float(rng.choice([0.0, 5000.0])), impact=impact
    )
    c = rub(Case(close, close, target, np.arange(4) < 2, 1, terms_of(float(rates[0]))), dear, seed)
    status, ledger = run_kernel(c)
    assert status == ledgers.OK
    for t in (1, 2):
        assert ledger.cost[t] > 0.0
        traded = ledger.traded[t] != 0.0
        assert ledger.weights[t][traded] == pytest.approx(target[t - 1][traded], rel=1e-12, abs=1e-13)


def test_tiers_that_newtons_method_alone_would_run_in_circles_on() -> None:
    """A steep stretch between two flat ones: each of Newton's steps leads from one flat one to the other."""
    rates = (0.44357521, 0.01369245, 0.45458346)
    bounds = (140_424.54, 469_803.08)
    after, grown = 1_038_615.0, 1.019573  # equity after the short sale of bar 1, and what became of its price
    sold = 1.9 * after
    paid = rates[0] * bounds[0] + rates[1] * (bounds[1] - bounds[0]) + rates[2] * (sold - bounds[1])
    close = read_only(np.array([[10.0], [10.0], [10.0 * grown]]))
    dear = NONE._replace(tiers=tiers(*zip(bounds, np.diff(rates), strict=True)))
    c = Case(close, close, np.full((3, 1), -1.9), np.arange(3) < 2, 1, terms_of(rates[0]), capital=after + paid)
    _, ledger = run_kernel(rub(c, dear, 0))
    assert ledger.equity[1] == pytest.approx(after, rel=1e-12)
    assert ledger.cost[2] > 0.0
    assert ledger.weights[2, 0] == pytest.approx(-1.9, rel=1e-13)


@st.composite
def markets(draw: st.DrawFn) -> Case:
    """Random walks with gaps, opens, dividends and an end, targets of any sign, and any frictions.

    What there is is drawn; how much of it comes from a generator, so that nothing lies on a limit to the last bit.
    """
    n_bars, n_assets = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (n_bars, n_assets)
    dear = draw(st.sampled_from([1.0, 1000.0]))  # whole shares are large, or small
    wild = draw(st.sampled_from([0.05, 0.4]))
    close = dear * rng.uniform(5.0, 100.0, n_assets) * np.exp(wild * rng.standard_normal(shape).cumsum(axis=0))
    fill = close * np.exp(0.02 * rng.standard_normal(shape)) if draw(st.booleans()) else close.copy()
    gone = rng.random(shape) < draw(st.sampled_from([0.0, 0.2]))
    close[gone], fill[gone] = np.nan, np.nan
    events: dict[int, list[twin.Event]] = {}
    for t, n in np.argwhere(rng.random(shape) < draw(st.sampled_from([0.0, 0.2]))).tolist():
        events.setdefault(t, []).append(twin.Event(str(n), dear * float(rng.uniform(0.0, 100.0 * wild))))
    if n_bars > 2 and draw(st.booleans()):
        end = int(rng.integers(1, n_bars))
        seen = close[:end, 0][~np.isnan(close[:end, 0])]
        left = float(seen[-1] * rng.choice([0.0, 0.4, 1.0])) if seen.size else 0.0
        close[end:, 0], fill[end:, 0] = np.nan, np.nan
        events = {t: [e for e in now if e.symbol != "0" or t <= end] for t, now in events.items()}
        events.setdefault(end, []).append(twin.Event("0", left, ends=True))
        events = {t: now for t, now in events.items() if now}
    gross = draw(st.sampled_from([0.6, 1.0, 2.5]))
    target = rng.dirichlet(np.ones(n_assets + 1), n_bars)[:, :-1] * gross
    target *= np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.4, 0.7])), -1.0, 1.0)
    target[rng.random(shape) < 0.2] = 0.0
    for t in np.flatnonzero(rng.random(n_bars - 1) < draw(st.sampled_from([0.0, 0.5]))).tolist():
        target[t + 1] = target[t]
    target[rng.random(shape) < 0.1] = np.nan
    for array in (fill, close):
        array.setflags(write=False)

    def some(*amounts: float) -> float:
        """One of some amounts, and a little more."""
        return draw(st.sampled_from(amounts)) * float(rng.uniform(1.0, 1.1))

    execution = terms_of(
        some(0.0, 0.001),
        some(0.0, 0.001),
        some(0.0, 0.0005) * rng.uniform(-1.0, 1.0, draw(st.sampled_from([1, n_bars]))),
        some(0.0, 0.001) * rng.random((draw(st.sampled_from([1, n_bars])), n_assets)),
        delay=draw(st.sampled_from([0, 0, 1, 2])),
        on_change=draw(st.booleans()),
        financing_rate=some(0.0, 0.001),
    )
    bounds = np.sort(rng.uniform(1_000.0, 400_000.0, draw(st.integers(0, 3))))
    commission = rng.uniform(0.0, draw(st.sampled_from([0.001, 0.2])), bounds.size + 1)
    frictions = NONE._replace(
        per_order=some(0.0, 10.0, 3000.0, 300_000.0),
        per_share=some(0.0, 0.02, 0.5),
        min_fee=some(0.0, 0.0, 10.0, 3000.0),
        tiers=tiers(*zip(bounds, np.diff(commission), strict=True)) if bounds.size else NOTHING,
        impact=some(0.0, 0.0, 0.7) if bounds.size else some(0.0, 0.0, 0.7, 70.0),
        participation=some(math.inf, math.inf, 0.03, 0.3),
        carry=draw(st.booleans()),
        whole=draw(st.booleans()),
        min_value=some(0.0, 0.0, 30_000.0),
        band=some(0.0, 0.0, 0.03),
        relative_band=some(0.0, 0.0, 0.2),
        step=draw(st.sampled_from([1.0, 1.0, 0.55])),
    )
    if bounds.size:
        execution = execution._replace(commission=float(commission[0]))
    decide = rng.random(n_bars) < draw(st.sampled_from([0.3, 1.0]))
    start = draw(st.integers(0, min(3, n_bars - 1)))
    return rub(Case(fill, close, target, decide, start, execution, events), frictions, int(rng.integers(2**32)))


def trips_agree(ledger: ledgers.Ledger, account: twin.Account) -> None:
    trips = dict(zip(ledgers.TRIPS, ledger.trips.tolist(), strict=True))
    wins = [trip.profit for trip in account.closed_trips if trip.profit >= trip.dust]
    losses = [trip.profit for trip in account.closed_trips if trip.profit <= -trip.dust]
    held = [trip.closed - trip.opened for trip in account.closed_trips if trip.closed is not None]
    counts = (len(account.closed_trips), len(wins), len(losses), sum(held), len(account.open_trips))
    assert tuple(trips[name] for name in ("closed", "wins", "losses", "bars_held", "open")) == counts
    same(trips["gross_win"] / CAPITAL, math.fsum(wins) / CAPITAL, "gross_win")
    same(trips["gross_loss"] / CAPITAL, math.fsum(losses) / CAPITAL, "gross_loss")


@examples(300)
@given(markets())
def test_any_market_agrees(c: Case) -> None:
    status, ledger = run_kernel(c)
    account, bars = run_twin(c)
    assert (status == ledgers.BANKRUPT) == (bars[-1].equity <= 0.0)
    bars_agree("any", c, ledger, bars)
    trips_agree(ledger, account)
    for column in ledger[:6]:
        assert not column[c.start + len(bars) :].any()
