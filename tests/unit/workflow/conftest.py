"""Folders with prices, and with a finished workflow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workflows import coordinator, write_prices


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with prices and no results."""
    write_prices(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("finished")
    write_prices(made)
    coordinator(made).run()
    return made


@pytest.fixture
def finished(_template: Path, tmp_path: Path) -> Path:
    """A folder in which the workflow has run."""
    shutil.copytree(_template, tmp_path, dirs_exist_ok=True)
    return tmp_path
