"""The one public door: what a notebook or a script needs, by its shortest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regimefolio.backtest import BacktestManager, BacktestRunner, BacktestSpec, Run, Trial, load_market, run_backtest
from regimefolio.core.component import Component, registered
from regimefolio.core.documents import read_document
from regimefolio.core.errors import RegimefolioError
from regimefolio.core.progress import Progress
from regimefolio.core.types import Outcome, Panel, RegimePath, Signals, Simulation
from regimefolio.kernels.simulate import simulate
from regimefolio.market import CheckReport, Dataset, DataSpec, Market, check_file, load_data
from regimefolio.portfolio import Ensemble, PortfolioManager, PortfolioSpec
from regimefolio.regimes import GaussianHMM, RegimeDetector, Trend
from regimefolio.report import first_sentence, read_record, write_report
from regimefolio.strategies import BollingerMeanReversion, MacdRsiConfluence, MomentumRank, Strategy
from regimefolio.workflow import PHASES, Coordinator, PhaseStep, WorkflowSpec, Workspace

__all__ = [
    "PHASES",
    "BacktestManager",
    "BacktestRunner",
    "BacktestSpec",
    "BollingerMeanReversion",
    "CheckReport",
    "Component",
    "Coordinator",
    "DataSpec",
    "Dataset",
    "Ensemble",
    "GaussianHMM",
    "MacdRsiConfluence",
    "Market",
    "MomentumRank",
    "Outcome",
    "Panel",
    "PhaseStep",
    "PortfolioManager",
    "PortfolioSpec",
    "Progress",
    "RegimeDetector",
    "RegimePath",
    "RegimefolioError",
    "Run",
    "Signals",
    "Simulation",
    "Strategy",
    "Trend",
    "Trial",
    "WorkflowSpec",
    "Workspace",
    "check_file",
    "coordinator",
    "demo_file",
    "first_sentence",
    "kernels_are_compiled",
    "load_data",
    "load_market",
    "read_backtest",
    "read_document",
    "read_record",
    "read_workflow",
    "registered",
    "run_backtest",
    "write_report",
]


def demo_file() -> Path:
    """The shipped workflow that `regimefolio demo` runs; a good file to copy and change."""
    return Path(__file__).parent / "workflow" / "examples" / "demo.yaml"


def kernels_are_compiled() -> bool:
    """Whether an earlier process compiled the kernels and kept them; the first one on a machine must compile them."""
    dispatcher: Any = simulate  # numba carries no types
    return any(Path(dispatcher.stats.cache_path).glob("simulate.simulate-*.nbi"))


def read_workflow(path: Path) -> WorkflowSpec:
    """The workflow that a file describes.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(WorkflowSpec, "workflow")


def read_backtest(path: Path) -> BacktestSpec:
    """The backtest that a file describes.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(path).parse(BacktestSpec, "backtest")


def coordinator(
    spec: WorkflowSpec, progress: Progress | None = None, threads: int = 2, folder: Path = Path()
) -> Coordinator:
    """What runs a workflow: `plan()` says what would run and why, `run()` does it and resumes by itself.

    Relative paths of the file, the results among them, start at `folder`.
    """
    return Coordinator(spec, PHASES, lambda: load_market(spec.data, spec.benchmark, folder), folder, progress, threads)
