"""Saved signals as tables that a person or another program can read, change and give back: CSV and JSONL.

Numbers are written in the fewest digits that give back the same float32, so that a file which nobody changed gives back
the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regimefolio.core.arrays import time_texts
from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, CorruptError, DataError, WorkspaceError
from regimefolio.core.files import must_be_free, read_json, read_npy, sha256_of, write_npy, write_text
from regimefolio.core.types import Float32, Json, Times
from regimefolio.workflow.workspace import Workspace

COLUMNS = ("timestamp", "symbol", "alpha", "confidence")
LOWEST = {"alpha": -1.0, "confidence": 0.0}
SHOWN = 10
"""Mistakes that a message lists."""


@dataclass(frozen=True, eq=False)
class SavedSignals:
    """What one trial of phase 1 thought of every asset at every training bar.

    Parameters
    ----------
    trial : int
    strategy : str
        Its kind.
    parameters : mapping
    timestamps : ndarray of shape (T,), datetime64[ns]
    symbols : tuple of N str
    alpha, confidence : ndarray of shape (T, N), float32
    """

    trial: int
    strategy: str
    parameters: Mapping[str, Json]
    timestamps: Times
    symbols: tuple[str, ...]
    alpha: Float32
    confidence: Float32

    @property
    def times(self) -> list[str]:
        """The timestamps as text: dates, where all of them are whole days, or else as finely as any of them needs."""
        return time_texts(self.timestamps)


@dataclass(frozen=True)
class Imported:
    """What an import changed: cells that differ from before, of all, and the trial's file."""

    changed: int
    cells: int
    path: Path


def read_signals(workspace: Workspace, trial: int) -> SavedSignals:
    """The saved signals of a trial.

    Raises
    ------
    ConfigError
        There is no such trial, or it failed and has none.
    CorruptError
        A file is missing or is not what was written.
    """
    path, about = workspace.signal_file(trial), workspace.trial_file(trial)
    if not about.is_file():
        known = sorted(int(each.stem.removeprefix("trial_")) for each in workspace.performance.glob("trial_*.json"))
        hint = f"trials run from {known[0]} to {known[-1]}" if known else "phase 1 has not run yet"
        raise ConfigError(f"{workspace.root}: there is no trial {trial}; {hint}")
    axes, described = read_json(workspace.metadata / "axes.json"), read_json(about)
    try:
        if described["status"] == "failed":
            raise ConfigError(f"{about}: trial {trial} failed and has no signals: {described['message']}")
        parameters, symbols = dict(described["parameters"]), tuple(axes["symbols"])
        kind = str(parameters.pop("kind"))
        timestamps = np.array(axes["timestamps"], dtype="datetime64[ns]")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptError(f"{about}: has another form ({error!r}); run --from parameter_discovery") from None
    panels = read_npy(path)
    if panels.ndim != 3 or panels.shape[::2] != (2, len(symbols)) or panels.dtype != np.float32:
        raise CorruptError(
            f"{path}: is {panels.dtype} of shape {panels.shape}, but float32 of (2, bars, {len(symbols)}) is expected; "
            "restore it or run --from parameter_discovery"
        )
    return SavedSignals(trial, kind, parameters, timestamps[: panels.shape[1]], symbols, panels[0], panels[1])


def export_signals(workspace: Workspace, trial: int, path: Path, overwrite: bool = False) -> SavedSignals:
    """Write a trial's signals, one row a bar and symbol, to a .csv or .jsonl file.

    Raises
    ------
    ConfigError, CorruptError
        As `read_signals`; or the file is neither, or is there already.
    WorkspaceError
        It cannot be written.
    """
    is_csv = _is_csv(path)
    must_be_free(path, overwrite)
    signals = read_signals(workspace, trial)
    alpha, confidence = _texts(signals.alpha), _texts(signals.confidence)
    out = io.StringIO()
    if is_csv:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(COLUMNS)
        for time, *cells in zip(signals.times, alpha, confidence, strict=True):
            rows.writerows((time, *row) for row in zip(signals.symbols, *cells, strict=True))
    else:
        named = [json.dumps(symbol, ensure_ascii=False) for symbol in signals.symbols]
        for time, *cells in zip(signals.times, alpha, confidence, strict=True):
            out.writelines(
                f'{{"timestamp": "{time}", "symbol": {name}, "alpha": {a or "null"}, "confidence": {c or "null"}}}\n'
                for name, a, c in zip(named, *cells, strict=True)
            )
    write_text(path, out.getvalue())
    return signals


