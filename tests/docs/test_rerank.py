"""The tables of docs/rerank.md are what the profile that they name gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from regimefolio.api import DataSpec, read_profile, rerank
from regimefolio.cli.tables import minus, number
from regimefolio.evaluation import HISTORICAL, NONE, TODAYS

PAGE = Path(__file__).parents[2] / "docs" / "rerank.md"
ROWS = {TODAYS: "today's ratings", HISTORICAL: "ratings of the time", NONE: "none"}
METRICS = ("sharpe", "cagr", "max_drawdown", "turnover")


def table_of(data: DataSpec) -> list[str]:
    """The rows of a table as the page writes them."""
    _, found = rerank(read_profile("ma_long").model_copy(update={"data": data}))
    rows = []
    for name, head in ROWS.items():
        cells = [number(metric, found.runs[name].metrics[metric]) for metric in METRICS]
        each = found.minus_historical.get(name)
        away = "" if each is None else minus(f"{each.point:+.2f} ({each.low:+.2f} to {each.high:+.2f})")
        rows.append(f"| {' | '.join([head, *cells])} | {away} |".replace("|  |", "| |"))
    return rows


def test_five_stocks() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for row in table_of(DataSpec(source="sample:us5")):
        assert row in text


@pytest.mark.shared
def test_299_stocks(shared: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for row in table_of(DataSpec(source=f"file:{shared / 'data' / 'us_stocks_300_2005_2017.csv.gz'}", on_bad="mask")):
        assert row in text
