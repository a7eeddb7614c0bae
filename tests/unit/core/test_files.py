"""Files: what is written, what is read back, and who may write."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core import files
from regimefolio.core.errors import CorruptError, LockedError, WorkspaceError


@dataclass(frozen=True)
class Point:
    x: float
    y: np.ndarray[Any, Any]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float64("nan"), None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (True, True),
        (np.array([[1.0, np.nan], [2.0, 3.0]]), [[1.0, None], [2.0, 3.0]]),
        (np.datetime64("2020-01-02T03:04", "s"), "2020-01-02T03:04:00"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        ({1: (1, 2), "b": {"c": None}}, {"1": [1, 2], "b": {"c": None}}),
        (Point(float("nan"), np.array([1, 2])), {"x": None, "y": [1, 2]}),
        ("ü", "ü"),
    ],
)
def test_what_has_a_json_form(value: object, expected: object) -> None:
    found = files.jsonable(value)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.float32("inf"), [1.0, {"a": np.array([np.inf])}]])
def test_an_infinity_has_none(value: object) -> None:
    with pytest.raises(TypeError, match="an infinite number cannot be written; it should have been NaN"):
        files.jsonable(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes-like".__iter__(), Point])
def test_what_else_has_none(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        files.jsonable(value)


def test_json_keeps_the_order_of_keys_and_every_bit_of_a_number(tmp_path: Path) -> None:
    value = {"z": 0.1 + 0.2, "a": [5e-324, 1.7976931348623157e308, -0.0], "n": float("nan")}
    files.write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text("utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["z", "a", "n"]
    assert files.read_json(tmp_path / "a.json") == {**value, "n": None}


def test_a_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", [1.0, np.inf])
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        files.write_npy(tmp_path / "a.json", np.array([object()]))
    assert files.read_json(tmp_path / "a.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_arrays_come_back_to_the_bit(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    array[0, 0, 0] = np.nan
    path = tmp_path / "deep" / "folder" / "a.npy"
    files.write_npy(path, array)
    for mode in (None, "r"):
        again = files.read_npy(path, mmap_mode=mode)
        assert again.dtype == np.float32
        assert again.tobytes() == array.tobytes()
    assert files.sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(path.parent.iterdir()) == [path]


def test_equal_arrays_make_equal_bytes(tmp_path: Path) -> None:
    array = np.arange(12.0).reshape(3, 4)
    files.write_npy(tmp_path / "a.npy", array)
    files.write_npy(tmp_path / "b.npy", array.copy())
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_data_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush the file, rename it, flush the folder: in this order a power cut leaves old or new."""
    path, calls = tmp_path / "a.txt", list[str]()
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        calls.append("folder" if Path(f"/proc/self/fd/{descriptor}").resolve() == tmp_path.resolve() else "file")
        assert path.exists() == ("renamed" in calls)
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        calls.append("renamed")
        assert self.read_text() == "text"
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    files.write_text(path, "text")
    assert calls == ["file", "renamed", "folder"]


# Logs


