"""What every overlay is: opinions in, opinions out."""

from __future__ import annotations

from abc import abstractmethod

from regimefolio.core.component import Component
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market


class Overlay(Component, family="overlay"):
    """Reworks a strategy's opinions, one file an overlay.

    Written `overlays: [...]` beside a strategy's parameters, applied in that order. What holds for strategies holds
    here: prefix-invariant to the bit, alpha in [-1, 1], confidence in [0, 1], and confidence 0 means no opinion and
    alpha 0. `regimefolio.testing.OverlayContract` checks it.
    """

    @abstractmethod
    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        """Write the alpha and confidence that replace those of `signals` into `out`.

        Parameters
        ----------
        signals : Signals
            Of the strategy, or of the overlay before this one; read-only.
        market : Market
            The market that the signals are of.
        out : SignalBuffer
            Panels of shape (T, N), with any content; every cell is overwritten. They share no memory with `signals`.
        """

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars of an asset's own that this overlay adds to the warm-up of the strategy."""
