"""`data check`: a summary, every defect, and an exit code that a script can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio.cli.data import MEANING
from regimefolio.market.sources import warnings
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
        "usable bars a symbol: 40; taken as 365 bars a year\nno defects\nno warnings\n",
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
    assert "… 13 more; --json lists all" in out.splitlines()
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


def test_warnings_stand_in_groups_and_do_not_fail(tmp_path: Path, call: Call) -> None:
    days = [f"2020-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(60)]
    rows = [f"{day},A,{7 + 0.01 * n:.2f},{0 if n in (2, 3, 50, 51) else 9}" for n, day in enumerate(days)]
    rows += [f"{day},B,5,{0 if n == 51 else 9 + n}" for n, day in enumerate(days) if n not in (10, 20)]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close,volume", *rows]) + "\n")
    code, out, err = call("data", "check", "prices.csv")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "no defects 8 warnings: the bars are used as they are" in words
    assert (
        "missing session 2 other symbols have a bar, this one none: its orders lapse "
        "B 2020-01-11: 1 of 2 symbols have one B 2020-01-21: 1 of 2 symbols have one zero volume 5" in words
    )
    assert (
        "volume is not known 2 symbols, 4 of A line 4 A 2020-01-03 volume: 0 line 5 A 2020-01-04 volume: 0 "
        "line 52 A 2020-02-23 volume: 0 …" in words
    )
    assert "line 2 A 2020-01-01 close: 13.7 bp: steps of 0.01 at 7.295; coarse in 60 of 60 bars" in words
    assert out.splitlines()[-1] == "--json lists all"
    code, out, err = call("data", "check", "prices.csv", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["defects"] == []
    assert [each["kind"] for each in found["warnings"]] == [
        "coarse prices",
        *["missing session"] * 2,
        *["zero volume"] * 5,
    ]
    assert found["warnings"][3] == {
        "kind": "zero volume",
        "row": 4,
        "column": "volume",
        "symbol": "A",
        "timestamp": "2020-01-03",
        "value": "0",
    }


def test_a_configuration_is_checked_with_all_that_its_data_says(tmp_path: Path, call: Call) -> None:
    closes = [100 + 0.01 * (n % 9) for n in range(20)] + [50 + 0.01 * (n % 9) for n in range(40)]
    days = [f"2020-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(60)]
    rows = [f"{day},A,{close:.2f}" for day, close in zip(days, closes, strict=True)]
    rows += [f"{day},WM,{close:.2f}" for day, close in zip(days, closes, strict=True) if not days[3] < day < days[30]]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]) + "\n")
    code, out, _ = call("data", "check", "prices.csv")
    assert code == 0
    words = " ".join(out.split())
    assert "if it is a split, add split 2 on 2020-01-21 to the actions" in words
    assert "line 66 WM 2020-02-03 date: resumes after 26 missing bars" in words
    (tmp_path / "actions.csv").write_text("symbol,date,split\nA,2020-01-21,2\n")
    (tmp_path / "gone.csv").write_text("symbol,date,return\nWM,2020-01-20,-1\n")
    (tmp_path / "members.csv").write_text("symbol,from,to\nWM,2020-01-02,\nA,2020-02-01,2020-02-20\n")
    said = "{source: 'file:prices.csv', actions: actions.csv, max_gap: 21, delistings: gone.csv, universe: members.csv}"
    configurations = {
        "data.yaml": f"data: {said}\n",
        "backtest.yml": f"backtest: {{name: a, data: {said}, strategies: [momentum_rank]}}\n",
    }
    for name, text in configurations.items():
        (tmp_path / name).write_text(text)
        code, out, _ = call("data", "check", name)
        assert code == 0
        assert out.splitlines()[0].startswith("prices.csv: csv, long; 94 rows, 2 symbols")
        assert out.splitlines()[2:7] == [
            "actions.csv: 1 split and 0 dividends",
            "WM resumes on 2020-02-03 after 26 missing bars as WM.2",
            "gone.csv: 1 delisting",
            "members.csv: 2 spells, 0 to 2 members with a bar",
            "no defects",
        ]
        assert "split-like" not in out
        assert "long gap" not in out
        code, out, _ = call("data", "check", name, "--json")
        assert len(json.loads(out)["notes"]) == 4
        assert json.loads(out)["file"] == "prices.csv"
    (tmp_path / "actions.csv").write_text("symbol,date,split\nA,2020-01-21,-2\n")
    code, out, err = call("data", "check", "data.yaml")
    assert (code, out) == (2, "")
    assert err == "error: actions.csv: line 2, column split: negative split, found '-2' for A; mend the file\n"
    (tmp_path / "data.yaml").write_text("data: {source: 'sample:us5'}\n")
    code, out, err = call("data", "check", "data.yaml")
    assert (code, err) == (2, "error: files of prices are checked, and sample:us5 is none\n")


def test_every_kind_of_warning_is_explained() -> None:
    kinds = {value for name, value in vars(warnings).items() if name.isupper() and not name.startswith("_")}
    assert set(MEANING) == {kind for kind in kinds if isinstance(kind, str)}


@pytest.mark.parametrize("name", ["missing.csv", "notes.txt", "empty.csv"])
def test_no_table_of_bars_leaves_with_2(name: str, tmp_path: Path, call: Call) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_text("")
    code, out, err = call("data", "check", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {name}: ")


DAYS = ["2020-01-16", "2020-01-17", "2020-01-19", "2020-01-22"]
TOLD = "XNYS: 1 session without a bar (2020-01-21), 1 bar on no session {} (2020-01-19)"


def test_bars_are_held_against_a_calendar(tmp_path: Path, call: Call) -> None:
    (tmp_path / "prices.csv").write_text("date,A\n" + "".join(f"{day},5\n" for day in DAYS))
    out = call("data", "check", "prices.csv", "--calendar", "XNYS").out
    assert TOLD.format("kept") in out
    assert "taken as 252 bars a year" in out
    found = json.loads(call("data", "check", "prices.csv", "--calendar", "XNYS", "--json").out)
    assert found["sessions"] == {"calendar": "XNYS", "missing": ["2020-01-21"], "extra": ["2020-01-19"]}
    assert json.loads(call("data", "check", "prices.csv", "--json").out)["sessions"] is None


def test_the_calendar_of_a_configuration_is_used(tmp_path: Path, call: Call) -> None:
    (tmp_path / "prices.csv").write_text("date,A\n" + "".join(f"{day},5\n" for day in DAYS))
    (tmp_path / "data.yaml").write_text(
        "data: {source: 'file:prices.csv', calendar: XNYS, extra_sessions: drop, universe: {min_bars: 3}}\n"
    )
    found = json.loads(call("data", "check", "data.yaml", "--json").out)
    assert found["sessions"]["extra"] == ["2020-01-19"]
    assert found["notes"][0] == TOLD.format("dropped")
    assert TOLD.format("dropped") in call("data", "check", "data.yaml").out
    other = json.loads(call("data", "check", "data.yaml", "--calendar", "24/7", "--json").out)
    assert other["sessions"]["extra"] == []


def test_a_calendar_that_does_not_exist(tmp_path: Path, call: Call) -> None:
    write(tmp_path, bad=0)
    code, _, err = call("data", "check", "prices.csv", "--calendar", "XNY")
    assert (code, err) == (2, "error: there is no calendar 'XNY'; did you mean 'XNYS'?\n")
