"""Allocators that follow past returns or past alphas: formulas by hand, and what a backtest tells them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Float, Float32
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Allocator,
    CappedMomentum,
    EmaMomentum,
    Ensemble,
    Kelly,
    Momentum,
    PortfolioManager,
    PortfolioSpec,
    Selection,
    SignalStack,
)
from regimefolio.portfolio.allocators.capped_momentum import water_filled
from regimefolio.strategies import BollingerMeanReversion, MomentumRank
from regimefolio.testing import market_of, synthetic_market

RNG = np.random.default_rng(8)


def view_of(market: Market, alphas: Float32 | None = None) -> View:
    """The view of the last bar."""
    tradable = market.panel.member[-1] & np.isfinite(market.panel.close[-1])
    if alphas is None:
        return View(market, np.zeros(tradable.size, np.float32), tradable)
    return View(market, alphas[-1], tradable, alphas=alphas)


# Past returns


def grown(*returns: list[float]) -> Market:
    """A market whose assets had these returns, one list a bar."""
    return market_of(np.cumprod(np.vstack([np.ones(len(returns[0])), 1.0 + np.array(returns)]), axis=0))


def test_momentum_leaves_out_the_last_bars() -> None:
    view = view_of(grown([0.5, 0.1, 0.2, -0.1], [0.0, 0.1, -0.5, 0.0], [0.3, 0.3, 9.0, 9.0]))
    expected = np.array([0.5, 0.21, 0.0, 0.0]) / 0.71
    np.testing.assert_allclose(Momentum(lookback=3, skip=1).weights(view), expected, rtol=1e-12)


def test_ema_momentum_weighs_by_age() -> None:
    view = view_of(grown([0.4, 0.0, -0.1], [0.0, 0.2, 0.0], [0.0, 0.1, 0.0]))
    # span 3: weights 1/4, 1/2, 1
    expected = np.array([0.1, 0.2, 0.0]) / 0.3
    np.testing.assert_allclose(EmaMomentum(lookback=3, span=3).weights(view), expected, rtol=1e-12)


def test_a_falling_asset_alone_is_cash() -> None:
    view = view_of(grown([-0.1], [-0.1]))
    for allocator in (Momentum(lookback=2, skip=0), EmaMomentum(lookback=2), CappedMomentum(lookback=2, skip=0)):
        assert allocator.weights(view).tolist() == [0.0]


def test_capped_momentum_fills_up() -> None:
    view = view_of(grown([0.6, 0.3, 0.06, 0.04, -0.5], [0.1] * 5))
    found = CappedMomentum(lookback=2, skip=1, cap=0.4).weights(view)
    np.testing.assert_allclose(found, [0.4, 0.4, 0.12, 0.08, 0.0], rtol=1e-12)


def test_a_cap_that_leaves_something_is_cash() -> None:
    assert water_filled(np.array([0.7, 0.3, 0.0]), 0.2).tolist() == [0.2, 0.2, 0.0]


@given(
    arrays(np.float64, st.integers(1, 12), elements=st.floats(0.0, 1.0, allow_subnormal=False)),
    st.floats(0.01, 1.0),
)
@example(np.array([1e-79, 0.0, 1.0, 1.0, 0.5]), 1 / 3)  # what the cap leaves is lost in rounding
def test_water_filling(scores: Float, cap: float) -> None:
    weights = scores / scores.sum() if scores.sum() > 1e-9 else np.full(scores.size, 1.0 / scores.size)
    filled, held = water_filled(weights, cap), weights > 0.0
    assert filled.max() <= cap * (1.0 + 1e-12)
    assert filled.sum() == pytest.approx(min(1.0, cap * held.sum()), rel=1e-9)
    assert not filled[~held].any()
    free = held & (filled < cap * (1.0 - 1e-9))
    if free.any():
        level = (filled[free] / weights[free]).max()
        np.testing.assert_allclose(filled[held], np.minimum(cap, level * weights[held]), rtol=1e-6)


def test_something_must_be_left_of_the_lookback() -> None:
    with pytest.raises(ValidationError, match="skip 20 leaves nothing of lookback 20; make it smaller"):
        Momentum(lookback=20, skip=20)


# Kelly


def by_hand(allocator: Kelly, view: View) -> list[float]:
    """The outcomes in plain loops."""
    panel, told = view.market.panel, []
    price = panel.close if panel.open is None else panel.open
    for t in range(panel.n_bars):
        end = t + 1 + allocator.horizon
        for n in range(panel.n_assets):
            alpha = float(view.alphas[t, n])
            opinion = alpha != 0.0 if allocator.long_short else alpha > 0.0
            if end >= panel.n_bars or not opinion or not panel.member[t, n] or np.isnan(panel.close[t, n]):
                continue
            last = end
            while np.isnan(panel.close[last, n]):
                last -= 1
            sold = price[end, n] if np.isfinite(price[end, n]) else panel.close[last, n]
            if np.isfinite(price[t + 1, n]):
                told.append(float(np.sign(alpha)) * view.side * (sold / price[t + 1, n] - 1.0))
    return told


@pytest.mark.parametrize("long_short", [False, True])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("horizon", [1, 4])
def test_outcomes_are_those_of_a_plain_loop(long_short: bool, side: int, horizon: int) -> None:
    market, allocator = synthetic_market(80), Kelly(horizon=horizon, long_short=long_short)
    alphas = np.round(RNG.uniform(-1, 1, (80, 12)), 0).astype(np.float32)
    view = view_of(market, alphas)._replace(side=side)
    assert np.isnan(market.panel.close).any()
    np.testing.assert_allclose(allocator.outcomes(view), by_hand(allocator, view), rtol=1e-13)


def test_the_bet_is_the_formula() -> None:
    outcomes = np.array([0.02] * 40 + [0.04] * 20 + [-0.01] * 30 + [-0.03] * 10 + [0.0] * 50)
    win, loss = (40 * 0.02 + 20 * 0.04) / 60, (30 * 0.01 + 10 * 0.03) / 40
    p = (60 + 100 * loss / (win + loss)) / 200
    expected = p / loss - (1 - p) / win
    assert expected > 1.0
    assert Kelly(fraction=1.0).bet(outcomes) == pytest.approx(expected, rel=1e-12)
    assert Kelly().bet(outcomes) == pytest.approx(0.5 * expected, rel=1e-12)


def test_without_an_edge_or_outcomes_nothing_is_bet() -> None:
    assert Kelly().bet(np.array([0.01] * 50 + [-0.01] * 50)) == pytest.approx(0.0, abs=1e-12)
    assert Kelly().bet(np.array([0.01] * 40 + [-0.01] * 60)) == 0.0
    assert Kelly().bet(np.array([0.05] * 40 + [-0.01] * 9 + [0.0] * 50)) == 0.0
    assert Kelly().bet(np.array([0.05] * 40 + [-0.01] * 10)) > 0.0
    assert Kelly().bet(np.full(60, -0.01)) == 0.0
    assert Kelly().bet(np.full(60, 0.01)) == np.inf


def test_the_growth_of_many_bets_is_best_at_the_full_fraction() -> None:
    """A coin that wins 2 % in 60 of 100 throws and loses 2 % else: f = 0.6/0.02 − 0.4/0.02 without shrinking."""
    outcomes = np.array([0.02] * 60_000 + [-0.02] * 40_000)
    best = Kelly(fraction=1.0).bet(outcomes)
    assert best == pytest.approx(10.0, rel=2e-3)
    growth = [np.log1p(f * outcomes).mean() for f in (0.9 * best, best, 1.1 * best)]
    assert growth[1] == max(growth)


def test_gross_is_the_bet_up_to_the_cap_split_by_alpha() -> None:
    market = synthetic_market(120, complete=True)
    assert market.panel.open is not None
    ahead = np.zeros((120, 12), np.float32)
    ahead[:-3] = 0.5 * np.sign(market.panel.open[3:] - market.panel.open[1:-2])
    ahead[np.arange(120) % 3 == 0] *= -1.0  # one in three is wrong
    ahead[-1, :4] = [0.1, 0.3, -0.4, 0.2]
    view = view_of(market, ahead)
    signed = Kelly(horizon=2, long_short=True, fraction=0.01)
    size = signed.bet(signed.outcomes(view))
    assert 0.0 < size < 0.5
    np.testing.assert_allclose(signed.weights(view), size * ahead[-1] / np.abs(ahead[-1]).sum(), rtol=1e-6)
    full = Kelly(horizon=2, cap=0.8).weights(view)
    np.testing.assert_allclose(full[:4], 0.8 * np.array([0.1, 0.3, 0.0, 0.2]) / 0.6, rtol=1e-6)


def test_alphas_of_one_bar_alone_are_not_enough() -> None:
    manager = PortfolioManager(PortfolioSpec(allocator=Kelly()), synthetic_market(80))
    with pytest.raises(MissingDataError, match="kelly looks at the alphas of earlier bars, but was told those of one"):
        manager.allocate_capital({manager.market.symbols[0]: 0.5}, 1000.0)


# What a backtest tells


class Witness(Allocator, kind="witness"):
    """Keeps what it is shown."""

    seen: ClassVar[list[View]] = []

    def weights(self, view: View) -> Float:
        self.seen.append(view)
        return np.zeros(view.alpha.size)


STRATEGIES = [BollingerMeanReversion(lookback=10, width=1.0), MomentumRank(lookback=30, skip=3)]


def shown(allocator: Allocator, side: str = "long", market: Market | None = None) -> list[View]:
    """The views of a backtest's decisions."""
    market = market or synthetic_market(120)
    selection = Selection.model_validate({"filter": ["history >= 5"], "side": side})
    manager = PortfolioManager(PortfolioSpec(allocator=allocator, selection=selection, top_n=4), market)
    ensemble = Ensemble.static(STRATEGIES, [1.0, 2.0])
    stack = SignalStack.of([each.signals(market) for each in STRATEGIES])
    Witness.seen.clear()
    manager.targets(stack, ensemble, ensemble.rows(None, market.panel.n_bars), np.arange(market.panel.n_bars) % 9 == 8)
    return list(Witness.seen)


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_view_has_the_combined_alphas_of_all_bars_so_far(side: str) -> None:
    views = shown(Witness(), side)
    assert len(views) == 13
    for earlier, later in pairwise(views):
        assert later.alphas.shape == later.market.panel.close.shape
        assert later.alphas[-1].tobytes() == later.alpha.tobytes()
        assert later.alphas[: len(earlier.alphas)].tobytes() == earlier.alphas.tobytes()
    assert np.abs(views[-1].alphas).max() > 0.1
    assert not views[-1].alphas.flags.writeable


