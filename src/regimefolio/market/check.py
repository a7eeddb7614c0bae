"""A report on a file of prices: what is wrong with it, what is doubtful, and what a run would do to its bars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Bool, Int, Panel, Times
from regimefolio.market.calendar import periods_per_year
from regimefolio.market.clock import stamped_at_close
from regimefolio.market.quality import far_from_five_bars, split_like_jumps
from regimefolio.market.sessions import SessionReport, periods_of, report, sessions_of
from regimefolio.market.sources.base import DataWarning, Defect
from regimefolio.market.sources.file import File
from regimefolio.market.sources.warnings import find_warnings
from regimefolio.market.spec import DataSpec, is_answered, prepare, put_on_clock, reading_of, source_of


@dataclass(frozen=True)
class CheckReport:
    """What `regimefolio data check` found in a file.

    Looked for are cells and times that cannot be read, values missing inside a bar, numbers that are no price or
    volume, highs below lows, opens and closes outside of them, and bars given twice or too late: these are defects.
    What may be right all the same is a warning; `warnings.py` lists the rules.

    Parameters
    ----------
    path : Path
        The file of prices.
    rows : int
        Rows that could be read as such, good or bad.
    symbols : int
    first, last : str
        Times of the first and the last bar; empty where no bar has a time.
    format : str
        Kind and layout of the file, such as `csv.gz, long`.
    periods_per_year : float
        Bars in a year, as the times tell, or the calendar where one is named.
    fewest, most : int
        Usable bars of the symbol that has the fewest, and of the one that has the most.
    defects : tuple of Defect
        Every mistake, in the order of the file.
    warnings : tuple of DataWarning
        Everything doubtful, by kind, and within each in the order of the file.
    notes : tuple of str
        What is done to sound bars when they are loaded, such as adjusting them for splits and dividends.
    sessions : SessionReport or None
        How the times differ from a calendar, where one is named.
    """

    path: Path
    rows: int
    symbols: int
    first: str
    last: str
    format: str
    periods_per_year: float
    fewest: int
    most: int
    defects: tuple[Defect, ...]
    warnings: tuple[DataWarning, ...]
    notes: tuple[str, ...] = ()
    sessions: SessionReport | None = None


def check_file(path: Path, calendar: str | None = None) -> CheckReport:
    """Find every mistake in a file of prices, and what is doubtful, as `check_data` does."""
    return check_data(DataSpec(source=File(path=path), calendar=calendar))


def check_data(spec: DataSpec, folder: Path = Path()) -> CheckReport:
    """Find every mistake in a file of prices and the files beside it, and what is doubtful.

    All of its bars are checked, whatever `start`, `end` and `on_bad` say. With a calendar, sessions without a bar and
    bars on no session are listed too.

    Raises
    ------
    ConfigError
        The source is no file, there is no such calendar, or it does not reach as far.
    MissingDataError
        There is no such file.
    DataError
        The file is no table of bars at all: of another kind, empty, torn, or without the columns of bars. Or a file
        beside it cannot be used.
    """
    source = source_of(spec.source).within(folder)
    if not isinstance(source, File):
        raise ConfigError(f"files of prices are checked, and {source} is none")
    bars = source.bars(reading_of(spec, folder))
    counts = np.isfinite(bars.fields["close"]).sum(axis=0)
    sessions, per_year = _held_against(spec, bars.timestamps)
    return CheckReport(
        path=source.path,
        rows=bars.table.n_rows,
        symbols=len(bars.symbols),
        first=bars.time(0) if len(bars.timestamps) else "",
        last=bars.time(-1) if len(bars.timestamps) else "",
        format=bars.form,
        periods_per_year=per_year,
        fewest=int(counts.min()) if counts.size else 0,
        most=int(counts.max(initial=0)),
        defects=bars.defects,
        warnings=tuple(each for each in find_warnings(bars) if not is_answered(each.kind, spec)),
        notes=(*bars.notes, *(_done(spec, bars.panel("mask"), folder) if counts.any() else ())),
        sessions=sessions,
    )


def doubtful_bars(panel: Panel, assets: Int) -> Bool:
    """The bars of which the check says that a price is far from its five bars, or jumps as at a split.

    Prices are those of the panel, adjusted for all that is known; bars that were masked are none.

    Parameters
    ----------
    assets : ndarray of shape (M,), int64
        Those that are looked at.

    Returns
    -------
    ndarray of shape (T, M), bool
    """
    close = panel.close[:, assets]
    asset, bar = np.nonzero(np.isfinite(close).T)
    doubtful = np.zeros(close.shape, dtype=bool)
    for prices in (panel.open, panel.high, panel.low, panel.close):
        if prices is not None:
            far = far_from_five_bars(asset, prices[:, assets][bar, asset]).at
            doubtful[bar[far], asset[far]] = True
    jumps = split_like_jumps(close, None if panel.volume is None else panel.volume[:, assets])
    doubtful[jumps.bar, jumps.asset] = True
    return doubtful


def _held_against(spec: DataSpec, timestamps: Times) -> tuple[SessionReport | None, float]:
    """How times differ from the calendar, where there is one, and the bars in a year."""
    if spec.calendar is None or not len(timestamps):
        return None, periods_per_year(timestamps)
    if spec.stamped == "open":
        timestamps = stamped_at_close(timestamps, spec.calendar)
    return report(sessions_of(spec.calendar, timestamps), timestamps), periods_of(spec.calendar, timestamps)


def _done(spec: DataSpec, panel: Panel, folder: Path) -> tuple[str, ...]:
    """What is done to sound bars after they are adjusted."""
    clocked = put_on_clock(spec, panel)
    return (*clocked.notes, *prepare(spec, clocked.panel, folder).notes)
