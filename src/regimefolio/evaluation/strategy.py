"""What one strategy's opinions are worth before any money moves, all in one typed result."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regimefolio.core.errors import must_be
from regimefolio.core.types import Bool, Float, Float32, Int, Panel, Signals
from regimefolio.evaluation.alpha_decay import AlphaDecay, alpha_decay
from regimefolio.evaluation.information_coefficient import (
    InformationCoefficient,
    fill_returns,
    information_coefficient,
    lags_for,
    standard_error,
    window_end,
)
from regimefolio.kernels.metrics import Z95
from regimefolio.market.fill import Fill

ALPHA_EDGES = tuple(round(-1.0 + 0.2 * i, 1) for i in range(11))
"""Bins of alpha; 0 is an edge, so that no bin mixes both signs."""

CONFIDENCE_EDGES = tuple(round(0.1 * i, 1) for i in range(11))
"""Bins of confidence."""


class Histogram(NamedTuple):
    """How many opinions lie in each bin: from `edges[i]` on and below `edges[i + 1]`; the last edge is included."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class AlphaBin(NamedTuple):
    """What followed the opinions of one bin of alpha.

    `mean_return` is the mean return from the fill over the horizon, a fraction; `error` is its standard error.
    `reason` says why a number is NaN.
    """

    low: float
    high: float
    opinions: int
    mean_alpha: float
    mean_return: float
    error: float
    reason: str = ""


class ConfidenceBin(NamedTuple):
    """How often the opinions of one bin of confidence had the right sign.

    `realised` is 2p - 1, with p the share of returns over the horizon whose sign is alpha's, a return of 0 counting
    half: where confidence is calibrated it equals `mean_confidence`. `interval_low` and `interval_high` enclose it with
    95%. `reason` says why a number is NaN.
    """

    low: float
    high: float
    opinions: int
    mean_confidence: float
    realised: float
    interval_low: float
    interval_high: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class StrategyEvaluation:
    """What `StrategyEvaluator` finds.

    Parameters
    ----------
    strategy : str
        Its kind.
    horizon : int
        Bars over which its alpha is meant to come true.
    opinions : int
        Asset-bars of members in the window with a confidence above 0; the histograms are of them.
    labelled : int
        Those of them whose return over the horizon is known; the two tables are of them.
    ic : InformationCoefficient
    decay : AlphaDecay
    alpha_histogram, confidence_histogram : Histogram
    by_alpha : tuple of AlphaBin
        Alpha against realised return.
    reliability : tuple of ConfidenceBin
        Confidence against how often the sign was right.
    """

    strategy: str
    horizon: int
    opinions: int
    labelled: int
    ic: InformationCoefficient
    decay: AlphaDecay
    alpha_histogram: Histogram
    confidence_histogram: Histogram
    by_alpha: tuple[AlphaBin, ...]
    reliability: tuple[ConfidenceBin, ...]


@dataclass(frozen=True, eq=False)
class StrategyEvaluator:
    """Judges opinions by the returns that followed them; no portfolio, no cost.

    Only opinions of members count; returns run between fill prices; labels that end after the window are dropped. The
    tables pool asset-bars. Assets move together and labels overlap, so their standard errors are of the sums at each
    bar, with as many lags as the t-value of the information coefficient has (Newey and West 1987): many opinions at one
    bar are little more than one. Mean returns contain what the market did.

    Parameters
    ----------
    panel : Panel
        The bars that signals were made of.
    fill : str
        Prices that a decision is filled at: the next bar's opens or its closes.
    first, last : int
        Decisions at bars first ≤ t; a label must end before bar `last`, the end of the panel by default.
    lags : int
        Bars after the fill over which the decay is followed, at least 3.
    delay : int
        Bars by which a fill comes later than the next bar, as an execution's `delay`.
    """

    panel: Panel
    fill: Fill
    first: int = 0
    last: int | None = None
    lags: int = 21
    delay: int = 0

    def __post_init__(self) -> None:
        must_be(Panel, self.panel, "panel", "market.panel is one")

    def evaluate(self, signals: Signals) -> StrategyEvaluation:
        """All measures of one strategy's signals, of shape (T, N).

        Raises
        ------
        DataError, MissingDataError, ConfigError
            As `information_coefficient`.
        """
        panel, first = self.panel, self.first
        last = window_end(signals, panel, first, self.last)
        label = fill_returns(panel, self.fill, first, last, 1 + self.delay, 1 + self.delay + signals.horizon)
        opinion = (signals.confidence[first:last] > 0.0) & panel.member[first:last]
        known = opinion[: len(label)] & np.isfinite(label)
        alpha, confidence = signals.alpha[first:last], signals.confidence[first:last]
        given = _Given(alpha[: len(label)], confidence[: len(label)], label, known, signals.horizon)
        return StrategyEvaluation(
            strategy=signals.strategy,
            horizon=signals.horizon,
            opinions=int(opinion.sum()),
            labelled=int(known.sum()),
            ic=information_coefficient(signals, panel, self.fill, first, last, self.delay),
            decay=alpha_decay(signals, panel, self.fill, first, last, self.lags, self.delay),
            alpha_histogram=_histogram(alpha[opinion], ALPHA_EDGES),
            confidence_histogram=_histogram(confidence[opinion], CONFIDENCE_EDGES),
            by_alpha=_by_alpha(given),
            reliability=_reliability(given),
        )


