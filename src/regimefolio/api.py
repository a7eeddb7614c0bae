"""The one public door: what a notebook or a script needs, by its shortest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regimefolio import market, report
from regimefolio.backtest import (
    Allocated,
    AllocationRun,
    AllocationSpec,
    BacktestManager,
    BacktestRunner,
    BacktestSpec,
    DrawdownBrake,
    ExecutionSpec,
    RerankSpec,
    RiskSpec,
    Run,
    Stop,
    Trial,
    allocate,
    load_market,
    profile_file,
    read_allocation,
    read_profile,
    run_backtest,
    shipped_profiles,
)
from regimefolio.core.component import Component, registered
from regimefolio.core.documents import load_system, read_document
from regimefolio.core.errors import ConfigError, RegimefolioError
from regimefolio.core.files import path_of
from regimefolio.core.progress import Progress
from regimefolio.core.types import (
    Action,
    Allocation,
    Features,
    Outcome,
    Panel,
    RegimePath,
    SignalBuffer,
    Signals,
    Simulation,
    StrategySignal,
)
from regimefolio.evaluation import (
    ChosenAsset,
    CombinationRow,
    ComparedRun,
    PortfolioEvaluator,
    RatingsComparison,
    RoundTrips,
    StrategyEvaluation,
    StrategyEvaluator,
    StrategyRow,
    TripStatistics,
    compare_ratings,
    must_take,
    rerank,
    round_trips,
    trading_document,
    trip_statistics,
    write_equity,
    write_round_trips,
    write_weights,
)
from regimefolio.features import (
    BuiltMatrix,
    Feature,
    FeatureLoader,
    FeatureMatrix,
    History,
    MedianValue,
    RatingMeans,
    Ratings,
    RatingVotes,
    adx,
    awesome,
    build_matrix,
    bull_bear_power,
    cci,
    ema,
    export_matrix,
    features_of,
    hull,
    ichimoku,
    known_at,
    macd,
    momentum,
    rating_labels,
    read_matrix,
    rsi,
    sma,
    stochastic,
    stochastic_rsi,
    technical_ratings,
    ultimate,
    vwma,
    williams_r,
    wma,
)
from regimefolio.kernels.replay import replay
from regimefolio.market import (
    CheckReport,
    Dataset,
    DataSpec,
    DataWarning,
    ImportRecord,
    ImportReport,
    Market,
    PriceStore,
    Source,
    load_candidates,
    load_data,
    read_candidates,
    source_of,
)
from regimefolio.market.view import View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Allocator,
    Blend,
    Conflicts,
    Constraints,
    CovarianceTransformer,
    Ensemble,
    EqualRiskContribution,
    EqualWeight,
    ExpectedReturns,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    MinVariance,
    PortfolioManager,
    PortfolioSpec,
    Proportional,
    RiskParity,
    Selection,
    VolatilityTarget,
)
from regimefolio.regimes import GaussianHMM, PricePattern, RegimeDetector, Trend
from regimefolio.report import Record, edited_files, first_sentence, must_take_page, write_ratings_report
from regimefolio.research import Sampler
from regimefolio.strategies import (
    BollingerMeanReversion,
    ConfidenceFloor,
    MacdRsiConfluence,
    MomentumRank,
    MovingAverageCross,
    Normalise,
    Overlay,
    Smoothing,
    Strategy,
    TechnicalRating,
    normalise_min_max,
    normalise_rank,
    normalise_tanh,
    normalise_zscore,
)
from regimefolio.workflow import PHASES, Coordinator, PhaseStep, WorkflowSpec, Workspace
from regimefolio.workflow.interchange import Imported, SavedSignals
from regimefolio.workflow.reading import demo_file, read_backtest, read_data, read_workflow
from regimefolio.workflow.saved import export_signals, import_signals, read_signals, workspace_of

__all__ = [
    "FAMILIES",
    "PHASES",
    "Action",
    "Allocated",
    "Allocation",
    "AllocationOrchestrator",
    "AllocationRun",
    "AllocationSpec",
    "Allocator",
    "BacktestManager",
    "BacktestRunner",
    "BacktestSpec",
    "Blend",
    "BollingerMeanReversion",
    "BuiltMatrix",
    "CheckReport",
    "ChosenAsset",
    "CombinationRow",
    "ComparedRun",
    "Component",
    "ConfidenceFloor",
    "ConfigError",
    "Conflicts",
    "Constraints",
    "Coordinator",
    "CovarianceTransformer",
    "DataSpec",
    "DataWarning",
    "Dataset",
    "DrawdownBrake",
    "Ensemble",
    "EqualRiskContribution",
    "EqualWeight",
    "ExecutionSpec",
    "ExpectedReturns",
    "Feature",
    "FeatureLoader",
    "FeatureMatrix",
    "Features",
    "GaussianHMM",
    "HierarchicalRiskParity",
    "History",
    "ImportRecord",
    "ImportReport",
    "Imported",
    "InverseVolatility",
    "MacdRsiConfluence",
    "Market",
    "MeanVariance",
    "MedianValue",
    "MinVariance",
    "MomentumRank",
    "MovingAverageCross",
    "Normalise",
    "Outcome",
    "Overlay",
    "Panel",
    "PhaseStep",
    "PortfolioEvaluator",
    "PortfolioManager",
    "PortfolioSpec",
    "PricePattern",
    "PriceStore",
    "Progress",
    "Proportional",
    "RatingMeans",
    "RatingVotes",
    "Ratings",
    "RatingsComparison",
    "RegimeDetector",
    "RegimePath",
    "RegimefolioError",
    "RerankSpec",
    "RiskParity",
    "RiskSpec",
    "RoundTrips",
    "Run",
    "Sampler",
    "SavedSignals",
    "Selection",
    "SignalBuffer",
    "Signals",
    "Simulation",
    "Smoothing",
    "Source",
    "Stop",
    "Strategy",
    "StrategyEvaluation",
    "StrategyEvaluator",
    "StrategyRow",
    "StrategySignal",
    "TechnicalRating",
    "Trend",
    "Trial",
    "TripStatistics",
    "View",
    "VolatilityTarget",
    "WorkflowSpec",
    "Workspace",
    "adx",
    "allocate",
    "awesome",
    "build_matrix",
    "bull_bear_power",
    "cci",
    "check_data",
    "check_file",
    "compare_ratings",
    "coordinator",
    "demo_file",
    "edited_files",
    "ema",
    "export_matrix",
    "export_signals",
    "features_of",
    "first_sentence",
    "hull",
    "ichimoku",
    "import_prices",
    "import_signals",
    "kernel_cache",
    "kernels_are_compiled",
    "known_at",
    "load_candidates",
    "load_data",
    "load_market",
    "load_plugins",
    "macd",
    "momentum",
    "must_take",
    "must_take_page",
    "normalise_min_max",
    "normalise_rank",
    "normalise_tanh",
    "normalise_zscore",
    "price_stores",
    "profile_file",
    "rating_labels",
    "read_allocation",
    "read_backtest",
    "read_candidates",
    "read_data",
    "read_document",
    "read_matrix",
    "read_profile",
    "read_record",
    "read_signals",
    "read_workflow",
    "registered",
    "rerank",
    "round_trips",
    "rsi",
    "run_backtest",
    "shipped_profiles",
    "sma",
    "source_of",
    "stochastic",
    "stochastic_rsi",
    "technical_ratings",
    "trading_document",
    "trip_statistics",
    "ultimate",
    "us5_file",
    "vwma",
    "williams_r",
    "wma",
    "workspace_of",
    "write_equity",
    "write_ratings_report",
    "write_report",
    "write_round_trips",
    "write_weights",
]

FAMILIES = (
    Source.family,
    Feature.family,
    Strategy.family,
    Overlay.family,
    RegimeDetector.family,
    Allocator.family,
    Blend.family,
    ExpectedReturns.family,
    CovarianceTransformer.family,
    Sampler.family,
    Stop.family,
)
"""What parts there are; `registered` names those of each."""


def us5_file() -> Path:
    """The shipped prices of `sample:us5`."""
    return Path(__file__).parent / "market" / "sources" / "data" / "us5.parquet"


def kernel_cache() -> Path | None:
    """The folder in which compiled kernels are kept; None where nothing can be written."""
    dispatcher: Any = replay  # numba carries no types
    folder = dispatcher.stats.cache_path
    return None if folder is None else Path(folder)


def kernels_are_compiled(entry: str = "replay.replay") -> bool:
    """Whether an earlier process compiled the kernels and kept them; the first one on a machine must compile them.

    Parameters
    ----------
    entry : str
        Module and function of the kernel that is called: that of a backtest, if not said.
    """
    folder = kernel_cache()
    return folder is not None and any(folder.glob(f"{entry}-*.nbi"))


def load_plugins() -> None:
    """Import what installed packages offer, and what `config/system_config.yaml` of the working folder names.

    Reading a configuration file does it too, besides the file's own `plugins:`.

    Raises
    ------
    ConfigError
        One of them cannot be imported.
    """
    load_system()


def check_file(path: str | Path, calendar: str | None = None) -> CheckReport:
    """Find every mistake in a file of prices, and what is doubtful; with a calendar, missing and extra sessions too.

    Raises
    ------
    ConfigError
        There is no such calendar, or it does not reach as far.
    MissingDataError
        There is no such file.
    DataError
        It is no table of bars at all.
    """
    return market.check_file(path_of(path), calendar)


def import_prices(
    file: str | Path, name: str | None = None, into: str | Path | None = None, revise: bool = False
) -> ImportReport:
    """Put the bars of a file, or those of `yahoo:SYMBOLS`, into the local store; `source: store:NAME` reads them.

    Parameters
    ----------
    name : str, optional
        The store's; that of the file up to its first dot, if not said.
    into : str or Path, optional
        The folder of all stores; $REGIMEFOLIO_STORE or the user's data folder, if not said.
    revise : bool
        Whether past bars that the file tells otherwise are replaced in a version of their own, or are an error.

    Raises
    ------
    MissingDataError, DataError
        There is no such file, it is no table of bars, or it tells past bars otherwise.
    ConfigError
        The name is none that a folder can have.
    LockedError
        Another process imports into this store.
    """
    folder = None if into is None else path_of(into)
    if str(file).startswith(f"{market.Yahoo.kind}:"):
        source = market.source_of(str(file))
        assert isinstance(source, market.Yahoo)
        return market.import_bars(source.bars(), market.Origin(str(source)), name, folder, revise)
    return market.import_file(path_of(file), name, folder, revise)


def price_stores(folder: str | Path | None = None) -> list[PriceStore]:
    """All stores of a folder, by name: their versions, imports and bars."""
    return market.stores(None if folder is None else path_of(folder))


def check_data(spec: DataSpec) -> CheckReport:
    """Find every mistake in a file of prices, together with what stands beside it: actions, delistings, members.

    Raises
    ------
    ConfigError
        The source is no file.
    MissingDataError
        There is no such file.
    DataError
        It is no table of bars at all, or a file beside it cannot be used.
    """
    return market.check_data(spec)


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

    def load() -> tuple[Dataset, Market]:
        return load_market(spec.data, spec.benchmark, start, spec.execution, spec.risk_free, spec.portfolio)

    return Coordinator(spec, PHASES, load, start, progress, threads)
