"""What every allocator is: weights from what is known at one bar."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np

from regimefolio.core.component import Component
from regimefolio.core.types import Float
from regimefolio.kernels.weights import NO_RISK, allocate_row
from regimefolio.market.view import Market, View


class Allocator(Component, family="allocator"):
    """Turns what is known at one bar into weights whose absolute sum is at most 1, before constraints.

    It is asked at every bar that decides. Its answer depends on its parameters and the view alone: the same view, asked
    for again or in another order, has the same weights. `regimefolio.testing.AllocatorContract` checks this.
    """

    @property
    def long_only(self) -> bool:
        """Whether no weight is ever negative; limits that need shorts are then refused."""
        return False

    @property
    def warmup(self) -> int:
        """Bars that pass before it can say what it means; a backtest does not trade before."""
        return 0

    @abstractmethod
    def weights(self, view: View) -> Float:
        """Shares of shape (N,) of what may be invested, `max_gross`; 0 for what is not tradable in this view."""


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
