"""The audit trail: every line chained to the one before it; what was changed is seen, and where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from regimefolio.core.progress import Progress
from regimefolio.workflow.audit import Audit, Verdict
from tests.workflows import coordinator


def trail(folder: Path, lines: int = 6) -> Audit:
    audit = Audit(folder / "audit.jsonl")
    for n in range(lines):
        audit.record("started", phase=f"phase {n}", note="Δ")
    return audit


def test_every_line_holds_the_sha_256_of_the_one_before(tmp_path: Path) -> None:
    lines = trail(tmp_path).path.read_bytes().splitlines()
    digests = [json.loads(line)["previous"] for line in lines]
    assert digests == [None, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]
    assert Audit(tmp_path / "audit.jsonl").verify() == Verdict(6, (), (), 0)


def test_a_trail_that_is_not_there_is_whole(tmp_path: Path) -> None:
    assert Audit(tmp_path / "audit.jsonl").verify() == Verdict(0, (), (), 0)


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (lambda lines: lines[2].replace(b"phase 2", b"phase 9"), 4),
        (lambda lines: lines.pop(2), 3),
        (lambda lines: lines.insert(2, lines[1]), 3),
        (lambda lines: lines.pop(0), 1),
        (lambda lines: lines.insert(3, b"a note"), 4),
        (lambda lines: lines.reverse(), 1),
    ],
)
def test_what_was_changed_is_found_at_its_line(
    tamper: Callable[[list[bytes]], bytes | None], broken: int, tmp_path: Path
) -> None:
    audit = trail(tmp_path)
    lines = audit.path.read_bytes().splitlines()
    changed = tamper(lines)
    if isinstance(changed, bytes) and changed.endswith(b"}") and len(lines) == 6:
        lines[2] = changed
    audit.path.write_bytes(b"\n".join(lines) + b"\n")
    assert audit.verify().broken[0][0] == broken
    assert f"the chain is broken at line {broken}: " in audit.verify().text
    audit.record("finished")  # the chain goes on behind the break
    assert audit.verify().broken[0][0] == broken


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_torn_last_line_is_told_apart_and_the_chain_goes_on(cut: int, tmp_path: Path) -> None:
    audit = trail(tmp_path, 3)
    audit.record("failed trial", details="x" * 500)
    audit.path.write_bytes(audit.path.read_bytes()[:-cut])
    assert audit.verify() == Verdict(4, (), (4,), 0)
    audit.record("started", phase="next")
    events = [line for line in audit.path.read_text().splitlines() if '"event"' in line]
    assert json.loads(events[-2])["event"] == "cut short"
    assert json.loads(events[-1])["phase"] == "next"
    found = audit.verify()
    assert (found.lines, found.broken, found.torn) == (6, (), (4,) if cut > 1 else ())
    assert found.text.startswith("the chain of 6 lines is whole")


def test_a_trail_from_before_there_were_chains_goes_on_chained(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    old = [json.dumps({"time": "2024-01-01T00:00:00+00:00", "event": "started", "phase": f"{n}"}) for n in range(3)]
    audit.path.write_text("".join(f"{line}\n" for line in old))
    assert audit.verify() == Verdict(3, (), (), 3)
    assert audit.verify().text.startswith("its 3 lines are from before trails were chained")
    audit.record("started", phase="next")
    assert audit.verify() == Verdict(5, (), (), 3)
    assert "the 3 lines before it are from before trails were chained" in audit.verify().text
    audit.path.write_text(audit.path.read_text().replace('"phase": "0"', '"phase": "7"'))
    assert audit.verify().broken == ((4, "a line before the chain began was changed, taken out or put in"),)


def test_a_run_says_where_its_trail_was_changed(finished: Path) -> None:
    said: list[str] = []

    class Listening(Progress):
        def say(self, text: str) -> None:
            said.append(text)

    made = coordinator(finished, progress=Listening())
    path = made.workspace.audit.path
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3].replace('"', "'", 1), *lines[4:]]) + "\n")
    made.run()
    assert f"{path}: the chain is broken at line 4: it is no line of a trail" in said[0]
    assert json.loads(path.read_text().splitlines()[len(lines)])["event"] == "broken chain"
