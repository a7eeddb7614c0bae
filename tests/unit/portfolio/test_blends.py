"""Blends by hand, and what holds for whatever is proposed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike
from pydantic import ValidationError

from regimefolio.core.errors import MissingDataError, ModelError
from regimefolio.core.types import Allocation, Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Allocator,
    Blend,
    CustomBlend,
    EqualBlend,
    EqualWeight,
    InverseDisagreementBlend,
    InverseVolatility,
    MedianBlend,
    MinVariance,
    OptimizedBlend,
    Proportional,
    Proposals,
    StackedBlend,
)
from regimefolio.portfolio.blends.performing import Decided
from regimefolio.portfolio.mixture import best_mixture
from regimefolio.portfolio.performance import net_returns
from regimefolio.testing import market_of, synthetic_market

NAN = np.nan
ASSETS = 3


class Tilted(Allocator, kind="tilted"):
    """All in one asset, whatever happens; where it has no idea, it says so."""

    asset: int = 0
    silent_below: int = 0

    @property
    def uses_alpha(self) -> bool:
        return False

    def weights(self, view: View) -> Float:
        if view.market.panel.n_bars <= self.silent_below:
            raise ModelError("no idea yet")
        return np.where(np.arange(view.alpha.size) == self.asset, 1.0, 0.0)


def rising(bars: int = 90) -> Market:
    """The first asset earns, the second rests, the third loses; all shake a little."""
    noise = 0.002 * np.random.default_rng(4).standard_normal((bars, ASSETS))
    return market_of(100.0 * np.exp(np.cumsum(np.array([0.002, 0.0, -0.002]) + noise, axis=0)))


def view(market: Market, past: tuple[Allocation, ...] = ()) -> View:
    everything = np.ones(market.panel.n_assets, dtype=bool)
    return View(market, np.zeros(market.panel.n_assets, np.float32), everything, past=past)


def proposed(weights: ArrayLike) -> Proposals:
    table = np.array(weights, dtype=np.float64)
    return Proposals(tuple("abcdefgh"[: len(table)]), (EqualWeight(),) * len(table), table)


def told(market: Market, bar: int, rows: Mapping[str, ArrayLike]) -> Allocation:
    """What some allocators proposed at a bar."""
    unknown = np.full(len(rows), NAN)
    names = ("blend", "seconds", "peak_mb", "resident_mb", "expected_return", "volatility", "concentration")
    measured: dict[str, Any] = dict.fromkeys(names, unknown)
    table = np.array(list(rows.values()), dtype=np.float64)
    weights = np.zeros(market.panel.n_assets)
    return Allocation(market.timestamps[bar], market.symbols, weights, tuple(rows), table, **measured)


def blended(blend: Blend, weights: ArrayLike) -> list[float]:
    return blend.blend(proposed(weights), view(market_of(np.ones((2, np.shape(weights)[1]))))).weights.tolist()


def test_the_median_is_of_each_asset() -> None:
    found = blended(MedianBlend(), [[0.6, 0.1, 0.0], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
    assert found == pytest.approx([0.5, 0.1, 0.4])


def test_medians_that_need_more_than_all_go_towards_the_least_of_each() -> None:
    # Medians (0.5, 0.5, 0.5) and leasts (0, 0, 0): two thirds of the way are left.
    found = blended(MedianBlend(), [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    assert found == pytest.approx([1 / 3] * 3)
    # Medians (0.4, 0.4, 0.4) and leasts (0.2, 0.2, 0.2): (1 − 0.6)/(1.2 − 0.6) of the way.
    found = blended(MedianBlend(), [[0.4, 0.4, 0.2], [0.4, 0.2, 0.4], [0.2, 0.4, 0.4]])
    assert found == pytest.approx([1 / 3] * 3)
    found = blended(MedianBlend(), [[-0.5, 0.5, 0.0], [-0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    assert found == pytest.approx([-1 / 3, 1 / 3, 1 / 3])


def test_custom_parts_are_in_proportion() -> None:
    blend = CustomBlend(weights={"a": 3.0, "b": 1.0, "c": 0.0})
    assert blended(blend, [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]) == [0.75, 0.25]


def test_the_custom_part_of_one_that_failed_goes_to_the_others_in_proportion() -> None:
    blend = CustomBlend(weights={"a": 3.0, "b": 1.0, "gone": 4.0})
    assert blend.blend(proposed(np.eye(2)), view(rising())).parts.tolist() == [0.75, 0.25]


def test_where_only_those_without_a_custom_part_answer_it_is_an_error() -> None:
    blend = CustomBlend(weights={"a": 0.0, "gone": 1.0})
    with pytest.raises(ModelError, match="all allocators with a custom weight failed; a answered, with weight 0"):
        blend.blend(proposed([[1.0, 0.0]]), view(rising()))


def orchestrator(blend: object, *optimizers: object) -> AllocationOrchestrator:
    return AllocationOrchestrator.model_validate(
        {"optimizers": list(optimizers), "orchestration_type": blend, "lookback": 30}
    )


@pytest.mark.parametrize(
    ("weights", "place", "text"),
    [
        ({"hrp": 1.0, "equal_wieght": 1.0}, ("weights", "equal_wieght"), "did you mean 'equal_weight'"),
        ({"hrp": 1.0}, ("weights",), "there is no weight for equal_weight; name each allocator"),
    ],
)
def test_custom_names_must_be_those_of_the_allocators(
    weights: dict[str, float], place: tuple[str, ...], text: str
) -> None:
    with pytest.raises(ValidationError, match=text) as error:
        orchestrator({"kind": "custom", "weights": weights}, "hrp", "equal_weight")
    assert tuple(error.value.errors()[0]["ctx"]["place"]) == ("orchestration_type", *place)


def test_custom_weights_must_not_all_be_zero() -> None:
    with pytest.raises(ValidationError, match="at least one allocator needs a weight above 0"):
        CustomBlend(weights={"a": 0.0})


def test_disagreement_takes_away_by_the_formula() -> None:
    # Means (0.5, 0.5), deviations (0, 0.5), N = 2: 0.5 and 0.5/(1 + 0.5/(0.5 + 0.5)) = 1/3, then scaled to sum to 1.
    found = blended(InverseDisagreementBlend(), [[0.5, 0.0], [0.5, 1.0]])
    assert found == pytest.approx([0.6, 0.4])
    found = blended(InverseDisagreementBlend(), [[0.25, 0.0], [0.25, 0.5]])  # half in cash stays half in cash
    assert sum(found) == pytest.approx(0.5)
    assert blended(InverseDisagreementBlend(), [[0.5, -0.5], [-0.5, 0.5]]) == [0.0, 0.0]


def books(signed: bool) -> st.SearchStrategy[Float]:
    """Proposals (M, N) of gross 1 at most."""

    def scaled(table: Float) -> Float:
        return table / np.maximum(np.abs(table).sum(axis=1, keepdims=True), 1.0)

    shapes = st.tuples(st.integers(1, 6), st.integers(1, 8))
    cells = st.floats(-1.0 if signed else 0.0, 1.0, width=32)
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=cells)).map(scaled)


@given(table=st.booleans().flatmap(books))
@pytest.mark.parametrize("blend", [EqualBlend(), MedianBlend(), InverseDisagreementBlend()])
def test_no_more_is_invested_than_there_is(blend: Blend, table: Float) -> None:
    found = np.array(blended(blend, table))
    assert np.abs(found).sum() <= 1.0 + 1e-12
    if not isinstance(blend, InverseDisagreementBlend):
        assert (found >= table.min(axis=0) - 1e-12).all()
        assert (found <= table.max(axis=0) + 1e-12).all()
    else:
        mean = np.abs(table.mean(axis=0)).sum()
        assert np.abs(found).sum() == pytest.approx(mean, abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 12), periods=st.integers(1, 80), greedy=st.booleans())
def test_hedge_keeps_its_bound_against_any_opponent(seed: int, count: int, periods: int, greedy: bool) -> None:
    rng, blend = np.random.default_rng(seed), StackedBlend(clip=0.05)
    grown, earned = np.zeros((0, count)), 0.0
    for _ in range(periods):
        parts = blend.parts(grown) if len(grown) else np.full(count, 1.0 / count)
        row = rng.uniform(-0.05, 0.05, count)
        if greedy:  # whom it trusts most loses
            row = np.where(np.arange(count) == parts.argmax(), -0.05, 0.05 * rng.choice([-1.0, 1.0], count))
        row -= row.mean()
        grown = np.vstack([grown, row])
        earned += float(parts @ np.clip(row, -0.05, 0.05))
    regret = np.clip(grown, -0.05, 0.05).sum(axis=0).max() - earned
    assert regret <= 0.1 * (np.sqrt(2.0 * periods * np.log(count)) + np.sqrt(np.log(count) / 8.0)) + 1e-12


def test_hedge_is_the_exponential_of_what_was_earned() -> None:
    found = StackedBlend(clip=0.05, eta=10.0).parts(np.array([[0.02, 0.0, -0.02], [0.2, 0.0, -0.2]]))
    earned = np.exp(10.0 * np.array([0.07, 0.0, -0.07]))
    np.testing.assert_allclose(found, earned / earned.sum(), rtol=1e-12)
    found = StackedBlend(clip=0.05).parts(np.array([[0.02, 0.0, -0.02]]))
    eta = np.sqrt(8.0 * np.log(3.0) / 2.0) / 0.1
    assert np.log(found[0] / found[1]) == pytest.approx(0.02 * eta)


ROWS = {"a": [1.0, 0.0, 0.0], "b": [0.0, 1.0, 0.0], "c": [0.0, 0.0, 1.0]}


def test_stacked_goes_by_the_log_returns_of_each_ones_own_account() -> None:
    market = rising()
    past = tuple(told(market, bar, ROWS) for bar in (20, 50))
    found = StackedBlend(cost_bps=0.0, clip=1.0, eta=10.0).blend(proposed(np.eye(3)), view(market, past)).parts
    close = market.panel.close
    earned = np.log(close[-1] / close[21])  # each bought one asset at the bar after the first decision, and kept it
    expected = np.exp(10.0 * (earned - earned.max()))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)


def test_a_period_is_from_one_decision_to_the_next() -> None:
    close = np.ones((9, 2))
    close[5:, 0] = 1.3  # bars 5 and 6 are of the period that the decision at bar 4 begins
    close[6:, 1] = 1.2
    market = market_of(close)
    past = tuple(told(market, bar, {"a": [1.0, 0.0], "b": [0.0, 1.0]}) for bar in (1, 4, 6))
    blend = StackedBlend(cost_bps=0.0, clip=0.01, eta=10.0)
    two = Proposals(("a", "b"), (EqualWeight(),) * 2, np.eye(2))
    parts = blend.blend(two, view(market, past)).parts
    assert np.log(parts[0] / parts[1]) == pytest.approx(10.0 * 0.02)  # a above b once, each cut to 1%


def test_costs_count_for_one_who_trades_all_the_time() -> None:
    market = market_of(np.ones((60, 3)))
    turn = [{"calm": [1.0, 0.0, 0.0], "busy": np.eye(3)[k % 3]} for k in range(10)]
    past = tuple(told(market, 5 * k, rows) for k, rows in enumerate(turn))
    two = Proposals(("calm", "busy"), (EqualWeight(),) * 2, np.eye(3)[:2])
    free = StackedBlend(cost_bps=0.0).blend(two, view(market, past)).parts
    dear = StackedBlend(cost_bps=50.0).blend(two, view(market, past)).parts
    assert free.tolist() == [0.5, 0.5]
    assert dear[0] > 0.5


def test_one_that_is_missing_at_a_date_keeps_its_place_by_date() -> None:
    market = rising()
    whole = [told(market, bar, ROWS) for bar in (20, 40, 60)]
    blend = StackedBlend()
    expected = blend.blend(proposed(np.eye(3)), view(market, tuple(whole))).parts
    # What it holds is what it would have said again: no order is the same as the same order, but for what drifts.
    gone = [whole[0], told(market, 40, {"a": ROWS["a"], "c": ROWS["c"]}), whole[2]]
    failed = [whole[0], told(market, 40, {**ROWS, "b": [NAN] * 3}), whole[2]]
    for past in (gone, failed):
        found = blend.blend(proposed(np.eye(3)), view(market, tuple(past))).parts
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_who_earns_is_trusted_and_who_loses_is_not() -> None:
    market = rising(400)
    past = tuple(told(market, bar, ROWS) for bar in range(20, 390, 10))
    three = Proposals(tuple(ROWS), tuple(Tilted(asset=n) for n in range(3)), np.eye(3))
    for blend in (StackedBlend(), OptimizedBlend(window=200), OptimizedBlend(window=200, method="resampled")):
        parts = blend.blend(three, view(market, past)).parts
        assert parts[0] > 0.9, blend.kind
        assert parts[0] > parts[1] > parts[2] or parts[1] == parts[2] == 0.0, blend.kind


def test_optimized_asks_the_allocators_what_they_would_have_held() -> None:
    market = rising(400)
    three = Proposals(tuple(ROWS), tuple(Tilted(asset=n) for n in range(3)), np.eye(3))
    assert OptimizedBlend(window=200, step=20).blend(three, view(market)).parts[0] > 0.9


def test_optimized_is_the_best_mixture_of_what_each_would_have_earned() -> None:
    market = synthetic_market(200, complete=True)
    panel = market.panel
    allocators = (EqualWeight(), InverseVolatility(lookback=20), MinVariance(lookback=20))
    now = view(market)
    table = np.array([each.weights(now) for each in allocators])
    blend = OptimizedBlend(window=60, step=25, risk_aversion=50.0)
    found = blend.blend(Proposals(("a", "b", "c"), allocators, table), now)
    bars = np.array([99, 124, 149, 174])  # the one before the first at or before 199 − 60
    asked = np.array([[each.weights(view(market.until(bar + 1))) for bar in bars] for each in allocators])
    earned = net_returns(panel, bars, asked, 10.0)[-60:]
    centred = earned - earned.mean(axis=0)
    expected = best_mixture(earned.mean(axis=0), centred.T @ centred / 60, 50.0)
    np.testing.assert_allclose(found.parts, expected, atol=1e-12)


def test_optimized_takes_what_the_run_decided_and_asks_before_it_alone() -> None:
    class Counted(Tilted):
        def weights(self, view: View) -> Float:
            asked.append(view.market.panel.n_bars - 1)
            return super().weights(view)

    asked: list[int] = []
    market = rising(200)
    past = tuple(told(market, bar, {"a": ROWS["a"]}) for bar in (150, 170))
    blend = OptimizedBlend(window=100, step=20)
    blend.blend(Proposals(("a",), (Counted(),), np.eye(3)[:1]), view(market, past))
    assert asked == [70, 90, 110, 130]  # bar 90 rules at 199 − 100, and 70 is the one before
    asked.clear()
    past = tuple(told(market, bar, {"a": ROWS["a"]}) for bar in (70, 90, 150, 170))
    blend.blend(Proposals(("a",), (Counted(),), np.eye(3)[:1]), view(market, past))
    assert asked == []


def test_one_that_fails_when_it_is_asked_is_cash_until_it_answers() -> None:
    market = rising(400)
    two = Proposals(("a", "b"), (Tilted(silent_below=10**6), Tilted(asset=2)), np.eye(3)[:2])
    assert OptimizedBlend(window=200).blend(two, view(market)).parts[0] == pytest.approx(1.0)  # cash, for what falls


def test_resampled_parts_depend_on_the_seed_and_the_bar() -> None:
    market = synthetic_market(300, complete=True)
    allocators = (EqualWeight(), InverseVolatility(lookback=20), MinVariance(lookback=20))

    def parts(seed: int) -> list[float]:
        now = view(market)
        table = np.array([each.weights(now) for each in allocators])
        blend = OptimizedBlend(method="resampled", window=100, step=10, risk_aversion=50.0, seed=seed)
        return blend.blend(Proposals(("a", "b", "c"), allocators, table), now).parts.tolist()

    assert parts(1) == parts(1)
    assert parts(1) != parts(2)


def test_what_is_drawn_again_are_the_whole_periods_between_decisions() -> None:
    change = np.tile(np.random.default_rng(6).normal(0.001, 0.01, (10, ASSETS)), (20, 1))  # ten bars that repeat
    market = market_of(100.0 * np.cumprod(1.0 + change, axis=0))
    past = tuple(told(market, bar, ROWS) for bar in range(19, 199, 10))
    found = [
        OptimizedBlend(method=method, cost_bps=0.0, window=100, resamples=3, risk_aversion=100.0).blend(
            proposed(np.eye(3)), view(market, past)
        )
        for method in ("walk_forward", "resampled")
    ]
    assert (found[0].parts > 0.0).sum() > 1
    np.testing.assert_allclose(found[0].parts, found[1].parts, atol=1e-9)


def test_pasts_are_drawn_at_bars_before_1970_too() -> None:
    market = rising()
    old = Market(replace(market.panel, timestamps=market.timestamps - np.timedelta64(50 * 365, "D")))
    past = tuple(told(old, bar, ROWS) for bar in (20, 40, 60))
    found = OptimizedBlend(method="resampled", window=50).blend(proposed(np.eye(3)), view(old, past))
    assert found.parts.sum() == pytest.approx(1.0)


def test_an_undefined_score_is_worse_than_all_others() -> None:
    earned = np.stack([np.zeros(50), np.random.default_rng(7).normal(-0.01, 0.01, 50)], axis=1)
    cash, loser = OptimizedBlend(score="sharpe", search="cma_es")._scores(earned, 252.0, np.eye(2))
    assert cash < loser < 0.0


def test_optimized_asks_with_the_alphas_that_were_known_then() -> None:
    market = rising(200)
    alphas = np.zeros((200, ASSETS), np.float32)
    alphas[:150, 0] = 1.0  # right up to bar 149, then wrong
    alphas[150:, 2] = 1.0
    alphas.flags.writeable = False
    two = Proposals(("alpha", "rest"), (Proportional(), Tilted(asset=1)), np.eye(3)[[2, 1]])
    now = view(market)._replace(alpha=alphas[-1], alphas=alphas)
    early = view(market.until(150))._replace(alpha=alphas[149], alphas=alphas[:150])
    blend = OptimizedBlend(window=40, step=5)
    assert blend.blend(two, early).parts[0] > 0.9
    assert blend.blend(two, now).parts[0] < 0.1


def test_optimized_cannot_ask_where_the_alphas_of_then_are_not_told() -> None:
    with pytest.raises(MissingDataError, match="optimized asks a at earlier bars, and it looks at alphas"):
        OptimizedBlend(window=40).blend(Proposals(("a",), (Proportional(),), np.eye(3)[:1]), view(rising()))


def asked_at_the_end(blend: OptimizedBlend) -> tuple[Float, Float]:
    """The parts that a blend finds of three optimizers, and what their accounts earned in the window."""
    market = synthetic_market(300, complete=True)
    allocators = (EqualWeight(), InverseVolatility(lookback=20), MinVariance(lookback=20))
    now = view(market)
    table = np.array([each.weights(now) for each in allocators])
    parts = blend.blend(Proposals(("a", "b", "c"), allocators, table), now).parts
    bars = 299 - 25 * np.arange(7, 0, -1)
    asked = np.array([[each.weights(view(market.until(bar + 1))) for bar in bars.tolist()] for each in allocators])
    return parts, net_returns(market.panel, bars, asked, 10.0)[-150:]


@pytest.mark.parametrize("search", ["cma_es", "particle_swarm"])
@pytest.mark.parametrize("score", ["sharpe", "max_drawdown", "mean_variance"])
def test_a_search_finds_what_no_mixture_on_a_grid_betters(search: str, score: str) -> None:
    settings: dict[str, Any] = {"search": search, "score": score, "generations": 60, "risk_aversion": 50.0}
    blend = OptimizedBlend(window=150, step=25, **settings)
    parts, earned = asked_at_the_end(blend)
    grid = np.array([(i, j, 40 - i - j) for i in range(41) for j in range(41 - i)]) / 40.0

    def worth(mixture: Float) -> float:
        mixed = earned @ mixture
        if score == "sharpe":
            return float(mixed.mean() / mixed.std(ddof=1) * np.sqrt(252.0))
        if score == "max_drawdown":
            wealth = np.concatenate([[1.0], np.cumprod(1.0 + mixed)])
            return float((wealth / np.maximum.accumulate(wealth) - 1.0).min())
        return float(mixed.mean() - 25.0 * mixed.var())

    best = max(map(worth, grid))
    assert worth(parts) >= best - 1e-3 * abs(best)


def test_a_solver_knows_mean_and_variance_alone() -> None:
    with pytest.raises(ValidationError, match="no solver knows the best sharpe; use cma_es or particle_swarm"):
        OptimizedBlend(score="sharpe")


def test_a_swarm_without_its_library_is_refused_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymoo", None)
    with pytest.raises(ValidationError, match="a particle swarm needs pymoo") as error:
        orchestrator({"kind": "optimized", "search": "particle_swarm"}, "hrp")
    assert tuple(error.value.errors()[0]["ctx"]["place"]) == ("orchestration_type", "search")


def test_one_that_must_wait_is_not_asked_before() -> None:
    class Late(Tilted):
        @property
        def warmup(self) -> int:
            return 120

        def weights(self, view: View) -> Float:
            asked.append(view.market.panel.n_bars - 1)
            return super().weights(view)

    asked: list[int] = []
    OptimizedBlend(window=100, step=20).blend(Proposals(("a",), (Late(),), np.eye(3)[:1]), view(rising(200)))
    assert asked == [139, 159, 179]


def test_the_warmup_of_optimized_comes_after_that_of_the_allocators() -> None:
    assert orchestrator({"kind": "optimized", "window": 100, "step": 20}, "hrp").warmup == 170
    assert orchestrator("stacked", "hrp").warmup == 30


@pytest.mark.parametrize("kind", ["stacked", "optimized"])
def test_an_orchestrator_inside_another_cannot_look_at_a_past_that_is_not_kept(kind: str) -> None:
    inner = {"kind": "orchestrator", "optimizers": ["hrp"], "orchestration_type": kind, "name": "inner"}
    with pytest.raises(ValidationError, match=f"{kind} looks at what each allocator gave before, which is not kept"):
        orchestrator("equal", "hrp", inner)


def test_what_is_sold_short_earns_the_other_way_round() -> None:
    market = rising(400)
    past = tuple(told(market, bar, ROWS) for bar in range(20, 390, 10))
    now = view(market, past)._replace(side=-1)
    parts = StackedBlend().blend(proposed(np.eye(3)), now).parts
    assert parts[2] > 0.9


def test_members_without_a_bar_keep_their_place_in_an_account() -> None:
    market = rising()
    close = np.array(market.panel.close)
    close[40, 1] = NAN
    holed = Market(replace(market.panel, close=close))
    past = tuple(told(holed, bar, {"b": [0.0, 1.0, 0.0] if bar == 20 else [0.0] * 3}) for bar in (20, 40))
    alone = Proposals(("b",), (EqualWeight(),), np.eye(3)[1:2])
    blend = StackedBlend(cost_bps=0.0)
    earned = blend.earned(Decided.in_the_past(("b",), view(holed, past)), view(holed))
    assert earned[-1, 0] == pytest.approx(close[-1, 1] / close[-2, 1] - 1.0)  # it was not sold at bar 41
    assert blend.blend(alone, view(holed, past)).parts.tolist() == [1.0]
