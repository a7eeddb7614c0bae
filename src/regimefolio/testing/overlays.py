"""The promises of every overlay, as tests that a user's own overlay inherits.

    class TestDamped(OverlayContract):
        overlay = Damped(factor=0.5)

pytest then runs each of them on a strategy that speaks at nearly every bar of a market that is made to be unpleasant.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from regimefolio.core.types import SignalBuffer
from regimefolio.strategies import MomentumRank, Overlaid, Overlay, Strategy
from regimefolio.testing.strategies import StrategyContract


class OverlayContract(StrategyContract):
    """Checks what is promised of any overlay; inherit it in a test file and set `overlay`.

    A strategy under an overlay is a strategy: it must keep every promise of `StrategyContract`.
    """

    overlay: ClassVar[Overlay]
    strategy: ClassVar[Strategy]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "overlay" in vars(cls):
            cls.strategy = Overlaid(strategy=MomentumRank(lookback=8, skip=0), overlays=(cls.overlay,))

    def test_the_opinions_given_are_left_as_they_are(self) -> None:
        market = self._market()
        given = self.strategy.bare.signals(market)
        before = given.alpha.tobytes(), given.confidence.tobytes(), market.panel.close.tobytes()
        self.overlay.apply(given, market, self.strategy.buffer(market, None))
        assert (given.alpha.tobytes(), given.confidence.tobytes(), market.panel.close.tobytes()) == before

    def test_of_nothing_comes_nothing(self) -> None:
        market = self._market()
        silence = np.zeros(market.panel.close.shape, np.float32)
        given = replace(self.strategy.bare.signals(market), alpha=silence, confidence=silence)
        out = SignalBuffer(np.ones_like(silence), np.ones_like(silence))
        self.overlay.apply(given, market, out)
        assert not out.alpha.any(), "there was no opinion, and the overlay made one"
        assert not out.confidence.any(), "there was no opinion, and the overlay made one"

    def test_the_warmup_is_the_strategys_and_its_own(self) -> None:
        assert self.overlay.warmup >= 0
        assert self.strategy.warmup == self.strategy.bare.warmup + self.overlay.warmup
