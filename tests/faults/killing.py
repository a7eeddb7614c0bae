"""Runs a workflow in children that are killed, and others that finish it.

A program of its own, since a process that forks must have no threads, and pytest has some.

    python -m tests.faults.killing FOLDER operations N     counts N, then kills at evenly spread disk operations
    python -m tests.faults.killing FOLDER moments N        kills at N seeded moments
    python -m tests.faults.killing FOLDER renames 0        kills before and after every renaming of a tiny workflow

Prints one JSON object a kill: where it fell, what it left, and the hashes after a second run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regimefolio.backtest import BacktestRunner, load_market
from regimefolio.evaluation import information_coefficient
from regimefolio.portfolio import Ensemble
from regimefolio.testing import synthetic_market
from regimefolio.workflow import PHASES, Coordinator
from tests.workflows import Changes, coordinator, hashes, spec, write_prices

BEFORE: Changes = {("phases", 0, "config", "parameter_space", "momentum_rank", "lookback"): [16]}
"""What ran in the folder before: another search, whose files have to go."""


TINY: Changes = {
    ("strategies",): [{"kind": "bollinger_mean_reversion", "width": 1.0}],
    ("phases", 0, "config", "parameter_space"): {"bollinger_mean_reversion": {"lookback": [5, 15]}},
    ("regime_classifiers",): [
        {"kind": "trend", "average": 40, "slope": 5, "high": 60, "on": "equal_weight", "min_duration": 3}
    ],
    ("phases", 2, "config", "weight_constraints"): {"step": 1},
}
"""One strategy, two trials, one classifier, one weight vector: every kind of file, and few of each."""

DESCRIBED = 3
"""Files that every run writes before its first phase."""


def warm() -> None:
    """Load the kernels once, for all children, and without the threads that reading a file would start."""
    market, made = synthetic_market(600), spec()
    runner = BacktestRunner(market, made.portfolio, made.execution)
    ensemble = Ensemble.static(made.strategies, [1.0] * len(made.strategies))
    for detector in made.regime_classifiers:
        runner.run(ensemble, 300, detector.detect(market))
    information_coefficient(made.strategies[0].signals(market), market.panel, runner.fill, first=300, last=500)


def child(work: Callable[[], object]) -> int:
    """Start a process that does the work."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def done(work: Callable[[], object]) -> None:
    assert ended(child(work)) == 0


def killed_at(folder: Path, operation: int | None, count: Path | None = None) -> None:
    """Run, and kill this process before its n-th change of the disk: a flush, a renaming, a removal."""
    seen = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **keywords: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return called

    os.fsync = counted(os.fsync)
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
    coordinator(folder).run()
    if count is not None:
        count.write_text(str(seen))


def tiny(folder: Path, phases: int) -> Coordinator:
    """What runs the first phases of the tiny workflow."""
    made = spec(TINY)
    return Coordinator(made, PHASES[:phases], lambda: load_market(made.data, made.benchmark, folder), folder, threads=1)


def killed_at_rename(made: Coordinator, rename: int, after: bool, count: Path | None = None) -> None:
    """Run, and kill this process on one side of its n-th renaming."""
    seen, replace = 0, Path.replace

    def counted(path: Path, target: Path) -> Path:
        nonlocal seen
        seen += 1
        if seen == rename and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        moved = replace(path, target)
        if seen == rename:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = counted  # type: ignore[assignment,method-assign]
    made.run()
    if count is not None:
        count.write_text(str(seen))


def every_rename(root: Path) -> None:
    """A kill on either side of every renaming of every phase, the phases before it being finished.

    The run that follows goes to the end of the phase that was killed: what comes after depends on its files alone.
    """
    before = fresh(root, "phases_0", False)
    for phases in range(1, len(PHASES) + 1):
        whole = root / f"phases_{phases}"
        shutil.copytree(before, whole)
        done(lambda: killed_at_rename(tiny(whole, phases), 0, False, root / "count"))  # noqa: B023
        count, expected = int((root / "count").read_text()), hashes(tiny(whole, phases).workspace)
        for rename in range(1 if phases == 1 else 1 + DESCRIBED, count + 1):
            for after in (False, True):
                folder = root / f"kill_{phases}_{rename}_{after}"
                shutil.copytree(before, folder)
                made = tiny(folder, phases)
                assert ended(child(lambda: killed_at_rename(made, rename, after))) == -signal.SIGKILL  # noqa: B023
                report(made, expected)
                shutil.rmtree(folder)
        before = whole


def report(made: Coordinator, expected: dict[str, str] | None = None) -> None:
    """What a killed run left, then the same run again to its end."""
    workspace = made.workspace
    log = workspace.metadata / "audit.jsonl"
    events = [line for line in log.read_text().splitlines() if line.endswith("}")] if log.exists() else []
    last = json.loads(events[-1]) if events else {"event": "nothing"}
    left = [path.name for path in workspace.root.rglob(".*.tmp")]
    finished = sorted(path.stem for path in workspace.checkpoints.glob("*.json"))
    done(lambda: made.run())
    print(
        json.dumps(
            {
                "event": last["event"],
                "phase": last.get("phase", ""),
                "left": left,
                "finished": finished,
                "hashes": hashes(workspace),
                "expected": expected,
                "temporary": [path.name for path in workspace.root.rglob(".*.tmp")],
                "broken": workspace.audit.verify().broken,
            }
        ),
        flush=True,
    )


def fresh(root: Path, name: str, ran: bool) -> Path:
    """A folder with prices, and with the results of an earlier configuration where it `ran`."""
    folder = root / name
    if ran:
        shutil.copytree(root / "before", folder)
    else:
        folder.mkdir()
        write_prices(folder)
    return folder


def main() -> None:
    root, mode, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    warm()
    if mode == "renames":
        every_rename(root)
        return
    before = fresh(root, "before", False)
    done(lambda: coordinator(before, BEFORE).run())
    rng = random.Random(7)
    counts, seconds = dict[bool, int](), dict[bool, float]()
    for ran in (False, True):
        folder = fresh(root, f"whole_{ran}", ran)
        begun = time.perf_counter()
        done(lambda: killed_at(folder, None, root / "count"))  # noqa: B023
        seconds[ran], counts[ran] = time.perf_counter() - begun, int((root / "count").read_text())
    for n in range(number):
        ran = n % 2 == 1
        folder = fresh(root, f"kill_{n}", ran)
        if mode == "operations":
            operation = 1 + (2 * n + 1) * counts[ran] // (2 * number)
            assert ended(child(lambda: killed_at(folder, operation))) == -signal.SIGKILL  # noqa: B023
        else:
            pid = child(lambda: coordinator(folder).run())  # noqa: B023
            time.sleep(rng.uniform(0.05, seconds[ran]))
            os.kill(pid, signal.SIGKILL)
            ended(pid)
        report(coordinator(folder))
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
