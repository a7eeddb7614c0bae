"""Risk: what closes positions between rebalances, and what holds orders back; docs/accounting.md has the rules."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from regimefolio.core.component import Component, Model, Part, did_you_mean, placed_error
from regimefolio.core.types import Float, Int, RegimePath, read_only
from regimefolio.kernels.guards import LONGS, SHORTS
from regimefolio.kernels.terms import NO_GUARDS, NO_VETO, NONE, Guards
from regimefolio.portfolio import VolatilityTarget

Forbidden = Literal["longs", "shorts", "any"]

_SIDES: Mapping[Forbidden, int] = {"longs": LONGS, "shorts": SHORTS, "any": LONGS | SHORTS}


def _fraction(value: float) -> float:
    if value > 1.0:
        raise ValueError(f"must be a fraction: 0.1 is 10%, and {value:g} would be {value:.0%}")
    return value


Fraction = Annotated[float, AfterValidator(_fraction)]
"""A field that takes a part of something; what looks like percent is refused."""


class Ranges(NamedTuple):
    """Prices within bars, as the simulator has prices; NaN = no bar.

    Attributes
    ----------
    open, high, low : ndarray of shape (T, N)
        The closes where data lacks opens, highs or lows: what happened within a bar is not known then.
    ranged : bool
        Whether they are known.
    """

    open: Float
    high: Float
    low: Float
    ranged: bool


NO_RANGES = Ranges(NONE, NONE, NONE, False)
"""Where nobody looks at them."""


class Stop(Component, family="stop"):
    """Closes a position between rebalances; several may watch one position."""

    @abstractmethod
    def watch(self, guards: Guards) -> Guards:
        """What the simulator is told, with this stop added."""


class StopLoss(Stop, kind="stop_loss"):
    """Closes a position that has lost a part of its entry price."""

    loss: Fraction = Field(gt=0, description="of the entry price: 0.1 is 10%")

    def watch(self, guards: Guards) -> Guards:
        return guards._replace(loss=self.loss)


class TrailingStop(Stop, kind="trailing_stop"):
    """Closes a position that has fallen from its best price."""

    fall: Fraction = Field(gt=0, description="of the best price since it was opened: 0.1 is 10%")

    def watch(self, guards: Guards) -> Guards:
        return guards._replace(fall=self.fall)


class TakeProfit(Stop, kind="take_profit"):
    """Closes a position that has gained a part of its entry price."""

    gain: float = Field(gt=0, le=10, description="of the entry price: 0.2 is 20%; nothing short can gain more than 1")

    def watch(self, guards: Guards) -> Guards:
        return guards._replace(gain=self.gain)


class TimeStop(Stop, kind="time_stop"):
    """Closes a position after a number of bars."""

    bars: int = Field(ge=1, description="from the fill that opened it")

    def watch(self, guards: Guards) -> Guards:
        return guards._replace(bars=self.bars)


class MaeStop(Stop, kind="mae_stop"):
    """Closes a position that has lost more than the strategy's winners used to lose on their way.

    Their worst loss on the way is the maximum adverse excursion. Source: Sweeney (1996), Maximum Adverse Excursion.
    """

    quantile: float = Field(0.95, gt=0, le=1, description="of the past winners' worst losses on the way")
    winners: int = Field(20, ge=1, description="past winners that are needed before there is a stop")
    memory: int = Field(250, ge=1, le=10_000, description="how many of the last winners count")

    @model_validator(mode="after")
    def _enough_are_remembered(self) -> Self:
        if self.winners > self.memory:
            raise placed_error(("winners",), f"{self.winners} winners are needed, but only {self.memory} remembered")
        return self

    def watch(self, guards: Guards) -> Guards:
        return guards._replace(quantile=self.quantile, winners=self.winners, memory=self.memory)


class DrawdownBrake(Model):
    """Targets become smaller while equity is below its highest of late."""

    begin: float = Field(gt=0, lt=1, description="drawdown up to which targets stay as they are: 0.1 is 10%")
    full: float = Field(gt=0, lt=1, description="drawdown from which on the floor holds; in between is a straight line")
    floor: float = Field(0.0, ge=0, lt=1, description="the part of the targets that is left")
    window: int = Field(252, ge=2, le=10_000, description="bars whose highest equity a drawdown is measured from")

    @model_validator(mode="after")
    def _full_comes_later(self) -> Self:
        if self.full < self.begin:
            raise placed_error(("full",), f"full {self.full:g} must be at least begin {self.begin:g}; exchange them")
        return self


def _several(value: Any) -> Any:
    """One stop stands for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


class RiskSpec(Model):
    """What watches over positions and portfolio; the section `risk:` of a file."""

    stop: Annotated[tuple[Part[Stop], ...], BeforeValidator(_several)] = Field(
        (), description="one stop, or a list of them"
    )
    re_entry: Literal["new_signal"] | Annotated[int, Field(ge=0)] = Field(
        "new_signal",
        description="when a side that was closed may be ordered again: after a decision that leaves it, or in k bars",
    )
    vetoes: dict[str, Forbidden] = Field({}, description="longs, shorts or any, by regime: no position is opened there")
    volatility_target: VolatilityTarget | None = None
    drawdown_brake: DrawdownBrake | None = None

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> Self:
        twice = [kind for kind, count in Counter(stop.kind for stop in self.stop).items() if count > 1]
        if twice:
            raise placed_error(("stop",), f"{twice[0]!r} is listed twice; keep the tighter one")
        if self.re_entry != "new_signal" and not self.stop:
            raise placed_error(("re_entry",), "there is no `stop` after which to wait; name one, or leave re_entry out")
        return self

    def for_regimes(self, names: Collection[str]) -> RiskSpec:
        """The same with the vetoes of these regimes alone."""
        return self.model_copy(update={"vetoes": {name: self.vetoes[name] for name in self.vetoes if name in names}})

    def must_be_known(self, regimes: Collection[str], where: str) -> None:
        """Refuse vetoes of regimes that nothing names.

        Parameters
        ----------
        regimes : collection of str
            What the detectors name.
        where : str
            The key that names detectors.
        """
        for name in self.vetoes:
            if name not in regimes:
                hint = did_you_mean(name, regimes) if regimes else f"name one in `{where}`"
                raise placed_error(("risk", "vetoes", name), f"no {where} has a regime {name!r}; {hint}")

    def guards(self, ranges: Ranges, at_open: bool) -> Guards:
        """What the simulator is told, vetoes apart; `at_open` says whether orders are filled there."""
        found = NO_GUARDS
        if self.drawdown_brake is not None:
            found = found._replace(**dict(self.drawdown_brake))
        if not self.stop:
            return found
        for stop in self.stop:
            found = stop.watch(found)
        wait = -1 if self.re_entry == "new_signal" else self.re_entry
        return found._replace(wait=wait, at_open=at_open, **ranges._asdict())

    def veto(self, regimes: RegimePath | None) -> Int:
        """The sides that are forbidden at each bar (T,), as `Guards.veto`; (0,) without vetoes, or without regimes."""
        if not self.vetoes or regimes is None:
            return NO_VETO
        # The last place is that of label -1: where no regime is known yet, nothing is forbidden.
        codes = np.array([_SIDES[self.vetoes[name]] if name in self.vetoes else 0 for name in regimes.names] + [0])
        return read_only(codes[regimes.label])


NO_RISK = RiskSpec()
"""Nothing watches."""
