"""The audit trail: one line of JSON for everything that happened to a workspace, appended and never rewritten."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from regimefolio.core.files import append_line, jsonable
from regimefolio.core.types import Json


class Audit:
    """Appends to `metadata/audit.jsonl`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, event: str, **details: Json) -> None:
        """Add one event with the time at which it happened."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        append_line(self.path, json.dumps(jsonable({"time": now, "event": event, **details}), ensure_ascii=False))
