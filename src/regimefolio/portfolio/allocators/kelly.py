"""As much as the bets of the past were worth."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.realised import realised

PRIOR = 100.0
"""Outcomes without an edge that are added to those seen."""

FEWEST = 50
"""Outcomes below which nothing is bet."""


class Kelly(Allocator, kind="kelly"):
    """Alpha in proportion, and in all what the outcomes of earlier alphas say: gross = min(cap, f).

    f = fraction · (p/L − q/W), with W and L the mean win and loss of the outcomes sign(alpha) · return, from the fill
    at the bar after a bar to the one `horizon` bars later, of every bar and asset for which that is over; p and q =
    1 − p are the rates of wins and losses, p shrunk towards no edge, L/(W + L), as if 100 more outcomes had had none.
    Without 50 outcomes, and where f is below 0, nothing is held. Long-only, alphas below 0 are no bets and have no
    outcomes.

    Fills are at the open where the data has opens, else at the close; an outcome whose asset lacks that bar at its end
    is taken at the last price. Outcomes overlap and move together, so that they tell less than their number says: hence
    a fraction.
    Source: Kelly (1956), A New Interpretation of Information Rate; with wins and losses of unequal size as in Thorp
    (2006), The Kelly Criterion in Blackjack, Sports Betting and the Stock Market, section 2.
    """

    fraction: float = Field(0.5, gt=0, le=1, description="part of the bet that would make money grow fastest")
    cap: float = Field(1.0, gt=0, le=1, description="largest sum of sizes")
    horizon: int = Field(5, ge=1, description="bars from the fill of an alpha to its outcome")
    long_short: bool = Field(False, description="short what has a negative alpha; otherwise it gets nothing")

    @property
    def long_only(self) -> bool:
        return not self.long_short

    @property
    def warmup(self) -> int:
        return 1 + self.horizon

    def weights(self, view: View) -> Float:
        bets = np.where(view.tradable, self._bets(view.alpha.astype(np.float64)), 0.0)
        size = np.abs(bets).sum()
        if size == 0.0:
            return np.zeros(bets.size)
        return bets / size * min(self.cap, self.bet(self.outcomes(view)))

    def bet(self, outcomes: Float) -> float:
        """The fraction f of what may be invested that outcomes (k,) speak for, at least 0; infinite where none lost."""
        won, lost = outcomes[outcomes > 0.0], -outcomes[outcomes < 0.0]
        n = won.size + lost.size
        if n < FEWEST or not won.size:
            return 0.0
        if not lost.size:
            return np.inf
        win, loss = float(won.mean()), float(lost.mean())
        p = (won.size + PRIOR * loss / (win + loss)) / (n + PRIOR)
        return max(0.0, self.fraction * (p / loss - (1.0 - p) / win))

    def outcomes(self, view: View) -> Float:
        """What the alphas of earlier bars came to, (k,), 0 where nothing moved.

        Raises
        ------
        MissingDataError
            The view does not tell the alphas of earlier bars.
        """
        if len(view.alphas) != view.market.panel.n_bars:
            raise MissingDataError(
                "kelly looks at the alphas of earlier bars, but was told those of one bar alone; use it in a backtest, "
                "or take proportional"
            )
        panel = view.market.panel
        n = max(panel.n_bars - 1 - self.horizon, 0)
        earned = view.side * realised(panel, self.horizon)
        sign = np.sign(self._bets(view.alphas[:n].astype(np.float64)))
        known = (sign != 0.0) & panel.member[:n] & np.isfinite(panel.close[:n]) & np.isfinite(earned)
        told: Float = (sign * earned)[known]
        return told

    def _bets(self, alpha: Float) -> Float:
        return alpha if self.long_short else np.maximum(alpha, 0.0)
