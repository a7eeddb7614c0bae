"""How results look as text: numbers in their units, tables that fit 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from regimefolio.core.types import Json

UNDEFINED = "–"

_DECIMALS = {
    **dict.fromkeys(("total_return", "cagr", "volatility", "exposure", "max_drawdown", "alpha"), ",.1%"),
    **dict.fromkeys(("win_rate", "hit_rate", "mean_return", "cost_fraction"), ",.1%"),
    **dict.fromkeys(("return", "drawdown", "minimize_regime_drawdown"), ",.1%"),
    **dict.fromkeys(("var_95", "cvar_95"), ".2%"),
    **dict.fromkeys(("bars", "episodes", "max_drawdown_bars", "round_trips", "open_trips"), ",.0f"),
    **dict.fromkeys(("costs", "average_win", "average_loss"), ",.0f"),
}
"""Metrics and objectives that are no plain numbers with two decimals."""

LABELS = {
    "cagr": "return a year",
    "sharpe": "Sharpe ratio",
    "sharpe_low": "Sharpe, 95% low",
    "sharpe_high": "Sharpe, 95% high",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "max_drawdown": "maximum drawdown",
    "minimize_regime_drawdown": "worst drawdown in a regime",
    "max_drawdown_bars": "drawdown length, bars",
    "var_95": "VaR 95%, a bar",
    "cvar_95": "CVaR 95%, a bar",
    "kurtosis": "excess kurtosis",
    "turnover": "turnover a year",
    "costs": "costs paid",
    "cost_fraction": "costs / initial capital",
    "average_holding_bars": "average holding, bars",
    "round_trips": "round trips closed",
    "open_trips": "round trips open",
    "alpha": "alpha a year",
}
"""What a metric is called where its name says too little."""


def label(metric: str) -> str:
    """A metric's name as people say it."""
    return LABELS.get(metric, metric.replace("_", " "))


def number(metric: str, value: float | None) -> str:
    """A metric's value in its unit; a dash where it is undefined."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return minus(format(value, _DECIMALS.get(metric, ",.2f")))


def minus(text: str) -> str:
    """A formatted number with a real minus sign, and none before zero."""
    return text.lstrip("-") if not text.strip("+-0.,%") else text.replace("-", "−")


def counted(count: int, word: str) -> str:
    """A count and what is counted, `1 row` or `2 rows`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def parameters(values: Mapping[str, Json], names: Sequence[str]) -> str:
    """Some parameters, values alone; of parts, kind and values."""
    return ", ".join(_shown(value) for value in map(values.get, names))


def _shown(value: Json) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return " + ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        numbers = [_shown(each) for name, each in value.items() if name != "kind"]
        return f"{value.get('kind', '')}({', '.join(numbers)})" if numbers else str(value.get("kind", ""))
    return f"{value:g}" if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """Text from outside without what could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], notes: Sequence[str] = ()) -> Group:
    """A table below its title and above its notes; a column whose name begins with `>` stands on the right."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        made.add_column(Text(column.removeprefix(">")), justify=justify, overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in row))
    head = [Text(title, style="bold")] if title else []
    return Group(Text(), *head, made, *(Text(note, style="dim") for note in notes))


def pair(first: str, second: str) -> Text:
    """A cell of two lines, the second one fainter, or of one where there is no second."""
    return Text(printable(first)) + Text(f"\n{printable(second)}" if second else "", style="dim")


def verdict(passed: bool) -> Text:
    """Pass or fail."""
    return Text("pass", style="green") if passed else Text("FAIL", style="bold red")
