"""What had to hold, what would be traded next, and the files behind it all."""

from __future__ import annotations

from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, points, words
from regimefolio.report.words import count, counted, day, number, percent

DUST = 5e-5
"""A weight below this is shown as 0.0%; a row of such weights is left out."""


def checks(record: Record) -> Table:
    """What had to hold, and whether it did."""
    rows = [
        Row(check.name, [Cell("passed" if check.passed else "failed", kind="verdict"), words(check.details)])
        for check in record.results.checks
    ]
    return Table("Checks", ["Check", "Result", "Numbers"], [Group(rows)], text_columns=frozenset({1, 2}))


def orders(record: Record) -> Table | None:
    """What the strategy would trade next, as fractions of equity; None where nothing was decided."""
    positions = record.results.orders.positions
    if all(each.target is None for each in positions):
        return None
    moved = [
        (each, each.target if each.target is not None else each.held)
        for each in positions
        if max(abs(each.held), abs(each.target or 0.0)) >= DUST
    ]
    moved.sort(key=lambda pair: (-abs(pair[1] - pair[0].held), pair[0].symbol))
    left = len(positions) - len(moved)
    notes = [f"Fractions of equity. Left out, neither held nor wanted: {counted(left, 'symbol')}."] if left else []
    if record.settings.execution.sizing == "on_change":
        notes.append("Only symbols whose target differs from that of their last order are traded (sizing: on_change).")
    rows = [
        Row(
            each.symbol,
            [
                Cell(percent(each.held)),
                Cell("no order" if each.target is None else percent(each.target)),
                Cell("" if each.target is None else points(each.target - each.held)),
            ],
        )
        for each, _ in moved
    ]
    held, target = sum(each.held for each, _ in moved), sum(target for _, target in moved)
    cash = Row("Cash", [Cell(percent(1 - held)), Cell(percent(1 - target)), Cell(points(held - target))], tone="strong")
    return Table(
        "Orders pending at the last bar",
        ["Symbol", "Held", "Target", "Order"],
        [Group([*rows, cash])],
        notes,
    )


def in_flight(record: Record) -> Table | None:
    """What was ordered before the last bar and is filled after it; None where nothing was."""
    late = record.results.orders.in_flight
    rows = [
        Row(each.symbol, [words(day(each.decided_at)), Cell(percent(each.target)), Cell(count(each.fills_in))])
        for each in late
    ]
    if not rows:
        return None
    return Table(
        "Orders in flight at the last bar",
        ["Symbol", "Decided at", "Target", "Bars until filled"],
        [Group(rows)],
        text_columns=frozenset({1}),
    )


def resting(record: Record) -> Table | None:
    """At what prices stops close what is held; None where nothing has stops."""
    found = record.results.orders.resting
    rows = [
        Row(
            each.symbol,
            [
                Cell("next bar" if each.due else number(each.stop)),
                words("" if each.reason is None else each.reason.replace("_", " ")),
                Cell("" if each.due else number(each.goal)),
            ],
        )
        for each in found
    ]
    if not rows:
        return None
    due = any(each.due for each in found)
    return Table(
        "Stops at the last bar",
        ["Symbol", "Closed with a loss at", "By", "With a profit at"],
        [Group(rows)],
        ["What stands at the next bar is closed there in any case, whatever the schedule is."] if due else [],
        text_columns=frozenset({2}),
    )


def files(record: Record) -> Table:
    """The files that the page was made from."""
    rows = [
        Row(
            source.path,
            [
                words(source.phase.replace("_", " ") or "the run itself"),
                Cell(source.sha256, kind="hash"),
                Cell("Edited by hand since its phase wrote it" if source.edited else "", kind="warning"),
            ],
        )
        for source in record.sources.values()
    ]
    return Table("Files", ["File", "Written by", "SHA-256", "Remark"], [Group(rows)], text_columns=frozenset({1, 2, 3}))
