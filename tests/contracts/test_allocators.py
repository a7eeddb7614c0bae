"""Every allocator of ours keeps the public contract; and the contract bites."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from regimefolio.core.component import registered
from regimefolio.core.types import Float
from regimefolio.kernels.weights import PROPORTIONAL
from regimefolio.market.view import View
from regimefolio.portfolio import Allocator, EqualWeight, Proportional
from regimefolio.testing.allocators import AllocatorContract


class TestProportional(AllocatorContract):
    allocator = Proportional()


class TestEqualWeight(AllocatorContract):
    allocator = EqualWeight()


def test_every_allocator_of_ours_is_under_contract() -> None:
    ours = {kind for kind, part in registered("allocator").items() if part.__module__.startswith("regimefolio.")}
    assert ours == {suite.allocator.kind for suite in (TestProportional, TestEqualWeight)}


class Suspect(Allocator):
    """An allocator that does what its maker tells it."""

    code: ClassVar[int] = PROPORTIONAL
    _make: Callable[[View], Float]

    def weights(self, view: View) -> Float:
        return self._make(view)


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


def verdicts(make: Callable[[View], Float]) -> set[str]:
    """The contract's tests that an allocator fails."""
    suspect = Suspect()
    suspect._make = make
    suite = type("Suite", (AllocatorContract,), {"allocator": suspect})()
    failed = set()
    for name in dir(suite):
        if name.startswith("test_") and "description" not in name:
            try:
                getattr(suite, name)()
            except AssertionError:
                failed.add(name.removeprefix("test_"))
    return failed


def test_an_honest_allocator_fails_nothing() -> None:
    assert verdicts(honest) == set()


@pytest.mark.parametrize(
    ("make", "failed"),
    [
        (too_much, "weights_sum_to_one_at_most"),
        (untradable, "what_cannot_be_traded_has_no_weight"),
        (divided_by_zero, "weights_are_finite_fractions_of_equity"),
        (first_symbol, "the_order_of_symbols_changes_nothing"),
        (silent, "something_is_bought_somewhere"),
        (almost, "one_bar_and_the_whole_history_agree_to_the_bit"),
        (meddling, "the_view_is_left_as_it_is"),
        (moody, "equal_views_give_equal_weights"),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[View], Float], failed: str) -> None:
    assert failed in verdicts(make)
