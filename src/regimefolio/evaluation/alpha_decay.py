"""How long an opinion stays worth something: its information coefficient with each later bar's return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float, Int, Panel, Signals
from regimefolio.evaluation.information_coefficient import coefficients, fill_returns, lags_for, window_end
from regimefolio.kernels.metrics import Z95
from regimefolio.market.fill import Fill

SHORTEST = 0.25
"""The least half-life that is tried, in bars: less than 7% is left after one bar."""

LONGEST = 20.0
"""The greatest half-life that is tried, in lags: as good as none."""


@dataclass(frozen=True, eq=False)
class AlphaDecay:
    """Information coefficients by lag, and the half-life of the exponential through them.

    Parameters
    ----------
    lag : ndarray of shape (H,), int64
        1 … H: the one-bar return that ends so many bars after the fill.
    ic : ndarray of shape (H,), float64
        Mean coefficient of alpha with that return; NaN where no bar has one.
    error : ndarray of shape (H,), float64
        Newey-West standard errors of the means.
    half_life : float
        Bars in which the coefficient halves: ln 2 / λ of the least squares fit of a · exp(-λ (h - 1)). NaN where a or
        λ is not significant at 95%.
    low, high : float
        95% interval of the half-life; NaN where it is.
    initial : float
        The fit's a, its coefficient at lag 1; NaN without a fit.
    reason : str
        Why the half-life is NaN; empty when it is not.
    """

    lag: Int
    ic: Float
    error: Float
    half_life: float
    low: float
    high: float
    initial: float
    reason: str = ""


class _Fit(NamedTuple):
    """a, λ and their standard errors."""

    initial: float
    rate: float
    initial_error: float
    rate_error: float


def alpha_decay(
    signals: Signals,
    panel: Panel,
    fill: Fill,
    first: int = 0,
    last: int | None = None,
    lags: int = 21,
    delay: int = 0,
) -> AlphaDecay:
    """Information coefficient of alpha with the one-bar return h bars after the fill, h = 1 … `lags`.

    A decision at bar t is filled at t+1+delay, so lag h is the return from fill prices at t+h+delay to those one bar
    later. What counts is as in `information_coefficient`. Coefficients of different lags that are of the same bar's
    return depend on each other, since alphas last: the errors of the fit come from their joint covariance, by the delta
    method.

    Parameters
    ----------
    signals, panel : Signals, Panel
        Of shape (T, N); the panel is the one that the signals were made of.
    fill : str
        Prices that a decision is filled at.
    first, last : int
        Decisions at bars first ≤ t; a label must end before bar `last`, the end of the panel by default.
    lags : int
        H, at least 3.
    delay : int
        Bars by which a fill comes later than the next bar.

    Raises
    ------
    DataError, MissingDataError, ConfigError
        As `information_coefficient`, or fewer than 3 lags.

    Source
    ------
    Grinold and Kahn (2000), Active Portfolio Management, chapter 13 (the half-life of information); Newey and West
    (1987), eq. 5.
    """
    if lags < 3:
        raise ConfigError(f"a decay is fitted through at least 3 lags, but there are {lags}")
    last = window_end(signals, panel, first, last)
    by_bar = _by_ending_bar(signals, panel, fill, first, last, lags, delay)
    known = np.isfinite(by_bar)
    n = known.sum(axis=0)
    lag = np.arange(1, lags + 1)
    if n.min() == 0:
        return _undefined(lag, np.full(lags, np.nan), f"no bar has a coefficient with lag {lag[n == 0][0]}")
    ic = np.where(known, by_bar, 0.0).sum(axis=0) / n
    depth = lags_for(1, int(n.min()))
    if n.min() < 2 * (depth + lags):
        return _undefined(lag, ic, f"{n.min()} bars are too few for a decay over {lags} lags")
    covariance = _covariance(np.where(known, by_bar - ic, 0.0), depth) / np.outer(n, n)
    error = np.sqrt(np.diag(covariance))
    fit = _fit(ic, covariance)
    reason = _why_no_half_life(fit, lags)
    if reason:
        return AlphaDecay(lag, ic, error, math.nan, math.nan, math.nan, fit.initial, reason)
    half_life, low, high = (math.log(2.0) / (fit.rate + sign * Z95 * fit.rate_error) for sign in (0.0, 1.0, -1.0))
    return AlphaDecay(lag, ic, error, half_life, low, high, fit.initial)


def _by_ending_bar(signals: Signals, panel: Panel, fill: Fill, first: int, last: int, lags: int, delay: int) -> Float:
    """Coefficients (T, H) at the bar that ends the return which they are of, so that a row shares its return."""
    found = np.full((panel.n_bars, lags), np.nan)
    for h in range(1, lags + 1):
        label = fill_returns(panel, fill, first, last, h + delay, h + delay + 1)
        begin = first + h + delay + 1
        found[begin : begin + len(label), h - 1] = coefficients(signals, panel, label, first)[0]
    return found


def _undefined(lag: Int, ic: Float, reason: str) -> AlphaDecay:
    return AlphaDecay(lag, ic, np.full(len(lag), np.nan), math.nan, math.nan, math.nan, math.nan, reason)


def _covariance(deviations: Float, depth: int) -> Float:
    """Newey-West covariance (H, H) of the column sums of serially dependent rows (T, H)."""
    total: Float = deviations.T @ deviations
    for j in range(1, depth + 1):
        cross = deviations[j:].T @ deviations[:-j]
        total += (1.0 - j / (depth + 1)) * (cross + cross.T)
    return total


def _fit(ic: Float, covariance: Float) -> _Fit:
    """Least squares of a · exp(-λ (h - 1)); for each λ the best a is known, so that one number is searched."""
    from scipy.optimize import minimize_scalar  # a quarter of what every command would wait for

    later = np.arange(len(ic))

    def shape(log_half_life: float) -> Float:
        return np.exp(-math.log(2.0) / math.exp(log_half_life) * later)

    def lost(log_half_life: float) -> float:
        curve = shape(log_half_life)
        return -float((curve @ ic) ** 2 / (curve @ curve))

    bounds = (math.log(SHORTEST), math.log(LONGEST * len(ic)))
    grid = np.linspace(*bounds, 60)
    best = int(np.argmin([lost(x) for x in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = float(minimize_scalar(lost, bounds=around, method="bounded", options={"xatol": 1e-10}).x)
    curve, rate = shape(found), math.log(2.0) / math.exp(found)
    initial = float(curve @ ic / (curve @ curve))
    slopes = np.column_stack([curve, -initial * later * curve])
    weights = np.linalg.pinv(slopes)
    errors = np.sqrt(np.diag(weights @ covariance @ weights.T))
    return _Fit(initial, rate, float(errors[0]), float(errors[1]))


def _why_no_half_life(fit: _Fit, lags: int) -> str:
    if not abs(fit.initial) > Z95 * fit.initial_error:
        return "the start of the fit is not significantly different from 0: there is nothing to decay"
    if fit.rate >= 0.99 * math.log(2.0) / SHORTEST:
        return "nothing is left after one bar: the half-life is below what bars can show"
    endless = fit.rate <= 1.01 * math.log(2.0) / (LONGEST * lags)
    if endless or not fit.rate > Z95 * fit.rate_error:
        return f"the coefficient does not significantly decay within {lags} bars"
    return ""
