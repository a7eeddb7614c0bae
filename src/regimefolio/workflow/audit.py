"""The audit trail: one line of JSON for everything that happened to a workspace, appended and never rewritten.

Every line holds the SHA-256 of the line before it, so that a line that is changed, taken out or put in is seen.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regimefolio.core.errors import WorkspaceError
from regimefolio.core.files import append_line, jsonable, last_line
from regimefolio.core.types import Json

CUT_SHORT, CHAINED = "cut short", "chained"
"""Events: the line before was torn by a crash; the lines before are from a trail that had no chain."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a trail.

    Parameters
    ----------
    lines : int
        Lines in the file.
    broken : tuple of (line, problem)
        Where the chain does not hold, counted from 1.
    torn : tuple of int
        Lines that a crash cut short; the trail went on behind them.
    unchained : int
        Lines at the top from before trails were chained.
    """

    lines: int
    broken: tuple[tuple[int, str], ...]
    torn: tuple[int, ...]
    unchained: int

    @property
    def text(self) -> str:
        """The verdict in one sentence."""
        if self.broken:
            line, problem = self.broken[0]
            others = f" ({len(self.broken) - 1} more such places)" if len(self.broken) > 1 else ""
            return f"the chain is broken at line {line}: {problem}{others}"
        if self.unchained == self.lines > 0:
            return f"its {self.lines} lines are from before trails were chained; the next run begins a chain"
        said = f"the chain of {self.lines - self.unchained} lines is whole"
        if self.unchained:
            said += f"; the {self.unchained} lines before it are from before trails were chained"
        if self.torn:
            said += f"; a crash cut line {', '.join(map(str, self.torn))} short"
        return said


class Audit:
    """Appends to `metadata/audit.jsonl`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, event: str, **details: Json) -> None:
        """Add one event with the time at which it happened; first, say so where a crash cut the last line short."""
        last, whole = last_line(self.path)
        if last and not whole:
            self._append(CUT_SHORT, last, {})
            last, _ = last_line(self.path)
        elif last and _digest_in(last) is None and event != CHAINED:
            earlier = self.path.read_bytes()
            self._append(CHAINED, last, {"lines": earlier.count(b"\n"), "sha256": _sha256(earlier)})
            last, _ = last_line(self.path)
        self._append(event, last, details)

    def _append(self, event: str, previous: bytes, details: dict[str, Json]) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        digest = _sha256(previous) if previous else None
        entry = jsonable({"time": now, "event": event, **details, "previous": digest})
        append_line(self.path, json.dumps(entry, ensure_ascii=False))

    def events(self) -> list[dict[str, Any]]:
        """The lines as mappings; one that a crash cut short is left out."""
        lines = self.path.read_bytes().split(b"\n") if self.path.is_file() else []
        return [entry for line in lines if (entry := _entry(line))]

    def verify(self) -> Verdict:
        """Check every line against the one before it.

        What the chain cannot see: lines taken off the end, and a trail that somebody wrote anew as a whole.

        Raises
        ------
        WorkspaceError
            The trail cannot be read.
        """
        try:
            content = self.path.read_bytes() if self.path.is_file() else b""
        except OSError as error:
            raise WorkspaceError(f"{self.path}: cannot be read ({error.strerror}); restore it") from error
        lines = content.split(b"\n")
        if lines[-1]:  # no line break at its end: a crash, and nothing came after it yet
            return _verdict(lines, len(lines))
        return _verdict(lines[:-1])


def _verdict(lines: Sequence[bytes], cut: int = 0) -> Verdict:
    """What is wrong with these lines, of which line `cut`, if any, is known to be torn."""
    entries = [_entry(line) for line in lines]
    unchained = next((n for n, entry in enumerate(entries) if "previous" in entry), len(lines))
    broken, torn = list[tuple[int, str]](), list[int]()
    if not any("event" in entry for entry in entries[:unchained]):
        unchained = 0
    for n, entry in enumerate(entries):
        if n < unchained or n + 1 == cut:
            continue
        follows = entries[n + 1] if n + 1 < len(entries) else {}
        expected = _sha256(lines[n - 1]) if n else None
        if "previous" not in entry:
            if follows.get("event") == CUT_SHORT and follows.get("previous") == _sha256(lines[n]):
                torn.append(n + 1)
            else:
                broken.append((n + 1, "it is no line of a trail"))
        elif entry["previous"] != expected:
            broken.append((n + 1, "the line before it was changed, taken out or put in"))
        elif entry.get("event") == CHAINED and entry.get("sha256") != _sha256(_joined(lines[:n])):
            broken.append((n + 1, "a line before the chain began was changed, taken out or put in"))
    return Verdict(len(lines), tuple(broken), (*torn, *([cut] if cut else ())), unchained)


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entry(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _digest_in(line: bytes) -> object:
    """What a line says of the one before it; `first` for the first line of a chain, None outside of one."""
    entry = _entry(line)
    return (entry["previous"] or "first") if "previous" in entry else None
