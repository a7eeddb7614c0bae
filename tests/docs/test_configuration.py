"""The YAML that the documentation shows is YAML that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regimefolio.backtest import BacktestSpec, run_backtest
from regimefolio.core.documents import read_document

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    (path.name, block)
    for path in sorted(DOCS.glob("*.md"))
    for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
]


def test_there_are_examples() -> None:
    assert BLOCKS


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(BLOCKS)])
def test_example_runs(name: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(block, encoding="utf-8")
    _, outcome, run = run_backtest(read_document(file).parse(BacktestSpec, "backtest"))
    assert outcome.status == "ok"
    assert run.simulation.trades is not None
    assert len(run.simulation.trades) > 100