class _Given(NamedTuple):
    """Opinions and their returns over the horizon, panels of shape (L, N); `known` says which count."""

    alpha: Float32
    confidence: Float32
    label: Float
    known: Bool
    horizon: int


def _bins(values: Float32, edges: tuple[float, ...]) -> Int:
    """The bin of each value, in float32, as signals are."""
    inner = np.array(edges[1:-1], np.float32)
    return np.searchsorted(inner, values, side="right").astype(np.int64)


def _histogram(values: Float32, edges: tuple[float, ...]) -> Histogram:
    counts = np.bincount(_bins(values, edges), minlength=len(edges) - 1)
    return Histogram(edges, tuple(counts.tolist()))


def _by_alpha(given: _Given) -> tuple[AlphaBin, ...]:
    found, where = [], _bins(given.alpha, ALPHA_EDGES)
    for position, (low, high) in enumerate(itertools.pairwise(ALPHA_EDGES)):
        inside = given.known & (where == position)
        count, (mean, error, reason) = int(inside.sum()), _mean(given.label, inside, given.horizon)
        centre = float(given.alpha[inside].mean(dtype=np.float64)) if count else math.nan
        found.append(AlphaBin(low, high, count, centre, mean, error, reason))
    return tuple(found)


def _reliability(given: _Given) -> tuple[ConfidenceBin, ...]:
    found, where = [], _bins(given.confidence, CONFIDENCE_EDGES)
    agreement = np.where(given.known, np.sign(given.alpha) * np.sign(given.label), 0.0)  # its mean is 2p - 1
    for position, (low, high) in enumerate(itertools.pairwise(CONFIDENCE_EDGES)):
        inside = given.known & (where == position)
        count, (mean, error, reason) = int(inside.sum()), _mean(agreement, inside, given.horizon)
        centre = float(given.confidence[inside].mean(dtype=np.float64)) if count else math.nan
        bounds = (mean - Z95 * error, mean + Z95 * error)
        found.append(ConfidenceBin(low, high, count, centre, mean, max(bounds[0], -1.0), min(bounds[1], 1.0), reason))
    return tuple(found)


def _mean(values: Float, inside: Bool, horizon: int) -> tuple[float, float, str]:
    """Mean of the values inside, its standard error with bars as clusters, and why one of them is NaN."""
    count = int(inside.sum())
    if count == 0:
        return math.nan, math.nan, "no opinion with a return"
    mean = float(values[inside].mean())
    bars = int(inside.any(axis=1).sum())
    lag = lags_for(horizon, bars)
    if bars < 2 * (lag + 1):
        return mean, math.nan, f"{bars} bars are too few for an error with {lag} lags"
    deviations = np.where(inside, values - mean, 0.0).sum(axis=1)
    if not deviations.any():
        return mean, math.nan, "all of them are alike, which says nothing about the error"
    return mean, standard_error(deviations, count, lag), ""
