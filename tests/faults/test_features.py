"""A features matrix whose build is killed, or whose file is harmed: the old one or the new one, and never another."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from regimefolio.core.errors import CorruptError
from regimefolio.features import History, MedianValue, build_matrix, read_matrix
from regimefolio.features.matrix import MATRIX
from regimefolio.testing import synthetic_market

KILLED = """
import os, pathlib, shutil, signal, sys
from regimefolio.features import History, build_matrix, read_matrix
from regimefolio.testing import synthetic_market

root, panel = pathlib.Path(sys.argv[1]), synthetic_market(90).panel
ON_DISK = ("open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock")

def child(work):
    '''Work in a process of its own: polars has threads, and whoever forks must have none.'''
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def build(folder, n_bars, operation=0):
    '''Build, and be killed before the n-th operation on the folder.'''
    left = operation
    def hook(event, arguments):
        nonlocal left
        if event in ON_DISK and (event == "fcntl.flock" or folder.name in str(arguments)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    build_matrix(panel.until(n_bars), [History()], folder)

assert child(lambda: build(root / "old", 60)) == 0
assert child(lambda: build(root / "whole", 90)) == 0
kills = 0
while True:
    folder = root / f"kill_{kills + 1}"
    shutil.copytree(root / "old", folder)
    if child(lambda: build(folder, 90, kills + 1)) != -signal.SIGKILL:
        break
    kills += 1

old = 0
for n in range(1, kills + 1):
    folder = root / f"kill_{n}"
    bars = len(read_matrix(folder).prices)
    assert bars in (60, 90), bars
    old += bars == 60
    build_matrix(panel, [History()], folder)
    left = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}
    assert left == {path.name: path.read_bytes() for path in (root / "whole").iterdir() if path.name != "lock"}, n
print(kills, old)
"""


def test_a_kill_leaves_the_old_matrix_or_the_longer_one(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    kills, old = map(int, done.stdout.split())
    assert kills > 8
    assert 5 < old < kills


def test_a_flipped_bit_changes_nothing_that_is_read_or_is_refused(tmp_path: Path) -> None:
    whole = build_matrix(synthetic_market(60).panel, [History(), MedianValue(window=5)], tmp_path).matrix
    path, rng, refused = tmp_path / MATRIX, random.Random(4), 0
    data = path.read_bytes()
    for _ in range(150):
        place, bit = rng.randrange(len(data)), rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        try:
            found = read_matrix(tmp_path)
        except CorruptError:
            refused += 1
        else:
            assert found.features.values.tobytes() == whole.features.values.tobytes(), (place, bit)
            assert (found.features.symbols, found.features.names) == (whole.features.symbols, whole.features.names)
            assert (found.recipes, found.prices) == (whole.recipes, whole.prices), (place, bit)
    assert refused > 100
