"""How much of a result is luck: Sharpe ratios judged by their sampling error and by the number of trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy  # whose parts are imported where they are used: no other command waits for them
from numpy.typing import ArrayLike

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, Int
from regimefolio.kernels.metrics import FLAT

RESAMPLES = 1000
MEAN_BLOCK = 21.0
CHUNK = 2**20
"""Resampled bars held in memory at once."""


class ReturnMoments(NamedTuple):
    """What the Sharpe tests need to know of a series of returns, in the order of their arguments."""

    sharpe: float
    n_bars: int
    skew: float
    kurtosis: float


class Interval(NamedTuple):
    """An estimate and the quantiles of its resamples that enclose the stated share of them."""

    point: float
    low: float
    high: float
    level: float


class SharpeDifference(NamedTuple):
    """How far one annualised Sharpe ratio is above another, and in what share of the resamples it is."""

    point: float
    low: float
    high: float
    level: float
    share_positive: float


def return_moments(returns: ArrayLike, risk_free: ArrayLike = 0.0) -> ReturnMoments:
    """The per-bar Sharpe ratio, length, skewness and raw kurtosis of a series of returns.

    Parameters
    ----------
    returns : array_like of shape (T,)
        Simple returns per bar.
    risk_free : array_like of shape (), (1,) or (T,)
        Per bar.

    Returns
    -------
    ReturnMoments
        Sharpe with ddof=1; population skewness and kurtosis (a normal one has 3). NaN for fewer than two
        bars and for a constant series.

    Raises
    ------
    DataError
        A return is not finite.
    """
    r = _finite("returns", returns)
    sharpe = float(_sharpe(r[np.newaxis, :], _free(risk_free, len(r)))[0])
    if math.isnan(sharpe):
        return ReturnMoments(math.nan, len(r), math.nan, math.nan)
    deviation = r - r.mean()
    variance = np.mean(deviation**2)
    skew = np.mean(deviation**3) / variance**1.5
    kurtosis = np.mean(deviation**4) / variance**2
    return ReturnMoments(sharpe, len(r), float(skew), float(kurtosis))


def probabilistic_sharpe_ratio(
    sharpe: float, n_bars: int, skew: float, kurtosis: float, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above a benchmark, given how the returns are distributed.

    Parameters
    ----------
    sharpe : float
        Observed, per bar (not annualised).
    n_bars : int
        Bars that it was observed over.
    skew, kurtosis : float
        Of the returns; raw kurtosis, 3 for a normal distribution.
    benchmark : float
        Sharpe ratio to be beaten, per bar.

    Returns
    -------
    float
        In [0, 1]; NaN when an input is NaN, for fewer than two bars, and for moments of no distribution.

    Source
    ------
    Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, eq. 11.
    """
    spread = _sharpe_spread(sharpe, skew, kurtosis)
    if n_bars < 2 or math.isnan(spread):
        return math.nan
    return float(scipy.special.ndtr((sharpe - benchmark) * math.sqrt(n_bars - 1) / spread))


