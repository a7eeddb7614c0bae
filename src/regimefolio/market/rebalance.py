"""When a portfolio is decided: at the ends of days, weeks, …, every so many bars, or before dates of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from regimefolio.core.arrays import time_text
from regimefolio.core.component import FOLDER, Model, did_you_mean, placed_error
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.files import path_of
from regimefolio.core.types import Bool, Times
from regimefolio.market.calendar import days_of, months_of, starts_of
from regimefolio.market.sources.table import read_table

_NAMES = ("daily", "weekly", "monthly", "quarterly", "yearly")
_HINT = (
    "a rebalance is `daily`, `weekly`, `monthly`, `quarterly`, `yearly`, `{every: k}` with k ≥ 1 bars, or "
    "`{dates: […]}` with dates or file:PATH"
)
_FILE = "file:"
_DATE = TypeAdapter(date)


class Every(Model):
    """A decision every so many bars, counted from the panel's first one."""

    every: int = Field(ge=1, strict=True, description="bars from one decision to the next")


class OnDates(Model):
    """A decision before each of these dates, so that it is filled at the first bar on or after it."""

    dates: tuple[date, ...] = Field(min_length=1, description="rising; a file of them is read where file:PATH is said")


def _rebalance(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Every | OnDates) or (isinstance(value, str) and value in _NAMES):
        return value
    if isinstance(value, str):
        hint = did_you_mean(value, _NAMES)
        raise PydanticCustomError("rebalance", "{text}", {"text": f"{_HINT}; {hint}"})
    if isinstance(value, Mapping) and set(value) == {"every"}:
        bars = value["every"]
        if isinstance(bars, int) and not isinstance(bars, bool) and bars >= 1:
            return Every(every=bars)
    if isinstance(value, Mapping) and set(value) == {"dates"}:
        said = value["dates"]
        if isinstance(said, str) and said.startswith(_FILE):
            return OnDates(dates=_from_file(said, (info.context or {}).get(FOLDER, Path())))
        if isinstance(said, list | tuple) and said:
            return OnDates(dates=_in_order([_date(at, each) for at, each in enumerate(said)]))
    raise PydanticCustomError("rebalance", "{text}", {"text": _HINT})


def _date(at: int, said: Any) -> date:
    try:
        if isinstance(said, str | date):  # a number would be taken for seconds since 1970
            return _DATE.validate_python(said)
    except ValidationError:
        pass
    raise placed_error(("dates", at), f"{said!r} is no date; write dates as 2015-01-31")


def _in_order(dates: list[date]) -> tuple[date, ...]:
    for at in range(1, len(dates)):
        if dates[at] <= dates[at - 1]:
            what = "is there twice" if dates[at] == dates[at - 1] else f"stands after {dates[at - 1]}"
            raise placed_error(("dates", at), f"{dates[at]} {what}; give each date once, the earliest first")
    return tuple(dates)


def _from_file(said: str, folder: Path) -> tuple[date, ...]:
    try:
        return read_dates(folder / path_of(said.removeprefix(_FILE)))
    except DataError as error:
        raise placed_error(("dates",), str(error)) from None


def read_dates(path: Path) -> tuple[date, ...]:
    """The dates of a file, from its one column `date`.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        It is no such table, or a row is no date, or not later than the one before: with the line.
    """
    table = read_table(path)
    if table.defects:
        first = table.defects[0]
        raise DataError(f"{path}: line {first.row}: {first.problem}, found {first.value!r}; mend the line")
    if [name.strip().lower() for name in table.header] != ["date"]:
        raise DataError(f"{path}: the columns are {', '.join(table.header)}, but there must be one, named date")
    days = table.times(0).astype("datetime64[D]")
    late = np.concatenate([[False], days[1:] <= days[:-1]])
    for rows, problem in (
        (np.isnat(days), "no date (write dates as 2015-01-31)"),
        (late, "not later than the row before"),
    ):
        if rows.any():
            row = int(np.argmax(rows))
            raise DataError(
                f"{path}: {table.unit} {table.place(row)}: {problem}, found {table.text(row, 0)!r}; mend the file"
            )
    dates: list[date] = days.tolist()
    return tuple(dates)


Rebalance: TypeAlias = Annotated[
    Literal["daily", "weekly", "monthly", "quarterly", "yearly"] | Every | OnDates, BeforeValidator(_rebalance)
]
"""A field that reads `daily` to `yearly`, `{every: k}`, `{dates: […]}` or `{dates: file:PATH}`."""


def decision_bars(timestamps: Times, rebalance: Rebalance) -> Bool:
    """Where a portfolio is decided.

    Daily (weekly, monthly, quarterly, yearly) decides at the last bar before a new day in UTC (ISO week, month, …)
    begins, and fills at the first bar of the new one; of bars with dates alone, daily decides at each. A date decides
    at the last bar before the first one on or after it; dates that no bar stands before, or none after, decide
    nothing. Bar t knows the date of bar t+1 for this, and nothing else of it; the last bar, whose successor is not
    known, does not decide. Every k decides at the bars 0, k, 2k, ….

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.

    Returns
    -------
    ndarray of shape (T,), bool
    """
    if isinstance(rebalance, Every):
        return np.arange(len(timestamps)) % rebalance.every == 0
    if isinstance(rebalance, OnDates):
        dates = np.array(rebalance.dates, dtype="datetime64[D]").astype(timestamps.dtype)
        period = np.searchsorted(dates, timestamps, side="right")
    elif rebalance == "daily":
        period = days_of(timestamps - np.timedelta64(1, "ns"))  # what closes at midnight belongs to the day before
    elif rebalance == "weekly":
        period = (days_of(timestamps) + 3) // 7  # 1970-01-01 was a Thursday, and ISO weeks begin on Mondays
    else:
        period = months_of(timestamps) // {"monthly": 1, "quarterly": 3, "yearly": 12}[rebalance]
    decides = np.zeros(len(timestamps), dtype=bool)
    decides[:-1] = starts_of(period)[1:]
    return decides


def must_decide(timestamps: Times, rebalance: Rebalance) -> None:
    """Refuse dates none of which decides anything on these bars.

    Raises
    ------
    ConfigError
        Names the first and last date, and the bars'.
    """
    if isinstance(rebalance, OnDates) and not decision_bars(timestamps, rebalance).any():
        dates, (first, last) = rebalance.dates, (time_text(each) for each in timestamps[[0, -1]])
        raise ConfigError(
            f"no bar stands before and after any of the {len(dates):,} dates, {dates[0]} to {dates[-1]}: the bars run "
            f"from {first} to {last}; choose dates between them",
            ("portfolio", "rebalance"),
        )
