"""Bars on a terminal, lines in a log."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from regimefolio.cli.display import Bars, Lines, Silence


def screen(terminal: bool) -> tuple[Console, io.StringIO]:
    paper = io.StringIO()
    return Console(file=paper, force_terminal=terminal, width=80, highlight=False), paper


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