def minimum_track_record_length(
    sharpe: float, skew: float, kurtosis: float, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Bars after which the observed Sharpe ratio would be above a benchmark with the stated confidence.

    Parameters
    ----------
    sharpe, benchmark : float
        Per bar (not annualised).
    skew, kurtosis : float
        Of the returns; raw kurtosis, 3 for a normal distribution.
    confidence : float
        In (0.5, 1).

    Returns
    -------
    float
        At least 1; NaN when the Sharpe ratio is not above the benchmark: no length would do.

    Raises
    ------
    ConfigError
        A confidence outside (0.5, 1).

    Source
    ------
    Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, eq. 13.
    """
    if not 0.5 < confidence < 1.0:
        raise ConfigError(f"a confidence lies between 0.5 and 1, but this is {confidence}")
    if not sharpe > benchmark:
        return math.nan
    spread = _sharpe_spread(sharpe, skew, kurtosis)
    return float(1.0 + (spread * scipy.special.ndtri(confidence) / (sharpe - benchmark)) ** 2)


def expected_maximum_sharpe(trial_sharpes: ArrayLike) -> float:
    """The Sharpe ratio that the best of as many independent trials without skill would be expected to show.

    Parameters
    ----------
    trial_sharpes : array_like of shape (n_trials,)
        Sharpe ratios of every trial that was tried; NaN trials are left out. Only their number and their
        variance (ddof=1) count: under the null hypothesis their true mean is zero.

    Returns
    -------
    float
        In the unit of the trials; 0 when all of them are equal.

    Raises
    ------
    DataError
        Fewer than two finite trials.

    Source
    ------
    Bailey and López de Prado (2014), The Deflated Sharpe Ratio, eq. 1.
    """
    trials = np.asarray(trial_sharpes, dtype=np.float64)
    trials = trials[np.isfinite(trials)]
    n = len(trials)
    if n < 2:
        raise DataError(f"the best of many trials needs at least two with a Sharpe ratio, but {n} have one")
    if trials.min() == trials.max():
        return 0.0
    above = scipy.special.ndtri(1.0 - 1.0 / n), scipy.special.ndtri(1.0 - 1.0 / (n * math.e))
    quantiles = (1.0 - np.euler_gamma) * above[0] + np.euler_gamma * above[1]
    return float(trials.std(ddof=1) * quantiles)


def deflated_sharpe_ratio(sharpe: float, n_bars: int, skew: float, kurtosis: float, trial_sharpes: ArrayLike) -> float:
    """Probability that the true Sharpe ratio is above what the best of many noise trials would show.

    Parameters
    ----------
    sharpe : float
        Observed Sharpe ratio of the selected trial, per bar (not annualised).
    n_bars : int
        Bars that it was observed over.
    skew, kurtosis : float
        Of the selected trial's returns; raw kurtosis, 3 for a normal distribution.
    trial_sharpes : array_like of shape (n_trials,)
        Per bar, of every trial that was tried, the selected one included; NaN trials are left out.

    Returns
    -------
    float
        In [0, 1]; NaN where `probabilistic_sharpe_ratio` is.

    Raises
    ------
    DataError
        Fewer than two finite trials.

    Source
    ------
    Bailey and López de Prado (2014), The Deflated Sharpe Ratio, eq. 1-2.
    """
    return probabilistic_sharpe_ratio(sharpe, n_bars, skew, kurtosis, expected_maximum_sharpe(trial_sharpes))


def stationary_bootstrap(
    n_bars: int, n_resamples: int = RESAMPLES, mean_block: float = MEAN_BLOCK, seed: int = 0
) -> Iterator[Int]:
    """Bars to draw so that neighbours stay together: blocks of random length, on a circle.

    Parameters
    ----------
    n_bars : int
        Bars of the series, and of every resample.
    n_resamples : int
    mean_block : float
        Expected block length in bars, at least 1; lengths are geometric.
    seed : int
        A resample depends on the seed and on its own number alone, not on how many follow.

    Yields
    ------
    ndarray of shape (some resamples, n_bars), int64
        Indices in [0, n_bars), in chunks of at most about a million, so that memory stays bounded.

    Raises
    ------
    ConfigError
        No bars, no resamples, or a mean block below one bar.

    Source
    ------
    Politis and Romano (1994), The Stationary Bootstrap, section 2.
    """
    if n_bars < 1 or n_resamples < 1 or not mean_block >= 1.0:
        raise ConfigError(
            "a bootstrap needs n_bars >= 1, n_resamples >= 1 and mean_block >= 1, "
            f"but got n_bars={n_bars}, n_resamples={n_resamples}, mean_block={mean_block}"
        )
    return _index_chunks(n_bars, n_resamples, 1.0 / mean_block, np.random.default_rng(seed))


def _index_chunks(n_bars: int, n_resamples: int, ends: float, rng: np.random.Generator) -> Iterator[Int]:
    step = max(1, CHUNK // n_bars)
    for first in range(0, n_resamples, step):
        rows = min(step, n_resamples - first)
        # One draw does both: below `ends` it opens a block, and its share of `ends` says at which bar.
        draw = rng.random((rows, n_bars))
        draw[:, 0] *= ends
        flat = draw.ravel()
        opens = np.flatnonzero(flat < ends)
        bar = np.minimum((flat[opens] / ends * n_bars).astype(np.int64), n_bars - 1)
        lengths = np.diff(opens, append=len(flat))
        index = np.repeat(bar - opens, lengths) + np.arange(len(flat))
        index[index >= n_bars] -= n_bars
        yield index.reshape(rows, n_bars)


def bootstrap_quantiles(
    values: ArrayLike,
    statistic: Callable[[Float], Float],
    quantiles: Sequence[float],
    seed: int,
    n_resamples: int = RESAMPLES,
    mean_block: float = MEAN_BLOCK,
) -> Float:
    """Quantiles of a statistic over stationary-bootstrap resamples of a series.

    Parameters
    ----------
    values : array_like of shape (T,)
    statistic : callable
        Takes resamples of shape (R, T) and returns (R,), NaN where it is undefined; those are left out.
    quantiles : sequence of Q float
        In [0, 1]; linear between order statistics.
    seed : int
    n_resamples : int
    mean_block : float
        In bars.

    Returns
    -------
    ndarray of shape (Q,), float64
        NaN when no resample has the statistic.

    Raises
    ------
    DataError
        A value is not finite.
    """
    x = _finite("values", values)
    if len(x) < 2:
        return np.full(len(quantiles), np.nan)
    chunks = stationary_bootstrap(len(x), n_resamples, mean_block, seed)
    return _quantiles(np.concatenate([statistic(x[index]) for index in chunks]), quantiles)


def sharpe_interval(
    returns: ArrayLike,
    ppy: float,
    seed: int,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    mean_block: float = MEAN_BLOCK,
    risk_free: ArrayLike = 0.0,
) -> Interval:
    """The annualised Sharpe ratio of a series and its percentile interval under the stationary bootstrap.

    Parameters
    ----------
    returns : array_like of shape (T,)
        Simple returns per bar.
    ppy : float
        Bars in a year.
    seed : int
    level : float
        Share of resamples inside the interval; 0.9 makes `low` their 5% quantile.
    n_resamples : int
    mean_block : float
        In bars.
    risk_free : array_like of shape (), (1,) or (T,)
        Per bar.

    Returns
    -------
    Interval
        All NaN for fewer than two bars and for a constant series.

    Raises
    ------
    DataError
        A return is not finite.
    ConfigError
        A level outside (0, 1).
    """
    r = _finite("returns", returns)
    free, tails, year = _free(risk_free, len(r)), _tails(level), math.sqrt(ppy)
    point = float(_sharpe(r[np.newaxis, :], free)[0]) * year
    if math.isnan(point):
        return Interval(point, math.nan, math.nan, level)
    chunks = stationary_bootstrap(len(r), n_resamples, mean_block, seed)
    low, high = _quantiles(np.concatenate([_sharpe(r[index], _at(free, index)) for index in chunks]), tails) * year
    return Interval(point, float(low), float(high), level)


def paired_sharpe_difference(
    a: ArrayLike,
    b: ArrayLike,
    ppy: float,
    seed: int,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    mean_block: float = MEAN_BLOCK,
    risk_free: ArrayLike = 0.0,
) -> SharpeDifference:
    """How far the Sharpe ratio of `a` is above that of `b`; both are resampled at the same bars.

    Parameters
    ----------
    a, b : array_like of shape (T,)
        Simple returns per bar of two runs over the same bars.
    ppy : float
        Bars in a year.
    seed : int
    level : float
        Share of resamples inside the interval.
    n_resamples : int
    mean_block : float
        In bars.
    risk_free : array_like of shape (), (1,) or (T,)
        Per bar.

    Returns
    -------
    SharpeDifference
        Annualised; `share_positive` is the share of resamples in which `a` is strictly above `b`.
        All NaN where one of the two has no Sharpe ratio.

    Raises
    ------
    DataError
        Different lengths, or a return that is not finite.
    ConfigError
        A level outside (0, 1).
    """
    x, y = _finite("a", a), _finite("b", b)
    if len(x) != len(y):
        raise DataError(f"a paired comparison needs the same bars, but a has {len(x)} and b has {len(y)}")
    free, tails, year = _free(risk_free, len(x)), _tails(level), math.sqrt(ppy)
    point = float(_sharpe(x[np.newaxis, :], free)[0] - _sharpe(y[np.newaxis, :], free)[0]) * year
    if math.isnan(point):
        return SharpeDifference(math.nan, math.nan, math.nan, level, math.nan)
    chunks = stationary_bootstrap(len(x), n_resamples, mean_block, seed)
    differences = np.concatenate(
        [_sharpe(x[index], _at(free, index)) - _sharpe(y[index], _at(free, index)) for index in chunks]
    )
    low, high = _quantiles(differences, tails) * year
    defined = differences[~np.isnan(differences)]
    share = float(np.mean(defined > 0.0)) if len(defined) else math.nan
    return SharpeDifference(point, float(low), float(high), level, share)


def _finite(name: str, values: ArrayLike) -> Float:
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"{name} must have shape (T,), but has {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise DataError(f"{name} must be finite, but bar {bad[0]} is {array[bad[0]]}; leave the warm-up out")
    return array


def _tails(level: float) -> tuple[float, float]:
    if not 0.0 < level < 1.0:
        raise ConfigError(f"a level lies between 0 and 1, but this is {level}")
    return (1.0 - level) / 2.0, (1.0 + level) / 2.0


def _free(risk_free: ArrayLike, n_bars: int) -> Float:
    """Risk-free returns of each bar, or one for all, (1,)."""
    free = np.atleast_1d(np.asarray(risk_free, dtype=np.float64))
    if free.shape not in ((1,), (n_bars,)):
        raise DataError(f"risk_free must be one number, or one for each of {n_bars} bars, but has shape {free.shape}")
    return free


def _at(free: Float, index: Int) -> Float:
    """The risk-free returns of resampled bars."""
    return free if free.size == 1 else free[index]


def _sharpe(returns: Float, free: Float) -> Float:
    """Per-bar Sharpe ratio of each row, (R, T) to (R,); NaN where a row is flat or shorter than two bars."""
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    deviation = returns.std(axis=1, ddof=1)
    deviation[deviation <= FLAT] = np.nan
    ratio: Float = (returns - free).mean(axis=1) / deviation
    return ratio


def _sharpe_spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """Standard error of a per-bar Sharpe ratio, times the square root of its degrees of freedom."""
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(variance) if variance > 0.0 else math.nan


def _quantiles(values: Float, quantiles: Sequence[float]) -> Float:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return np.full(len(quantiles), np.nan)
    found: Float = np.quantile(defined, quantiles)
    return found
