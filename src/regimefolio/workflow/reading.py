"""Configuration files, by what they hold."""

from __future__ import annotations

from pathlib import Path

from regimefolio.backtest import BacktestSpec, RerankSpec
from regimefolio.core.documents import read_document
from regimefolio.market import DataSpec
from regimefolio.workflow.spec import WorkflowSpec


def demo_file() -> Path:
    """The shipped workflow that `regimefolio demo` runs; a good file to copy and change."""
    return Path(__file__).parent / "examples" / "demo.yaml"


def read_workflow(path: str | Path) -> WorkflowSpec:
    """The workflow that a file describes.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(WorkflowSpec, "workflow")


def read_backtest(path: str | Path, folder: Path = Path()) -> BacktestSpec:
    """The backtest that a file describes; a file of dates that it names starts at `folder`, as for `run_backtest`.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(BacktestSpec, "backtest", folder)


def read_data(path: str | Path) -> DataSpec:
    """The data of a backtest, a workflow or a re-ranking profile, or a file with a section `data:` alone.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    document = read_document(path)
    if "backtest" in document.data:
        return document.parse(BacktestSpec, "backtest").data
    if "workflow" in document.data:
        return document.parse(WorkflowSpec, "workflow").data
    if "rerank" in document.data:
        return document.parse(RerankSpec, "rerank").data
    return document.parse(DataSpec, "data")
