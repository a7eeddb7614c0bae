"""The slow, readable twin of the kernels: what a target, a fill and a metric mean, in plain Python.

It is written from the definitions of the documentation, one asset and one bar at a time, with dictionaries and floats;
the simulation from docs/accounting.md, whose steps its methods name.
Roots are found by bisection, quantiles by sorting. Nothing here is fast, and nothing is shared with the kernels.
"""

from tests.reference.twin.history import Event
from tests.reference.twin.metrics import benchmark_metrics, equity_metrics, ledger_metrics, regime_metrics
from tests.reference.twin.money import Account, Bar, Exit, Frictions
from tests.reference.twin.risk import Brake, Risk, VolatilityTarget
from tests.reference.twin.simulation import decision_returns, simulate, simulate_apart
from tests.reference.twin.stops import Stops
from tests.reference.twin.targets import Opinion, Rules, target

__all__ = [
    "Account",
    "Bar",
    "Brake",
    "Event",
    "Exit",
    "Frictions",
    "Opinion",
    "Risk",
    "Rules",
    "Stops",
    "VolatilityTarget",
    "benchmark_metrics",
    "decision_returns",
    "equity_metrics",
    "ledger_metrics",
    "regime_metrics",
    "simulate",
    "simulate_apart",
    "target",
]
