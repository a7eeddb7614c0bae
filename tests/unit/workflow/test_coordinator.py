"""What runs again and what is reused; plans, deletions, other data, two processes."""

from __future__ import annotations

import importlib
import linecache
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from regimefolio.backtest import load_market
from regimefolio.core import files
from regimefolio.core.code import code_of, code_version
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import ConfigError, CorruptError, LockedError, ModelError
from regimefolio.core.types import Json
from regimefolio.market import import_file, stores
from regimefolio.workflow import Coordinator, WorkflowSpec, Workspace
from regimefolio.workflow.phases import Job, Phase
from regimefolio.workflow.phases.base import trial_parameters
from tests.workflows import (
    BARS,
    NAMES,
    SYMBOLS,
    Changes,
    actions,
    audited,
    closes,
    coordinator,
    hashes,
    spec,
    write_prices,
)

DISCOVERY, ANALYSIS, ENSEMBLE, VALIDATION = NAMES
EVERYTHING = ("signals", "performance", "analysis", "checkpoints", "metadata")


# What runs


def test_the_first_run_runs_everything(folder: Path) -> None:
    made = coordinator(folder)
    steps = made.run()
    assert [step.phase for step in steps] == list(NAMES)
    assert actions(steps) == "rrrr"
    assert {step.reason for step in steps} == {"not finished before"}
    assert [entry["phase"] for entry in audited(made.workspace, "finished")] == list(NAMES)
    root = made.workspace.root
    assert root == folder / "results" / "small"
    assert sorted(path.name for path in root.iterdir()) == sorted(EVERYTHING)


def test_the_second_run_reuses_everything_and_changes_no_result(finished: Path) -> None:
    made = coordinator(finished)
    before = hashes(made.workspace, (*EVERYTHING[:4],))
    steps = made.run()
    assert actions(steps) == "uuuu"
    assert {step.reason for step in steps} == {"nothing changed"}
    assert hashes(made.workspace, (*EVERYTHING[:4],)) == before
    assert len(audited(made.workspace, "reused")) == 4


@pytest.mark.parametrize(
    ("first", "expected"), [(DISCOVERY, "rrrr"), (ANALYSIS, "urrr"), (ENSEMBLE, "uurr"), (VALIDATION, "uuur")]
)
def test_from_a_phase_on(first: str, expected: str, finished: Path) -> None:
    made = coordinator(finished)
    before = hashes(made.workspace)
    assert actions(made.plan(first)) == expected
    steps = made.run(first)
    assert actions(steps) == expected
    assert {step.reason for step in steps if step.action == "run"} == {"asked for"}
    assert hashes(made.workspace) == before


def test_a_phase_that_is_not_there(finished: Path) -> None:
    for call in (coordinator(finished).run, coordinator(finished).plan):
        with pytest.raises(ConfigError, match="unknown phase 'validaton'; did you mean 'validation'"):
            call("validaton")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("phases", 0, "config", "parameter_space", "momentum_rank", "lookback"), [16, 32], "rrrr"),
        (("phases", 0, "config", "objective"), "sortino", "rrrr"),
        (("regime_classifiers", 1, "average"), 50, "urrr"),
        (("phases", 1, "config", "select_by"), "sortino", "urrr"),
        (("phases", 2, "config", "objective"), "calmar", "uurr"),
        (("phases", 3, "config"), {"verify_transitions": False}, "uuur"),
        (("portfolio", "rebalance"), "monthly", "rrrr"),
        (("execution", "slippage_bps"), 7, "rrrr"),
        (("seed",), 3, "rrrr"),
        (("benchmark",), "AAA", "rrrr"),
    ],
)
def test_a_change_of_the_configuration_runs_what_depends_on_it(
    place: tuple[str | int, ...], value: object, expected: str, finished: Path
) -> None:
    made = coordinator(finished, {place: value})
    assert actions(made.plan()) == expected
    steps = made.run()
    assert actions(steps) == expected
    assert next(step.reason for step in steps if step.action == "run") == "its configuration changed"
    fresh = finished / "fresh"
    fresh.mkdir()
    write_prices(fresh)
    other = coordinator(fresh, {place: value})
    other.run()
    assert hashes(made.workspace) == hashes(other.workspace)  # nothing of the earlier run is left


