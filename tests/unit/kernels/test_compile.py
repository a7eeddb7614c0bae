"""A kernel that calls one of another file is compiled again when that file changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from regimefolio.kernels import _compile

Float = NDArray[np.float64]

SOURCE = Path(__file__).parents[3] / "src" / "regimefolio"
ASK = "import numpy as np; from regimefolio.kernels.metrics import quantile; print(quantile(np.arange(10.0), 0.5))"


def ask(folder: Path, environment: dict[str, str] | None = None, first: str = "") -> float:
    command = [sys.executable, "-B", "-c", f"{first}import sys; sys.path.insert(0, {str(folder)!r}); {ASK}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment)
    return float(done.stdout)


def test_a_changed_neighbour_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "regimefolio"
    shutil.copytree(SOURCE / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "__init__.py", package)
    assert ask(tmp_path) == 4.5
    assert list((package / "kernels" / "__pycache__").glob("*/*/*.nbi"))
    file = package / "kernels" / "selection.py"
    text = file.read_text(encoding="utf-8")
    ending = text[text.rindex("    return ") :]
    file.write_text(text.replace(ending, ending.rstrip() + " + 100.0\n"), encoding="utf-8")
    assert ask(tmp_path) > 50.0


def test_machine_code_is_kept_where_something_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below a file cannot be made, by root either."""
    (tmp_path / "file").write_text("in the way")
    nowhere = tmp_path / "file" / "below"
    shared = tmp_path / "tmp"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    package, home = tmp_path / "package", tmp_path / "home"
    assert _compile._cache_folder(package, home, "d") == package / "__pycache__" / "d"
    assert _compile._cache_folder(nowhere, home, "d") == home / "regimefolio" / "d"
    found = shared / f"regimefolio-{os.getuid()}-d"
    for unwritable in (nowhere, None):
        assert _compile._cache_folder(nowhere, unwritable, "d") == found
        assert found.stat().st_mode & 0o777 == 0o700
    found.chmod(0o777)  # others may write there: machine code from there is not to be trusted
    assert _compile._cache_folder(nowhere, None, "d") is None
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    assert _compile._cache_folder(nowhere, None, "d") is None


def test_a_changed_neighbour_is_seen_in_a_folder_of_the_users_choice_too(tmp_path: Path) -> None:
    package, chosen = tmp_path / "regimefolio", {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "chosen")}
    shutil.copytree(SOURCE / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "__init__.py", package)
    assert ask(tmp_path, chosen) == 4.5
    assert list((tmp_path / "chosen").glob("*/*/*.nbi"))
    file = package / "kernels" / "selection.py"
    text = file.read_text(encoding="utf-8")
    ending = text[text.rindex("    return ") :]
    file.write_text(text.replace(ending, ending.rstrip() + " + 100.0\n"), encoding="utf-8")
    assert ask(tmp_path, chosen) > 50.0


def test_kernels_run_where_nothing_can_be_kept(tmp_path: Path) -> None:
    package = tmp_path / "regimefolio"
    shutil.copytree(SOURCE / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "__init__.py", package)
    (package / "kernels" / "__pycache__").write_text("in the way")
    home = {**os.environ, "HOME": "/proc/nowhere", "XDG_CACHE_HOME": ""}
    assert ask(tmp_path, {**home, "TMPDIR": str(tmp_path)}) == 4.5
    assert list(tmp_path.glob(f"regimefolio-{os.getuid()}-*/*/*.nbi"))
    block = "import tempfile; tempfile.tempdir = '/proc/nowhere'; "
    assert ask(tmp_path, home, block) == 4.5


@_compile.piece
def _power(x: Float, by: int) -> float:
    total = 0.0
    for i in range(x.size):
        total += x[i] ** by
    return total


@_compile.kernel
def _powers(x: Float) -> float:
    by, total = 1, 0.0
    while by < 3:
        total += _power(x, by)
        by += 1
    return total + _power(x, 3)


def test_a_piece_is_compiled_once_for_all_values_and_has_machine_code_for_python_alone() -> None:
    x = np.array([1.0, 2.0])
    assert _powers(x) == 3.0 + 5.0 + 9.0
    attributes = vars(_power)
    inside, for_python = attributes["_inside"].overloads, attributes["overloads"]
    assert (len(inside), len(for_python)) == (1, 0)
    (made,) = inside.values()
    assert made.library.get_pointer_to_function(made.fndesc.llvm_func_name) == 0
    assert _power(x, 3) == 9.0
    assert (len(inside), len(for_python)) == (1, 1)
