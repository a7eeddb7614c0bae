"""Bars on a terminal, lines in a log."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from regimefolio.cli.display import Bars, Lines, Silence, tell_data
from regimefolio.market import File


def screen(terminal: bool) -> tuple[Console, io.StringIO]:
    paper = io.StringIO()
    return Console(file=paper, force_terminal=terminal, width=80, highlight=False), paper


def told(folder: Path, rows: list[str]) -> list[str]:
    """What is said of a file with these rows, below the line about the data."""
    path = folder / "prices.csv"
    path.write_text("\n".join(["date,symbol,close", *rows, ""]))
    said: list[str] = []
    tell_data(File(path=path).load(on_bad="mask"), said.append)
    return said[1:]


def test_late_rows_are_one_line_and_masked_bars_are_counted(tmp_path: Path) -> None:
    days = [f"2020-01-{day:02}" for day in range(30, 5, -1)]
    few = "1 warning (few bars 1): `regimefolio data check FILE` says more"
    assert told(tmp_path, [f"{day},A,5" for day in days]) == ["24 rows stood too late, put in place", few]
    said = told(tmp_path, [f"{day},A,{'x' if day > '2020-01-08' else 5}" for day in days])
    assert said == [
        "24 rows stood too late, put in place",
        "22 defects masked (not a number 22): line 2 A 2020-01-30 close x; line 3 A 2020-01-29 close x; "
        "line 4 A 2020-01-28 close x; …",
        "`regimefolio data check FILE` shows them, and with --json lists all",
        few,
    ]


def test_warnings_are_one_line(tmp_path: Path) -> None:
    rows = [f"2020-{month:02}-{day:02},A,5" for month in (1, 2) for day in range(1, 21)]
    assert told(tmp_path, rows) == []
    assert told(tmp_path, [*rows, "2020-01-01,B,5", "2020-01-04,B,5", "2020-02-20,C,1"]) == [
        "4 warnings (few bars 2, missing session 2): `regimefolio data check FILE` says more"
    ]


def test_cautions_are_told_one_by_one(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "prices.csv").write_text("date,symbol,close\n2020-01-01,A,5\n")
    data = File(path=tmp_path / "prices.csv").load()
    tell_data(replace(data, doubtful={}, cautions=("one", "other")), said.append)
    assert said[1:] == ["warning: one", "warning: other"]


def test_a_log_has_a_line_for_every_stage_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regimefolio.cli.display.time.monotonic", lambda: 1.0)
    console, paper = screen(terminal=False)
    with Lines(console) as shown:
        shown.stage("parameter discovery", 3)
        threads = [threading.Thread(target=shown.advance) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert paper.getvalue() == ""
        shown.stage("validation", 2)
        shown.say("four of [4] checks")
    assert paper.getvalue().splitlines() == [
        "parameter discovery: 3 of 3, 0.0 s",
        "four of [4] checks",
        "validation: 0 of 2, 0.0 s",
    ]


def test_a_log_of_long_work_has_a_line_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("regimefolio.cli.display.time.monotonic", lambda: clock[0])
    console, paper = screen(terminal=False)
    with Lines(console) as shown:
        shown.stage("work", 5)
        for _ in range(5):
            clock[0] += 4.0
            shown.advance()
    assert paper.getvalue().splitlines() == ["work: 3 of 5, 12.0 s", "work: 5 of 5, 20.0 s"]


def test_a_terminal_has_a_bar_for_every_stage() -> None:
    console, paper = screen(terminal=True)
    with Bars(console) as shown:
        shown.say("what comes")
        shown.stage("parameter discovery", 2)
        shown.advance(2)
        shown.stage("validation", 4)
        shown.advance()
    text = paper.getvalue()
    assert text.index("what comes") < text.index("2/2") < text.index("1/4")


def test_silence_is_silent() -> None:
    console, paper = screen(terminal=True)
    with Silence(console) as shown:
        shown.stage("validation", 1)
        shown.advance()
        shown.say("something")
    assert paper.getvalue() == ""
