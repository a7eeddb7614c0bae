"""The tables of one backtest: its metrics by group, its regimes, its next orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regimefolio.cli.tables import counted, label, minus, number, table

if TYPE_CHECKING:
    from regimefolio.api import BacktestSpec, Conflicts, Outcome, Run

LEFT: dict[str, tuple[str, ...]] = {
    "Return": ("total_return", "cagr", "volatility", "exposure"),
    "Return for risk": ("sharpe", "sharpe_low", "sharpe_high", "sortino", "calmar"),
    "Losses": ("max_drawdown", "max_drawdown_bars", "var_95", "cvar_95", "skew", "kurtosis"),
}
RIGHT: dict[str, tuple[str, ...]] = {
    "Trading": ("turnover", "costs", "cost_fraction", "average_holding_bars"),
    "Round trips": ("round_trips", "open_trips", "win_rate", "profit_factor", "average_win", "average_loss"),
    "Against the benchmark": ("alpha", "beta", "information_ratio"),
}
BY_REGIME = {
    "bars": "bars",
    "episodes": "episodes",
    "mean_return": "a year",
    "volatility": "volatility",
    "sharpe": "Sharpe",
    "max_drawdown": "drawdown",
    "hit_rate": "hit rate",
}


def show(screen: Console, spec: BacktestSpec, outcome: Outcome, run: Run, orders: Mapping[str, Any]) -> None:
    """Everything that is known of one backtest."""
    simulation = run.simulation
    stamps = simulation.timestamps.astype("datetime64[D]")
    bars = len(stamps) - simulation.start
    against = f", benchmark {spec.benchmark}" if spec.benchmark else ""
    screen.print()
    screen.print(
        f"{spec.name}: {counted(bars, 'bar')}, {stamps[simulation.start]} to {stamps[-1]}{against}",
        style="bold",
        markup=False,
    )
    if outcome.status != "ok":
        screen.print(outcome.status, style="bold red")
    sides = Table.grid(padding=(0, 4))
    sides.add_row(_groups(LEFT, outcome.metrics), _groups(RIGHT, outcome.metrics))
    screen.print(sides)
    for reason, names in _why(outcome.reasons).items():
        screen.print(f"– {', '.join(map(label, names))}: {reason}", style="dim", markup=False)
    if run.conflicts is not None and run.conflicts.by_pair:
        screen.print(f"\n{conflict_sentence(run.conflicts, spec.portfolio.on_conflict)}", markup=False)
    if outcome.regime_metrics:
        rows = [
            (regime, *(number(name, metrics[name]) for name in BY_REGIME))
            for regime, metrics in outcome.regime_metrics.items()
        ]
        columns = ["regime", *(f">{head}" for head in BY_REGIME.values())]
        notes = ["hit rate: the share of bars with a gain; bars in cash count too"]
        screen.print(table("By the regime that was known when it was decided", columns, rows, notes))
    _show_orders(screen, orders, spec)


def conflict_sentence(conflicts: Conflicts, on_conflict: str) -> str:
    """How often strategies contradict each other, and what becomes of it."""
    share = f"opposite signs on {conflicts.share:.1%}" if conflicts.conflicts else "none"
    return f"Conflicts: {share} of {conflicts.of:,} asset-bars; on_conflict: {on_conflict}"


def _groups(groups: Mapping[str, tuple[str, ...]], metrics: Mapping[str, float]) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column()
    made.add_column(justify="right")
    for title, names in groups.items():
        made.add_row(Text(f"\n{title}", style="dim"), "")
        for name in names:
            made.add_row(label(name), number(name, metrics.get(name)))
    return made


def _why(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Undefined metrics by the reason that they share."""
    found: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        found.setdefault(reason, []).append(name)
    return found


def _show_orders(screen: Console, orders: Mapping[str, Any], spec: BacktestSpec) -> None:
    delay, rebalance = spec.execution.delay, spec.portfolio.plain()["rebalance"]
    dated = orders["decided_at"].endswith("T00:00:00")  # of bars within a day, the last one may not be a day's last
    daily = rebalance == {"every": 1} or (rebalance == "daily" and dated)
    bar = f"{delay + 1} bars later, after those before it" if delay else "at the next bar"
    day = orders["decided_at"].removesuffix("T00:00:00")
    rows = []
    for each in orders["positions"]:
        held, target = each["held"], each["target"]
        rows.append((each["symbol"], _weight(held), _weight(target), minus(f"{target - held:+.2%}")))
    if rows:
        certain = f"filled {bar}" if daily else "ordered if the schedule or a change of regime asks for it"
        title = f"Pending: decided at {day}, {certain}"
        screen.print(table(title, ["symbol", ">held", ">target", ">change"], rows))
    else:
        screen.print(f"\nPending: nothing is held, and nothing was wanted at {day}.", markup=False)


def _weight(value: float) -> str:
    return "–" if abs(value) < 5e-5 else minus(f"{value:.2%}")
