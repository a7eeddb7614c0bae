"""What every strategy is: parameters, and the signals they make of a market."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import numpy as np

from regimefolio.core.component import Component
from regimefolio.core.errors import DataError
from regimefolio.core.types import Json, SignalBuffer, Signals
from regimefolio.market.view import Market


class Strategy(Component, family="strategy"):
    """Turns a market into alpha scores, one file a strategy.

    Signals are prefix-invariant: `signals(market.until(t))` equals the first t rows of `signals(market)`
    to the bit. `regimefolio.testing.StrategyContract` checks this and the other promises for any
    strategy.
    """

    @abstractmethod
    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        """Alpha, confidence and horizon for all bars and assets.

        Parameters
        ----------
        market : Market
            T bars of N assets; a missing bar has no opinion (alpha 0, confidence 0), and so has the warm-up.
        out : SignalBuffer, optional
            Panels of shape (T, N) to write into, every cell of which is overwritten.

        Raises
        ------
        DataError
            The panels of `out` have another shape or type.
        """

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars that pass before an asset listed from the first bar has its first opinion."""

    def buffer(self, market: Market, out: SignalBuffer | None) -> SignalBuffer:
        """The panels to write signals into: those that were lent, or fresh ones, with any content."""
        shape = market.panel.close.shape
        if out is None:
            return SignalBuffer(np.empty(shape, np.float32), np.empty(shape, np.float32))
        for name, panel in zip(out._fields, out, strict=True):
            if panel.shape != shape or panel.dtype != np.float32 or not panel.flags.c_contiguous:
                raise DataError(
                    f"out.{name} must be a C-ordered float32 panel of shape {shape}, "
                    f"but is {panel.dtype} of shape {panel.shape}"
                )
        return out

    def emit(self, market: Market, panels: SignalBuffer, *, horizon: int, volatility_adjusted: bool = False) -> Signals:
        """The Signals of this strategy: the filled panels, the market's axes, its parameters as metadata."""
        return Signals(
            market.timestamps,
            market.symbols,
            self.kind,
            panels.alpha,
            panels.confidence,
            horizon,
            volatility_adjusted,
            MappingProxyType(self.plain()),
        )

    def with_parameters(self, parameters: Mapping[str, Json]) -> Self:
        """The same strategy with other values of some parameters, validated anew."""
        return type(self).model_validate({**self.plain(), **parameters})

    def adapt_to_regime(self, regime: str, parameters: Mapping[str, Json]) -> Self:
        """The strategy that takes over in a regime: unless a strategy says otherwise, this one `with_parameters`."""
        return self.with_parameters(parameters)
