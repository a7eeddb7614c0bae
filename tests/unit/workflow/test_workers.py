"""A user's own strategy: run in processes, which fail, die and are stopped, and leave the same bytes as threads do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from regimefolio import api
from regimefolio.backtest import load_market
from regimefolio.cli import main
from regimefolio.core.component import registered
from regimefolio.core.errors import ModelError
from regimefolio.core.progress import Progress
from regimefolio.market import Dataset, Market
from regimefolio.workflow import PHASES, Coordinator
from tests.workflows import WORKFLOW, coordinator, hashes, write_prices

OWN = '''
"""A strategy of a user's own."""

import os
import pathlib
import signal
import time

import numpy as np
from pydantic import Field

from regimefolio.api import Strategy

HERE = pathlib.Path(__file__).parent


def note(lookback):
    with (HERE / f"pids_{lookback}").open("a") as file:
        file.write(f"{os.getpid()}\\n")


class Own{name}(Strategy, kind="own_{name}"):
    """Bets against the last bars' return."""

    lookback: int = Field(5, ge=1)

    @property
    def warmup(self):
        return self.lookback

    def signals(self, market, out=None):
        print("computing", self.lookback)
        {trouble}
        close, panels = market.panel.close, self.buffer(market, out)
        past = np.full_like(close, np.nan)
        past[self.lookback :] = close[self.lookback :] / close[: -self.lookback] - 1.0
        blur = np.linalg.matrix_power(np.full((4, 4), 0.25) + np.eye(4), 3)  # through BLAS
        alpha = np.clip(-np.nan_to_num(past) @ blur / blur.sum(axis=0) / 0.05, -1.0, 1.0)
        panels.alpha[:] = alpha
        panels.confidence[:] = np.abs(panels.alpha)
        return self.emit(market, panels, horizon=self.lookback)
