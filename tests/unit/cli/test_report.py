"""`report`: the page again, from the files alone."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Call


def test_report_is_written_again(folder: Path, call: Call) -> None:
    call("run", "small.yaml", "-q")
    page = folder / "results" / "small" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert call("report", "results/small") == (0, "results/small/report.html\n", "")
    assert page.read_bytes() == before


def test_other_folders_are_refused(folder: Path, call: Call) -> None:
    code, out, err = call("report", ".")
    assert (code, out) == (2, "")
    assert err.startswith("error: .: is not the folder of a workflow")
