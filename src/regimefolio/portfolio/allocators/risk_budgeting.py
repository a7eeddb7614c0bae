"""Parts of the risk as they were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Float, Panel
from regimefolio.kernels.risk_budgeting import SOLVED, risk_budgeting
from regimefolio.market.view import Market
from regimefolio.portfolio.allocators.optimizer import RiskOptimizer
from regimefolio.portfolio.sample import Sample


def _above_zero(budgets: dict[str, float]) -> dict[str, float]:
    for name, part in budgets.items():
        if not part > 0.0:
            raise ValueError(
                f"{name} must have a part above 0, but has {part:g}; leave what shall get nothing out of the data"
            )
    return budgets


class RiskBudgeting(RiskOptimizer, kind="risk_budgeting"):
    """The long-only weights of sum 1 of which each, w·(Σw), is its own part of the variance.

    `budgets` says the parts, in proportion to each other; what it does not name has 1, so that without any it is
    `equal_risk_contribution`. By sector a part is shared equally by the assets of that sector which can be judged.
    Source: Bruder and Roncalli (2012), Managing Risk Exposures Using the Risk Budgeting Approach.
    """

    budgets: Annotated[dict[str, float], AfterValidator(_above_zero)] = Field(
        {}, description="parts of the risk of symbols, or of sectors; 1 for the others"
    )
    by: Literal["symbol", "sector"] = Field("symbol", description="what budgets name")

    def must_fit(self, market: Market) -> None:
        names = self._names(market.panel)
        for name in self.budgets:
            if name not in names:
                text = f"`risk_budgeting` has a budget for the {self.by} {name!r}, which is not in the data"
                raise ConfigError(f"{text}; {did_you_mean(name, set(names))}")

    def fitted(self, sample: Sample) -> Float:
        names = self._names(sample.view.market.panel)
        held = [names[n] for n in sample.assets.tolist()]
        count: Mapping[str, int] = Counter(held)
        parts = np.array([self.budgets.get(name, 1.0) / count[name] for name in held])
        found = np.empty(len(parts))
        if risk_budgeting(self.covariance(sample), parts / parts.sum(), found) != SOLVED:
            raise self.unsolved(sample, "the parts did not become those that were asked for")
        return found

    def _names(self, panel: Panel) -> tuple[str, ...]:
        """What budgets name, of each asset."""
        names = panel.symbols if self.by == "symbol" else panel.sectors
        if names is None:
            raise MissingDataError(
                "this data has no sectors, which the budgets of `risk_budgeting` name; use `by: symbol`"
            )
        return names
