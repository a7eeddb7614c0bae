"""What portfolio optimizers share: the returns that they see, and what becomes of their answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from regimefolio.core.errors import NotConvergedError
from regimefolio.core.types import Bool, Float, Panel, last_seen
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator

if TYPE_CHECKING:
    from skfolio.optimization import BaseOptimization
    from skfolio.prior import EmpiricalPrior

DUST = 1e-6
"""What solvers leave where they mean nothing; such weights are 0."""


class Optimizer(Allocator):
    """Long-only weights of sum 1 that an optimizer makes of the last simple returns; the alpha is ignored.

    A missing bar has the return 0, and the next one the whole move, as a holding is valued. An asset that has no
    bar before the window, bars at fewer than half of its bars, or never moved in it gets nothing; a single one gets
    all. Assets are looked at in the order of their names, so that the order of columns has no say.
    """

    lookback: int = Field(252, ge=10, description="bars whose returns count")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def warmup(self) -> int:
        return self.lookback

    @abstractmethod
    def fitted(self, returns: Float) -> Float:
        """The weights for returns (lookback, n), n > 1.

        Raises
        ------
        NotConvergedError
            There are none.
        """

    def weights(self, view: View) -> Float:
        out = np.zeros(view.alpha.size)
        known, returns = self._returns(view.market.panel, view.tradable)
        order = np.array(sorted(np.flatnonzero(known), key=lambda n: view.market.symbols[n]), dtype=np.int64)
        if order.size > 1:
            out[order] = self.fitted(view.side * returns[:, order])
        elif order.size == 1:
            out[order] = 1.0
        return out

    def _returns(self, panel: Panel, tradable: Bool) -> tuple[Bool, Float]:
        """Which assets can be judged (N,), and the returns (lookback, N); NaN before an asset's first bar."""
        if panel.n_bars <= self.lookback:
            return np.zeros(panel.n_assets, dtype=bool), np.empty((0, panel.n_assets))
        before = panel.n_bars - 1 - self.lookback
        close = panel.close[before:].copy()
        present = np.isfinite(close[1:]).mean(axis=0) >= 0.5
        for n in np.flatnonzero(np.isnan(close[0]) & tradable & present).tolist():
            own = np.flatnonzero(np.isfinite(panel.close[:before, n]))
            close[0, n] = panel.close[own[-1], n] if own.size else np.nan
        seen = last_seen(close)
        returns: Float = seen[1:] / seen[:-1] - 1.0
        moved = (returns != 0.0).any(axis=0)
        return tradable & present & moved & np.isfinite(returns).all(axis=0), returns

    def unsolved(self, returns: Float, reason: str) -> NotConvergedError:
        """What to raise where there are no weights."""
        return NotConvergedError(
            f"{self.kind} found no weights for {returns.shape[1]} assets and {len(returns)} returns ({reason}); use a "
            "longer lookback, fewer assets or another allocator"
        )


class SkfolioOptimizer(Optimizer):
    """An optimizer of skfolio's."""

    @abstractmethod
    def optimizer(self) -> BaseOptimization:
        """The estimator that is fitted to the returns of each decision."""

    def fitted(self, returns: Float) -> Float:
        from skfolio.exceptions import SkfolioError

        try:
            found: Float = np.asarray(self.optimizer().fit(returns).weights_, dtype=np.float64)
        except SkfolioError as error:
            raise self.unsolved(returns, str(error)) from error
        found = np.where(found > DUST, found, 0.0)
        if not found.sum() > 0.0:
            raise self.unsolved(returns, f"it gave {found.tolist()}")
        return found / found.sum()


def shrunk_moments() -> EmpiricalPrior:
    """Means as they were, and covariances shrunk, so that they can be used with more assets than returns.

    Source: Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.
    """
    from skfolio.moments import LedoitWolf
    from skfolio.prior import EmpiricalPrior

    return EmpiricalPrior(covariance_estimator=LedoitWolf())
