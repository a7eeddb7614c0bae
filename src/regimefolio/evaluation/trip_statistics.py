"""What the closed round trips of a run have in common: all of them, by side, by regime, and by why they were closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import REASONS, UNKNOWN, Float, Int
from regimefolio.evaluation.round_trips import SIDES, RoundTrips

NO_REGIME = "no regime known"


class TripStatistics(NamedTuple):
    """What some closed round trips have in common; NaN where there is none to say it of.

    Attributes
    ----------
    trips, won : int
    profit, mean_profit, median_profit : float
        Money.
    profit_factor : float
        What the won ones made over what the lost ones lost.
    expectancy : float
        The mean profit over the mean size of a loss: what a trip makes for each unit of money that a lost one loses.
    mean_bars : float
    longest_losing_streak : int
        Lost ones in a row, in the order in which they were closed.
    mean_mae_won, mean_mae_lost : float
        Fractions of the entry price.
    """

    trips: int
    won: int
    profit: float
    mean_profit: float
    median_profit: float
    profit_factor: float
    expectancy: float
    mean_bars: float
    longest_losing_streak: int
    mean_mae_won: float
    mean_mae_lost: float


Groups = Mapping[str, Mapping[str, TripStatistics]]
"""By what trips are told apart, and each kind of them."""


def trip_statistics(trips: RoundTrips) -> Groups:
    """The statistics of all closed trips, by side, by the regime known at the entry, and by why they were closed.

    A kind without a closed trip is not there; nor is the regime where none is known of any.
    """
    every = trips.closed
    told: dict[str, tuple[Int, Mapping[int, str]]] = {"all": (np.zeros(len(trips), np.int64), {0: "all"})}
    told["side"] = (trips.side, SIDES)
    if trips.regimes:
        told["entry_regime"] = (trips.entry_regime, {**dict(enumerate(trips.regimes)), UNKNOWN: NO_REGIME})
    told["closed_by"] = (trips.reason, dict(enumerate(REASONS)))
    return {
        by: {
            name: _statistics(trips, which)
            for kind, name in names.items()
            if (which := every[kinds[every] == kind]).size or by == "all"
        }
        for by, (kinds, names) in told.items()
    }


def _statistics(trips: RoundTrips, which: Int) -> TripStatistics:
    profit, result, mae = trips.profit[which], trips.result[which], trips.mae[which]
    won, lost = result > 0, result < 0
    loss = _mean(-profit[lost])
    return TripStatistics(
        trips=which.size,
        won=int(won.sum()),
        profit=float(profit.sum()),
        mean_profit=_mean(profit),
        median_profit=float(np.median(profit)) if which.size else np.nan,
        profit_factor=float(profit[won].sum()) / float(-profit[lost].sum()) if lost.any() else np.nan,
        expectancy=_mean(profit) / loss,
        mean_bars=_mean(trips.bars[which].astype(np.float64)),
        longest_losing_streak=_longest(lost.tolist()),
        mean_mae_won=_mean(mae[won]),
        mean_mae_lost=_mean(mae[lost]),
    )


def _mean(values: Float) -> float:
    return float(values.mean()) if values.size else np.nan


def _longest(lost: Sequence[bool]) -> int:
    """The longest run of True."""
    longest = now = 0
    for each in lost:
        now = now + 1 if each else 0
        longest = max(longest, now)
    return longest
