"""Every overlay of ours keeps the public contract, each of its ways too; and the contract bites."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from regimefolio.core.component import registered
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import ConfidenceFloor, Normalise, Overlay, Smoothing
from regimefolio.testing import OverlayContract
from tests.contracts.biting import failures


class TestSmoothing(OverlayContract):
    overlay: ClassVar[Overlay] = Smoothing()


class TestSmoothingOfOneBar(OverlayContract):
    overlay: ClassVar[Overlay] = Smoothing(window=1)


class TestConfidenceFloor(OverlayContract):
    overlay: ClassVar[Overlay] = ConfidenceFloor(floor=0.7)


class TestZscore(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise()


class TestRank(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(method="rank")


class TestMinMax(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(method="min_max")


class TestTanh(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(method="tanh", saturation=0.5)


class TestOwnZscore(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(over="own_history", window=40, saturation=1.0)


class TestOwnRank(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(over="own_history", method="rank", window=5)


class TestOwnMinMax(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(over="own_history", method="min_max", window=20)


class TestOwnTanh(OverlayContract):
    overlay: ClassVar[Overlay] = Normalise(over="own_history", method="tanh", window=20)


def test_every_overlay_of_ours_is_under_contract() -> None:
    suites = [c for c in list(globals().values()) if inspect.isclass(c) and issubclass(c, OverlayContract)]
    tested = {suite.overlay.kind for suite in suites if suite is not OverlayContract}
    ours = {kind for kind, part in registered("overlay").items() if part.__module__.startswith("regimefolio.")}
    assert tested == ours


# The contract bites: each of these overlays breaks one promise, and one test says so.

Rule = Callable[[Signals, Market, SignalBuffer], None]


def honest(signals: Signals, market: Market, out: SignalBuffer) -> None:
    out.alpha[:] = signals.alpha * np.float32(0.5)
    out.confidence[:] = signals.confidence


def whole_history(signals: Signals, market: Market, out: SignalBuffer) -> None:
    honest(signals, market, out)
    out.alpha[:] *= np.float32(1.0) - np.abs(signals.alpha).mean()


def next_bar(signals: Signals, market: Market, out: SignalBuffer) -> None:
    honest(signals, market, out)
    out.alpha[:-1] *= np.where(np.sign(signals.alpha[1:]) == np.sign(signals.alpha[:-1]), 1, 0.5).astype(np.float32)


def too_loud(signals: Signals, market: Market, out: SignalBuffer) -> None:
    honest(signals, market, out)
    out.alpha[:] *= np.float32(3.0)


def unfilled(signals: Signals, market: Market, out: SignalBuffer) -> None:
    spoken = signals.confidence > 0.0
    out.alpha[spoken], out.confidence[spoken] = signals.alpha[spoken], signals.confidence[spoken]


def meddling(signals: Signals, market: Market, out: SignalBuffer) -> None:
    base = signals.alpha.base
    assert isinstance(base, np.ndarray)
    base *= np.float32(0.5)
    honest(signals, market, out)


def inventive(signals: Signals, market: Market, out: SignalBuffer) -> None:
    for panel in out:
        panel[:] = np.where(np.isfinite(market.panel.close), np.float32(0.5), np.float32(0.0))


class Suspect(Overlay):
    """An overlay that does what its maker tells it."""

    _rule: Rule

    @property
    def warmup(self) -> int:
        return 0

    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        self._rule(signals, market, out)


def verdicts(rule: Rule) -> set[str]:
    """The contract's tests that an overlay fails."""
    suspect = Suspect()
    suspect._rule = rule
    return failures(OverlayContract, overlay=suspect)


def test_an_honest_overlay_fails_nothing() -> None:
    assert verdicts(honest) == set()


@pytest.mark.parametrize(
    ("rule", "failed"),
    [
        (whole_history, "the_future_changes_nothing"),
        (next_bar, "the_future_changes_nothing"),
        (too_loud, "alpha_and_confidence_keep_their_ranges"),
        (unfilled, "a_lent_buffer_is_overwritten"),
        (meddling, "the_opinions_given_are_left_as_they_are"),
        (inventive, "of_nothing_comes_nothing"),
    ],
)
def test_a_broken_promise_is_found(rule: Rule, failed: str) -> None:
    assert failed in verdicts(rule)
