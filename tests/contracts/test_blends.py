"""Every blend of ours keeps the public contract; and the contract bites."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.component import registered
from regimefolio.market.view import View
from regimefolio.portfolio import (
    Blend,
    Blended,
    CustomBlend,
    EqualBlend,
    InverseDisagreementBlend,
    MedianBlend,
    OptimizedBlend,
    Proposals,
    StackedBlend,
)
from regimefolio.testing import BlendContract
from tests.contracts.biting import failures


class TestEqual(BlendContract):
    blend = EqualBlend()


class TestMedian(BlendContract):
    blend = MedianBlend()


class TestCustom(BlendContract):
    blend = CustomBlend(weights={"equal_weight": 2.0, "inverse_volatility": 1.0, "min_variance": 0.0})


class TestInverseDisagreement(BlendContract):
    blend = InverseDisagreementBlend()
    by_asset = False


class TestStacked(BlendContract):
    blend = StackedBlend(eta=20.0)


class TestOptimized(BlendContract):
    blend = OptimizedBlend(window=30, step=10)


class TestResampled(BlendContract):
    blend = OptimizedBlend(method="resampled", window=30, step=10, resamples=5)


class TestSearched(BlendContract):
    blend = OptimizedBlend(score="sortino", search="cma_es", generations=3, window=30, step=10)


def test_every_blend_of_ours_is_under_contract() -> None:
    for file in Path(__file__).parent.glob("test_*.py"):
        import_module(f"tests.contracts.{file.stem}")
    ours = {kind for kind, part in registered("blend").items() if part.__module__.startswith("regimefolio.")}
    assert ours == {suite.blend.kind for suite in BlendContract.__subclasses__() if suite.blend.kind}


Rule = Callable[[Proposals, View], Blended]


class Suspect(Blend):
    """A blend that does what its maker tells it."""

    _make: Rule

    def blend(self, proposals: Proposals, view: View) -> Blended:
        return self._make(proposals, view)


def honest(proposals: Proposals, view: View) -> Blended:
    return Blended.equally(proposals)


def too_much(proposals: Proposals, view: View) -> Blended:
    return Blended(1.5 * honest(proposals, view).weights, np.full(len(proposals.names), np.nan))


def untradable(proposals: Proposals, view: View) -> Blended:
    return Blended(np.full(view.alpha.size, 0.01), np.full(len(proposals.names), np.nan))


def short(proposals: Proposals, view: View) -> Blended:
    return Blended(-honest(proposals, view).weights, np.full(len(proposals.names), np.nan))


def mistold(proposals: Proposals, view: View) -> Blended:
    return honest(proposals, view)._replace(parts=np.eye(len(proposals.names))[0])


def first(proposals: Proposals, view: View) -> Blended:
    return Blended.of(np.eye(len(proposals.names))[0], proposals)


def half(proposals: Proposals, view: View) -> Blended:
    return Blended(0.5 * proposals.weights.mean(axis=0), np.full(len(proposals.names), np.nan))


CALLS = iter(range(10**6))


def moody(proposals: Proposals, view: View) -> Blended:
    at = next(CALLS) % len(proposals.names)
    return Blended.of(np.eye(len(proposals.names))[at], proposals)


def meddling(proposals: Proposals, view: View) -> Blended:
    proposals.weights[0] *= 0.9
    return honest(proposals, view)


LAST = [np.zeros(12)]


def sticky(proposals: Proposals, view: View) -> Blended:
    LAST.append(0.5 * honest(proposals, view).weights + 0.25 * LAST[-1] * view.tradable)
    return Blended(LAST[-1], np.full(len(proposals.names), np.nan))


KNOWN: dict[int, float] = {}


def prophetic(proposals: Proposals, view: View) -> Blended:
    """It remembers what it saw of later bars."""
    closes = view.market.panel.close
    KNOWN[len(closes)] = float(np.nansum(closes[-1])) % 1.0
    part = np.array([max(KNOWN.items())[1]] + [0.0] * (len(proposals.names) - 1))
    return Blended.of(part + (1.0 - part.sum()) / len(part), proposals)


def verdicts(make: Rule) -> set[str]:
    suspect = Suspect()
    suspect._make = make
    return failures(BlendContract, blend=suspect)


def test_an_honest_blend_fails_nothing() -> None:
    assert verdicts(honest) == set()


@pytest.mark.parametrize(
    ("make", "failed"),
    [
        (too_much, "weights_are_finite_fractions_of_equity"),
        (untradable, "what_cannot_be_traded_has_no_weight"),
        (short, "of_long_only_proposals_nothing_is_sold_short"),
        (mistold, "parts_are_what_the_weights_are_made_of"),
        (untradable, "weights_lie_between_those_that_were_proposed"),
        (half, "one_allocator_alone_is_itself"),
        (half, "what_all_want_is_held"),
        (first, "the_order_of_allocators_changes_nothing"),
        (moody, "equal_questions_have_equal_answers"),
        (moody, "the_order_of_the_questions_changes_nothing"),
        (sticky, "the_order_of_the_questions_changes_nothing"),
        (meddling, "the_view_and_the_proposals_are_left_as_they_are"),
        (prophetic, "the_future_changes_nothing"),
    ],
)
def test_a_broken_promise_is_found(make: Rule, failed: str) -> None:
    assert failed in verdicts(make)