def test_another_order_of_the_parameters_is_another_numbering_of_the_trials(finished: Path) -> None:
    space = ("phases", 0, "config", "parameter_space", "bollinger_mean_reversion")
    values = {"lookback": [5, 15], "width": [1.0, 2.0]}
    coordinator(finished, {space: values}).run()
    made = coordinator(finished, {space: dict(reversed(values.items()))})
    assert actions(made.run()) == "rrrr"
    trials = (trial_parameters(made.workspace, n) for n in range(4))
    assert [(each["width"], each["lookback"]) for each in trials] == [(1.0, 5), (1.0, 15), (2.0, 5), (2.0, 15)]


def test_a_smaller_search_leaves_no_trial_of_the_larger_one(finished: Path) -> None:
    made = coordinator(finished, {("phases", 0, "config", "parameter_space", "momentum_rank", "lookback"): [16]})
    made.run()
    assert sorted(path.name for path in made.workspace.signals.iterdir()) == [f"trial_{n}.npy" for n in range(3)]
    assert len(list(made.workspace.performance.glob("trial_*.json"))) == 3


def test_other_data_runs_everything(finished: Path) -> None:
    close = closes()
    close[BARS - 1, 0] *= 1.01
    write_prices(finished, close)
    made = coordinator(finished)
    assert actions(made.plan()) == "rrrr"
    steps = made.run()
    assert actions(steps) == "rrrr"
    assert {step.reason for step in steps} == {"the data changed"}


def test_another_benchmark_in_the_same_file_is_other_data(finished: Path) -> None:
    lines = (finished / "prices.csv").read_text().splitlines()
    (finished / "bench.csv").write_text("\n".join(line.rsplit(",", 3)[0] for line in lines))
    changes: Changes = {("benchmark",): "file:bench.csv"}
    coordinator(finished, changes).run()
    assert actions(coordinator(finished, changes).run()) == "uuuu"
    (finished / "bench.csv").write_text("\n".join([*(line.rsplit(",", 3)[0] for line in lines[:-1]), "2013-06-14,1"]))
    assert {step.reason for step in coordinator(finished, changes).run()} == {"the data changed"}


def test_the_same_prices_in_another_form_are_the_same_data(finished: Path) -> None:
    rows = [line.split(",") for line in (finished / "prices.csv").read_text().splitlines()[1:]]
    long = [f"{day},{name},{price}" for day, *row in rows for name, price in zip(SYMBOLS, row, strict=True)]
    (finished / "prices.csv").write_text("\n".join(["date,symbol,close", *long]))
    assert actions(coordinator(finished).run()) == "uuuu"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("signals/trial_2.npy", "ruuu"),
        ("performance/trials.parquet", "ruuu"),
        ("analysis/regime_optimal_params.json", "uruu"),
        ("analysis/ensemble_weights.json", "uuru"),
        ("performance/ensemble_trial_3.json", "uuru"),
        ("performance/validation_results.json", "uuur"),
    ],
)
def test_a_deleted_output_runs_its_phase_again(name: str, expected: str, finished: Path) -> None:
    made = coordinator(finished)
    before = hashes(made.workspace)
    (made.workspace.root / name).unlink()
    plan = made.plan()
    steps = made.run()
    assert actions(steps) == expected
    assert [step.reason for step in steps if step.action == "run"] == [f"{name} is missing"]
    assert hashes(made.workspace) == before
    at = expected.index("r")
    assert (plan[at].action, plan[at].reason) == ("run", f"{name} is missing")
    assert {step.reason for step in plan[at + 1 :]} <= {f"if {phase} writes other files than before" for phase in NAMES}


@pytest.mark.parametrize("phase", NAMES)
def test_a_deleted_checkpoint_runs_its_phase_again(phase: str, finished: Path) -> None:
    made = coordinator(finished)
    (made.workspace.checkpoints / f"{phase}.json").unlink()
    assert actions(made.run()) == "".join("r" if name == phase else "u" for name in NAMES)


