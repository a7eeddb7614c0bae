"""One function a table: rows of cells, ready to be drawn."""

from regimefolio.report.tables.by_regime import choices, episodes, regimes, transitions
from regimefolio.report.tables.cells import Cell, Group, Row, Spark, Table
from regimefolio.report.tables.circumstances import circumstances
from regimefolio.report.tables.closing import DUST, checks, files, in_flight, orders, resting
from regimefolio.report.tables.fits import last_fit, learnt, stays
from regimefolio.report.tables.money import assets, concentration, contributions
from regimefolio.report.tables.returns import all_metrics, differences, drawdowns, results, years
from regimefolio.report.tables.signals import forecasts, signals
from regimefolio.report.tables.trading import costs_by_kind, doubts, interventions
from regimefolio.report.tables.trips import best_and_worst, trip_statistics, won_and_lost

__all__ = [
    "DUST",
    "Cell",
    "Group",
    "Row",
    "Spark",
    "Table",
    "all_metrics",
    "assets",
    "best_and_worst",
    "checks",
    "choices",
    "circumstances",
    "concentration",
    "contributions",
    "costs_by_kind",
    "differences",
    "doubts",
    "drawdowns",
    "episodes",
    "files",
    "forecasts",
    "in_flight",
    "interventions",
    "resting",
    "last_fit",
    "learnt",
    "orders",
    "regimes",
    "results",
    "signals",
    "stays",
    "transitions",
    "trip_statistics",
    "won_and_lost",
    "years",
]
