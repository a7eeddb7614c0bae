"""`init`: a project that a user runs, reads and tests at once, by the commands of its own README."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from regimefolio.core.files import read_json
from tests.docs.documents import blocks
from tests.unit.cli.conftest import Call

FILES = [".gitignore", "README.md", "config", "near_high.py", "test_near_high.py", "workflow.yaml"]


def test_a_project_runs_at_once_by_the_commands_of_its_readme(
    forgetful: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call("init", "mine/first")
    assert (code, err) == (0, "")
    assert "  cd mine/first\n  regimefolio run workflow.yaml\n  python -m pytest    (once: pip install pytest)\n" in out
    project = forgetful / "mine" / "first"
    assert sorted(path.name for path in project.iterdir()) == FILES
    monkeypatch.chdir(project)
    commands = [command for block in blocks((project / "README.md").read_text()) for command in block.commands]
    assert {command.split()[1] for command in commands} >= {
        "run",
        "report",
        "backtest",
        "signals",
        "audit",
        "compare",
        "components",
    }
    for command in commands:
        code, out, err = call(*shlex.split(command, comments=True)[1:])
        assert (code, err) == (0, ""), command
        assert out
    assert "near_high" in out  # of `components`, the last one
    assert (project / "results" / "first" / "report.html").stat().st_size > 100_000
    trial = read_json(project / "results" / "first" / "performance" / "trial_0.json")
    assert (trial["status"], trial["parameters"]["kind"]) == ("ok", "near_high")


def test_its_contract_test_passes(forgetful: Path, call: Call) -> None:
    call("init", ".")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " passed in " in done.stdout


def test_what_is_there_is_left_alone(tmp_path: Path, call: Call) -> None:
    (tmp_path / "a.txt").write_text("mine")
    assert call("init", str(tmp_path)).err == (
        f"error: {tmp_path}: is not empty, it holds a.txt; name a folder that is not there yet\n"
    )
    assert call("init", str(tmp_path / "a.txt")).err == (
        f"error: {tmp_path / 'a.txt'}: is a file; name a folder that is not there yet\n"
    )
    assert call("init", str(tmp_path / "a.txt" / "b")).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
