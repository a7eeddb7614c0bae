"""An allocation run that is killed before any of its operations on the disk ends with the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KILLED = """
import os, pathlib, signal, sys
import numpy as np
from regimefolio.backtest import AllocationFolder, AllocationSpec, results_document, run_allocations
from regimefolio.core.files import write_json
from regimefolio.market.view import Market
from regimefolio.testing import synthetic_market

root, panel = pathlib.Path(sys.argv[1]), synthetic_market(100).panel
market = Market(panel, benchmark=panel.close[:, 0])
spec = AllocationSpec.model_validate({
    "data": {"source": "sample:us5"}, "benchmark": "index", "orchestration_type": "equal", "measure": [],
    "strategies": [{"kind": "momentum_rank", "lookback": 20, "skip": 2}], "lookback": 40, "leave_one_out": False,
    "optimizers": ["min_variance", "equal_risk_contribution"],
})
ON_DISK = ("open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock")

def child(work):
    '''Work in a process of its own: polars has threads, and whoever forks must have none.'''
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def run(parent, operation=0):
    '''Run, and be killed before the n-th operation on the folder.'''
    left = operation
    def hook(event, arguments):
        nonlocal left
        if event in ON_DISK and (event == "fcntl.flock" or parent.name in str(arguments)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    folder = AllocationFolder(spec, "prices", parent)
    with folder.opened():
        write_json(folder.results, results_document(spec, "prices", run_allocations(spec, market, folder.kept)))

def left(parent):
    return {str(path.relative_to(parent)): path.read_bytes() for path in parent.rglob("*") if path.is_file() and path.name != "lock"}

run_allocations(spec, market)  # loads the kernels once, for all children
assert child(lambda: run(root / "whole")) == 0
kills = 0
while child(lambda: run(root / f"kill_{kills + 1}", kills + 1)) == -signal.SIGKILL:
    kills += 1
for n in range(1, kills + 1):
    assert child(lambda: run(root / f"kill_{n}")) == 0
    assert left(root / f"kill_{n}") == left(root / "whole"), n
print(kills, len(left(root / "whole")))
"""  # noqa: E501


def test_a_kill_at_any_operation_changes_no_byte_in_the_end(tmp_path: Path) -> None:
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # whoever forks must have none
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=one_thread)
    assert done.returncode == 0, done.stderr
    kills, count = map(int, done.stdout.split())
    assert count >= 4
    assert kills > 3 * count
