"""A kernel that calls one of another file is compiled again when that file changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "regimefolio"
ASK = "import numpy as np; from regimefolio.kernels.metrics import quantile; print(quantile(np.arange(10.0), 0.5))"


def ask(folder: Path) -> float:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {ASK}"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout)


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
