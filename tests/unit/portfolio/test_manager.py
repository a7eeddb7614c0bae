"""From signals to target weights: what decides, and what is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import ConfigError, InfeasibleError, ModelError
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, ConflictCount, Ensemble, PortfolioManager, PortfolioSpec, SignalStack
from regimefolio.strategies import MomentumRank
from regimefolio.testing import synthetic_market
from tests.scripted import Scripted, Second, regimes, written

FLAT = written(np.ones((12, 3)))
"""Monday 2 January to Tuesday 17 January 2023."""


def manager(market: Market = FLAT, **portfolio: object) -> PortfolioManager:
    return PortfolioManager(PortfolioSpec.model_validate(portfolio), market)


def one_bar(
    *alphas: list[float], weights: list[float] | None = None, market: Market = FLAT, **portfolio: object
) -> list[float]:
    """Target weights at one bar, of one strategy or two with these alphas; confidence is |alpha|."""
    kinds = [Scripted(alpha=(tuple(alphas[0]),)), *(Second(alpha=(tuple(alpha),)) for alpha in alphas[1:])]
    made = manager(market, **portfolio)
    ensemble = Ensemble.static(kinds, weights or [1.0] * len(kinds))
    bars = market.panel.n_bars
    stack = SignalStack.of([strategy.signals(market) for strategy in kinds])
    decide = np.arange(bars) == 1
    targets = made.targets(stack, ensemble, ensemble.rows(None, bars), decide)
    assert np.isnan(targets[~decide]).all()
    found: list[float] = targets[1].tolist()
    return found


# When


def test_weekly_decides_on_fridays_and_at_both_ends() -> None:
    decides = manager(rebalance="weekly").decisions(None, 1)
    assert np.flatnonzero(decides).tolist() == [0, 4, 9, 11]


def test_nothing_is_decided_before_the_bar_before_the_start() -> None:
    assert np.flatnonzero(manager(rebalance="weekly").decisions(None, 7)).tolist() == [6, 9, 11]
    assert np.flatnonzero(manager(rebalance="daily").decisions(None, 7)).tolist() == [6, 7, 8, 9, 10, 11]
    assert np.flatnonzero(manager(rebalance={"every": 5}).decisions(None, 4)).tolist() == [3, 5, 10, 11]
    assert np.flatnonzero(manager(rebalance="monthly").decisions(None, 2)).tolist() == [1, 11]


def test_a_change_of_regime_decides_at_its_own_bar() -> None:
    path = regimes(FLAT, ("calm", "turbulent"), [-1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert np.flatnonzero(manager(rebalance="monthly").decisions(path, 1)).tolist() == [0, 3, 6, 10, 11]
    assert np.flatnonzero(manager(rebalance="monthly").decisions(path, 5)).tolist() == [4, 6, 10, 11]


def test_asking_twice_gives_the_same_decisions() -> None:
    made = manager(rebalance="weekly")
    path = regimes(FLAT, ("calm", "turbulent"), [0, 1] * 6)
    before = made.decisions(None, 1).tolist()
    assert made.decisions(path, 1).all()
    assert made.decisions(None, 1).tolist() == before


# What


def test_proportional_weights() -> None:
    assert one_bar([0.5, 0.25, -0.5]) == [2 / 3, 1 / 3, 0.0]
    assert one_bar([-0.5, -0.25, 0.0]) == [0.0, 0.0, 0.0]


def test_equal_weight_ignores_alpha() -> None:
    assert one_bar([-0.5, 0.0, 1.0], allocator="equal_weight") == [1 / 3, 1 / 3, 1 / 3]


def test_two_strategies_weighted() -> None:
    # 0.75 · (0.5, 0, 0) + 0.25 · (0, 1, 0) = (0.375, 0.25, 0)
    found = one_bar([0.5, 0.0, 0.0], [0.0, 1.0, 0.0], weights=[3, 1])
    assert found == pytest.approx([0.6, 0.4, 0.0], rel=1e-15)


def test_two_strategies_weighted_by_confidence() -> None:
    # Σ w·c·alpha / Σ w·c with c = |alpha|: A = 0.5 alone; B = 1 alone; C = (0.25 − 0.0625)/(0.5 + 0.25) = 0.25
    found = one_bar([0.5, 0.0, 0.5], [0.0, 1.0, -0.25], weights=[1, 1], combination_method="confidence_weighted")
    assert found == pytest.approx([0.5 / 1.75, 1.0 / 1.75, 0.25 / 1.75], rel=1e-7)


def test_the_best_are_kept_with_their_ties() -> None:
    assert one_bar([0.5, 0.25, 0.125], top_n=1) == [1.0, 0.0, 0.0]
    assert one_bar([0.5, 0.5, 0.125], top_n=1) == [0.5, 0.5, 0.0]
    assert one_bar([0.5, 0.25, 0.125], top_n=2, allocator="equal_weight") == [0.5, 0.5, 0.0]


def test_the_best_of_both_sides_are_kept_where_shorts_are_allowed() -> None:
    both = {"kind": "proportional", "long_short": True}
    assert one_bar([0.5, -0.75, 0.25], top_n=2, allocator=both) == pytest.approx([0.4, -0.6, 0.0], rel=1e-15)


def test_limits_hold_together_and_the_rest_is_cash() -> None:
    assert one_bar([0.5, 0.25, 0.25], constraints={"max_position": 0.3}) == [0.3, 0.25, 0.25]
    assert one_bar([0.5, 0.25, 0.25], constraints={"max_gross": 0.5}) == [0.25, 0.125, 0.125]
    sectors = written(np.ones((3, 3)), sectors=("Z", "Y", "Z"))
    found = one_bar([0.5, 0.25, 0.25], market=sectors, constraints={"max_sector": 0.6})
    assert found == pytest.approx([0.4, 0.25, 0.2], rel=1e-15)
    found = one_bar([0.5, 0.25, 0.25], market=sectors, constraints={"max_sector": 0.6, "max_position": 0.3})
    assert found == pytest.approx([0.3, 0.25, 0.25], rel=1e-15)


def test_a_member_without_a_bar_has_no_order_and_a_stranger_gets_nothing() -> None:
    market = written([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(one_bar([0.5, 0.25, 0.5], market=market), [0.5, np.nan, 0.5])
    member = np.array([[True, True, True], [False, True, True], [True, True, True]])
    outside = Market(replace(market.panel, close=np.ones((3, 3)), member=member))
    assert one_bar([0.5, 0.25, 0.75], market=outside) == [0.0, 0.25, 0.75]


def test_a_strategy_of_weight_zero_is_as_if_it_were_not_there() -> None:
    for method in ("weighted", "confidence_weighted", "rank_average", "best_strategy"):
        alone = one_bar([0.1, 0.7, 0.3], combination_method=method)
        assert one_bar([0.1, 0.7, 0.3], [0.9, -0.9, 0.9], weights=[1, 0], combination_method=method) == alone


def test_the_row_of_the_regime_rules() -> None:
    strategies = [Scripted(alpha=((1.0, 0.0, 0.0),)), Second(alpha=((0.0, 1.0, 0.0),))]
    ensemble = Ensemble(tuple(strategies), np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32), ("calm", "turbulent"))
    ensemble.weights.flags.writeable = False
    path = regimes(FLAT, ("calm", "turbulent"), [-1] * 4 + [0] * 4 + [1] * 4)
    stack = SignalStack.of([strategy.signals(FLAT) for strategy in strategies])
    targets = manager().targets(stack, ensemble, ensemble.rows(path, 12), np.ones(12, np.bool_))
    assert targets[3].tolist() == [1.0, 0.0, 0.0]
    assert targets[4].tolist() == [0.0, 1.0, 0.0]
    assert targets[8].tolist() == [0.5, 0.5, 0.0]


# Longs and shorts


LONG_SHORT = {"kind": "proportional", "long_short": True}


def test_long_and_short_in_proportion() -> None:
    assert one_bar([0.5, 0.25, -0.25], allocator=LONG_SHORT) == [0.5, 0.25, -0.25]
    found = one_bar([1.0, 0.25, -0.25], allocator=LONG_SHORT, constraints={"max_gross": 0.5, "min_positions": 2})
    assert found == pytest.approx([0.25, 1 / 12, -1 / 12])  # half of the gross at most, where 2/3 were wished


def test_net_limits_make_130_30_and_a_neutral_book() -> None:
    book = {"max_gross": 1.6, "min_net": 1.0, "max_net": 1.0}
    assert one_bar([0.5, 0.25, -0.25], allocator=LONG_SHORT, constraints=book) == pytest.approx(
        [13 / 15, 6.5 / 15, -0.3]
    )
    neutral = one_bar([0.5, 0.25, -0.25], allocator=LONG_SHORT, constraints={"min_net": 0, "max_net": 0})
    assert neutral == pytest.approx([0.25, 0.125, -0.375])


def test_cash_is_never_overdrawn_by_shorts() -> None:
    """A net above 1 would be borrowed: more gross needs more shorts."""
    assert one_bar([0.5, 0.25, 0.25], allocator=LONG_SHORT, constraints={"max_gross": 2.0}) == [0.5, 0.25, 0.25]
    found = one_bar([0.5, 0.5, -0.25], allocator=LONG_SHORT, constraints={"max_gross": 2.0})
    assert sum(found) == pytest.approx(1.0)
    assert sum(map(abs, found)) <= 2.0


def test_a_net_that_no_sign_allows_is_approached() -> None:
    assert one_bar([-0.5, -0.25, -0.25], allocator=LONG_SHORT, constraints={"min_net": 0.2}) == [0.0, 0.0, 0.0]


def test_risk_parity_sizes_by_volatility() -> None:
    close = np.array([[100.0, 100.0, 100.0], [101.0, 102.0, 100.0], [100.0, 100.0, 100.0], [101.0, 102.0, 100.0]])
    market = written(close)
    risk = market.volatility(2)[2]
    found = manager(market, allocator={"kind": "risk_parity", "lookback": 2}).allocate_capital(
        {"A": 0.0, "B": 0.5}, 1.0
    )
    last = market.volatility(2)[3]
    wish = np.array([1.0 / last[0], 1.5 / last[1]])
    assert list(found.values()) == pytest.approx([*(wish / wish.sum()), 0.0], rel=1e-14)
    assert risk[2] == 0.0


# Allocators of one's own


class Squared(Allocator, kind="squared"):
    """Alpha squared, and half of the equity in cash; keeps what it is shown."""

    seen: ClassVar[list[View]] = []

    def weights(self, view: View) -> Float:
        self.seen.append(view)
        size = np.where(view.tradable, np.maximum(view.alpha.astype(np.float64), 0.0) ** 2, 0.0)
        return 0.5 * size / size.sum() if size.any() else size


class Given(Allocator, kind="given"):
    """Returns what it is told."""

    answer: tuple[float, ...]

    def weights(self, view: View) -> Float:
        if not self.answer:
            raise ZeroDivisionError("no answer")
        return np.array(self.answer)


def test_an_allocator_of_ones_own_is_asked_with_a_view_that_ends_there() -> None:
    Squared.seen.clear()
    strategy = Scripted(alpha=((0.0, 0.0, 0.0), (0.6, 0.2, -0.4), (0.1, 0.2, 0.4)))
    made = manager(allocator=Squared(), rebalance={"every": 2})
    ensemble = Ensemble.static([strategy], [1.0])
    decide = np.arange(12) % 2 == 1
    targets = made.targets(SignalStack.of([strategy.signals(FLAT)]), ensemble, ensemble.rows(None, 12), decide)
    assert targets[1] == pytest.approx([0.45, 0.05, 0.0], rel=1e-6)
    assert np.isnan(targets[~decide]).all()
    assert [view.market.panel.n_bars for view in Squared.seen] == [2, 4, 6, 8, 10, 12]
    assert Squared.seen[0].alpha.tolist() == np.array([0.6, 0.2, -0.4], np.float32).tolist()
    for view in Squared.seen:
        assert not view.alpha.flags.writeable
        assert not view.tradable.flags.writeable


def test_ranking_and_limits_hold_for_an_allocator_of_ones_own() -> None:
    found = one_bar([0.6, 0.6, 0.3], allocator=Squared(), top_n=2, constraints={"max_position": 0.2})
    assert found == [0.2, 0.2, 0.0]
    assert one_bar([0.6, 0.6, 0.3], allocator=Squared(), top_n=2, constraints={"max_gross": 0.5}) == [0.125, 0.125, 0.0]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((0.5, 0.5), ModelError, r"allocator given at 2023-01-03: weights must have shape \(3,\), but have \(2,\)"),
        (
            (0.5, float("inf"), 0.0),
            ModelError,
            "allocator given at 2023-01-03: the weight of B is inf; it must be finite",
        ),
        ((0.0, 0.0, 0.1), ModelError, "the weight of C is 0.1; it must be finite, and 0 where view.tradable is False"),
        ((), ZeroDivisionError, "no answer"),
    ],
)
def test_an_answer_that_is_none(answer: tuple[float, ...], error: type[Exception], message: str) -> None:
    market = written([[1.0, 1.0, 1.0], [1.0, 1.0, np.nan], [1.0, 1.0, 1.0]])
    with pytest.raises(error, match=message) as caught:
        one_bar([0.1, 0.2, 0.3], market=market, allocator=Given.model_construct(answer=answer))
    if error is ZeroDivisionError:
        assert caught.value.__notes__ == ["in allocator given at 2023-01-03"]


# Capital


def test_capital_is_allocated_at_the_last_bar() -> None:
    market = written([[1.0, 1.0, 1.0], [1.0, 1.0, np.nan]])
    made = manager(market, constraints={"max_position": 0.6})
    assert made.allocate_capital({"A": 0.9, "B": 0.1, "C": 0.5}, 2000.0) == pytest.approx({"A": 1200, "B": 200, "C": 0})
    assert made.allocate_capital({"A": -0.9}, 2000.0) == {"A": 0.0, "B": 0.0, "C": 0.0}
    short = manager(market, allocator=LONG_SHORT)
    assert short.allocate_capital({"A": 0.75, "B": -0.25}, 100.0) == {"A": 75.0, "B": -25.0, "C": 0.0}


def test_capital_is_what_a_backtest_would_hold() -> None:
    market = synthetic_market(300)
    made = manager(market, allocator="risk_parity", top_n=5, constraints={"max_position": 0.15, "max_gross": 0.9})
    strategy = MomentumRank(lookback=60)
    signals, ensemble = strategy.signals(market), Ensemble.static([strategy], [1.0])
    everywhere = np.ones(300, np.bool_)
    targets = made.targets(SignalStack.of([signals]), ensemble, ensemble.rows(None, 300), everywhere)
    alphas = dict(zip(market.symbols, signals.alpha[-1].tolist(), strict=True))
    held = np.array(list(made.allocate_capital(alphas, 1e6).values()))
    assert held == pytest.approx(1e6 * np.nan_to_num(targets[-1]), rel=1e-12)
    assert held.any()


@pytest.mark.parametrize(
    ("alphas", "capital", "message"),
    [
        ({"a": 0.5}, 1.0, "alphas: unknown symbol 'a'; known: A, B, C"),
        ({"A": 1.5}, 1.0, "alphas: that of A must lie in -1 … 1, but is 1.5"),
        ({"A": float("nan")}, 1.0, "but is nan"),
        ({"A": 0.5}, 0.0, "total_capital must be an amount of money above 0, but is 0.0"),
        ({"A": 0.5}, float("inf"), "total_capital must be an amount of money above 0"),
    ],
)
def test_capital_that_cannot_be_allocated(alphas: dict[str, float], capital: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        manager().allocate_capital(alphas, capital)


# Conflicts


def test_conflicts_are_counted_where_it_is_decided() -> None:
    """A: opposed at all bars; B: agreed; C: one opinion, and no bar at 3. Third has no weight."""
    close = np.ones((12, 3))
    close[3, 2] = np.nan
    market = written(close)
    strategies = [
        Scripted(alpha=((0.5, 0.5, 0.0), (0.5, 0.5, 0.5))),
        Second(alpha=((-0.5, 0.5, 0.0), (-0.5, 0.5, 0.0), (-0.5, 0.5, -0.5))),
        MomentumRank(),
    ]
    ensemble = Ensemble.static(strategies, [1, 1, 0])
    opposed = np.full((12, 3), -1.0, np.float32)
    stack = SignalStack.joined(
        [*(strategy.signals(market).alpha for strategy in strategies[:2]), opposed],
        [*(strategy.signals(market).confidence for strategy in strategies[:2]), -opposed],
    )
    decide = np.isin(np.arange(12), [0, 1, 2, 3])
    found = manager(market).conflicts(stack, ensemble, ensemble.rows(None, 12), decide)
    # A at 0, 1, 2, 3; B never; C at 2 alone, since at 0 and 1 it has less than two opinions and at 3 no bar
    assert (found.conflicts, found.of, found.share) == (5, 9, 5 / 9)
    assert found.by_asset == (
        ConflictCount(("A",), 4, 4, 1.0),
        ConflictCount(("C",), 1, 1, 1.0),
        ConflictCount(("B",), 0, 4, 0.0),
    )
    assert found.by_pair[0] == ConflictCount(("scripted", "scripted_second"), 5, 9, 5 / 9)
    assert [(each.names, each.of) for each in found.by_pair[1:]] == [
        (("scripted", "momentum_rank"), 0),
        (("scripted_second", "momentum_rank"), 0),
    ]
    assert np.isnan(found.by_pair[1].share)


@pytest.mark.parametrize(
    ("on_conflict", "expected"), [("net", [0.6, 0.4]), ("flat", [0.0, 1.0]), ("best", [0.75, 0.25])]
)
def test_what_becomes_of_a_conflict(on_conflict: str, expected: list[float]) -> None:
    # A: 0.75 · 0.5 − 0.25 · 0.5 = 0.25 netted, 0.75 · 0.5 = 0.375 for the best; B: 0.75 · 0 + 0.25 · 2/3 or 1/2
    second = [-0.5, 2 / 3, 0.0] if on_conflict == "net" else [-0.5, 0.5, 0.0]
    found = one_bar([0.5, 0.0, 0.0], second, weights=[3, 1], on_conflict=on_conflict)
    assert found == pytest.approx([*expected, 0.0], rel=1e-6)


# Mistakes


def test_a_sector_limit_needs_sectors() -> None:
    with pytest.raises(ConfigError, match="max_sector needs data with sectors, and this data names none"):
        manager(constraints={"max_sector": 0.5})


@pytest.mark.parametrize(
    "portfolio",
    [
        {"constraints": {"max_position": 0}},
        {"constraints": {"max_gross": 1.5}},
        {"constraints": {"max_sector": -1}},
        {"top_n": 0},
        {"combination_method": "average"},
        {"rebalance": "hourly"},
        {"rebalance": {"every": 0}},
        {"allocator": "proportionl"},
        {"leverage": 2},
        {"on_conflict": "ignore"},
        {"constraints": {"min_positions": 0}},
        {"constraints": {"max_net": 1.1}},
        {"allocator": LONG_SHORT, "constraints": {"max_gross": 2.5}},
        {"allocator": {"kind": "risk_parity", "tilt": 2}},
    ],
)
def test_what_a_portfolio_cannot_be(portfolio: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PortfolioSpec.model_validate(portfolio)


@pytest.mark.parametrize(
    ("portfolio", "message"),
    [
        ({"constraints": {"min_net": 0.5, "max_net": 0.2}}, "min_net 0.5 is above max_net 0.2"),
        ({"constraints": {"min_net": 0.9, "max_gross": 0.8}}, "min_net 0.9 is above max_gross 0.8"),
        (
            {"allocator": LONG_SHORT, "constraints": {"max_net": -0.9, "max_gross": 0.8}},
            "max_net -0.9 asks for more shorts than max_gross 0.8 allows; raise max_net to -0.8",
        ),
        (
            {"constraints": {"max_net": -0.1}},
            "max_net -0.1 leaves nothing to hold without shorts, and proportional is long-only",
        ),
        (
            {"constraints": {"min_net": 0, "max_net": 0}, "allocator": "equal_weight"},
            "max_net 0 leaves nothing to hold without shorts, and equal_weight is long-only",
        ),
        ({"constraints": {"max_gross": 1.2}}, "max_gross 1.2 would overdraw cash without shorts, and proportional is"),
        ({"top_n": 3, "constraints": {"min_positions": 5}}, "top_n 3 keeps fewer assets than min_positions 5"),
    ],
)
def test_limits_that_contradict_each_other_are_named(portfolio: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PortfolioSpec.model_validate(portfolio)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"min_positions": 4}, "min_positions 4 is more than the 3 assets of this data; lower it"),
        (
            {"min_net": 0.9, "max_position": 0.2},
            "min_net 0.9 is out of reach: with max_position 0.2 the 3 assets of this data reach 0.6 at most",
        ),
        (
            {"max_net": -0.7, "max_sector": 0.3, "max_position": 0.5},
            "max_net -0.7 is out of reach: with max_position 0.5 and max_sector 0.3 the 3 assets of this data",
        ),
    ],
)
def test_limits_that_this_data_cannot_keep_are_named(constraints: dict[str, float], message: str) -> None:
    market = written(np.ones((3, 3)), sectors=("X", "Y", "Y"))
    with pytest.raises(InfeasibleError, match=message) as caught:
        manager(market, allocator=LONG_SHORT, constraints=constraints)
    assert caught.value.place[:2] == ("portfolio", "constraints")


def test_a_portfolio_is_written_as_it_is_read() -> None:
    spec = PortfolioSpec.model_validate(
        {"allocator": "equal_weight", "rebalance": {"every": 5}, "constraints": {"max_position": 0.2}, "top_n": 3}
    )
    assert PortfolioSpec.model_validate(spec.plain()) == spec
