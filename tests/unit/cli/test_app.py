"""What holds of every command: help, exit codes, and one message for a mistake."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from regimefolio import api
from tests.unit.cli.conftest import Call, write_workflow

COMMANDS = (
    "demo",
    "run",
    "init",
    "backtest",
    "compare",
    "rerank",
    "features",
    "report",
    "signals",
    "audit",
    "data",
    "components",
    "doctor",
)
HEAVY = ("numpy", "numba", "polars", "pydantic", "rich", "scipy", "yaml")


def test_help_lists_the_commands_whole(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert "..." not in out.split("Commands:")[1]  # one line each, not cut off


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS,
        "data check",
        "data import",
        "data list",
        "data show",
        "signals show",
        "signals export",
        "signals import",
    ],
)
def test_every_command_has_help(command: str, call: Call) -> None:
    code, out, _ = call(*command.split(), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    """Which keeps it quick: a tenth of a second, where numba alone takes four."""
    program = (
        "import sys, regimefolio.cli as c\n"
        "try: c.main(['--help'])\n"
        f"finally: print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    print(f"regimefolio --help: {time.perf_counter() - began:.2f} s")
    assert "Usage: regimefolio" in done.stdout
    assert done.stderr == "[]\n"


def test_version(call: Call) -> None:
    assert call("--version") == (0, f"regimefolio {version('regimefolio')}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [(), ("dmo",), ("run",), ("run", "small.yaml", "--fron", "x"), ("run", "a.yaml", "--threads", "0"), ("data",)],
)
def test_misuse_leaves_with_2(arguments: tuple[str, ...], call: Call) -> None:
    assert call(*arguments).code == 2


def test_typo_in_a_file_is_one_message_with_its_place(folder: Path, call: Call) -> None:
    text = (folder / "small.yaml").read_text().replace("  strategies:", "  strategis:")
    write_workflow(folder, text)
    line = text.splitlines().index("  strategis:") + 1
    assert call("run", "small.yaml") == (
        2,
        "",
        f"error: small.yaml:{line}:3: unknown key 'strategis'; did you mean 'strategies'?\n    strategis:\n    ^\n",
    )


def test_several_mistakes_are_listed_below_the_first(folder: Path, call: Call) -> None:
    text = (folder / "small.yaml").read_text().replace("min_bars: 30", "min_bars: -1").replace("step: 0.5", "step: 2")
    write_workflow(folder, text)
    code, _, err = call("run", "small.yaml")
    assert code == 2
    assert err.count("error: ") == 1
    assert err.index("min_bars: -1") < err.index("step: 2")
    assert "Traceback" not in err


def test_json_does_not_change_how_errors_look(folder: Path, call: Call) -> None:
    plain, other = call("run", "no.yaml"), call("run", "no.yaml", "--json")
    assert plain == other
    assert plain.out == ""
    assert plain.err.startswith("error: no.yaml: there is no such file")


def test_debug_shows_the_traceback_of_a_mistake(folder: Path, call: Call) -> None:
    code, _, err = call("run", "no.yaml", "--debug")
    assert code == 2
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("error: no.yaml")


def test_an_error_of_ours_is_named_and_leaves_with_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        error = ValueError("three is not two")
        error.add_note("  while counting")
        raise error

    monkeypatch.setattr(api, "read_document", broken)
    expected = "error: ValueError: three is not two\n  while counting\n  run with --debug for the traceback\n"
    assert call("backtest", "a.yaml") == (1, "", expected)
    assert "in broken" in call("backtest", "a.yaml", "--debug").err


def test_what_the_machine_refuses_is_no_bug(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "cache.nbi")

    monkeypatch.setattr(api, "read_document", full)
    text = "error: cache.nbi: No space left on device; make room, or choose a path that you may read and write\n"
    assert call("backtest", "a.yaml") == (2, "", text)


@pytest.mark.parametrize("output", ["file", "file/below", "/proc/nowhere", "x" * 300])
def test_a_place_where_no_results_can_be_is_a_mistake(output: str, folder: Path, call: Call) -> None:
    (folder / "file").write_text("in the way")
    text = (folder / "small.yaml").read_text()
    write_workflow(folder, f"extends: base.yaml\nworkflow: {{output_dir: {output}}}\n")
    (folder / "base.yaml").write_text(text)
    code, _, err = call("run", "small.yaml", "--quiet")
    assert code == 2
    assert err.startswith(f"error: {output}")
    assert len(err.splitlines()) == 1
    assert ";" in err


def test_a_folder_is_no_workflow(folder: Path, call: Call) -> None:
    code, _, err = call("run", ".")
    assert (code, err) == (2, "error: .: is a folder; name a configuration file in it, such as my.yaml\n")


def test_the_package_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "regimefolio", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"regimefolio {version('regimefolio')}\n"


def test_paths_may_be_text_and_begin_at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir("/")
    spec = api.read_workflow("~/small.yaml")
    assert spec == api.read_workflow(folder / "small.yaml")
    assert api.check_file("~/prices.csv").rows > 0
    there = spec.model_copy(update={"output_dir": "~/results"})
    assert api.coordinator(there, folder="~").workspace.root == folder / "results" / spec.name
    for read in (api.read_record, api.write_report):
        with pytest.raises(api.RegimefolioError, match=str(folder / "nowhere")):
            read("~/nowhere")


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_closed_pipe_is_no_error(options: str, folder: Path) -> None:
    command = f"{sys.executable} -c 'from regimefolio.cli import main; main()' run small.yaml --dry-run {options}"
    done = subprocess.run(f"{command} | true", shell=True, capture_output=True, text=True, check=True)
    assert "error" not in done.stderr.lower()


def test_json_is_alone_on_stdout(folder: Path) -> None:
    program = "from regimefolio.cli import main; main()"
    command = [sys.executable, "-c", program, "run", "small.yaml", "--dry-run", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["workspace"] == "results/small"
    assert "prices.csv: 4 symbols" in done.stderr