def import_signals(workspace: Workspace, trial: int, path: Path) -> Imported:
    """Put the signals of a .csv or .jsonl file in the place of a trial's own; the next run sees the edit and uses it.

    Raises
    ------
    DataError
        A row is wrong, or one is missing: with the lines.
    ConfigError, CorruptError
        As `read_signals`; or phase 1 is not finished.
    LockedError
        Another process works in the workspace.
    """
    with workspace.opened():
        if workspace.checkpoint("parameter_discovery") is None:
            raise WorkspaceError(f"{workspace.root}: phase 1 is not finished, and would write over it; run it first")
        before = read_signals(workspace, trial)
        panels = _Reading(path, before).panels()
        differ = (panels != np.stack([before.alpha, before.confidence])).any(axis=0)
        changed, file = int(differ.sum()), workspace.signal_file(trial)
        if changed:
            old = sha256_of(file)
            write_npy(file, panels)
            workspace.audit.record(
                "imported", file=workspace.relative(file), source=path.name, cells=changed, before=old,
                after=sha256_of(file),
            )  # fmt: skip
        return Imported(changed, differ.size, file)


def _is_csv(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ConfigError(f"{path}: signals are written and read as .csv or .jsonl; name such a file")
    return path.suffix.lower() == ".csv"


def _texts(panel: Float32) -> list[list[str]]:
    """Every cell in the fewest digits that give it back; NaN is nothing."""
    texts: list[list[str]] = np.where(np.isnan(panel), "", panel.astype("U32")).tolist()
    return texts


class _Reading:
    """A file of signals on its way to panels: every row is checked against the trial's bars and symbols."""

    def __init__(self, path: Path, like: SavedSignals) -> None:
        self._path, self._like = path, like
        self._bars = {time: t for t, time in enumerate(like.times)}
        self._columns = {symbol: n for n, symbol in enumerate(like.symbols)}
        self._line = np.zeros(like.alpha.shape, dtype=np.int64)
        self._panels = np.zeros((2, *like.alpha.shape), dtype=np.float32)
        self._mistakes: list[str] = []
        self._count = 0

    def panels(self) -> Float32:
        """Alpha and confidence (2, T, N).

        Raises
        ------
        DataError
            A row is wrong, or one is missing.
        """
        for line, row in self._rows():
            mistake = self._put(line, row) if isinstance(row, dict) else row
            if mistake:
                self._count += 1
                self._mistakes += [f"line {line}: {mistake}"] if self._count <= SHOWN else []
        missing = np.argwhere(self._line == 0)
        if len(missing) and not self._count:
            t, n = missing[0]
            self._count = 1
            self._mistakes.append(
                f"{len(missing):,} of {self._line.size:,} rows are missing, the first: {self._like.symbols[n]} at "
                f"{self._like.times[t]}; every bar of every symbol has one (no opinion is alpha 0, confidence 0)"
            )
        if self._count:
            more = f"\n  … {self._count - SHOWN:,} more" if self._count > SHOWN else ""
            listed = "\n  ".join(self._mistakes)
            raise DataError(f"{self._path}: nothing was imported\n  {listed}{more}")
        return self._panels

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """The number of each line, and its row by column, or what is wrong with it."""
        is_csv = _is_csv(self._path)
        try:
            text = self._path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ConfigError(f"{self._path}: there is no such file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self._path}: cannot be read as UTF-8 text ({error})") from None
        if not is_csv:
            yield from ((number, _entry(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip())
            return
        reader = csv.reader(io.StringIO(text))
        header = [name.strip() for name in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise DataError(f"{self._path}: line 1: the columns must be {', '.join(COLUMNS)}, but are {header}")
        for cells in reader:
            if cells:
                short = f"has {len(cells)} cells, not {len(header)}"
                yield reader.line_num, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else short

    def _put(self, line: int, row: dict[str, Any]) -> str:
        """Place a row in the panels, or say what is wrong with it."""
        time, symbol = str(row["timestamp"]).strip(), str(row["symbol"]).strip()
        t, n = self._bars.get(time, -1), self._columns.get(symbol, -1)
        if t < 0:
            times = self._like.times
            return f"{time!r} is no training bar; they run from {times[0]} to {times[-1]}, written so"
        if n < 0:
            return f"unknown symbol {symbol!r}; {did_you_mean(symbol, self._columns)}"
        if self._line[t, n]:
            return f"{symbol} at {time} was already given in line {self._line[t, n]}"
        self._line[t, n] = line
        for place, (name, lowest) in enumerate(LOWEST.items()):
            value = _number(row[name])
            if not lowest <= value <= 1.0:
                return f"{name} of {symbol} at {time} must be a number from {lowest:g} to 1, but is {row[name]!r}"
            self._panels[place, t, n] = value
        alpha, confidence = self._panels[:, t, n]
        if alpha != 0.0 and confidence == 0.0:
            return f"{symbol} at {time} has confidence 0, which is no opinion; its alpha must be 0, but is {alpha:g}"
        return ""


def _entry(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except ValueError as error:
        return f"is not JSON ({error})"
    if not isinstance(found, dict) or sorted(found) != sorted(COLUMNS):
        return f"must be a mapping of {', '.join(COLUMNS)}"
    return found


def _number(value: object) -> float:
    """A number or its text; NaN for anything else."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        return math.nan
