"""All in one asset."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio.allocators.base import Allocator


class OneHot(Allocator, kind="one_hot"):
    """All in one asset, such as `{kind: one_hot, symbol: SPY}`: a benchmark beside other allocators.

    Cash while the asset cannot be traded.
    """

    symbol: str = Field(description="the asset that is held")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    def must_fit(self, market: Market) -> None:
        if self.symbol not in market.symbols:
            hint = did_you_mean(self.symbol, market.symbols)
            raise ConfigError(f"one_hot: unknown symbol {self.symbol!r}; {hint}")

    def weights(self, view: View) -> Float:
        self.must_fit(view.market)
        chosen = np.arange(view.alpha.size) == view.market.symbols.index(self.symbol)
        return np.where(chosen & view.tradable, 1.0, 0.0)
