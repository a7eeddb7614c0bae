"""A run looked at from several sides: by year, by drawdown, by regime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, Int, Times, read_only
from regimefolio.kernels.metrics import NAMES, REGIME_NAMES, equity_metrics, part_of, regime_metrics


class YearRow(NamedTuple):
    """One calendar year; its first return starts at the last equity of the year before."""

    year: int
    bars: int
    total_return: float
    volatility: float
    sharpe: float
    max_drawdown: float


class Drawdown(NamedTuple):
    """One fall below a peak until the first bar at or above it.

    `peak` is None where it was the initial capital, `recovery` where there was none yet; `depth` is negative;
    `bars` counts from the peak to the recovery, or to the end.
    """

    peak: np.datetime64 | None
    trough: np.datetime64
    recovery: np.datetime64 | None
    depth: float
    bars: int


class RegimeRow(NamedTuple):
    """What a regime was worth, see `kernels.metrics.REGIME_NAMES`; `share` is of all bars with a return."""

    regime: str
    bars: int
    episodes: int
    share: float
    mean_return: float
    volatility: float
    sharpe: float
    sortino: float
    total_return: float
    cagr: float
    calmar: float
    max_drawdown: float
    hit_rate: float


def drawdown_series(equity: Float, initial: float) -> Float:
    """How far equity is below its highest value so far.

    Parameters
    ----------
    equity : ndarray of shape (T,)
        At the close, from the first bar that trades.
    initial : float
        The capital before it: the first peak.

    Returns
    -------
    ndarray of shape (T,), float64
        In [-1, 0].
    """
    under: Float = equity / np.maximum(np.maximum.accumulate(equity), initial) - 1.0
    return under


def worst_drawdowns(equity: Float, initial: float, timestamps: Times, n: int = 5) -> tuple[Drawdown, ...]:
    """The deepest falls below a peak, which never overlap, deepest first; equal ones in order of time.

    Parameters
    ----------
    equity : ndarray of shape (T,)
        At the close, from the first bar that trades; what follows a bankruptcy is no record.
    initial : float
        The capital before it: the first peak.
    timestamps : ndarray of shape (T,)
    n : int
        How many at most.

    Returns
    -------
    tuple of Drawdown

    Raises
    ------
    DataError
        Lengths differ.
    """
    equity = _record(equity, timestamps)
    under = drawdown_series(equity, initial)
    # A fall is a run of bars below zero; the bar before it is the peak, the bar after it the recovery.
    edges = np.diff(np.concatenate([[False], under < 0.0, [False]]).astype(np.int8))
    found = []
    for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        trough = first + int(np.argmin(under[first:after]))
        recovered = after < len(equity)
        found.append(
            Drawdown(
                timestamps[first - 1] if first > 0 else None,
                timestamps[trough],
                timestamps[after] if recovered else None,
                float(under[trough]),
                int((after if recovered else after - 1) - (first - 1)),
            )
        )
    return tuple(sorted(found, key=lambda fall: fall.depth)[:n])


def yearly_table(
    equity: Float, initial: float, timestamps: Times, ppy: float, risk_free: ArrayLike = 0.0
) -> tuple[YearRow, ...]:
    """Return, volatility, Sharpe ratio and worst drawdown of each calendar year.

    Parameters
    ----------
    equity : ndarray of shape (T,)
        At the close, from the first bar that trades; what follows a bankruptcy is no record.
    initial : float
        The capital before it.
    timestamps : ndarray of shape (T,)
    ppy : float
        Bars in a year.
    risk_free : array_like of shape (), (1,) or (T,)
        Per bar.

    Returns
    -------
    tuple of YearRow
        In order; a year's peak starts at the equity that it was entered with. NaN as in `kernels.metrics`.

    Raises
    ------
    DataError
        Lengths differ.
    """
    equity = _record(equity, timestamps)
    years = timestamps[: len(equity)].astype("datetime64[Y]").astype(np.int64) + 1970
    free = read_only(np.atleast_1d(np.asarray(risk_free, dtype=np.float64)))
    begins = [0, *(np.flatnonzero(np.diff(years)) + 1), len(equity)] if len(equity) else []
    rows = []
    for first, after in pairwise(begins):
        before = float(equity[first - 1]) if first else initial
        out = np.empty(len(NAMES))
        year = part_of(free, slice(first, after))
        equity_metrics(np.ascontiguousarray(equity[first:after]), before, 0, ppy, year, out)
        total, volatility, sharpe, fall = (
            float(out[NAMES.index(name)]) for name in ("total_return", "volatility", "sharpe", "max_drawdown")
        )
        rows.append(YearRow(int(years[first]), int(after - first), total, volatility, sharpe, fall))
    return tuple(rows)


def regime_table(
    decision_return: Float, label: Int, names: Sequence[str], ppy: float, risk_free: ArrayLike = 0.0
) -> tuple[RegimeRow, ...]:
    """What was earned in each regime, counted by the regime known when the decision was taken.

    Parameters
    ----------
    decision_return : ndarray of shape (T,)
        A simulation's; NaN bars count nowhere.
    label : ndarray of shape (T,), int64
        Index into `names`; bars without a regime (-1) count in `share` alone.
    names : sequence of K str
    ppy : float
        Bars in a year.
    risk_free : array_like of shape (), (1,) or (T,)
        Over the bar that each decision return is of.

    Returns
    -------
    tuple of K RegimeRow
        In the order of the names; NaN where a regime has too few bars.

    Raises
    ------
    DataError
        Lengths differ.
    """
    if len(decision_return) != len(label):
        raise DataError(f"{len(decision_return)} decision returns cannot be grouped by {len(label)} labels")
    out = np.empty((len(names), len(REGIME_NAMES)))
    free = read_only(np.atleast_1d(np.asarray(risk_free, dtype=np.float64)))
    regime_metrics(read_only(decision_return), read_only(label), len(names), ppy, free, out)
    total = int(np.isfinite(decision_return).sum())
    rows = []
    for name, values in zip(names, out, strict=True):
        value = {key: float(number) for key, number in zip(REGIME_NAMES, values, strict=True)}
        bars, episodes = int(value.pop("bars")), int(value.pop("episodes"))
        rows.append(RegimeRow(name, bars, episodes, bars / total if total else math.nan, **value))
    return tuple(rows)


def _record(equity: Float, timestamps: Times) -> Float:
    """The equity that counts: up to a bankruptcy."""
    if len(equity) != len(timestamps):
        raise DataError(f"{len(equity)} values of equity do not fit {len(timestamps)} timestamps")
    ruined = np.flatnonzero(equity <= 0.0)
    return equity[: ruined[0] + 1] if len(ruined) else equity
