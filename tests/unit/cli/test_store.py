"""`data import`, `list` and `show`: prices that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

ROWS = ["2020-01-02,A,10", "2020-01-03,A,11", "2020-01-03,B,20", "2020-01-06,B,21"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGIMEFOLIO_STORE", str(tmp_path / "store"))


def write(*rows: str, name: str = "us.csv") -> None:
    Path(name).write_text("\n".join(["date,symbol,close", *rows]) + "\n")


def test_a_file_is_taken_in_and_listed(call: Call) -> None:
    assert call("data", "list") == (0, "no prices are stored here; `regimefolio data import FILE` puts some in\n", "")
    write(*ROWS)
    code, out, err = call("data", "import", "us.csv")
    assert (code, err) == (0, "")
    assert out.endswith(": 4 bars added, 2 symbols new to it\n")
    name = out.partition(":")[2].partition(":")[0].removeprefix("us@")
    assert call("data", "import", "us.csv") == (0, f"store:us@{name}: nothing is new; it was left as it is\n", "")
    lines = call("data", "list").out.splitlines()
    assert lines[-1].split() == ["us", name, "2", "2020-01-02", "2020-01-06", "1", "0.0"]
    (about,) = json.loads(call("data", "list", "--json").out)
    assert (about["name"], about["symbols"], about["fields"]) == ("us", 2, ["close"])
    assert about["version"].startswith(name)


def test_the_imports_of_a_store(call: Call) -> None:
    write(*ROWS)
    call("data", "import", "us.csv", "--name", "mine", "--into", "elsewhere")
    write(*ROWS, "2020-01-07,A,12")
    call("data", "import", "us.csv", "--name", "mine", "--into", "elsewhere")
    out = call("data", "list", "mine", "--from", "elsewhere").out
    assert [line.split()[-2:] for line in out.splitlines()[-2:]] == [["4", "0"], ["1", "0"]]
    first, second = json.loads(call("data", "list", "mine", "--from", "elsewhere", "--json").out)
    assert (first["before"], second["before"]) == ("", first["version"])
    code, _, err = call("data", "list", "mien", "--from", "elsewhere")
    assert (code, err) == (2, "error: there is no store 'mien'; did you mean 'mine'?\n")


def test_a_revision_is_refused_and_then_asked_for(call: Call) -> None:
    write(*ROWS)
    call("data", "import", "us.csv")
    write(ROWS[0], "2020-01-03,A,11.5", *ROWS[2:])
    code, out, err = call("data", "import", "us.csv")
    assert (code, out) == (2, "")
    assert "1 bar of A (1 with other values)\n    A 2020-01-03: close 11.0, now 11.5\n  --revise stores" in err
    code, out, err = call("data", "import", "us.csv", "--revise")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.endswith(": 0 bars added; revised: 1 bar of A (1 with other values)")
    assert second == "  A 2020-01-03: close 11.0, now 11.5"


def test_a_symbol_is_shown(call: Call) -> None:
    write(*ROWS, "2020-01-07,B,-1")
    assert "1 defect: a run stops at the first" in call("data", "import", "us.csv").out
    code, out, err = call("data", "show", "B")
    assert (code, err) == (0, "")
    assert ": B: 2 bars, 2020-01-03 to 2020-01-06\n" in out
    assert "us.csv line 6: 2020-01-07 close -1: zero or negative price" in out
    assert out.splitlines()[-1].split() == ["2020-01-06", "21"]
    (told,) = json.loads(call("data", "show", "B", "--name", "us", "--json").out)
    assert told["last_bars"] == [{"timestamp": "2020-01-03", "close": 20}, {"timestamp": "2020-01-06", "close": 21}]
    code, _, err = call("data", "show", "C")
    assert (code, err) == (2, "error: no store holds 'C'; known: A, B\n")


def test_a_backtest_says_which_version_it_used(call: Call) -> None:
    days = [f"2020-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(330)]
    write(*(f"{day},{symbol},{50 + n % 7}" for symbol in "AB" for n, day in enumerate(days)))
    name = call("data", "import", "us.csv").out.partition(": ")[0]
    Path("one.yaml").write_text('backtest: {data: {source: "store:us"}, strategies: [momentum_rank]}\n')
    code, out, err = call("backtest", "one.yaml")
    assert (code, err) == (0, "")
    assert f"{name}: 2 symbols, 330 bars, 2020-01-01 to " in out
    found = json.loads(call("backtest", "one.yaml", "--json").out)
    assert f"store:us@{found['parameters']['data_version'][:8]}" == name