'''
LOG = "note(self.lookback)"


@dataclass
class Told(Progress):
    """What was said and how far it went."""

    said: list[str] = field(default_factory=list)
    steps: int = 0

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def say(self, text: str) -> None:
        self.said.append(text)


def write_project(folder: Path, name: str, trouble: str = "pass") -> None:
    """`own.py` and `own.yaml`: the small workflow with a strategy of a user's own."""
    write_prices(folder)
    (folder / "own.py").write_text(OWN.replace("{name}", name).replace("{trouble}", trouble))
    described: Any = json.loads(json.dumps(WORKFLOW))
    described["plugins"] = ["own.py"]
    (folder / "rates.csv").write_text("date,rate\n2009-01-01,0.01\n2010-11-01,0.04\n2011-06-01,0.02\n")
    (folder / "borrow.csv").write_text("symbol,rate\ndefault,0.01\nAAA,0.1\n")
    described["execution"] |= {"cash_rate": "file:rates.csv", "borrow_rate": "file:borrow.csv"}
    described["strategies"][0] = f"own_{name}"
    space = described["phases"][0]["config"]["parameter_space"]
    space[f"own_{name}"] = {"lookback": [2, 3, 5, 8]}
    del space["bollinger_mean_reversion"]
    (folder / "own.yaml").write_text(yaml.safe_dump({"workflow": described}))


def made(folder: Path, threads: int = 2, progress: Progress | None = None, phases: int = 1) -> Coordinator:
    """What runs the first phases."""
    spec = api.read_workflow(folder / "own.yaml")

    def load() -> tuple[Dataset, Market]:
        return load_market(spec.data, None, folder, spec.execution, spec.risk_free)

    return Coordinator(spec, PHASES[:phases], load, folder, progress, threads)


def pids(folder: Path, lookback: int) -> list[int]:
    return [int(line) for line in (folder / f"pids_{lookback}").read_text().split()]


@pytest.fixture
def folder(forgetful: Path) -> Path:
    return forgetful


def test_results_do_not_depend_on_processes_threads_or_their_number(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_project(folder, "plain", LOG)
    told = Told()
    work = made(folder, 2, told, phases=4)
    work.run()
    assert sorted(capfd.readouterr().err.split()[1::2]) == list("2358")  # what a worker prints is no result
    for lookback in (2, 3, 5, 8):
        assert pids(folder, lookback)[0] != os.getpid()
    assert told.said[0].endswith(" and 4 of strategies of your own, in processes")
    assert told.steps >= 6
    assert not list(work.workspace.root.rglob(".*"))
    first = hashes(work.workspace)
    assert {step.action for step in made(folder, 3, phases=4).run()} == {"reuse"}
    for threads in (1, 3):
        made(folder, threads).run("parameter_discovery")
        assert hashes(work.workspace) == first
    assert os.getpid() in pids(folder, 2)  # one thread: here
    strategy = yaml.safe_load((work.workspace.analysis / "adaptive_strategy.yaml").read_text())
    assert strategy["backtest"]["plugins"] == ["own.py"]
    checks = json.loads((work.workspace.performance / "validation_results.json").read_text())["checks"]
    assert [check["name"] for check in checks if not check["passed"]] in ([], [checks[3]["name"]])
    (folder / "own.py").write_text((folder / "own.py").read_text().replace("0.05", "0.06"))
    assert {step.reason for step in made(folder, phases=4).plan()} == {"the code changed"}


def test_a_failing_trial_is_a_failed_result_with_its_traceback(folder: Path) -> None:
    write_project(folder, "failing", "assert self.lookback != 3, 'three is not allowed'")
    told = Told()
    work = made(folder, 2, told)
    work.run()
    outcome = json.loads(work.workspace.trial_file(1).read_text())
    assert (outcome["status"], outcome["message"]) == ("failed", "AssertionError: three is not allowed")
    line = next(n for n, line in enumerate((folder / "own.py").read_text().split("\n"), 1) if "three" in line)
    place = f"({folder}/own.py:{line})"
    assert f"trial 1 (own_failing) failed: AssertionError: three is not allowed {place}" in told.said
    (failed,) = [event for event in work.workspace.audit.events() if event["event"] == "failed trial"]
    assert f'File "{folder}/own.py", line ' in failed["details"]
    before = hashes(work.workspace)
    made(folder, 1).run("parameter_discovery")
    assert hashes(work.workspace) == before


@pytest.mark.parametrize("threads", [1, 2])
def test_a_strategy_that_leaves_python_costs_one_trial_and_no_worker(threads: int, folder: Path) -> None:
    write_project(
        folder, "leaving", f"{LOG}\n        if self.lookback == 3: sys.exit(3)".replace("sys.", "__import__('sys').")
    )
    work = made(folder, threads)
    work.run()
    assert len(pids(folder, 3)) == 1
    assert json.loads(work.workspace.trial_file(1).read_text())["message"] == "SystemExit: 3"


def test_how_a_worker_ended_is_its_own_doing(folder: Path) -> None:
    write_project(folder, "gone", f"{LOG}\n        if self.lookback == 3: os._exit(7)")
    work = made(folder)
    work.run()
    assert "(exit code 7)" in json.loads(work.workspace.trial_file(1).read_text())["message"]


def test_that_all_trials_failed_is_said_with_the_place(folder: Path) -> None:
    write_project(folder, "useless", "raise ValueError('oops')")
    with pytest.raises(
        ModelError, match=r"all 4 trials of own_useless failed; .*ValueError: oops \(.*own\.py:\d+\)"
    ) as said:
        made(folder, 1).run()
    assert "the tracebacks are in " in said.value.__notes__[0]


KILL = LOG + "\n        if self.lookback == 3 and CONDITION: os.kill(os.getpid(), signal.SIGKILL)"


def test_a_killed_worker_is_replaced_and_its_trial_run_again(folder: Path) -> None:
    write_project(folder, "killed", KILL.replace("CONDITION", "len((HERE / 'pids_3').read_text().split()) == 1"))
    work = made(folder)
    work.run()
    assert len(pids(folder, 3)) >= 2
    assert len(set(pids(folder, 3)[:2])) == 2
    found = hashes(work.workspace)
    made(folder, 1).run("parameter_discovery")
    assert hashes(work.workspace) == found  # as if nothing had happened


def test_a_trial_that_kills_its_worker_twice_is_a_failed_one_that_is_named(folder: Path) -> None:
    write_project(folder, "deadly", KILL.replace("CONDITION", "True"))
    told = Told()
    work = made(folder, 2, told)
    work.run()
    assert len(pids(folder, 3)) == 2
    assert [work.workspace.signal_file(n).exists() for n in range(6)] == [True, False, True, True, True, True]
    outcome = json.loads(work.workspace.trial_file(1).read_text())
    assert outcome["status"] == "failed"
    assert outcome["message"].startswith(
        "its worker process ended twice while it worked on this trial (signal 9, SIGKILL)"
    )
    assert any(line.startswith("trial 1 (own_deadly) failed: its worker process ended twice") for line in told.said)


def test_a_trial_that_hangs_is_a_failed_one_that_is_named(folder: Path) -> None:
    write_project(folder, "hanging", f"{LOG}\n        if self.lookback == 3: time.sleep(600)")
    text = (folder / "own.yaml").read_text()
    described = yaml.safe_load(text)
    described["workflow"]["phases"][0]["config"]["time_limit"] = 5
    (folder / "own.yaml").write_text(yaml.safe_dump(described))
    told = Told()
    work = made(folder, 2, told)
    work.run()
    (hung,) = pids(folder, 3)  # once, and no more
    assert not alive(hung)
    assert [work.workspace.signal_file(n).exists() for n in range(6)] == [True, False, True, True, True, True]
    outcome = json.loads(work.workspace.trial_file(1).read_text())
    message = "it took longer than the time_limit of 5 seconds, and its worker process was stopped"
    assert (outcome["status"], outcome["message"]) == ("failed", message)
    assert f"trial 1 (own_hanging) failed: {message}" in told.said
    assert told.steps == 6
    (folder / "own.py").write_text((folder / "own.py").read_text().replace("time.sleep(600)", "pass"))
    alone = Told()
    made(folder, 1, alone).run()
    assert alone.said[1] == (
        "time_limit 5 does not hold for own_hanging: trials that run in the command itself cannot be stopped; "
        "use more than one thread"
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_when_the_command_is_stopped(stop: signal.Signals, folder: Path) -> None:
    write_project(folder, "slow", f"{LOG}; time.sleep(600)")
    command = subprocess.Popen(
        [sys.executable, "-m", "regimefolio", "run", "own.yaml", "--threads", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert until(lambda: sum(bool(path.read_text()) for path in folder.glob("pids_*")) == 2)
        workers = [int(path.read_text()) for path in folder.glob("pids_*")]
        assert all(map(alive, workers))
        os.kill(command.pid, stop)
        _, err = command.communicate(timeout=20)
    finally:
        command.kill()
    assert until(lambda: not any(map(alive, workers)), 10.0)
    if stop == signal.SIGINT:
        assert command.returncode == 130
        assert err.strip().endswith("stopped; run again to resume")
        assert not list((folder / "results").rglob(".*.tmp"))


def test_what_cannot_be_imported_by_a_worker_runs_here(folder: Path) -> None:
    write_project(folder, "typed", "pass")
    spec = made(folder).spec
    own = registered("strategy")["own_typed"]
    own.__module__, module = "__main__", own.__module__
    try:
        work = coordinator(
            folder,
            {
                ("strategies",): [own(), spec.strategies[1]],
                ("phases", 0, "config", "parameter_space"): {"momentum_rank": {"lookback": [16]}},
            },
        )
        work.run()
        assert work.workspace.signal_file(0).exists()
    finally:
        own.__module__ = module


def test_workers_that_cannot_start_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(folder, "stillborn")
    work = made(folder)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ModelError, match=r"ended before they could start \(exit code 1\); run with --threads 1"):
        work.run()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_what_a_strategy_prints_does_not_stand_in_the_result(
    threads: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_project(folder, "talking")
    with pytest.raises(SystemExit):
        main(["run", "own.yaml", "--json", "--threads", threads])
    said = capfd.readouterr()
    assert json.loads(said.out)["phases"][0]["action"] == "run"
    assert "computing 8" in said.err


OVERLAY = '''
from regimefolio.api import Overlay


