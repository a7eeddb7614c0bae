"""A small workflow in a folder of its own, and the command line called inside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import yaml

from regimefolio.cli import main
from tests.workflows import WORKFLOW, write_prices


class Said(NamedTuple):
    """What a command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


class Call(Protocol):
    """Types a command in the present folder."""

    def __call__(self, *arguments: str) -> Said: ...


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def type_in(*arguments: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main(arguments)
        said = capsys.readouterr()
        assert isinstance(leaving.value.code, int)
        return Said(leaving.value.code, said.out, said.err)

    return type_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder, which is the present one, with prices and small.yaml."""
    monkeypatch.chdir(tmp_path)
    write_prices(tmp_path)
    write_workflow(tmp_path)
    return tmp_path


def write_workflow(folder: Path, text: str | None = None) -> None:
    """`small.yaml`: the small workflow, or another text."""
    described = yaml.safe_dump({"workflow": WORKFLOW}, sort_keys=False)
    (folder / "small.yaml").write_text(described if text is None else text)
