"""A workflow that is killed anywhere and run again ends with the same files as one that was left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regimefolio.core.errors import CorruptError
from tests.workflows import NAMES, coordinator, hashes, write_prices

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_prices(folder)
    made = coordinator(folder)
    made.run()
    return hashes(made.workspace)


def kills(folder: Path, mode: str, number: int = 0) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killing", str(folder), mode, str(number)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert number in (0, len(found))
    return found


def test_a_kill_at_any_change_of_the_disk_is_made_good(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    """Half of them in a fresh folder, half where another search ran before, whose files have to go."""
    found = kills(tmp_path, "operations", 20)
    for kill in found:
        assert kill["hashes"] == uninterrupted, kill["phase"]
        assert kill["temporary"] == []
    assert {kill["phase"] for kill in found if kill["event"] == "started"} == set(NAMES)  # in the middle of each
    assert any(kill["left"] for kill in found)
    assert {len(kill["finished"]) for kill in found} >= {0, 1, 2, 3}


def test_a_kill_at_any_moment_is_made_good(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    for kill in kills(tmp_path, "moments", 8):
        assert kill["hashes"] == uninterrupted, kill["phase"]
        assert kill["temporary"] == []


def test_a_kill_on_either_side_of_any_renaming_is_made_good(tmp_path: Path) -> None:
    """All of them: each file of a workflow is there as a whole or not at all, and the rest is done again."""
    found = kills(tmp_path, "renames")
    before, after = found[0::2], found[1::2]
    assert len(before) == len(after) > 30
    assert all(kill["left"] and not later["left"] for kill, later in zip(before, after, strict=True))
    for kill in found:
        assert kill["hashes"] == kill["expected"], kill["phase"]
        assert kill["temporary"] == []
        assert kill["broken"] == []
    assert {kill["phase"] for kill in found} >= set(NAMES)
    assert {len(kill["finished"]) for kill in found} == {0, 1, 2, 3, 4}


# Bits that flip


@pytest.mark.parametrize("position", [400, 5_000, -1])
def test_a_flipped_bit_in_a_saved_signal_is_seen(position: int, tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    """npy has no checksum: the hash sees it, the audit trail records it, and what read the file runs again."""
    write_prices(tmp_path)
    made = coordinator(tmp_path)
    made.run()
    path = made.workspace.signal_file(2)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    steps = made.run()
    assert [step.action for step in steps] == ["reuse", "reuse", "run", "run"]
    assert steps[2].reason == "signals/trial_2.npy changed"
    log = [json.loads(line) for line in (made.workspace.metadata / "audit.jsonl").read_text().splitlines()]
    (edit,) = [entry for entry in log if entry["event"] == "edited"]
    assert edit["file"] == "signals/trial_2.npy"
    assert edit["before"] == uninterrupted["signals/trial_2.npy"] != edit["after"]
    made.run("parameter_discovery")
    assert hashes(made.workspace) == uninterrupted


def test_a_flipped_bit_in_a_header_is_seen(tmp_path: Path) -> None:
    write_prices(tmp_path)
    made = coordinator(tmp_path)
    made.run()
    path = made.workspace.signal_file(2)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=r"trial_2\.npy: is not a whole \.npy file .*; run its phase again"):
        made.run()


@pytest.mark.parametrize(
    "name",
    [
        "signals/trial_0.npy",
        "performance/returns.npy",
        "performance/trial_3.json",
        "analysis/regime_labels_trend.npy",
        "analysis/regime_optimal_params.json",
        "analysis/ensemble_weights.json",
        "performance/ensemble_returns.npy",
    ],
)
def test_a_truncated_file_is_named_with_its_remedy_which_works(
    name: str, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    write_prices(tmp_path)
    made = coordinator(tmp_path)
    made.run()
    path = made.workspace.root / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptError) as caught:
        made.run()
    assert str(path) in str(caught.value)
    assert "run its phase again" in str(caught.value)
    path.unlink()
    made.run()
    assert hashes(made.workspace) == uninterrupted


def test_a_torn_audit_trail_goes_on(tmp_path: Path) -> None:
    write_prices(tmp_path)
    made = coordinator(tmp_path)
    made.run()
    log = made.workspace.metadata / "audit.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    made.run()
    lines = log.read_text().splitlines()
    assert lines[:-6] == whole.decode().splitlines()[:-1]
    assert [json.loads(line)["event"] for line in lines[-4:]] == ["reused"] * 4
    assert json.loads(lines[-5])["event"] == "cut short"
    assert made.workspace.audit.verify().torn == (len(lines) - 5,)