def test_alphas_to_come_do_not_change_those_that_were() -> None:
    market = synthetic_market(120)
    panel = market.panel
    close = np.concatenate([panel.close[:90], 3.0 * panel.close[90:] + np.arange(30)[:, np.newaxis]])
    other = Market(replace(panel, open=None, high=None, low=None, close=close), market.index, market.benchmark)
    ours, theirs = (shown(Witness(), market=each) for each in (market, other))
    assert ours[9].alphas.tobytes() == theirs[9].alphas.tobytes()
    assert ours[12].alphas.tobytes() != theirs[12].alphas.tobytes()


def test_an_orchestrator_hands_alphas_on() -> None:
    asked = {"optimizers": ["witness", "equal_weight"], "orchestration_type": "equal", "lookback": 20}
    alone = shown(Witness())
    among = shown(AllocationOrchestrator.model_validate(asked))
    assert [view.alphas.tobytes() for view in among] == [view.alphas.tobytes() for view in alone]


def test_an_orchestrator_uses_alphas_if_any_of_its_allocators_does() -> None:
    def uses_alpha(*optimizers: object) -> bool:
        orchestrator = AllocationOrchestrator.model_validate(
            {"optimizers": list(optimizers), "orchestration_type": "equal"}
        )
        return orchestrator.uses_alpha

    assert not uses_alpha("equal_weight", "min_variance", "mean_variance", "momentum", "cash")
    assert not uses_alpha({"kind": "risk_parity", "tilt": 0})
    assert uses_alpha("equal_weight", "kelly")
    assert uses_alpha("risk_parity")
