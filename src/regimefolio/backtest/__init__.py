"""From target weights to money: one complete backtest, or a batch of them that shares its indicators."""

from regimefolio.backtest.commission import Tier, tiers_of
from regimefolio.backtest.executors import Died, Overdue, in_order, in_processes
from regimefolio.backtest.manager import BacktestManager, Trial, TrialResult
from regimefolio.backtest.rates import Interest, interest
from regimefolio.backtest.reranking import RerankSpec, profile_file, read_profile, shipped_profiles
from regimefolio.backtest.risk import NO_RISK, DrawdownBrake, RiskSpec, Stop
from regimefolio.backtest.runner import BacktestRunner, Prepared, Run, Traded, prepare, run_backtest
from regimefolio.backtest.spec import BacktestSpec, ExecutionSpec, StrategyEntry, load_market, rate_of_cash

__all__ = [
    "BacktestManager",
    "BacktestRunner",
    "BacktestSpec",
    "NO_RISK",
    "Died",
    "DrawdownBrake",
    "ExecutionSpec",
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
    "in_order",
    "in_processes",
    "interest",
    "load_market",
    "prepare",
    "profile_file",
    "rate_of_cash",
    "read_profile",
    "run_backtest",
    "shipped_profiles",
    "tiers_of",
]
