"""Numbers in their units, and tables that a log can hold."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from regimefolio.cli.tables import counted, label, number, parameters, table
from regimefolio.core.types import Json


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("sharpe", 1.234, "1.23"),
        ("sharpe", None, "–"),
        ("sharpe", float("nan"), "–"),
        ("max_drawdown", -0.2131, "−21.3%"),
        ("minimize_regime_drawdown", -0.2131, "−21.3%"),
        ("total_return", 124.988, "12,498.8%"),
        ("var_95", -0.01575, "−1.57%"),
        ("max_drawdown_bars", 1911.0, "1,911"),
        ("costs", 28869127.4, "28,869,127"),
        ("beta", 0.786, "0.79"),
        ("cagr", -0.0001, "0.0%"),
    ],
)
def test_a_metric_has_its_unit(metric: str, value: float | None, text: str) -> None:
    assert number(metric, value) == text


def test_words() -> None:
    assert (label("cvar_95"), label("profit_factor")) == ("CVaR 95%, a bar", "profit factor")
    assert (counted(1, "row"), counted(1200, "row"), counted(0, "row")) == ("1 row", "1,200 rows", "0 rows")
    assert parameters({"width": 1.5, "lookback": 10, "mode": "fast", "skip": 2.0}, ["lookback", "width", "skip"]) == (
        "10, 1.5, 2"
    )
    overlays: list[Json] = [{"kind": "normalise", "method": "rank"}, {"kind": "smoothing", "window": 3}]
    assert parameters({"overlays": overlays}, ["overlays"]) == "normalise(rank) + smoothing(3)"
    assert parameters({"overlays": [], "rsi_period": None}, ["overlays", "rsi_period"]) == "none, none"


def test_a_table_in_a_log() -> None:
    paper = io.StringIO()
    Console(file=paper, width=80).print(table("Title", ["name", ">value"], [("a[b]", "1"), ("c", "23")], ["* note"]))
    assert [line.rstrip() for line in paper.getvalue().splitlines()] == [
        "", "Title", "name   value", "────────────", "a[b]       1", "c         23", "* note",
    ]  # fmt: skip
