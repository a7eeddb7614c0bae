"""`doctor`: a sound installation passes, and every kind of damage is found and named."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from regimefolio import api
from regimefolio.cli import doctor
from regimefolio.cli.doctor import Check, checks
from tests.unit.cli.conftest import Call

NAMES = ["python", *doctor.PACKAGES, "sample sp500_20", "sample us5", "kernels", "backtest", "folder", "processors"]
NOTICE = Path(__file__).resolve().parents[3] / "NOTICE"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def failures() -> dict[str, Check]:
    return {check.name: check for check in checks() if not check.passed}


def test_a_sound_installation_passes(call: Call, tmp_path: Path) -> None:
    code, out, err = call("doctor", "--json")
    found = json.loads(out)
    assert code == 0, out
    assert "error" not in err
    assert found["passed"] is True
    assert [check["name"] for check in found["checks"]] == NAMES
    said = {check["name"]: check["found"] for check in found["checks"]}
    assert said["numpy"].startswith(metadata.version("numpy"))
    assert said["sample sp500_20"] == "20 stocks, 8,313 rows, 1990-01-02 to 2022-12-28"
    assert str(api.kernel_cache()) in said["kernels"]
    assert str(tmp_path) in said["folder"]
    assert said["processors"].startswith(str(os.cpu_count()))
    assert list(tmp_path.iterdir()) == []


def test_text_says_the_same(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call("doctor")
    assert code == 0
    lines = out.splitlines()
    assert [line[6:26].strip() for line in lines if line.startswith("pass  ")] == NAMES
    assert lines[-1] == f"all {len(NAMES)} checks pass"
    assert all(len(line) <= 80 for line in lines if "/" not in line)
    assert str(api.kernel_cache()) in out  # a path stays whole, to be copied


def test_the_shipped_checksum_is_the_one_in_notice() -> None:
    assert f"us5.parquet\nSHA-256:  {doctor.US5_SHA256}\n" in NOTICE.read_text()


def test_another_number_fails(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    last = float.fromhex(doctor.EXPECTED)
    monkeypatch.setattr(doctor, "EXPECTED", (last * (1.0 + 1e-11)).hex())
    code, out, _ = call("doctor")
    assert code == 1
    assert "FAIL  backtest" in out
    assert "→ unset NUMBA_*" in out
    assert out.splitlines()[-1] == f"1 of {len(NAMES)} checks failed"


def test_two_numbers_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    last = float.fromhex(doctor.EXPECTED)
    ends = iter([last, last, math.nextafter(last, math.inf)])  # the first is the kernels' check
    monkeypatch.setattr(doctor, "_last_equity", lambda: next(ends))
    assert list(failures()) == ["backtest"]


def test_a_changed_sample_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "us5.parquet"
    changed.write_bytes(api.us5_file().read_bytes() + b"\0")
    monkeypatch.setattr(api, "us5_file", lambda: changed)
    assert list(failures()) == ["sample us5"]
    changed.unlink()
    assert failures()["sample us5"].found.startswith("FileNotFoundError: ")


@pytest.mark.parametrize(
    ("version", "passed"),
    [("2.0.9", False), ("1.30", False), ("2.1", True), ("2.1.0rc1", True), ("2.10", True), ("10.0", True)],
)
def test_versions_are_compared_as_numbers(version: str, passed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpydoc>=9", "numpy>=2.1", "numpy>=5; extra == 'x'"])
    monkeypatch.setattr(metadata, "version", lambda name: version)
    check = doctor._package("numpy")
    assert (check.passed, check.found) == (passed, f"{version}, needed >=2.1")
    assert bool(check.remedy) is not passed


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert set(failures()) == set(doctor.PACKAGES)
    assert failures()["numba"].found == "not installed, needed >=0.63"


def test_every_package_states_what_it_needs() -> None:
    assert all(" needed >=" in doctor._package(name).found for name in doctor.PACKAGES)


def test_kernels_that_are_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "kernel_cache", lambda: None)
    found = failures()
    assert list(found) == ["kernels"]
    assert "XDG_CACHE_HOME" in found["kernels"].remedy


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    check = failures()["folder"]
    assert "not writable (Permission denied)" in check.found
    assert check.remedy


@pytest.mark.parametrize(("free", "passed"), [(doctor.LEAST_FREE - 1, False), (doctor.LEAST_FREE, True)])
def test_a_full_disk(free: int, passed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Callable[[Path], Usage] = lambda path: Usage(free, 0, free)  # noqa: E731
    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert ("folder" not in failures()) is passed


def test_an_unknown_number_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert list(failures()) == ["processors"]


@pytest.mark.parametrize(
    ("broken", "failed"),
    [("numpy", NAMES[8:12]), ("polars", NAMES[8:12]), ("numba", NAMES[8:12])],
)
def test_a_broken_package_is_a_failed_check_and_no_crash(broken: str, failed: list[str]) -> None:
    program = (
        f"import sys; sys.modules[{broken!r}] = None\nfrom regimefolio.cli import main; main(['doctor', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["checks"]
    assert [check["name"] for check in found if not check["passed"]] == failed
    assert all(broken in check["found"] and check["remedy"] for check in found if not check["passed"])


def test_kernels_that_are_not_compiled_at_all() -> None:
    program = "from regimefolio.cli import main; main(['doctor', '--json'])"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert not found["kernels"]["passed"]
    assert found["kernels"]["remedy"].startswith("unset NUMBA_*")
