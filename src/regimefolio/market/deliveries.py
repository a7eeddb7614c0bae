"""Bars that were delivered more than once: which delivery counts."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Bool, Int, Times
from regimefolio.market.notes import counted


class Deliveries(NamedTuple):
    """Which rows of a table count.

    Parameters
    ----------
    counts : ndarray of shape (R,), bool
    replaced, later : int
        Rows that a later delivery of their bar replaced, and rows delivered after the date of interest.
    """

    counts: Bool
    replaced: int
    later: int

    def told(self, as_of: date | None) -> tuple[str, ...]:
        """What was left out, in words; nothing where nothing was."""
        replaced = (f"{counted(self.replaced, 'row')} replaced by a later delivery of the bar",) * (self.replaced > 0)
        return (
            replaced if as_of is None else (*replaced, f"{counted(self.later, 'row')} delivered after {as_of} left out")
        )


def last_deliveries(asset: Int, time: Times, delivered: Times, as_of: date | None) -> Deliveries:
    """The last delivery of each bar at or before the end of a date; of several at one time all.

    Parameters
    ----------
    asset : ndarray of shape (R,), int64
        -1 where it is not known.
    time, delivered : ndarray of shape (R,), datetime64[ns]
        Of the bar, and when its row was delivered; NaT where it is not known.
    as_of : date or None
        Rows delivered after this do not exist.

    Returns
    -------
    Deliveries
        A row whose bar or delivery is not known neither replaces nor is replaced, and counts.
    """
    late = np.zeros(len(asset), dtype=bool)
    if as_of is not None:
        late = delivered.astype("datetime64[D]") > np.datetime64(as_of)
    counts = ~late
    rows = np.flatnonzero(counts & (asset >= 0) & ~np.isnat(time) & ~np.isnat(delivered))
    order = rows[np.lexsort((delivered[rows], time[rows], asset[rows]))]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (asset[order[1:]] != asset[order[:-1]]) | (time[order[1:]] != time[order[:-1]])
    group = np.cumsum(last) - last
    counts[order] = delivered[order] == delivered[order[last]][group]
    return Deliveries(counts, int((~counts & ~late).sum()), int(late.sum()))
