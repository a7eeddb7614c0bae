"""Full disks and kills in the middle of a write leave the old file or the new one, never a torn one."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core import files
from regimefolio.core.errors import WorkspaceError

FULL = """
import json, pathlib, resource, sys
import numpy as np
from regimefolio.core import files
from regimefolio.core.errors import WorkspaceError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
folder = pathlib.Path(sys.argv[1])
said = []
for write in (
    lambda: files.write_npy(folder / "a.npy", np.ones(100_000)),
    lambda: files.write_json(folder / "a.json", list(range(100_000))),
    lambda: [files.append_line(folder / "log", "x" * 999) for _ in range(100)],
    lambda: files.write_npy(folder / "fresh" / "a.npy", np.ones(100_000)),
):
    try:
        write()
        said.append("written")
    except WorkspaceError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    """A limit on the size of files fails a write half way, as a full disk does, and needs no privilege."""
    files.write_npy(tmp_path / "a.npy", np.arange(3.0))
    files.write_json(tmp_path / "a.json", "old")
    files.append_line(tmp_path / "log", "old")
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    array, text, log, fresh = json.loads(done.stdout)
    reason, remedy = "cannot be written (File too large)", "raise the limit on the size of files"
    assert array == f"{tmp_path / 'a.npy'}: {reason}; what was there is unchanged; {remedy}"
    assert text == f"{tmp_path / 'a.json'}: {reason}; what was there is unchanged; {remedy}"
    assert log == f"{tmp_path / 'log'}: {reason}; {remedy}"
    assert fresh.startswith(f"{tmp_path / 'fresh' / 'a.npy'}: {reason}")
    assert files.read_npy(tmp_path / "a.npy").tolist() == [0.0, 1.0, 2.0]
    assert files.read_json(tmp_path / "a.json") == "old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.json", "a.npy", "fresh", "log"]
    files.append_line(tmp_path / "log", "young")
    first, *others, last = (tmp_path / "log").read_text().splitlines()
    assert (first, last) == ("old", "young")
    assert set("".join(others)) == {"x"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_at_the_last_moment(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_json(tmp_path / "a.json", "old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, full)
        with pytest.raises(
            WorkspaceError, match=r"cannot be written \(No space left on device\); .* unchanged; make room on the disk"
        ):
            files.write_json(tmp_path / "a.json", "young")
    assert files.read_json(tmp_path / "a.json") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


KILLED = """
import os, pathlib, signal, sys
from regimefolio.core import files

folder, kill_at = pathlib.Path(sys.argv[1]), 0

def killed(n):
    '''Write in a child that is killed before the n-th line or system call of the writing code.'''
    left = n
    def step(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    def trace(frame, event, argument):
        # Every line of files.py and pathlib, and every call from them into C, which is where system calls are made.
        ours = frame.f_code.co_filename.endswith(("core/files.py", "pathlib.py"))
        return step() if ours else None
    child = os.fork()
    if child == 0:
        sys.setprofile(lambda frame, event, argument: step() if event in ("c_call", "c_return") else None)
        sys.settrace(trace)
        files.write_bytes(folder / "a", b"new" * 50_000)
        files.append_line(folder / "log", "new")
        sys.settrace(None); sys.setprofile(None)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

(folder / "a").write_bytes(b"old")
(folder / "log").write_bytes(b"old\\n")
seen, torn, leftovers = set(), 0, 0
while killed(kill_at := kill_at + 1):
    content = (folder / "a").read_bytes()
    assert content in (b"old", b"new" * 50_000), (kill_at, content[:20])
    seen.add(content[:3].decode())
    log = (folder / "log").read_bytes()
    assert log in (b"old\\n", b"old\\nnew\\n"), (kill_at, log)
    leftovers += len(list(folder.glob(".*.tmp")))
    files.sweep_temporaries(folder)
    (folder / "a").write_bytes(b"old")
    (folder / "log").write_bytes(b"old\\n")
assert {path.name for path in folder.iterdir()} == {"a", "log"}
print(kill_at, sorted(seen), leftovers)
"""


def test_a_kill_at_any_moment_leaves_old_or_new(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    moments, seen, leftovers = done.stdout.split(maxsplit=1)[0], done.stdout, int(done.stdout.split()[-1])
    assert int(moments) > 60
    assert "['new', 'old']" in seen
    assert leftovers > 10
