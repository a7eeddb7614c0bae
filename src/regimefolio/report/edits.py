"""Which files a person changed after their phase wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from regimefolio.core.errors import CorruptError
from regimefolio.core.files import read_json, sha256_of

AUDIT = "metadata/audit.jsonl"


def edited_files(root: Path) -> list[str]:
    """The files of a workspace that were edited by hand since their phases wrote them, sorted.

    A run that finds an edited file takes its digest over, so the audit trail is asked besides the checkpoints.

    Raises
    ------
    CorruptError
        A checkpoint is none.
    """
    return sorted({*_recorded(root / AUDIT), *_unnoticed(root)})


def _recorded(path: Path) -> set[str]:
    """Files with an edit that is later than the last start of their phase, and that was not taken back."""
    written: dict[str, dict[str, object]] = {}
    edited: dict[str, set[str]] = {}
    for event in _events(path):
        phase, file, kind = str(event.get("phase")), str(event.get("file")), event.get("event")
        if kind == "started":
            written.pop(phase, None)
            edited.pop(phase, None)
        elif kind == "edited":
            first = written.setdefault(phase, {}).setdefault(file, event.get("before"))
            files = edited.setdefault(phase, set())
            (files.discard if event.get("after") == first else files.add)(file)
    return set().union(*edited.values())


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the audit trail; one that a crash cut short says nothing."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _unnoticed(root: Path) -> set[str]:
    """Files that differ from what their phase's checkpoint says: no run has seen the edit yet."""
    found = set()
    for path in sorted((root / "checkpoints").glob("*.json")):
        checkpoint = read_json(path)
        outputs = checkpoint.get("outputs") if isinstance(checkpoint, dict) else None
        if not isinstance(outputs, dict):
            raise CorruptError(f"{path}: is not a checkpoint; run with --from {path.stem} to make it again")
        found |= {name for name, digest in outputs.items() if _differs(root / name, digest)}
    return found


def _differs(path: Path, digest: object) -> bool:
    return path.is_file() and sha256_of(path) != digest
