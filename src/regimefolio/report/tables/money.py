"""Where the profit and loss came from."""

from __future__ import annotations

from collections.abc import Mapping

from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Spark, Table, cell
from regimefolio.report.words import counted, percent

ASSETS_SHOWN = 40
"""Of more assets those that earned and lost the most are shown, and the rest in one row."""

_CASH = {"cash": "cash (interest, borrowing)"}
_SMALL = 1e-9
"""A contribution below this share of the initial capital is rounding."""

_SHOWN = 5e-4
_ONLY_IF_ANY = ("cash", "unattributed", "short", "no regime known")
"""Rows that are left out where they would read 0.0%."""


def contributions(record: Record) -> Table:
    """The profit and loss by strategy, side and regime."""
    found = record.contributions
    groups = {
        "By strategy": found.by_strategy,
        "Long and short": found.by_side,
        "By the regime known at the decision": found.by_regime,
    }
    notes = [
        "From fill to fill, after costs; each group adds up to the whole. A strategy’s part is its share of the "
        "combined alpha that decided the holding, negative where it was against it."
    ]
    if not found.follows_alpha:
        notes.append(
            f"{found.allocator} under {found.combination_method} does not weight in proportion to the strategies’ "
            "alphas, so no part of it can be said to be a strategy’s: it is unattributed."
        )
    return _table(record, "Profit and loss by strategy, side and regime", groups, notes)


def assets(record: Record) -> Table:
    """The profit and loss by asset, the largest first."""
    parts = dict(sorted(record.contributions.by_asset.items(), key=lambda item: -item[1]))
    cash = parts.pop("cash", 0.0)
    names = list(parts)
    if len(names) > ASSETS_SHOWN:
        half = ASSETS_SHOWN // 2
        middle = names[half:-half]
        rest = {counted(len(middle), "other"): sum(parts[name] for name in middle)}
        parts = {**{n: parts[n] for n in names[:half]}, **rest, **{n: parts[n] for n in names[-half:]}}
    return _table(record, "Profit and loss by asset", {"": {**parts, "cash": cash}}, [])


def concentration(record: Record) -> str:
    """How much of the gain the best assets made, in a sentence."""
    parts = sorted((v for name, v in record.contributions.by_asset.items() if name != "cash"), reverse=True)
    total, gains = record.contributions.total, sum(value > 0 for value in parts)
    if total <= 0 or len(parts) < 4:
        return f"{counted(gains, 'symbol')} of {len(parts)} made money."
    few = 3
    return (
        f"The three best of {counted(len(parts), 'symbol')} made {percent(sum(parts[:few]) / total, 0)} of the whole; "
        f"{gains} made money and {len(parts) - gains} did not."
    )


def _table(record: Record, caption: str, groups: Mapping[str, Mapping[str, float]], notes: list[str]) -> Table:
    initial, total = record.settings.initial_capital, record.contributions.total
    every = [value for parts in groups.values() for value in parts.values()]
    low, high = min(0.0, *every), max(0.0, *every)
    width = (high - low) or 1.0

    def place(value: float) -> float:
        return round(2.0 + 96.0 * (value - low) / width, 3)

    def row(name: str, value: float) -> Row:
        value = 0.0 if abs(value) < _SMALL * initial else value
        says = f"{percent(value / initial)} of the initial capital"
        spark = Spark(place(min(value, 0.0)), place(value), place(max(value, 0.0)), place(0.0), says)
        share = None if total == 0 else value / total
        cells = [
            Cell(percent(value / initial)),
            cell(share, percent, "nothing was earned"),
            Cell("", "", "spark", spark),
        ]
        return Row(_CASH.get(name, name), cells, "faint" if value == 0.0 else "")

    made = [
        Group([row(n, v) for n, v in parts.items() if n not in _ONLY_IF_ANY or abs(v) >= _SHOWN * initial], head)
        for head, parts in groups.items()
    ]
    whole = Row("the whole", [Cell(percent(total / initial)), Cell("100.0%" if total else "–"), Cell("")], "strong")
    return Table(
        caption, ["Contribution", "Of initial capital", "Of the whole", "Around zero"], [*made, Group([whole])], notes
    )
