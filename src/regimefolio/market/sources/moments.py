"""From texts to moments: what is written as ISO dates and times, at once where it is written plainly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from regimefolio.core.types import Int, Times

if TYPE_CHECKING:
    import polars as pl

_PLAIN = (
    r"^(\d{4}-\d{2}-\d{2})[T ]((?:[01]\d|2[0-3]):[0-5]\d)(:[0-5]\d)?"
    r"(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?$"
)
"""Minutes or seconds, with a zone or without one: what feeds write by the hundred thousand."""

FIRST, LAST = 1678, 2261
"""Years that 64 bits of nanoseconds hold whole."""

MIDNIGHT, DAY = 0, 86_400 * 10**9
NONE = np.iinfo(np.int64).min
"""How NaT is counted."""


def read_moments(texts: pl.Series) -> Times:
    """The moments that texts write, in UTC; NaT where a text is missing or no ISO date or time.

    Without a zone a time is UTC. Times with a zone that are all at their own midnight are sessions, and keep their
    date.

    Returns
    -------
    ndarray of shape (R,), datetime64[ns]
    """
    stripped = texts.str.strip_chars()
    local, offset = _plain(stripped)
    others = np.flatnonzero((local == NONE) & stripped.is_not_null().to_numpy())
    for at, text in zip(others.tolist(), stripped.gather(others).to_list(), strict=True):
        moment = _moment(text)
        if moment is not None:
            local[at], offset[at] = _count(moment.replace(tzinfo=UTC)), _offset(moment)
    known = local != NONE
    if not (local[known] % DAY == MIDNIGHT).all():
        local[known] -= offset[known]
    return local.view("datetime64[ns]")


def _plain(texts: pl.Series) -> tuple[Int, Int]:
    """Nanoseconds since 1970 as the clock on the wall has them, and by how many it is ahead of UTC."""
    import polars as pl

    parts = texts.str.extract_groups(_PLAIN).struct
    date, clock, seconds, sign, hours, minutes = (parts[str(number)] for number in range(1, 7))
    written = date + "T" + clock + seconds.fill_null(":00")
    moments = written.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    moments = moments.set(~moments.dt.year().is_between(FIRST, LAST), None)
    local: Int = moments.cast(pl.Datetime("ns")).cast(pl.Int64).fill_null(NONE).to_numpy().copy()
    ahead = hours.cast(pl.Int64).fill_null(0) * 60 + minutes.cast(pl.Int64).fill_null(0)
    behind = (sign == "-").fill_null(False).to_numpy()
    offset: Int = ahead.to_numpy() * np.where(behind, -60, 60) * 10**9
    return local, offset


def _moment(text: str) -> datetime | None:
    if text.isdigit() and len(text) != len("20200102"):
        return None  # seconds since 1970 are no ISO date, though Python reads some as one
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if FIRST <= moment.year <= LAST else None


def _count(moment: datetime) -> int:
    """Nanoseconds since 1970."""
    past = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000


def _offset(moment: datetime) -> int:
    """Nanoseconds by which a moment's zone is ahead of UTC."""
    ahead = moment.utcoffset()
    return 0 if ahead is None else ((ahead.days * 86_400 + ahead.seconds) * 1_000_000 + ahead.microseconds) * 1_000
