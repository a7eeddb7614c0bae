"""How good opinions are before any money moves: the rank correlation of alpha with what followed.

The other modules of this room that judge opinions share its labels, its coefficients and its standard errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Bool, Float, Panel, Signals
from regimefolio.market.fill import Fill, fill_prices

MIN_OPINIONS = 5
"""Opinions that a rank correlation is made of at least."""


@dataclass(frozen=True, eq=False)
class InformationCoefficient:
    """The information coefficient of a strategy, bar by bar and in sum.

    Parameters
    ----------
    series : ndarray of shape (T,), float64
        Rank correlation across assets at the bar of the decision; NaN where it is undefined or not asked for.
        For a single asset: products of standardised ranks, whose mean is the rank correlation over time.
    mean : float
        In [-1, 1].
    ir : float
        Mean over standard deviation (ddof=1) of the series, per bar, not annualised; NaN for a single asset.
    t_value : float
        Mean over its Newey-West standard error, with lag max(2·(horizon − 1), ⌊4·(n/100)^(2/9)⌋) in bars.
    n : int
        Bars with a value.
    reason : str
        Why a number is NaN; empty when none is.
    """

    series: Float
    mean: float
    ir: float
    t_value: float
    n: int
    reason: str = ""


def information_coefficient(
    signals: Signals,
    panel: Panel,
    fill: Fill,
    first: int = 0,
    last: int | None = None,
    delay: int = 0,
) -> InformationCoefficient:
    """Spearman correlation of alpha with the return from the fill over the signals' horizon.

    An asset counts at bar t when it has an opinion (confidence above 0), is a member, and has fill prices at
    t+1+delay and at t+1+delay+horizon. A bar counts when at least five assets do, unless alpha or return is equal for
    all of them. Ranks of ties are averaged. A panel of one asset is correlated over time instead.

    Parameters
    ----------
    signals : Signals
        Of shape (T, N).
    panel : Panel
        The bars that the signals were made of.
    fill : str
        Prices that a decision is filled at: the next bar's opens or its closes.
    first, last : int
        Decisions at bars first ≤ t; a label must end before bar `last`, the end of the panel by default.
    delay : int
        Bars by which a fill comes later than the next bar.

    Returns
    -------
    InformationCoefficient

    Raises
    ------
    DataError
        Signals and panel differ in clock or symbols.
    MissingDataError
        Fills at the open of a panel without opens.
    ConfigError
        A window outside the panel, or another fill.

    Source
    ------
    Grinold and Kahn (2000), Active Portfolio Management, chapter 6; Newey and West (1987), eq. 5.
    """
    last = window_end(signals, panel, first, last)
    single = panel.n_assets == 1
    label = fill_returns(panel, fill, first, last, 1 + delay, 1 + delay + signals.horizon)
    values, valid = coefficients(signals, panel, label, first)
    series = np.full(panel.n_bars, np.nan)
    series[first : first + len(label)] = values
    if not np.isfinite(series).any():
        return InformationCoefficient(series, math.nan, math.nan, math.nan, 0, _why_none(len(label), valid, single))
    return InformationCoefficient(series, *_summary(values, signals.horizon, single))


def window_end(signals: Signals, panel: Panel, first: int, last: int | None) -> int:
    """The bar before which labels must end; refuses signals of another panel and a window outside it."""
    if signals.symbols != panel.symbols or not np.array_equal(signals.timestamps, panel.timestamps):
        raise DataError("signals and panel must have the same timestamps and symbols; cut both with `until`")
    last = panel.n_bars if last is None else last
    if not 0 <= first <= last <= panel.n_bars:
        raise ConfigError(f"the window {first}:{last} does not lie within the panel's {panel.n_bars} bars")
    return last


def fill_returns(panel: Panel, fill: Fill, first: int, last: int, entry: int, leave: int) -> Float:
    """Returns at fill prices from t + `entry` to t + `leave`, for the bars t from `first` that end before `last`."""
    price = fill_prices(panel, fill)
    n = max(0, last - leave - first)
    bought, sold = price[first + entry : first + entry + n], price[first + leave : first + leave + n]
    returns: Float = sold / bought - 1.0
    return returns


def coefficients(signals: Signals, panel: Panel, label: Float, first: int) -> tuple[Float, Bool]:
    """Coefficients (L,) of the bars from `first` on with the labels (L, N), and which of the labels count, (L, N)."""
    end = first + len(label)
    valid = (signals.confidence[first:end] > 0) & panel.member[first:end] & np.isfinite(label)
    alpha = signals.alpha[first:end].astype(np.float64)
    if panel.n_assets == 1:
        return _products_over_time(alpha[:, 0], label[:, 0], valid[:, 0]), valid
    return _rank_correlation(alpha, label, valid), valid


def _rank_correlation(x: Float, y: Float, valid: Bool) -> Float:
    """Spearman correlation of each row; NaN below MIN_OPINIONS values and where x or y is constant."""
    a, b = _rank_deviations(x, valid), _rank_deviations(y, valid)
    # Deviations are multiples of 1/2, so that these sums are exact in any order.
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    scale[(scale == 0.0) | (valid.sum(axis=1) < MIN_OPINIONS)] = np.nan
    rho: Float = (a * b).sum(axis=1) / scale
    return rho


def _products_over_time(x: Float, y: Float, valid: Bool) -> Float:
    """Products of standardised ranks; their mean over the valid bars is the Spearman correlation."""
    row = valid[np.newaxis, :]
    a, b = _rank_deviations(x[np.newaxis, :], row)[0], _rank_deviations(y[np.newaxis, :], row)[0]
    n = int(valid.sum())
    scale = math.sqrt((a * a).sum() * (b * b).sum())
    if n < MIN_OPINIONS or scale == 0.0:
        return np.full(len(x), np.nan)
    return np.where(valid, a * b * (n / scale), np.nan)


def _rank_deviations(x: Float, valid: Bool) -> Float:
    """Average ranks of the valid values of each row, less their mean; 0 where not valid."""
    keyed = np.where(valid, x, np.inf)
    order = np.argsort(keyed, axis=1, kind="stable")
    ordered = np.take_along_axis(keyed, order, axis=1)
    position = np.arange(x.shape[1])
    differs = ordered[:, 1:] != ordered[:, :-1]
    opens = np.pad(differs, ((0, 0), (1, 0)), constant_values=True)
    closes = np.pad(differs, ((0, 0), (0, 1)), constant_values=True)
    lowest = np.maximum.accumulate(np.where(opens, position, 0), axis=1)
    highest = np.minimum.accumulate(np.where(closes, position, len(position))[:, ::-1], axis=1)[:, ::-1]
    middle = (valid.sum(axis=1, keepdims=True) - 1) / 2.0
    deviations = np.empty_like(keyed)
    np.put_along_axis(deviations, order, (lowest + highest) / 2.0 - middle, axis=1)
    deviations[~valid] = 0.0
    return deviations


def _summary(window: Float, horizon: int, single: bool) -> tuple[float, float, float, int, str]:
    """Mean, IR, t-value, number of values, and why one of them is NaN."""
    values = window[np.isfinite(window)]
    n, mean = len(values), float(values.mean())
    reasons = ["a single asset has no coefficient per bar, hence no IR"] if single else []
    if values.min() == values.max():
        only = "one bar has a coefficient" if n == 1 else "the coefficient is the same at every bar"
        return mean, math.nan, math.nan, n, "; ".join([*reasons, f"{only}, hence no IR and no t-value"])
    ir = math.nan if single else mean / float(values.std(ddof=1))
    lag = lags_for(horizon, n)
    if n < 2 * (lag + 1):
        return mean, ir, math.nan, n, "; ".join([*reasons, f"{n} bars are too few for a t-value with {lag} lags"])
    error = standard_error(np.where(np.isnan(window), 0.0, window - mean), n, lag)
    return mean, ir, mean / error, n, "; ".join(reasons)


def lags_for(horizon: int, n: int) -> int:
    """The lags that the standard error of a mean of n bars' values needs where labels span `horizon` bars."""
    # Bartlett weights see 2/3 of the variance of overlapping labels at lag horizon - 1, 5/6 at twice that.
    return max(2 * (horizon - 1), math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0)))


def standard_error(deviations: Float, n: int, lag: int) -> float:
    """Newey-West standard error of a mean of n values; bars without one are 0, so that lags count in bars."""
    total = float((deviations * deviations).sum())
    for j in range(1, min(lag, len(deviations) - 1) + 1):
        total += 2.0 * (1.0 - j / (lag + 1)) * float((deviations[j:] * deviations[:-j]).sum())
    return math.sqrt(total) / n


def _why_none(n_labels: int, valid: Bool, single: bool) -> str:
    if n_labels == 0:
        return "the window holds no bar whose label ends inside it"
    most = int(valid.sum() if single else valid.sum(axis=1).max())
    if most < MIN_OPINIONS:
        found = f"{most} bars" if single else f"at most {most} assets at a bar"
        return f"{found} with an opinion and a label, and {MIN_OPINIONS} are needed"
    return "alpha or return is the same for all opinions"
