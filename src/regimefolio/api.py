"""The one public door: what a notebook or a script needs, by its shortest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regimefolio import market, report
from regimefolio.backtest import (
    BacktestManager,
    BacktestRunner,
    BacktestSpec,
    ExecutionSpec,
    Run,
    Trial,
    load_market,
    run_backtest,
)
from regimefolio.core.component import Component, registered
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, RegimefolioError
from regimefolio.core.files import path_of
from regimefolio.core.progress import Progress
from regimefolio.core.types import Action, Outcome, Panel, RegimePath, SignalBuffer, Signals, Simulation, StrategySignal
from regimefolio.evaluation import (
    CombinationRow,
    ComparedRun,
    PortfolioEvaluator,
    StrategyEvaluation,
    StrategyEvaluator,
    StrategyRow,
)
from regimefolio.kernels.simulate import simulate
from regimefolio.market import CheckReport, Dataset, DataSpec, DataWarning, Market, Source, load_data
from regimefolio.market.view import View
from regimefolio.portfolio import Allocator, Conflicts, Constraints, Ensemble, PortfolioManager, PortfolioSpec
from regimefolio.regimes import GaussianHMM, PricePattern, RegimeDetector, Trend
from regimefolio.report import Record, edited_files, first_sentence
from regimefolio.strategies import (
    BollingerMeanReversion,
    MacdRsiConfluence,
    MomentumRank,
    Overlay,
    Strategy,
    normalise_min_max,
    normalise_rank,
    normalise_tanh,
    normalise_zscore,
)
from regimefolio.workflow import PHASES, Coordinator, PhaseStep, WorkflowSpec, Workspace

__all__ = [
    "FAMILIES",
    "PHASES",
    "Action",
    "Allocator",
    "BacktestManager",
    "BacktestRunner",
    "BacktestSpec",
    "BollingerMeanReversion",
    "CheckReport",
    "CombinationRow",
    "ComparedRun",
    "Component",
    "ConfigError",
    "Conflicts",
    "Constraints",
    "Coordinator",
    "DataSpec",
    "DataWarning",
    "Dataset",
    "Ensemble",
    "ExecutionSpec",
    "GaussianHMM",
    "MacdRsiConfluence",
    "Market",
    "MomentumRank",
    "Outcome",
    "Overlay",
    "Panel",
    "PhaseStep",
    "PortfolioEvaluator",
    "PortfolioManager",
    "PortfolioSpec",
    "PricePattern",
    "Progress",
    "RegimeDetector",
    "RegimePath",
    "RegimefolioError",
    "Run",
    "SignalBuffer",
    "Signals",
    "Simulation",
    "Source",
    "Strategy",
    "StrategyEvaluation",
    "StrategyEvaluator",
    "StrategySignal",
    "StrategyRow",
    "Trend",
    "Trial",
    "View",
    "WorkflowSpec",
    "Workspace",
    "check_file",
    "coordinator",
    "demo_file",
    "edited_files",
    "first_sentence",
    "kernel_cache",
    "kernels_are_compiled",
    "load_data",
    "load_market",
    "normalise_min_max",
    "normalise_rank",
    "normalise_tanh",
    "normalise_zscore",
    "read_backtest",
    "read_document",
    "read_record",
    "read_workflow",
    "registered",
    "run_backtest",
    "us5_file",
    "write_report",
]

FAMILIES = (Source.family, Strategy.family, Overlay.family, RegimeDetector.family, Allocator.family)
"""What parts there are; `registered` names those of each."""


def demo_file() -> Path:
    """The shipped workflow that `regimefolio demo` runs; a good file to copy and change."""
    return Path(__file__).parent / "workflow" / "examples" / "demo.yaml"


def us5_file() -> Path:
    """The shipped prices of `sample:us5`."""
    return Path(__file__).parent / "market" / "sources" / "data" / "us5.parquet"


def kernel_cache() -> Path | None:
    """The folder in which compiled kernels are kept; None where nothing can be written."""
    dispatcher: Any = simulate  # numba carries no types
    folder = dispatcher.stats.cache_path
    return None if folder is None else Path(folder)


def kernels_are_compiled() -> bool:
    """Whether an earlier process compiled the kernels and kept them; the first one on a machine must compile them."""
    folder = kernel_cache()
    return folder is not None and any(folder.glob("simulate.simulate-*.nbi"))


def read_workflow(path: str | Path) -> WorkflowSpec:
    """The workflow that a file describes.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(WorkflowSpec, "workflow")


def read_backtest(path: str | Path) -> BacktestSpec:
    """The backtest that a file describes.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(BacktestSpec, "backtest")


def check_file(path: str | Path) -> CheckReport:
    """Find every mistake in a file of prices, and what is doubtful.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        It is no table of bars at all.
    """
    return market.check_file(path_of(path))


def read_record(folder: str | Path) -> Record:
    """Everything that the report of a finished workflow shows, from the workflow's folder, `<output_dir>/<name>`.

    Raises
    ------
    CorruptError, StaleError
        The workflow is not finished, or a file is not what its phase wrote.
    """
    return report.read_record(path_of(folder))


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into the folder of a finished workflow, and return its path.

    Raises
    ------
    CorruptError, StaleError
        The workflow is not finished, or a file is not what its phase wrote.
    WorkspaceError
        It cannot be written.
    """
    return report.write_report(path_of(folder))


def coordinator(
    spec: WorkflowSpec, progress: Progress | None = None, threads: int = 2, folder: str | Path = Path()
) -> Coordinator:
    """What runs a workflow: `plan()` says what would run and why, `run()` does it and resumes by itself.

    Relative paths of the file, the results among them, start at `folder`.
    """
    start = path_of(folder)
    return Coordinator(spec, PHASES, lambda: load_market(spec.data, spec.benchmark, start), start, progress, threads)
