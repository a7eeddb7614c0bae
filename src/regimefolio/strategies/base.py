"""What every strategy is: parameters, and the signals they make of a market; and what overlays make of those."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Self, final

import numpy as np
from pydantic import model_validator

from regimefolio.core.component import Component, Part
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Action, Json, SignalBuffer, Signals, StrategySignal
from regimefolio.market.view import Market, View
from regimefolio.strategies.overlays import Overlay

OVERLAYS = "overlays"
"""The key beside a strategy's parameters that names its overlays."""


class Strategy(Component, family="strategy"):
    """Turns a market into alpha scores, one file a strategy.

    Signals are prefix-invariant: `signals(market.until(t))` equals the first t rows of `signals(market)`
    to the bit. `regimefolio.testing.StrategyContract` checks this and the other promises for any
    strategy.
    """

    beside: ClassVar[tuple[str, ...]] = (OVERLAYS,)

    @classmethod
    def __pydantic_init_subclass__(cls, kind: str = "", family: str = "", **keywords: Any) -> None:
        taken = [name for name in (OVERLAYS, "weight") if kind and name in cls.model_fields]
        if taken:
            raise TypeError(f"{cls.__name__}.{taken[0]}: a strategy's entry has a key of this name; choose another one")
        super().__pydantic_init_subclass__(kind=kind, family=family, **keywords)

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

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> Strategy:
        """The strategy of this kind with these parameters, under the overlays that stand beside them.

        Raises
        ------
        pydantic.ValidationError
            A parameter or an overlay is wrong.
        """
        if OVERLAYS not in parameters:
            return cls.model_validate(dict(parameters))
        bare = {name: value for name, value in parameters.items() if name != OVERLAYS}
        return Overlaid.model_validate({"strategy": {"kind": cls.kind, **bare}, OVERLAYS: parameters[OVERLAYS]})

    @property
    def bare(self) -> Strategy:
        """The strategy without its overlays."""
        return self

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

    def with_parameters(self, parameters: Mapping[str, Json]) -> Strategy:
        """The same strategy with other values of some parameters, validated anew; `overlays` may be among them."""
        return self.read({**self.plain(), **parameters})

    def adapt_to_regime(self, regime: str, parameters: Mapping[str, Json]) -> Strategy:
        """The strategy that takes over in a regime: unless a strategy says otherwise, this one `with_parameters`."""
        return self.with_parameters(parameters)

    def generate_alpha_signal(self, known: Market | View) -> list[StrategySignal]:
        """What this strategy thinks at the last bar that is known, one record an asset; confidence 0 is no opinion."""
        return list(self.signals(_market(known)).records(-1))

    def generate_signals(self, known: Market | View, buy: float = 0.0, sell: float = 0.0) -> dict[str, Action]:
        """What to do at the last bar that is known, in plain words, by symbol.

        BUY where alpha is above `buy`, SELL where it is below `sell`, otherwise HOLD; no opinion is HOLD. What was said
        at an earlier bar is what `market.until(n_bars)` says at its last one.

        Parameters
        ----------
        known : Market or View
        buy, sell : float
            Alphas, with -1 ≤ sell ≤ 0 ≤ buy ≤ 1.

        Raises
        ------
        ConfigError
            Thresholds on the wrong sides of 0.
        """
        if not -1.0 <= sell <= 0.0 <= buy <= 1.0:
            raise ConfigError(f"-1 <= sell <= 0 <= buy <= 1 must hold, but got sell={sell}, buy={buy}")
        signals = self.signals(_market(known))
        alpha = np.where(signals.confidence[-1] > 0.0, signals.alpha[-1], np.float32(0.0))
        buys, sells = alpha > np.float32(buy), alpha < np.float32(sell)
        return {
            symbol: Action.BUY if bought else Action.SELL if sold else Action.HOLD
            for symbol, bought, sold in zip(signals.symbols, buys.tolist(), sells.tolist(), strict=True)
        }


@final
class Overlaid(Strategy):
    """A strategy under its overlays: of the same kind, with the same parameters, and `overlays` beside them.

    There may be none of them: a search or a regime that says so takes them away, and says it where it is written down.
    """

    strategy: Part[Strategy]
    overlays: tuple[Part[Overlay], ...]

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if isinstance(self.strategy, Overlaid):
            raise ValueError("the strategy has overlays already; put all of them into one list")
        return self

    @property
    def kind(self) -> str:  # type: ignore[override]  # of the class elsewhere; here that of the strategy inside
        """That of the strategy inside."""
        return self.strategy.kind

    @property
    def warmup(self) -> int:
        """That of the strategy, and then those of the overlays."""
        return self.strategy.warmup + sum(overlay.warmup for overlay in self.overlays)

    @property
    def bare(self) -> Strategy:
        """The strategy inside."""
        return self.strategy

    def plain(self) -> dict[str, Json]:
        """The parameters of the strategy, and `overlays`."""
        return {**self.strategy.plain(), OVERLAYS: [overlay.spec() for overlay in self.overlays]}

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        """Those of the strategy after every overlay in turn; missing bars, and an asset's first `warmup`, have none."""
        found = self.strategy.signals(market, None if self.overlays else out)
        last = len(self.overlays) - 1
        for position, overlay in enumerate(self.overlays):
            panels = self.buffer(market, out if position == last else None)
            overlay.apply(found, market, panels)
            if position == last:
                _silence(panels, market, self.warmup)
            found = replace(found, alpha=panels.alpha, confidence=panels.confidence)
        return replace(found, metadata=MappingProxyType(self.plain()))

    def with_parameters(self, parameters: Mapping[str, Json]) -> Strategy:
        """The strategy with other values of some parameters, under the same overlays unless `parameters` names them."""
        return self.strategy.with_parameters({**self.plain(), **parameters})

    def adapt_to_regime(self, regime: str, parameters: Mapping[str, Json]) -> Strategy:
        """What the strategy adapts to, under the same overlays unless `parameters` names them."""
        bare = {name: value for name, value in parameters.items() if name != OVERLAYS}
        overlays = parameters.get(OVERLAYS, self.overlays)
        adapted = self.strategy.adapt_to_regime(regime, bare)
        return Overlaid.model_validate({"strategy": adapted, OVERLAYS: overlays})


def _silence(panels: SignalBuffer, market: Market, bars: int) -> None:
    """Take every opinion from each asset's first bars, and from those that are missing."""
    early = slice(bars) if market.own_row is None else market.own_row < bars
    for panel in panels:
        panel[early] = 0.0


def _market(known: Market | View) -> Market:
    return known.market if isinstance(known, View) else known
