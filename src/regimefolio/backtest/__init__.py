"""From target weights to money: one complete backtest, or a batch of them that shares its indicators."""

from regimefolio.backtest.allocating import AllocationRun, AllocationSpec, read_allocation, run_allocations
from regimefolio.backtest.allocation_files import Allocated, AllocationFolder, allocate, failures, results_document
from regimefolio.backtest.commission import Tier, tiers_of
from regimefolio.backtest.executors import Died, Overdue, in_order, in_processes
from regimefolio.backtest.held import Held, bought_and_held
from regimefolio.backtest.manager import BacktestManager, Trial, TrialResult
from regimefolio.backtest.rates import Interest, interest
from regimefolio.backtest.reranking import RerankSpec, profile_file, read_profile, shipped_profiles
from regimefolio.backtest.risk import NO_RISK, DrawdownBrake, RiskSpec, Stop
from regimefolio.backtest.runner import BacktestRunner, Prepared, Run, Traded, prepare, run_backtest
from regimefolio.backtest.spec import (
    BacktestSpec,
    ExecutionSpec,
    StrategyEntry,
    inputs_fingerprint,
    load_market,
    rate_of_cash,
)

__all__ = [
    "Allocated",
    "AllocationFolder",
    "AllocationRun",
    "AllocationSpec",
    "BacktestManager",
    "BacktestRunner",
    "BacktestSpec",
    "NO_RISK",
    "Died",
    "DrawdownBrake",
    "ExecutionSpec",
    "Held",
    "Interest",
    "Overdue",
    "Prepared",
    "RerankSpec",
    "RiskSpec",
    "Run",
    "Stop",
    "StrategyEntry",
    "Traded",
    "Tier",
    "Trial",
    "TrialResult",
    "allocate",
    "bought_and_held",
    "failures",
    "in_order",
    "in_processes",
    "inputs_fingerprint",
    "interest",
    "load_market",
    "prepare",
    "profile_file",
    "rate_of_cash",
    "read_allocation",
    "read_profile",
    "results_document",
    "run_allocations",
    "run_backtest",
    "shipped_profiles",
    "tiers_of",
]
