"""Every allocator of ours keeps the public contract; and the contract bites."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.component import registered
from regimefolio.core.types import Float, read_only
from regimefolio.kernels.weights import PROPORTIONAL, RISK_PARITY
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    Allocator,
    CompiledAllocator,
    EqualRiskContribution,
    EqualWeight,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    MinVariance,
    Proportional,
    RiskParity,
)
from regimefolio.portfolio.allocators import Rule
from regimefolio.testing.allocators import AllocatorContract
from tests.contracts.biting import failures


class TestProportional(AllocatorContract):
    allocator = Proportional()


class TestLongShort(AllocatorContract):
    allocator = Proportional(long_short=True)


class TestEqualWeight(AllocatorContract):
    allocator = EqualWeight()
    scale_free = True


class TestRiskParity(AllocatorContract):
    allocator = RiskParity(lookback=20)


class TestInverseVolatility(AllocatorContract):
    allocator = InverseVolatility(lookback=20)
    scale_free = True


class TestEqualRiskContribution(AllocatorContract):
    allocator = EqualRiskContribution(lookback=10)
    stride = 7
    scale_free = True


class TestMinVariance(AllocatorContract):
    allocator = MinVariance(lookback=10)  # fewer returns than assets
    stride = 14
    scale_free = True


class TestMeanVariance(AllocatorContract):
    allocator = MeanVariance(lookback=40)
    stride = 14


class TestMaxSharpe(AllocatorContract):
    allocator = MeanVariance(lookback=40, objective="max_sharpe")
    stride = 14
    scale_free = True


class TestHierarchicalRiskParity(AllocatorContract):
    allocator = HierarchicalRiskParity(lookback=10)  # fewer returns than assets
    stride = 14
    scale_free = True


def test_every_allocator_of_ours_is_under_contract() -> None:
    for file in Path(__file__).parent.glob("test_*.py"):
        import_module(f"tests.contracts.{file.stem}")
    ours = {kind for kind, part in registered("allocator").items() if part.__module__.startswith("regimefolio.")}
    assert ours == {suite.allocator.kind for suite in AllocatorContract.__subclasses__()}


class Suspect(Allocator):
    """An allocator that does what its maker tells it."""

    _make: Callable[[View], Float]

    @property
    def long_only(self) -> bool:
        return True

    def weights(self, view: View) -> Float:
        return self._make(view)


class Compiled(Suspect, CompiledAllocator):
    """One whose history is compiled, and whose form at one bar need not be the same."""

    @property
    def rule(self) -> Rule:
        return Rule(PROPORTIONAL)


class Ahead(Rule):
    """A rule that knows the volatility of the bar to come."""

    def risk(self, market: Market) -> Float:
        return read_only(np.roll(super().risk(market), -1, axis=0))


class Foresight(Suspect, CompiledAllocator):
    @property
    def rule(self) -> Rule:
        return Ahead(RISK_PARITY, 1.0, 20)


def honest(view: View) -> Float:
    return Proportional().weights(view)


def too_much(view: View) -> Float:
    return 1.5 * honest(view)


def untradable(view: View) -> Float:
    return Proportional().weights(view._replace(tradable=np.ones_like(view.tradable)))


def divided_by_zero(view: View) -> Float:
    positive = np.where(view.tradable, np.maximum(view.alpha, 0.0), 0.0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return positive / positive.sum()


def first_symbol(view: View) -> Float:
    return honest(view) * np.where(np.arange(view.alpha.size) == 0, 0.5, 1.0)


def silent(view: View) -> Float:
    return np.zeros(view.alpha.size)


def almost(view: View) -> Float:
    return honest(view) * (1.0 - 1e-15)


def meddling(view: View) -> Float:
    view.tradable.flags.writeable = True
    view.tradable[0] = not view.tradable[0]
    return honest(view)


CALLS = iter(range(10**6))


def moody(view: View) -> Float:
    return honest(view) / (1.0 + next(CALLS))


LAST: list[Float] = [np.zeros(12)]


def sticky(view: View) -> Float:
    LAST.append(0.5 * honest(view) + 0.25 * np.resize(LAST[-1], view.alpha.size) * view.tradable)
    return LAST[-1]


def short(view: View) -> Float:
    return -honest(view)


def cheap(view: View) -> Float:
    price = view.market.panel.close[-1]
    return honest(view) * np.where(price < 100.0, 1.0, 0.5)


def verdicts(make: Callable[[View], Float], kind: type[Suspect] = Suspect) -> set[str]:
    """The contract's tests that an allocator fails."""
    suspect = kind()
    suspect._make = make
    return failures(AllocatorContract, allocator=suspect)


@pytest.mark.parametrize("kind", [Suspect, Compiled])
def test_an_honest_allocator_fails_nothing(kind: type[Suspect]) -> None:
    assert verdicts(honest, kind) == set()


def test_a_compiled_rule_must_be_the_one_at_one_bar() -> None:
    assert verdicts(almost, Compiled) == {"one_bar_and_the_whole_history_agree_to_the_bit"}


def test_a_rule_that_sees_the_future_is_found() -> None:
    assert "the_past_does_not_know_the_future" in verdicts(RiskParity(lookback=20).weights, Foresight)


@pytest.mark.parametrize(
    ("make", "failed"),
    [
        (too_much, "weights_sum_to_one_at_most"),
        (untradable, "what_cannot_be_traded_has_no_weight"),
        (divided_by_zero, "weights_are_finite_fractions_of_equity"),
        (first_symbol, "the_order_of_symbols_changes_nothing"),
        (silent, "something_is_bought_somewhere"),
        (short, "long_only_has_no_shorts"),
        (cheap, "the_unit_of_prices_changes_nothing"),
        (sticky, "the_order_of_the_questions_changes_nothing"),
        (meddling, "the_view_is_left_as_it_is"),
        (moody, "equal_views_give_equal_weights"),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[View], Float], failed: str) -> None:
    assert failed in verdicts(make)
