"""The promises of every blend, as tests that a user's own blend inherits.

    class TestTrimmedMean(BlendContract):
        blend = TrimmedMean()

pytest then runs each of them on what three allocators propose in a market that is made to be unpleasant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from regimefolio.core.types import Allocation, Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, Blend, Blended, EqualWeight, InverseVolatility, MinVariance, Proposals
from regimefolio.testing.allocators import ROUNDING
from regimefolio.testing.strategies import PRICES, synthetic_market

BARS, FIRST, STEP = 240, 70, 25

ALLOCATORS: Mapping[str, Allocator] = {
    "equal_weight": EqualWeight(),
    "inverse_volatility": InverseVolatility(lookback=20),
    "min_variance": MinVariance(lookback=20),
}


class Question(NamedTuple):
    """What a blend is asked at one bar."""

    proposals: Proposals
    view: View


class BlendContract:
    """Checks what is promised of any blend; inherit it in a test file and set `blend`.

    It is asked some times, as in a backtest, what to make of `ALLOCATORS`, one of which fails once. The first of them
    must have a part where all are named. `by_asset` says whether each weight lies between the least and the largest
    that was proposed for its asset.
    """

    blend: ClassVar[Blend]
    by_asset: ClassVar[bool] = True

    def test_weights_are_finite_fractions_of_equity(self) -> None:
        for proposals, view in _questions(self.blend):
            weights, parts = self.blend.blend(proposals, view)
            assert weights.shape == view.alpha.shape
            assert parts.shape == (len(proposals.names),)
            assert np.isfinite(weights).all(), "weights are not finite"
            assert np.abs(weights).sum() <= 1.0 + ROUNDING, f"|weights| sum to {np.abs(weights).sum()}"

    def test_what_cannot_be_traded_has_no_weight(self) -> None:
        for proposals, view in _questions(self.blend):
            weights = self.blend.blend(proposals, view).weights
            assert not weights[~view.tradable].any(), "an asset without a bar or membership has a weight"

    def test_of_long_only_proposals_nothing_is_sold_short(self) -> None:
        for proposals, view in _questions(self.blend):
            assert (self.blend.blend(proposals, view).weights >= 0.0).all(), "a weight is negative"

    def test_parts_are_what_the_weights_are_made_of(self) -> None:
        for proposals, view in _questions(self.blend):
            weights, parts = self.blend.blend(proposals, view)
            if np.isnan(parts).all():
                continue  # they are no sum of parts
            assert (parts >= 0.0).all(), f"a part is negative: {parts}"
            assert abs(parts.sum() - 1.0) <= ROUNDING, f"parts sum to {parts.sum()}"
            assert np.abs(parts @ proposals.weights - weights).max() <= ROUNDING, "weights are not the sum of the parts"

    def test_weights_lie_between_those_that_were_proposed(self) -> None:
        for proposals, view in _questions(self.blend) if self.by_asset else ():
            weights = self.blend.blend(proposals, view).weights
            assert (weights >= proposals.weights.min(axis=0) - ROUNDING).all(), "less than anybody proposed"
            assert (weights <= proposals.weights.max(axis=0) + ROUNDING).all(), "more than anybody proposed"

    def test_one_allocator_alone_is_itself(self) -> None:
        for proposals, view in _questions(self.blend):
            alone = Proposals(proposals.names[:1], proposals.allocators[:1], proposals.weights[:1])
            gap = self.blend.blend(alone, view).weights - proposals.weights[0]
            assert np.abs(gap).max() <= ROUNDING, "what one allocator wants became something else"

    def test_what_all_want_is_held(self) -> None:
        for proposals, view in _questions(self.blend):
            agreed = proposals._replace(weights=np.repeat(proposals.weights[-1:], len(proposals.names), axis=0))
            gap = self.blend.blend(agreed, view).weights - proposals.weights[-1]
            assert np.abs(gap).max() <= ROUNDING, "what all allocators want became something else"

    def test_the_order_of_allocators_changes_nothing(self) -> None:
        for proposals, view in _questions(self.blend):
            once, turned = (self.blend.blend(*each) for each in ((proposals, view), _turned(proposals, view)))
            assert np.abs(once.weights - turned.weights).max() <= ROUNDING, "weights depend on the allocators' order"
            assert np.allclose(once.parts[::-1], turned.parts, rtol=0.0, atol=ROUNDING, equal_nan=True)

    def test_equal_questions_have_equal_answers(self) -> None:
        for (proposals, view), again in zip(_questions(self.blend), _questions(self.blend), strict=True):
            once = _bytes(self.blend.blend(proposals, view))
            assert once == _bytes(self.blend.blend(proposals, view)), "asked again"
            assert once == _bytes(self.blend.blend(*again)), "an equal question"

    def test_the_order_of_the_questions_changes_nothing(self) -> None:
        asked = _questions(self.blend)
        forward = [_bytes(self.blend.blend(*each)) for each in asked]
        backward = [_bytes(self.blend.blend(*each)) for each in reversed(_questions(self.blend))]
        assert forward == backward[::-1], "the answer depends on what was asked before"

    def test_the_view_and_the_proposals_are_left_as_they_are(self) -> None:
        for proposals, view in _questions(self.blend):
            before = _seen(proposals, view)
            self.blend.blend(proposals, view)
            assert _seen(proposals, view) == before

    def test_the_future_changes_nothing(self) -> None:
        once, changed = (
            [_bytes(self.blend.blend(*each)) for each in _questions(self.blend, market)[:4]]
            for market in (synthetic_market(BARS), _after(synthetic_market(BARS), FIRST + 3 * STEP))
        )
        assert once == changed, "prices after a bar change what is held there"

    def test_the_description_gives_the_blend_back(self) -> None:
        described = json.loads(json.dumps(self.blend.spec(), allow_nan=False))
        again = type(self.blend).of(described)
        assert again == self.blend
        assert again.fingerprint == self.blend.fingerprint


def _questions(blend: Blend, market: Market | None = None) -> list[Question]:
    """What a blend is asked in a backtest, each with the past that its own answers are."""
    market = market or synthetic_market(BARS)
    past: tuple[Allocation, ...] = ()
    found = []
    names, allocators = tuple(ALLOCATORS), tuple(ALLOCATORS.values())
    for number, bar in enumerate(range(FIRST, BARS, STEP)):
        until = market.until(bar + 1)
        panel = until.panel
        tradable = panel.member[-1] & np.isfinite(panel.close[-1])
        view = View(until, np.zeros(panel.n_assets, np.float32), tradable, past=past)
        table = np.array([each.weights(view) for each in allocators])
        kept = [m for m in range(len(names)) if (number, m) != (2, 1)]
        table[[m for m in range(len(names)) if m not in kept]] = np.nan
        proposals = Proposals(tuple(names[m] for m in kept), tuple(allocators[m] for m in kept), table[kept])
        found.append(Question(proposals, view))
        answer = blend.blend(proposals, view)
        past = (*past, _told(view, names, table, answer.weights))
    return found


def _told(view: View, names: tuple[str, ...], table: Float, weights: Float) -> Allocation:
    unknown = np.full(len(names), np.nan)
    measured: dict[str, Any] = dict.fromkeys(
        ("blend", "seconds", "peak_mb", "resident_mb", "expected_return", "volatility", "concentration"), unknown
    )
    return Allocation(view.market.timestamps[-1], view.market.symbols, weights, names, table, **measured)


def _turned(proposals: Proposals, view: View) -> Question:
    """The same question with the allocators the other way round, now and in the past."""
    past = tuple(
        replace(each, allocators=each.allocators[::-1], df_allocation=each.df_allocation[::-1]) for each in view.past
    )
    turned = Proposals(proposals.names[::-1], proposals.allocators[::-1], proposals.weights[::-1])
    return Question(turned, view._replace(past=past))


def _after(market: Market, bar: int) -> Market:
    """The same market with other prices after a bar."""
    panel, rng = market.panel, np.random.default_rng(5)
    factor = np.ones(panel.close.shape)
    factor[bar + 1 :] = rng.uniform(0.5, 2.0, factor[bar + 1 :].shape)
    cells: dict[str, Any] = {name: getattr(panel, name) * factor for name in PRICES}
    return Market(replace(panel, **cells), market.index, market.benchmark)


def _seen(proposals: Proposals, view: View) -> tuple[bytes, ...]:
    past = [array.tobytes() for each in view.past for array in (each.weights, each.df_allocation)]
    return proposals.weights.tobytes(), view.tradable.tobytes(), view.market.panel.close.tobytes(), *past


def _bytes(blended: Blended) -> bytes:
    return blended.weights.tobytes() + blended.parts.tobytes()
