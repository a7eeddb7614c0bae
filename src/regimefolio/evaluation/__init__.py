"""What results mean: how good opinions are, what a run was worth by year and regime, how much of it is luck.

Functions of plain arrays; an undefined number is NaN, with its reason beside it or in the docstring.
"""

from regimefolio.evaluation.alpha_decay import AlphaDecay, alpha_decay
from regimefolio.evaluation.comparison import CombinationRow, ComparedRun, PortfolioEvaluator, StrategyRow
from regimefolio.evaluation.contributions import (
    ProfitAndLoss,
    by_asset,
    by_regime,
    by_side,
    by_strategy,
    follows_alpha,
    profit_and_loss,
)
from regimefolio.evaluation.costs import Costs, costs_by_kind, interest
from regimefolio.evaluation.information_coefficient import InformationCoefficient, information_coefficient
from regimefolio.evaluation.interventions import Braked, Interventions, Scaled, interventions
from regimefolio.evaluation.overfitting import (
    Interval,
    ReturnMoments,
    SharpeDifference,
    bootstrap_quantiles,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    paired_sharpe_difference,
    probabilistic_sharpe_ratio,
    return_moments,
    sharpe_interval,
    stationary_bootstrap,
)
from regimefolio.evaluation.persistence import Persistence, persistence, rank_correlation
from regimefolio.evaluation.portfolio import (
    Drawdown,
    RegimeRow,
    YearRow,
    drawdown_series,
    regime_table,
    worst_drawdowns,
    yearly_table,
)
from regimefolio.evaluation.reranking import (
    HISTORICAL,
    NONE,
    TODAYS,
    ChosenAsset,
    RatingsComparison,
    compare_ratings,
    rerank,
)
from regimefolio.evaluation.robustness import (
    COSTS,
    BreakEven,
    NoBreakEven,
    Placebo,
    Replayable,
    break_even,
    circular_shifts,
    greatest_multiple,
    placebo,
    with_costs,
)
from regimefolio.evaluation.rolling import RollingRisk, rolling_risk
from regimefolio.evaluation.round_trips import RoundTrips, doubtful_stops, round_trips
from regimefolio.evaluation.run_files import must_take, trips_document, write_equity, write_round_trips, write_weights
from regimefolio.evaluation.strategy import (
    AlphaBin,
    ConfidenceBin,
    Histogram,
    StrategyEvaluation,
    StrategyEvaluator,
)
from regimefolio.evaluation.surface import Surface, search_surface
from regimefolio.evaluation.trading import trading_document
from regimefolio.evaluation.trip_statistics import TripStatistics, trip_statistics

__all__ = [
    "CombinationRow",
    "ComparedRun",
    "PortfolioEvaluator",
    "StrategyRow",
    "HISTORICAL",
    "NONE",
    "TODAYS",
    "ChosenAsset",
    "RatingsComparison",
    "compare_ratings",
    "rerank",
    "ProfitAndLoss",
    "by_asset",
    "by_regime",
    "by_side",
    "by_strategy",
    "follows_alpha",
    "profit_and_loss",
    "Persistence",
    "persistence",
    "rank_correlation",
    "COSTS",
    "BreakEven",
    "NoBreakEven",
    "Placebo",
    "Replayable",
    "break_even",
    "circular_shifts",
    "greatest_multiple",
    "placebo",
    "with_costs",
    "RoundTrips",
    "TripStatistics",
    "round_trips",
    "trip_statistics",
    "doubtful_stops",
    "Costs",
    "costs_by_kind",
    "interest",
    "Braked",
    "Interventions",
    "Scaled",
    "interventions",
    "trading_document",
    "must_take",
    "trips_document",
    "write_equity",
    "write_round_trips",
    "write_weights",
    "RollingRisk",
    "rolling_risk",
    "Surface",
    "search_surface",
    "InformationCoefficient",
    "information_coefficient",
    "AlphaDecay",
    "alpha_decay",
    "AlphaBin",
    "ConfidenceBin",
    "Histogram",
    "StrategyEvaluation",
    "StrategyEvaluator",
    "Drawdown",
    "RegimeRow",
    "YearRow",
    "drawdown_series",
    "regime_table",
    "worst_drawdowns",
    "yearly_table",
    "Interval",
    "ReturnMoments",
    "SharpeDifference",
    "bootstrap_quantiles",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "minimum_track_record_length",
    "paired_sharpe_difference",
    "probabilistic_sharpe_ratio",
    "return_moments",
    "sharpe_interval",
    "stationary_bootstrap",
]
