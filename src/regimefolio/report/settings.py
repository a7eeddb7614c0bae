"""The part of the resolved configuration that the page speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from regimefolio.backtest.commission import Commission, tiers_of
from regimefolio.core.types import Json
from regimefolio.report.contents import Part
from regimefolio.report.words import counted


class _Execution(Part):
    fill: str | None = None
    commission_bps: Commission = 0.0
    slippage_bps: float = 0.0
    spread_bps: float = 0.0
    fee_per_order: float = 0.0
    fee_per_share: float = 0.0
    min_fee_per_order: float = 0.0
    borrow_rate: float | dict[str, float] | str = 0.0
    impact: float = 0.0
    delay: int = 0
    overnight: str = "fill"
    sizing: str = "target_weight"

    @property
    def kinds_of_cost(self) -> list[str]:
        """What was paid for, in words."""
        commission = any(tier.bps for tier in tiers_of(self.commission_bps))
        paid = {
            "commission": commission,
            "slippage": self.slippage_bps,
            "half the spread": self.spread_bps,
            "fees": self.fee_per_order or self.fee_per_share or self.min_fee_per_order,
            "market impact": self.impact,
            "borrow fees": self.borrow_rate,
        }
        return [kind for kind, said in paid.items() if said]


class _Portfolio(Part):
    rebalance: str | dict[str, int] | dict[str, list[str]]


class _Risk(Part):
    vetoes: dict[str, str] = Field(default_factory=dict)


class Settings(Part):
    """The part of the resolved configuration that the page speaks of."""

    benchmark: str
    initial_capital: float
    risk_free: float | str
    execution: _Execution
    portfolio: _Portfolio
    risk: _Risk = _Risk()
    phases: list[dict[str, Any]] = Field(min_length=2)

    @property
    def searched(self) -> Mapping[str, Mapping[str, Json]]:
        """The parameters that phase 1 varied, by strategy."""
        spaces: Mapping[str, Mapping[str, Json]] = self.phases[0].get("config", {}).get("parameter_space", {})
        return spaces

    @property
    def selection(self) -> str:
        """The metric by which phase 2 chose."""
        return str(self.phases[1].get("config", {}).get("select_by", "its metric"))

    @property
    def schedule(self) -> str:
        """When the strategy rebalances, in words."""
        rebalance = self.portfolio.rebalance
        if isinstance(rebalance, str):
            return rebalance
        dates = self.dates
        return f"on {counted(len(dates), 'date')}" if dates else f"every {self.every} bars"

    @property
    def every(self) -> int:
        """The bars from one decision to the next, where the schedule counts bars; otherwise 0."""
        rebalance = self.portfolio.rebalance
        bars = 0 if isinstance(rebalance, str) else rebalance.get("every", 0)
        return bars if isinstance(bars, int) else 0

    @property
    def dates(self) -> list[str]:
        """The dates before which it decides, where the schedule names some."""
        rebalance = self.portfolio.rebalance
        dates = [] if isinstance(rebalance, str) else rebalance.get("dates", [])
        return dates if isinstance(dates, list) else []
