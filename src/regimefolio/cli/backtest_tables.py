"""The tables of one backtest: its metrics by group, its regimes, its next orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from regimefolio.cli.tables import counted, label, minus, number, table
from regimefolio.cli.trading_tables import assumed_line, costs_line, doubt_line, intervention_lines

if TYPE_CHECKING:
    from regimefolio.api import BacktestSpec, Conflicts, ExecutionSpec, Outcome, Run, TripStatistics, WorkflowSpec

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


TRIPS = (
    "trips",
    "won",
    "profit\nmedian",
    "profit\nfactor",
    "expect-\nancy",
    "bars",
    "lost in\na row",
    "MAE won\nand lost",
)
"""Of the statistics of round trips."""


def show(
    screen: Console,
    spec: BacktestSpec,
    outcome: Outcome,
    run: Run,
    trips: Mapping[str, Mapping[str, TripStatistics]],
    trading: Mapping[str, Any],
    orders: Mapping[str, Any],
) -> None:
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
    for note in rate_notes(spec, run.risk_free):
        screen.print(f"– {note}", style="dim", markup=False)
    if costs := costs_line(trading):
        screen.print(f"\n{costs}", markup=False)
    for line in intervention_lines(trading):
        screen.print(f"– {line}", markup=False)
    if assumed := assumed_line(trading, spec.execution):
        screen.print(f"\n{assumed}", style="yellow", markup=False)
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
    if trips["all"]["all"].trips:
        screen.print(round_trips(trips))
    if doubt := doubt_line(trading):
        screen.print(f"\n{doubt}", style="yellow", markup=False)
    _show_orders(screen, orders, spec)


def round_trips(trips: Mapping[str, Mapping[str, TripStatistics]]) -> RenderableType:
    """What closed round trips have in common, all of them and by kind; a kind that is all of them is left out."""
    every = trips["all"]["all"]
    rows = [
        _trips(f"by {name.replace('_', ' ')}" if by == "closed_by" else name, each)
        for by, kinds in trips.items()
        for name, each in kinds.items()
        if by == "all" or each.trips < every.trips
    ]
    notes = [
        "profit: the mean and the median, in money, after all costs; expectancy: the mean over the mean loss",
        "MAE: how far the price went against a trip, of its entry price, on average",
        *(["regimes: known when the entry was decided"] if len(trips.get("entry_regime", {})) > 1 else []),
    ]
    return table("Round trips that are closed", ["", *(f">{name}" for name in TRIPS)], rows, notes)


def _trips(head: str, found: TripStatistics) -> list[str | Text]:
    money = [minus(f"{value:,.0f}") for value in (found.mean_profit, found.median_profit)]
    excursions = [number("var_95", value) for value in (found.mean_mae_won, found.mean_mae_lost)]
    return [
        head,
        f"{found.trips:,}",
        f"{found.won / found.trips:.0%}",
        Text("\n".join(money)),
        number("profit_factor", found.profit_factor),
        number("expectancy", found.expectancy),
        f"{found.mean_bars:,.1f}",
        f"{found.longest_losing_streak:,}",
        Text("\n".join(excursions)),
    ]


def rate_notes(spec: BacktestSpec | WorkflowSpec, mean: float) -> list[str]:
    """What Sharpe ratios are measured above, where it is not plain 0; `mean` is that rate on the bars that trade."""
    if not (spec.risk_free or spec.execution.cash_rate):
        return []
    rate = minus(f"{mean:.2%}")
    said = f"{spec.risk_free}, mean {rate}" if isinstance(spec.risk_free, str) else rate
    return [f"ratios of return to risk, and alpha, are above a risk-free rate of {said} a year"]


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
    day = _day(orders["decided_at"])
    rows = []
    for each in orders["positions"]:
        held, target = each["held"], each["target"]
        wanted = ("no order", "") if target is None else (_weight(target), minus(f"{target - held:+.2%}"))
        rows.append((each["symbol"], _weight(held), *wanted))
    if rows:
        certain = f"filled {bar}" if daily else "ordered if the schedule or a change of regime asks for it"
        title = f"Pending: decided at {day}, {certain}"
        screen.print(table(title, ["symbol", ">held", ">target", ">change"], rows))
        if spec.execution.overnight == "lapse":
            screen.print("It lapses where that bar belongs to another session.", style="dim")
        if spec.execution.frictions or spec.portfolio.frictions:
            screen.print("Bands, partial steps, whole shares and limits are applied when they are filled.", style="dim")
    else:
        screen.print(f"\nPending: nothing is held, and nothing was wanted at {day}.", markup=False)
    if orders["in_flight"]:
        screen.print(_in_flight(orders["in_flight"], spec.execution))
    if orders["resting"]:
        screen.print(_resting(orders["resting"]))


def _in_flight(orders: Sequence[Mapping[str, Any]], execution: ExecutionSpec) -> RenderableType:
    """What a delay keeps from being filled."""
    whole = "the asset's own account" if execution.accounts == "per_asset" else "equity"
    notes = [f"bars are counted from the last one; targets are fractions of {whole} at the fill"]
    if execution.sizing == "on_change":
        notes.append("those that do not differ from the order before them come to nothing")
    rows = [
        (each["symbol"], _day(each["decided_at"]), _weight(each["target"]), f"{each['fills_in']}") for each in orders
    ]
    return table("In flight", ["symbol", "decided at", ">target", ">filled at bar"], rows, notes)


def _resting(stops: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What closes positions without an order."""

    def price(value: float | None) -> str:
        return "–" if value is None else f"{value:,.2f}"

    rows, notes = [], []
    for each in stops:
        why = (each["reason"] or "").replace("_", " ")
        if each["stop"] is None and each["goal"] is None:
            rows.append((each["symbol"], "next bar", why, ""))
            notes = ["next bar: closed there in any case, whatever is ordered"]
        else:
            rows.append((each["symbol"], price(each["stop"]), why, price(each["goal"])))
    return table("Stops of what is held", ["symbol", ">with a loss at", "by", ">with a profit at"], rows, notes)


def _day(timestamp: str) -> str:
    """A time as the data has it, to the day where it is a whole one."""
    return timestamp.removesuffix("T00:00:00")


def _weight(value: float) -> str:
    return "–" if abs(value) < 5e-5 else minus(f"{value:.2%}")
