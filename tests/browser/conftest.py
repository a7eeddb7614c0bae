"""A finished workspace with its report, and a browser to read it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regimefolio.report import write_report
from tests.browser.chromium import Tab, chromium
from tests.workflows import coordinator, write_prices


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small workflow."""
    folder = tmp_path_factory.mktemp("report")
    write_prices(folder)
    job = coordinator(folder)
    job.run()
    return write_report(job.workspace.root)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    """The one tab, with nothing heard yet."""
    browser.events.clear()
    return browser
