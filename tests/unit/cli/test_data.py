"""`data check`: a summary, every defect, and an exit code that a script can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio.cli.data import LOOKED_FOR
from tests.unit.cli.conftest import Call


def write(folder: Path, bad: int) -> None:
    """40 bars, the first `bad` of them with a negative price."""
    rows = [f"2020-{1 + n // 28:02}-{1 + n % 28:02},A,{-5 if n < bad else 5}" for n in range(40)]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]) + "\n")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_clean_file(tmp_path: Path, call: Call) -> None:
    write(tmp_path, bad=0)
    assert call("data", "check", "prices.csv") == (
        0,
        "prices.csv: csv, long; 40 rows, 1 symbol, 2020-01-01 to 2020-02-12\n"
        f"usable bars a symbol: 40; taken as 365 bars a year\n{LOOKED_FOR}\nno defects\n",
        "",
    )


def test_defects_are_listed_and_leave_with_1(tmp_path: Path, call: Call) -> None:
    write(tmp_path, bad=3)
    code, out, err = call("data", "check", "prices.csv")
    assert (code, err) == (1, "")
    assert "3 defects" in out
    assert [line.split()[:4] for line in out.splitlines() if "zero or negative price" in line] == [
        [str(line), "close", "A", f"2020-01-0{line - 1}"] for line in (2, 3, 4)
    ]
    assert out.count("-5") == 3
    assert "more" not in out


def test_twenty_are_shown_and_json_lists_all(tmp_path: Path, call: Call) -> None:
    write(tmp_path, bad=33)
    code, out, _ = call("data", "check", "prices.csv")
    assert code == 1
    assert out.count("zero or negative price") == 20
    assert out.splitlines()[-1] == "… 13 more; --json lists all"
    code, out, err = call("data", "check", "prices.csv", "--json")
    assert (code, err) == (1, "")
    found = json.loads(out)
    assert (found["rows"], found["symbols"], found["format"]) == (40, 1, "csv, long")
    assert [defect["row"] for defect in found["defects"]] == list(range(2, 35))


def test_the_fewest_and_the_most_bars_of_a_symbol(tmp_path: Path, call: Call) -> None:
    write(tmp_path, bad=0)
    with (tmp_path / "prices.csv").open("a") as file:
        file.write("2020-02-12,B,7\n2020-02-13,B,7\n")
    _, out, _ = call("data", "check", "prices.csv")
    assert "usable bars a symbol: 2 to 40; " in out
    found = json.loads(call("data", "check", "prices.csv", "--json").out)
    assert (found["fewest"], found["most"], found["periods_per_year"]) == (2, 40, 365)


def test_a_file_without_a_bar_is_not_clean(tmp_path: Path, call: Call) -> None:
    (tmp_path / "prices.csv").write_text("date,symbol,close\n,,\n")
    code, out, err = call("data", "check", "prices.csv")
    assert (code, out) == (2, "")
    assert "holds no bar" in err


@pytest.mark.parametrize("name", ["missing.csv", "notes.txt", "empty.csv"])
def test_no_table_of_bars_leaves_with_2(name: str, tmp_path: Path, call: Call) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_text("")
    code, out, err = call("data", "check", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {name}: ")
