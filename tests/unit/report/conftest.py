"""A finished workspace, and copies of it that a test may spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regimefolio.report.record import Record, read_record
from tests.workflows import coordinator, write_prices


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workflow's folder; never written to."""
    folder = tmp_path_factory.mktemp("finished")
    write_prices(folder)
    job = coordinator(folder)
    job.run()
    return job.workspace.root


@pytest.fixture(scope="session")
def record(finished: Path) -> Record:
    return read_record(finished)


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    """A copy to be spoilt, without the signals, which the report has no need of."""
    return Path(shutil.copytree(finished, tmp_path / "small", ignore=shutil.ignore_patterns("signals", "*.html")))
