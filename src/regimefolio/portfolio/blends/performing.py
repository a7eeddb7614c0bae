"""What blends share that look at how the allocators' own portfolios fared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import Field

from regimefolio.core.types import Allocation, Float, Int
from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend
from regimefolio.portfolio.performance import net_returns


class Decided(NamedTuple):
    """What allocators gave at earlier bars.

    Attributes
    ----------
    bars : ndarray of shape (K,), int64
        Increasing.
    weights : ndarray of shape (M, K, N)
        NaN where an allocator gave nothing that could be used.
    """

    bars: Int
    weights: Float

    @classmethod
    def in_the_past(cls, names: tuple[str, ...], view: View) -> Decided:
        """The proposals of some allocators that `view.past` keeps; by date, one that is missing keeps its place."""
        stamps = np.array([each.timestamp for each in view.past], dtype=view.market.timestamps.dtype)
        weights = np.full((len(names), len(stamps), view.alpha.size), np.nan)
        for k, each in enumerate(view.past):
            weights[:, k] = _rows(names, each)
        return cls(np.searchsorted(view.market.timestamps, stamps), weights)


def _rows(names: tuple[str, ...], allocation: Allocation) -> Float:
    """What the named ones gave at one bar, (M, N); NaN for one that was not asked."""
    if names == allocation.allocators:
        return allocation.df_allocation
    table = np.concatenate([allocation.df_allocation, np.full((1, len(allocation.symbols)), np.nan)])
    return table[[allocation.allocators.index(name) if name in allocation.allocators else -1 for name in names]]


class PerformanceBlend(Blend):
    """A blend that simulates an account for each allocator, which trades that one's own proposals and nothing else.

    An account holds on where its allocator gave nothing that could be used, and is cash before its first proposal.
    """

    cost_bps: float = Field(10.0, ge=0, lt=5000, description="what a trade of these accounts costs, in basis points")

    def earned(self, decided: Decided, view: View) -> Float:
        """Net simple returns (T - bars[0] - 1, M) of the accounts, of the bars after the first decision."""
        panel = view.market.panel
        targets: Float = view.side * decided.weights
        silent = panel.member[decided.bars] & np.isnan(panel.close[decided.bars])  # no order, as in a backtest
        targets[:, silent] = np.nan
        return net_returns(panel, decided.bars, targets, self.cost_bps)