def test_lines_are_appended(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.jsonl"
    for line in ("one", "zwölf", "three"):
        files.append_line(log, line)
    assert log.read_text("utf-8") == "one\nzwölf\nthree\n"


def test_a_torn_last_line_is_ended_first(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_text('{"event": "one"}\n{"eve')
    files.append_line(log, '{"event": "two"}')
    assert log.read_text() == '{"event": "one"}\n{"eve\n{"event": "two"}\n'


def test_leftovers_are_swept_and_nothing_else(tmp_path: Path) -> None:
    keep = [tmp_path / "a.json", tmp_path / "sub" / "b.tmp", tmp_path / ".hidden"]
    for path in (*keep, tmp_path / ".a.json.123.tmp", tmp_path / "sub" / ".b.npy.9.tmp"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    files.sweep_temporaries(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(keep)


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    files.remove(tmp_path / "nothing")
    (tmp_path / "a").write_text("x")
    files.remove(tmp_path / "a")
    assert not (tmp_path / "a").exists()


# Files that are not what was written


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"nul", b"{'a': 1}"])
def test_what_is_not_json(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(CorruptError) as caught:
        files.read_json(path)
    assert str(caught.value).startswith(f"{path}: is not JSON (")
    assert str(caught.value).endswith("restore it or run its phase again")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(number: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f'{{"a": {number}}}')
    with pytest.raises(CorruptError, match="is not JSON"):
        files.read_json(tmp_path / "a.json")


def test_json_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(CorruptError, match="is not JSON"):
        files.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("mode", [None, "r"])
def test_missing_files_are_named_with_the_remedy(mode: Any, tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"a\.json: is missing; run the phase that writes it again"):
        files.read_json(tmp_path / "a.json")
    with pytest.raises(CorruptError, match=r"a\.npy: is missing; run the phase that writes it again"):
        files.read_npy(tmp_path / "a.npy", mode)


@pytest.mark.parametrize("mode", [None, "r"])
def test_an_array_cut_anywhere_is_refused(mode: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    files.write_npy(path, np.arange(30, dtype=np.float32).reshape(2, 5, 3))
    whole = path.read_bytes()
    for size in (*range(140), len(whole) - 4, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptError, match=r"is not a whole \.npy file .*run its phase again"):
            files.read_npy(path, mode)


@pytest.mark.filterwarnings("ignore:Reading `.npy`")
@pytest.mark.parametrize("mode", [None, "r"])
def test_a_flipped_bit_in_a_header_gives_an_array_or_a_corrupt_error(mode: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    files.write_npy(path, np.arange(30, dtype=np.float32).reshape(2, 5, 3))
    whole = path.read_bytes()
    refused = 0
    for position in range(128):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                assert isinstance(files.read_npy(path, mode), np.ndarray)
            except CorruptError:
                refused += 1
    assert refused > 400


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", a=np.arange(3))
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    (tmp_path / "c.npy").mkdir()
    for name in ("a.npy", "b.npy", "c.npy"):
        with pytest.raises(CorruptError, match=r"is not a whole \.npy file"):
            files.read_npy(tmp_path / name)


# Places that cannot be written


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "a.json"
    with pytest.raises(WorkspaceError, match=r"a\.json: cannot be written \((Not a directory|File exists)\)"):
        files.write_json(path, 1)
    with pytest.raises(WorkspaceError, match=r"a\.json: cannot be written"):
        files.append_line(path, "x")
    with pytest.raises(WorkspaceError, match=r"written .*; a file stands where a folder is needed"), files.lock(path):
        pass


def test_what_cannot_be_read_or_taken_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"nothing: cannot be read \(No such file or directory\); restore it"):
        files.sha256_of(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CorruptError, match=r"folder: cannot be read \(Is a directory\); restore it"):
        files.read_json(tmp_path / "folder")
    with pytest.raises(WorkspaceError, match=r"folder: cannot be taken away \("):
        files.remove(tmp_path / "folder")


def test_a_name_that_is_too_long_has_its_reason(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"cannot be written \(File name too long\); .*choose another folder"):
        files.write_text(tmp_path / ("x" * 300), "x")


def test_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.path_of("~/a.csv") == files.path_of(Path("~/a.csv")) == tmp_path / "a.csv"
    assert files.path_of("a/~") == Path("a/~")
    assert files.path_of("~nobody.at.all/x") == Path("~nobody.at.all/x")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(WorkspaceError, match=r"a\.json: cannot be written \(Is a directory\)"):
        files.write_json(tmp_path / "a.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# Locks

HOLD = """
import pathlib, sys
from regimefolio.core.files import lock
with lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds a lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("end", ["ended", "killed"])
def test_the_second_process_is_told_about_the_first(end: str, tmp_path: Path) -> None:
    path = tmp_path / "work" / "lock"
    with holder(path) as first:
        with pytest.raises(LockedError) as caught, files.lock(path):
            raise AssertionError("two hold the lock")
        assert str(caught.value) == (
            f"{path.parent}: process {first.pid} on {socket.gethostname()} works here; wait for it or end it"
        )
        assert path.read_text() == f"process {first.pid} on {socket.gethostname()}"  # asking changed nothing
        if end == "killed":
            first.kill()
            first.wait()
        else:
            first.communicate("")
    with files.lock(path):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_lock_is_released_by_an_error_and_is_not_taken_twice(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), files.lock(path):
        raise ZeroDivisionError
    with files.lock(path), pytest.raises(LockedError, match=f"process {os.getpid()} on"), files.lock(path):
        raise AssertionError("held twice")
    with files.lock(path):
        pass
