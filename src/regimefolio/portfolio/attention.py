"""Whose public attention leads its price: page views that grew before the price did."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, Field

from regimefolio.core.component import Model
from regimefolio.core.errors import ConfigError
from regimefolio.core.files import FILE
from regimefolio.core.types import Bool, Float
from regimefolio.market.view import Market, View

Correction = Literal["benjamini_hochberg", "benjamini_yekutieli", "none"]

ROUNDING = 1e-20
"""The part of a sum of squares that may be left around the mean of what does not vary."""

ALONE = 1e-9
"""The part of an error below which one pair alone draws the line, as where views changed once."""


def _file(value: str) -> str:
    if not value.removeprefix(FILE) or not value.startswith(FILE):
        raise ValueError("page views are named as a file, such as file:views.parquet")
    return value


class Slopes(NamedTuple):
    """Slopes (N,) of N regressions, their t-values, and the chance of one as large or larger where there is no slope.

    NaN where nothing can be said: there are too few pairs, a side does not vary, or one pair alone draws the line.
    """

    slope: Float
    t_value: Float
    p_value: Float


def regressed(price: Float, views: Float, n_pairs: int) -> Slopes:
    """Each column of `price` regressed on that of `views`, with an intercept, and tested for a slope above 0.

    With x and y around their means and e what the line leaves of y: slope Σxy / Σx², its variance Σ(x e / (1 - h))² /
    (Σx²)² with h = 1/n + x² / Σx² (HC3), one-sided, Student's t with n - 2 degrees of freedom. Attention and volatility
    come in the same bursts, where the ordinary variance finds slopes that are not there.

    Parameters
    ----------
    price, views : ndarray of shape (W, N)
        A pair with a NaN is left out.
    n_pairs : int
        Pairs that a column must have, 3 or more.

    Source
    ------
    MacKinnon and White (1985), Some Heteroskedasticity-Consistent Covariance Matrix Estimators with Improved Finite
    Sample Properties.
    """
    from scipy.special import stdtr

    both = np.isfinite(price) & np.isfinite(views)
    n = both.sum(axis=0)
    x, x_varies = _centred(views, both)
    y, y_varies = _centred(price, both)
    squares = np.where((n >= n_pairs) & x_varies & y_varies, (x * x).sum(axis=0), np.nan)
    free = 1.0 - 1.0 / np.maximum(n, 1) - x * x / squares
    judged = (free > ALONE).all(axis=0)
    slope = np.where(judged, (x * y).sum(axis=0), np.nan) / squares
    left = (y - slope * x) / free
    with np.errstate(divide="ignore"):  # a slope without error is certain
        t_value = slope * squares / np.sqrt((x * x * left * left).sum(axis=0))
    return Slopes(slope, t_value, stdtr(np.where(judged, n - 2.0, np.nan), -t_value))


def _centred(values: Float, both: Bool) -> tuple[Float, Bool]:
    """Columns less their means, 0 where a pair is left out, and whether they vary."""
    kept = np.where(both, values, 0.0)
    centred = np.where(both, kept - kept.sum(axis=0) / np.maximum(both.sum(axis=0), 1), 0.0)
    return centred, (centred * centred).sum(axis=0) > ROUNDING * (kept * kept).sum(axis=0)


def corrected(p_value: Float, correction: Correction) -> Float:
    """P-values (N,) that may be compared with the wanted share of false discoveries; NaN is no test.

    Source
    ------
    Benjamini and Hochberg (1995), Controlling the False Discovery Rate, eq. 1, for tests that are independent or
    move together; Benjamini and Yekutieli (2001), The Control of the False Discovery Rate in Multiple Testing under
    Dependency, theorem 1.3, for any.
    """
    tested = np.flatnonzero(np.isfinite(p_value))
    if correction == "none" or not tested.size:
        return p_value
    order = tested[np.argsort(p_value[tested], kind="stable")]
    rank = np.arange(1, order.size + 1)
    times = 1.0 if correction == "benjamini_hochberg" else (1.0 / rank).sum()
    raised = p_value[order] * times * order.size / rank
    out = p_value.copy()
    out[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return out


class LeadingAttention(Model):
    """Chooses the assets whose growth of page views was followed by a growth of their price.

    For each asset the log growth of the price from one bar to the next is regressed on the log growth of its views over
    `growth` bars that was known `lag` bars before, over a window that ends at the present bar. Those stay whose slope
    is above 0 with a corrected p-value of at most `significance`, and of them the `top_n` whose views grew most up to
    the present bar. An asset with fewer than half of the pairs is not tested. Growth is that of views + 1, so that a
    day without any has one too.
    """

    page_views: Annotated[str, AfterValidator(_file)] = Field(
        description="the file of daily page views, such as file:views.parquet"
    )
    window: int = Field(252, ge=20, description="pairs of growths that are regressed")
    growth: int = Field(5, ge=1, description="bars over which views grow; 5 take the week out of daily bars")
    lag: int = Field(1, ge=1, description="bars from what is known of views to the end of the price's growth")
    significance: float = Field(
        0.05, gt=0, lt=0.5, description="largest p-value after the correction: the share of false discoveries"
    )
    correction: Correction = Field("benjamini_hochberg", description="for testing many assets at once")
    top_n: int | None = Field(None, ge=1, description="keep the n whose views grew most; all, if not said")

    @property
    def page_view_files(self) -> tuple[str, ...]:
        """The file that the market must have been loaded with."""
        return (self.page_views,)

    @property
    def warmup(self) -> int:
        """Bars before the first one that has all pairs."""
        return self.window + self.growth + self.lag - 1

    def p_values(self, view: View) -> Float:
        """The corrected p-value (N,) of each asset's slope; NaN where it is not tested. Sold short, prices turn round.

        Raises
        ------
        ConfigError
            The market was loaded without the file.
        """
        known, close = self._known(view.market), view.market.panel.close
        if len(close) <= self.warmup:
            return np.full(view.alpha.size, np.nan)
        fields = (self.page_views, self.window, self.growth, self.lag, self.correction)

        def compute() -> Float:
            views = np.log1p(known[-self.warmup - 1 : -self.lag])
            price = close[-self.window - 1 :]
            grown = view.side * np.log(price[1:] / price[:-1])
            found = regressed(grown, views[self.growth :] - views[: -self.growth], self.window // 2)
            return corrected(np.where(view.tradable, found.p_value, np.nan), self.correction)

        return view.market.memo(("attention", *fields, view.side, view.tradable.tobytes()), compute)

    def grown(self, view: View) -> Float:
        """The log growth (N,) of views up to this bar; NaN where it is not known."""
        known = np.log1p(self._known(view.market)[-self.growth - 1 :])
        return known[-1] - known[0] if len(known) > self.growth else np.full(view.alpha.size, np.nan)

    def chosen(self, view: View) -> Bool:
        """The assets (N,) that stay; equal growths are told apart by the symbol."""
        stay, grown = self.p_values(view) <= self.significance, self.grown(view)
        stay &= np.isfinite(grown)
        if self.top_n is not None:
            symbols = view.market.symbols
            best = sorted(np.flatnonzero(stay).tolist(), key=lambda n: (-grown[n], symbols[n]))
            stay[best[self.top_n :]] = False
        return stay

    def _known(self, market: Market) -> Float:
        if self.page_views not in market.files:
            text = f"the market was loaded without {self.page_views}; give load_market the portfolio that names it"
            raise ConfigError(text)
        return market.files[self.page_views]
