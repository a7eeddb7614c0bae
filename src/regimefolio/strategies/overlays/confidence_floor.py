"""Weak opinions are no opinions."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies.overlays.base import Overlay


class ConfidenceFloor(Overlay, kind="confidence_floor"):
    """Drops every opinion whose confidence is below the floor; the others stay as they are."""

    floor: float = Field(0.5, ge=0, le=1, description="least confidence that is kept")

    @property
    def warmup(self) -> int:
        return 0

    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        dropped = signals.confidence < np.float32(self.floor)
        for to, given in zip(out, (signals.alpha, signals.confidence), strict=True):
            to[:] = given
            np.putmask(to, dropped, 0.0)
