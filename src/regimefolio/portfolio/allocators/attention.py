"""More of what the public looks up more, where that led the price."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.attention import LeadingAttention


class Attention(LeadingAttention, Allocator, kind="attention"):
    """w in proportion to the log growth of page views over the last `growth` bars, of the assets that are chosen.

    Chosen are those whose page views led their price, significantly after a correction for testing many. Those whose
    views did not grow get nothing; where nobody is left, all is cash. Long-only; the alpha is ignored.
    Source of the idea: Moat, Curme, Avakian, Kenett, Stanley and Preis (2013), Quantifying Wikipedia Usage Patterns
    Before Stock Market Moves.
    """

    @property
    def uses_alpha(self) -> bool:
        return False

    @property
    def long_only(self) -> bool:
        return True

    def must_fit(self, market: Market) -> None:
        self._known(market)

    def weights(self, view: View) -> Float:
        grown = np.where(self.chosen(view), self.grown(view), 0.0)
        grown = np.maximum(grown, 0.0)
        total = grown.sum()
        return grown / total if total > 0.0 else np.zeros(view.alpha.size)