class Halve(Overlay, kind="halve"):
    """Says everything half as loud."""

    warmup = property(lambda self: 0)

    def apply(self, signals, market, out):
        out.alpha[:] = signals.alpha / 2
        out.confidence[:] = signals.confidence
'''


def test_an_overlay_of_ones_own_that_is_searched_is_found_by_workers_and_counts_as_code(folder: Path) -> None:
    write_project(folder, "under")
    (folder / "own.py").write_text(OVERLAY)
    text = (folder / "own.yaml").read_text()
    described = yaml.safe_load(text)["workflow"]
    described["strategies"] = [described["strategies"][1]]
    described["phases"][0]["config"]["parameter_space"] = {
        "momentum_rank": {"lookback": [16], "overlays": [[], ["halve"]]}
    }
    (folder / "own.yaml").write_text(yaml.safe_dump({"workflow": described}))
    told = Told()
    work = made(folder, 2, told)
    work.run()
    assert told.said[0].endswith("and 1 of strategies of your own, in processes")
    plain, halved = (api.read_signals(work.workspace.root, n).alpha for n in (0, 1))
    assert (halved == plain / 2).all()
    assert (plain != 0).any()
    (folder / "own.py").write_text(OVERLAY.replace("/ 2", "/ 4"))
    assert [step.reason for step in made(folder).plan()] == ["the code changed"]
