"""The returns that an optimizer sees of a view, and the moments that are made of them once for all who ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from regimefolio.core.types import Bool, Float, Int, Panel, last_seen, read_only
from regimefolio.market.view import View

if TYPE_CHECKING:
    from regimefolio.portfolio.moments.base import CovarianceTransformer, ExpectedReturns


class Sample(NamedTuple):
    """The last simple returns of the assets that can be judged, as a holder of them, or their seller, counts.

    A missing bar has the return 0, and the next one the whole move, as a holding is valued. An asset cannot be judged
    that has no bar before the window, bars at fewer than half of its bars, or never moved in it. Assets are in the
    order of their names, so that the order of columns has no say.

    Parameters
    ----------
    view : View
    assets : ndarray of shape (n,), int64
        Columns of the view; none where there are fewer bars than `lookback` + 1.
    returns : ndarray of shape (lookback, n)
        Finite, read-only; of the other sign where the view's side is short.
    """

    view: View
    assets: Int
    returns: Float

    @classmethod
    def of(cls, view: View, lookback: int) -> Self:
        """What is seen of a view; the same arrays for all who ask of one view."""
        market, key = view.market, (lookback, view.side, view.tradable.tobytes())
        panel = market.panel

        def assets() -> Int:
            known = _judged(panel, view.tradable, lookback)
            return np.array(sorted(np.flatnonzero(known), key=lambda n: panel.symbols[n]), dtype=np.int64)

        def returns() -> Float:
            if not order.size:
                return np.empty((lookback, 0))
            return np.ascontiguousarray(view.side * _returns(panel, lookback)[:, order])

        order: Int = market.memo(("sample assets", *key), assets)
        return cls(view, order, market.memo(("sample returns", *key), returns))

    @property
    def alpha(self) -> Float:
        """The combined alphas (n,) of the assets, which are not opinions where nothing was said: 0."""
        return self.view.alpha[self.assets].astype(np.float64)

    @property
    def unit(self) -> float:
        """A power of two near the volatility of an asset: solvers are at home where returns are about 1."""
        variance = float(self.returns.var(axis=0).mean()) if self.returns.size else 0.0
        return float(2.0 ** np.round(0.5 * np.log2(variance))) if variance > 0.0 else 1.0

    def covariance(self, transformers: Sequence[CovarianceTransformer]) -> Float:
        """The covariance (n, n) of a bar's returns, over their number, after the transformers in their order."""

        def compute() -> Float:
            centred = self.returns - self.returns.mean(axis=0)
            found: Float = centred.T @ centred / max(len(self.returns), 1)
            for transformer in transformers:
                found = transformer.transform(read_only(found), self)
            return found

        asked = tuple(each.fingerprint for each in transformers)
        return self.view.market.memo(("covariance", *self._key, asked), compute)

    def expected(self, means: ExpectedReturns, covariance: Float) -> Float:
        """The expected returns (n,) of a bar; some look at the covariance that they are used with."""
        alpha = self.view.alpha.tobytes() if means.uses_alpha else b""
        key = ("expected returns", *self._key, means.fingerprint, covariance.tobytes(), alpha)
        return self.view.market.memo(key, lambda: means.estimate(self, covariance))

    @property
    def _key(self) -> tuple[int, int, bytes]:
        return len(self.returns), self.view.side, self.view.tradable.tobytes()


def _judged(panel: Panel, tradable: Bool, lookback: int) -> Bool:
    """Which assets can be judged, (N,)."""
    if panel.n_bars <= lookback:
        return np.zeros(panel.n_assets, dtype=bool)
    returns = _returns(panel, lookback)
    present = np.isfinite(panel.close[-lookback:]).mean(axis=0) >= 0.5
    return tradable & present & (returns != 0.0).any(axis=0) & np.isfinite(returns).all(axis=0)


def _returns(panel: Panel, lookback: int) -> Float:
    """Simple returns (lookback, N) up to the last bar; NaN before an asset's first one."""
    before = panel.n_bars - 1 - lookback
    close = panel.close[before:].copy()
    for n in np.flatnonzero(np.isnan(close[0])).tolist():
        own = np.flatnonzero(np.isfinite(panel.close[:before, n]))
        close[0, n] = panel.close[own[-1], n] if own.size else np.nan
    seen = last_seen(close)
    returns: Float = seen[1:] / seen[:-1] - 1.0
    return returns
