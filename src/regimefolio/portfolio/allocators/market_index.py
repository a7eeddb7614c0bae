"""As the market itself trades."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio.allocators.base import Allocator


class MarketIndex(Allocator, kind="market_index"):
    """In proportion to the money that is traded, which stands for the size of a company.

    w ∝ the median, over the last `lookback` bars of the clock, of raw close times raw volume, where an asset has both.
    Prices do not tell how many shares there are, so that this is an index by turnover, not by capitalisation: what is
    traded much for its size weighs more.
    """

    lookback: int = Field(63, ge=1, description="bars of the median")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    def must_fit(self, market: Market) -> None:
        if market.panel.volume is None:
            raise MissingDataError("market_index needs volumes, and these prices have none; use equal_weight")

    def weights(self, view: View) -> Float:
        self.must_fit(view.market)
        traded = view.market.panel.traded_value
        assert traded is not None  # it fits
        window = traded[-self.lookback :]
        known = view.tradable & np.isfinite(window).any(axis=0)
        out = np.zeros(view.alpha.size)
        out[known] = np.nanmedian(window[:, known], axis=0)
        return out / out.sum() if out.any() else out