def test_other_code_runs_everything(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regimefolio.workflow import coordinator as module

    monkeypatch.setattr(module, "code_of", lambda parts: "0.0+other")
    steps = coordinator(finished).run()
    assert {step.reason for step in steps} == {"the code changed"}


OWN = """
from regimefolio.strategies import Strategy

class Own(Strategy, kind="own_{kind}"):
    sign: float = {sign}
    warmup = property(lambda self: 1)

    def signals(self, market, out=None):
        raise NotImplementedError
"""


def test_the_code_of_a_part_of_ones_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for kind, sign in (("a", 1.0), ("b", -1.0), ("a", 1.0)):
        (tmp_path / "own_parts.py").write_text(OWN.format(kind=kind, sign=sign))
        for cached in (tmp_path / "__pycache__").glob("*"):
            cached.unlink()
        sys.modules.pop("own_parts", None)
        linecache.checkcache()
        importlib.invalidate_caches()
        found.append(code_of([importlib.import_module("own_parts").Own()]))
    assert found[0] == found[2] != found[1]
    assert found[0].startswith(code_version() + "+")
    assert code_of(spec().strategies) == code_version()


def test_a_part_without_source_is_never_used_again() -> None:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec(OWN.format(kind="nowhere", sign=1.0), space)
    assert code_of([space["Own"]()]) != code_of([space["Own"]()])


def test_a_workspace_may_move(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep"
    shutil.copytree(finished, elsewhere)
    assert actions(coordinator(elsewhere).run()) == "uuuu"


# Plans


def test_a_plan_writes_nothing(folder: Path, finished: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in finished.rglob("*"))
    coordinator(finished).plan()
    coordinator(finished).plan(ANALYSIS)
    coordinator(finished, {("phases", 2, "config", "objective"): "calmar"}).plan()
    assert sorted((path, path.stat().st_mtime_ns) for path in finished.rglob("*")) == before


def test_a_plan_in_a_fresh_folder_writes_nothing(folder: Path) -> None:
    steps = coordinator(folder).plan()
    assert actions(steps) == "rrrr"
    assert [step.reason for step in steps] == ["not finished before"] * 4
    assert [path.name for path in folder.iterdir()] == ["prices.csv"]


def test_what_a_plan_promises_to_reuse_is_reused(finished: Path) -> None:
    """And what it says runs, runs, but for what depends on whether an earlier phase writes other files."""
    workspace = coordinator(finished).workspace

    def edit_weights() -> None:
        path = workspace.analysis / "ensemble_weights.json"
        path.write_text(path.read_text() + "\n")

    changes: list[tuple[Changes, Callable[[], None]]] = [
        ({}, lambda: None),
        ({("phases", 2, "config", "objective"): "drawdown"}, lambda: None),
        ({("phases", 2, "config", "objective"): "drawdown"}, edit_weights),
        ({}, lambda: workspace.signal_file(0).unlink()),
    ]
    for change, disturb in changes:
        disturb()
        made = coordinator(finished, change)
        plan, steps = made.plan(), made.run()
        for planned, step in zip(plan, steps, strict=True):
            if not planned.reason.startswith("if "):
                assert (planned.phase, planned.action, planned.reason) == (step.phase, step.action, step.reason)


# Two processes


RUN = """
import sys, pathlib
from tests.workflows import coordinator
made = coordinator(pathlib.Path(sys.argv[1]))
with made.workspace.opened():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_a_second_process_on_the_workspace_is_told_and_changes_nothing(end: str, finished: Path) -> None:
    made = coordinator(finished)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(finished)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        before = hashes(made.workspace, EVERYTHING)
        with pytest.raises(LockedError, match=rf"process {first.pid} on \S+ works here; wait for it or end it"):
            made.run()
        assert hashes(made.workspace, EVERYTHING) == before
        assert actions(made.plan()) == "uuuu"  # a plan only reads
        if end == "is killed":
            first.kill()
        else:
            first.communicate("")
        first.wait()
    assert actions(made.run()) == "uuuu"


# What the workspace says of itself


def test_the_workspace_describes_itself(finished: Path) -> None:
    made = coordinator(finished)
    workspace, panel = made.workspace, load_market(spec().data, None, finished)[0].panel
    about = files.read_json(workspace.metadata / "workflow.json")
    assert about["id"] == "small"
    assert about["phases"] == list(NAMES)
    assert about["configuration"] == fingerprint(spec().model_dump(mode="json"))
    assert set(about["versions"]) >= {"regimefolio", "python", "numpy", "numba"}
    assert not any(str(path).startswith("/") for path in about["paths"].values())
    axes = files.read_json(workspace.metadata / "axes.json")
    assert axes["symbols"] == list(SYMBOLS)
    assert np.array_equal(np.array(axes["timestamps"], "datetime64[ns]"), panel.timestamps)
    from regimefolio.core.documents import read_document

    resolved = read_document(workspace.metadata / "workflow.yaml").parse(WorkflowSpec, "workflow")
    assert resolved == spec()
    created = about["created_at"]
    made.run(VALIDATION)
    assert files.read_json(workspace.metadata / "workflow.json")["created_at"] == created


def test_a_changed_rate_runs_every_phase_again(folder: Path) -> None:
    rates = folder / "rates.csv"
    rates.write_text("date,rate\n2009-01-01,0.01\n2010-11-01,0.04\n")
    changes = {("execution", "cash_rate"): "file:rates.csv"}
    coordinator(folder, changes).run()
    assert actions(coordinator(folder, changes).plan()) == "uuuu"
    rates.write_text("rate,date\n0.04,2010-11-01\n0.01,2009-01-01\n")  # the same in another order
    assert actions(coordinator(folder, changes).plan()) == "uuuu"
    rates.write_text("date,rate\n2009-01-01,0.01\n2010-11-01,0.05\n")
    plan = coordinator(folder, changes).plan()
    assert actions(plan) == "rrrr"
    assert plan[0].reason == "the data changed"


def test_a_store_is_described_with_its_version(folder: Path) -> None:
    """So that a result names the bytes that it used, though the store goes on."""
    import_file(folder / "prices.csv", "us", folder / "store")
    source = {"kind": "store", "name": "us", "folder": "store"}
    stored = spec({("data", "source"): source})
    made = Coordinator(stored, [], lambda: load_market(stored.data, None, folder), folder)
    made.run()
    (store,) = stores(folder / "store")
    data = files.read_json(made.workspace.metadata / "workflow.json")["data"]
    assert data["version"] == store.version().identity
    assert data["source"] == "store:us, folder store"
    assert data["about"].startswith(f"store:us@{data['version'][:8]}: ")


# Phases of another kind


class Step(Phase):
    """Copies a text."""

    name: ClassVar[str] = "step"
    owns: ClassVar[tuple[str, ...]] = ("analysis/out_*.txt",)

    def __init__(self, work: Callable[[Job], None]) -> None:
        self._work = work

    def configuration(self, spec: WorkflowSpec) -> Json:
        return None

    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        return (workspace.analysis / "in.txt",)

    def run(self, job: Job) -> None:
        self._work(job)


def test_the_coordinator_knows_files_and_no_trading(folder: Path) -> None:
    def work(job: Job) -> None:
        text = (job.workspace.analysis / "in.txt").read_text()
        files.write_text(job.workspace.analysis / "out_1.txt", text.upper())

    made = Coordinator(spec(), [Step(work)], lambda: load_market(spec().data, None, folder), folder)
    with pytest.raises(CorruptError, match=r"in\.txt: is missing"):
        made.run()
    made.workspace.analysis.mkdir()
    (made.workspace.analysis / "in.txt").write_text("one")
    (made.workspace.analysis / "out_2.txt").write_text("left behind")
    assert actions(made.run()) == "r"
    assert sorted(path.name for path in made.workspace.analysis.iterdir()) == ["in.txt", "out_1.txt"]
    assert actions(made.run()) == "u"
    (made.workspace.analysis / "in.txt").write_text("two")
    assert made.run()[0].reason == "analysis/in.txt changed"
    assert (made.workspace.analysis / "out_1.txt").read_text() == "TWO"


def test_a_phase_that_fails_is_not_finished(folder: Path) -> None:
    broken = True

    def work(job: Job) -> None:
        files.write_text(job.workspace.analysis / "out_1.txt", "half")
        if broken:
            raise ModelError("no")
        files.write_text(job.workspace.analysis / "out_2.txt", "whole")

    made = Coordinator(spec(), [Step(work)], lambda: load_market(spec().data, None, folder), folder)
    files.write_text(made.workspace.analysis / "in.txt", "one")
    with pytest.raises(ModelError):
        made.run()
    assert made.workspace.checkpoint("step") is None
    broken = False
    assert actions(made.run()) == "r"
    assert set(made.workspace.checkpoint("step").outputs) == {"analysis/out_1.txt", "analysis/out_2.txt"}  # type: ignore[union-attr]
