"""What trading cost the selected strategy, what had a say in it, and what to doubt."""

from __future__ import annotations

from collections.abc import Sequence

from regimefolio.report.contents import Happening
from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, whole_percent
from regimefolio.report.words import count, counted, day, listed, percent

NAMED = 3
"""Stops and delistings that are named; the others are counted."""

_ALL = "all"
_KINDS = {
    "commission": "commission",
    "fees": "fees",
    "slippage": "slippage and spread",
    "impact": "market impact",
    "borrow": "borrow fees",
}


def costs_by_kind(record: Record) -> Table | None:
    """What was paid, by kind; None where nothing was."""
    costs = record.trading.costs.model_dump()
    total, initial = sum(costs.values()), record.settings.initial_capital
    if total <= 0.0:
        return None

    def row(name: str, value: float) -> Row:
        cells = [Cell(count(value)), Cell(percent(value / initial)), cell(value / total, whole_percent)]
        return Row(name, cells, "strong" if name == _ALL else "")

    notes = ["Slippage has half the quoted spread in it."]
    if costs["fees"] > 0.0:
        notes.append("Fees are those by order and by share, and what the least fee of an order adds.")
    kinds = [row(said, costs[kind]) for kind, said in _KINDS.items() if costs[kind] > 0.0]
    return Table(
        "Costs on the test bars, by kind",
        ["Costs", "Money", "Of initial capital", "Of all"],
        [Group(kinds), Group([row(_ALL, total)])],
        notes,
    )


def interventions(record: Record) -> str:
    """How often stops, brake, vetoes and the volatility target had a say, and what cash earned, in sentences."""
    found, interest = record.trading.interventions, record.trading.interest
    of, said = counted(found.decisions, "decision"), []
    if found.stops:
        kinds = [f"{count(closed)} by {name.replace('_', ' ')}" for name, closed in found.stops.items()]
        said.append(f"Stops closed {counted(sum(found.stops.values()), 'round trip')}: {listed(kinds)}.")
    if found.drawdown_brake is not None:
        brake = found.drawdown_brake
        left = f", and left {percent(brake.left, 0)} of their targets on average" if brake.decisions else ""
        said.append(f"The drawdown brake acted at {count(brake.decisions)} of {of}{left}.")
    if found.vetoed is not None:
        said.append(f"A side that a veto forbids was asked for at {count(found.vetoed)} of {of}.")
    if found.volatility_target is not None:
        gross = found.volatility_target
        said.append(
            f"Under the volatility target decisions held {percent(gross.mean, 0)} gross on average, from "
            f"{percent(gross.least, 0)} to {percent(gross.most, 0)}."
        )
    if abs(interest) >= 0.5:  # less is rounding
        said.append(f"Interest on cash {'earned' if interest > 0 else 'cost'} {count(abs(interest))}.")
    return " ".join(said)


def doubts(record: Record) -> str:
    """Which stops closed at doubtful bars, and which assets were taken to be delisted, in sentences."""
    stops, assumed = record.trading.doubtful_stops, record.trading.assumed_delistings
    said = []
    if stops:
        said.append(
            f"{counted(len(stops), 'stop')} {'closes' if len(stops) == 1 else 'close'} at bars that the check of the "
            f"data calls doubtful: {_first(stops)}."
        )
    if assumed:
        said.append(
            f"{counted(len(assumed), 'asset')} {'was' if len(assumed) == 1 else 'were'} taken to be delisted after too "
            f"many missing bars: {_first(assumed)}."
        )
    return " ".join(said)


def _first(found: Sequence[Happening]) -> str:
    more = [f"{count(len(found) - NAMED)} more"] if len(found) > NAMED else []
    return listed([f"{each.symbol} at {day(each.at)}" for each in found[:NAMED]] + more)
