"""What every allocator is: weights from what is known at one bar."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.component import Component
from regimefolio.core.errors import ModelError
from regimefolio.core.types import Allocation, Float
from regimefolio.kernels.weights import NO_RISK, allocate_row
from regimefolio.market.view import Market, View

ROUNDING = 1e-9
"""By which the sizes of weights may sum to more than 1."""


class Allocator(Component, family="allocator"):
    """Turns what is known at one bar into weights whose absolute sum is at most 1, before constraints.

    It is asked at every bar that decides. Its answer depends on its parameters and the view alone, whose `past` has
    what it decided before: the same view, asked for again or in another order, has the same weights.
    `regimefolio.testing.AllocatorContract` checks this.
    """

    slow: ClassVar[bool] = False
    """Whether one bar takes more than about 50 ms with 100 assets and 252 returns, where others take few."""

    @property
    def long_only(self) -> bool:
        """Whether no weight is ever negative; limits that need shorts are then refused."""
        return False

    @property
    def warmup(self) -> int:
        """Bars that pass before it can say what it means; a backtest does not trade before."""
        return 0

    @property
    def uses_alpha(self) -> bool:
        """Whether it looks at the strategies' combined alphas; where nothing does, no strategies are needed."""
        return True

    def must_fit(self, market: Market) -> None:
        """Refuse a market that lacks what it needs, before anything is decided on it.

        Raises
        ------
        ConfigError, MissingDataError
            Names what is missing, and what to do.
        """
        return None

    @property
    def page_view_files(self) -> tuple[str, ...]:
        """Files of page views that it looks at; `load_market` gives the market what they tell."""
        return ()

    @abstractmethod
    def weights(self, view: View) -> Float:
        """Shares of shape (N,) of what may be invested, `max_gross`; 0 for what is not tradable in this view."""

    def allocate(self, view: View) -> Allocation:
        """The weights, which may be a user's, with how they came about.

        Raises
        ------
        ModelError
            They have another shape, are not finite, or hold what is not tradable.
        """
        return Allocation(view.market.timestamps[-1], view.market.symbols, asked(self, view))


def asked(allocator: Allocator, view: View) -> Float:
    """The weights (N,) that an allocator gives, if they can be used; errors of its own say which it was, and when.

    Raises
    ------
    ModelError
        They have another shape, are not finite, or hold what is not tradable.
    """
    name = f"allocator {allocator.kind or type(allocator).__name__}"
    try:
        given = allocator.weights(view)
    except Exception as error:
        error.add_note(f"in {_at(name, view)}")
        raise
    return usable(given, name, view)


def usable(weights: Float, name: str, view: View) -> Float:
    """The weights (N,) that somebody of this name gave, if they can be used.

    Raises
    ------
    ModelError
        They have another shape, are not finite, hold what is not tradable, or more than there is.
    """
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != view.alpha.shape:
        raise ModelError(f"{_at(name, view)}: weights must have shape {view.alpha.shape}, but have {given.shape}")
    sound = np.isfinite(given) & (view.tradable | (given == 0.0))
    if not sound.all():
        n = int(np.flatnonzero(~sound)[0])
        text = f"the weight of {view.market.symbols[n]} is {given[n]}; it must be finite, and 0 where view.tradable"
        raise ModelError(f"{_at(name, view)}: {text} is False")
    gross = float(np.abs(given).sum())
    if gross > 1.0 + ROUNDING:
        text = f"the sizes of its weights sum to {gross:g}; they are shares of what may be invested, 1 at most"
        raise ModelError(f"{_at(name, view)}: {text}")
    return given


def _at(name: str, view: View) -> str:
    return f"{name} at {time_text(view.market.timestamps[-1])}"


class Rule(NamedTuple):
    """What `kernels.weights.allocate_row` is told: a code, and what that code uses of tilt and bars of volatility."""

    code: int
    tilt: float = 0.0
    lookback: int = 0

    def risk(self, market: Market) -> Float:
        """Volatility per bar (T, N), or `NO_RISK`."""
        return market.volatility(self.lookback) if self.lookback else NO_RISK


class CompiledAllocator(Allocator):
    """An allocator whose rule is compiled: a whole history is one call, with the bits of one bar at a time."""

    @property
    @abstractmethod
    def rule(self) -> Rule:
        """The compiled rule that this allocator is."""

    @property
    def warmup(self) -> int:
        return self.rule.lookback

    def weights(self, view: View) -> Float:
        """The rule at one bar."""
        rule, out = self.rule, np.zeros(view.alpha.size)
        allocate_row(view.alpha, view.tradable, rule.risk(view.market)[-1], rule.code, rule.tilt, 1.0, out)
        return out
