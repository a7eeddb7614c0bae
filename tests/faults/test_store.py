"""An import that is killed before any of its disk operations leaves the version that was there, or the new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KILLED = """
import os, pathlib, signal, sys
from regimefolio.market import DataSpec, Origin, import_file, load_data, stores
from regimefolio.market.sources.bars import read_bars
from regimefolio.market.sources.table import read_table
from regimefolio.market.store.merging import Delivery

folder = pathlib.Path(sys.argv[1])
head, root = "date,symbol,close\\n", folder / "store"

def write(name, *closes):
    path = folder / name
    path.write_text(head + "".join(f"2020-01-{2 + day:02},A,{close}\\n" for day, close in enumerate(closes)))
    return path

import_file(write("old.csv", 1, 2, 3), "us", root)
young = write("young.csv", 1, 5, 3, 4)

# Read before the fork: polars has threads, which a child would not have.
delivery = Delivery.of(read_bars(read_table(young)))
ON_DISK = ("open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock")

def killed(n):
    '''Import in a child that is killed before its n-th operation.'''
    child = os.fork()
    if child == 0:
        left = n
        def hook(event, arguments):
            nonlocal left
            if event in ON_DISK and (event == "fcntl.flock" or "store" in str(arguments)):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        stores(root)[0].take(delivery, Origin("young"), revise=True)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

def closes():
    spec = DataSpec.model_validate({"source": {"kind": "store", "name": "us", "folder": str(root)}})
    return load_data(spec).panel.close[:, 0].tolist()

old, kills, seen = closes(), 0, []
while killed(kills + 1):
    kills += 1
    seen.append(closes())
    assert seen[-1] in (old, [1, 5, 3, 4]), (kills, seen[-1])
    if seen[-1] != old:
        break
report = import_file(young, "us", root, revise=True)
assert closes() == [1, 5, 3, 4]
assert not list(root.rglob("*.tmp"))
assert len(stores(root)[0].imports()) == 2
print(kills, seen.count(old))
"""


def test_a_kill_leaves_the_old_version_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    kills, old = map(int, done.stdout.split())
    assert kills > 10
    assert old > 10
