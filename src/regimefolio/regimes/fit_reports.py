"""What a detector that learns from the data has learnt, fit by fit, in numbers that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from regimefolio.core.types import Float, Int, read_only


@dataclass(frozen=True)
class RegimeEstimate:
    """One regime under one fit.

    Parameters
    ----------
    mean, low, high : float
        The log return per bar and its 95% interval, as if the regime's bars were independent.
    volatility : float
        Deviation of the log return per bar.
    share : float
        Expected part of the fitted bars in this regime.
    expected_duration : float
        Bars that a stay lasts on average; NaN for a regime that is never left.
    """

    mean: float
    low: float
    high: float
    volatility: float
    share: float
    expected_duration: float


@dataclass(frozen=True)
class Agreement:
    """How far a fit and the one before agree on the bars before it: those that it saw, and the one before labels too.

    Parameters
    ----------
    bars : int
        Those bars.
    same : float
        Part of them to which both fits give the same label.
    best : float
        The same under the permutation of the later fit's labels that agrees best; never below `same`.
    """

    bars: int
    same: float
    best: float

    @property
    def permuted(self) -> bool:
        """Whether labels in another order would agree better: the refit has exchanged regimes."""
        return self.best > self.same


@dataclass(frozen=True, eq=False)
class FitReport:
    """One fit of a detector.

    Parameters
    ----------
    bar : int
        The panel's bar at which it was made, the last one that it saw.
    timestamp : datetime64
        That bar's.
    bars : int
        Bars that it was fitted on.
    log_likelihood : float
    transition : ndarray of shape (K, K)
        Row i: probability of each regime at the next bar, given regime i.
    regimes : tuple of K RegimeEstimate
        In the order of the detector's names.
    agreement : Agreement or None
        With the fit before; None for the first one.
    """

    bar: int
    timestamp: np.datetime64
    bars: int
    log_likelihood: float
    transition: Float
    regimes: tuple[RegimeEstimate, ...]
    agreement: Agreement | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", read_only(self.transition))


def agreement(before: Int, after: Int, n_regimes: int) -> Agreement:
    """Of the labels (n,), each 0 … K - 1, that two fits in turn give to the same bars, n at least 1."""
    counts = np.zeros((n_regimes, n_regimes), np.int64)
    np.add.at(counts, (before, after), 1)
    regimes = np.arange(n_regimes)
    same, best = np.trace(counts), max(counts[regimes, list(order)].sum() for order in permutations(regimes))
    return Agreement(len(before), float(same / len(before)), float(best / len(before)))
