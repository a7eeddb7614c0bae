"""What opinions were worth, strategy by strategy."""

from __future__ import annotations

from regimefolio.report.contents import Number
from regimefolio.report.measured import Opinions
from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, searched, words
from regimefolio.report.words import counted, number, percent

SIGNIFICANT = 1.96
"""A t-value beyond this, on either side, is significant at 95%."""


def signals(record: Record) -> Table:
    """Every parameter set that was chosen: how often it had an opinion, and how good that was."""
    found, reasons = record.signal_quality, list[str]()
    rows = [_row(record, each, found.asset_bars, reasons) for each in found.strategies]
    notes = [f"{'*' * (n + 1)} No half-life: {reason}." for n, reason in enumerate(reasons)]
    return Table(
        "What the opinions of each strategy were worth on the test bars",
        ["Strategy", "Bars ahead", "Opinions", "IC", "t", "Half-life", "Right", "Claimed", "Weight where chosen"],
        [Group(rows)],
        notes,
        frozenset({8}),
    )


def _row(record: Record, found: Opinions, asset_bars: int, reasons: list[str]) -> Row:
    places = ", ".join(f"{place} {percent(weight, 0)}" for place, weight in found.weights.items())
    right, claimed = _right(found)
    none = "no opinion has a return"
    return Row(
        f"{found.strategy} {searched(record, found.strategy, found.parameters)}".strip(),
        [
            Cell(str(found.horizon)),
            cell(found.opinions / asset_bars if asset_bars else None, percent, "there is no bar"),
            cell(found.ic.mean, lambda value: number(value, 3), found.ic.reason),
            cell(found.ic.t_value, lambda value: number(value, 1), found.ic.reason),
            _half_life(found, reasons),
            cell(right, percent, none),
            cell(claimed, percent, none),
            words(places),
        ],
        tone="" if any(found.weights.values()) else "faint",
    )


def _half_life(found: Opinions, reasons: list[str]) -> Cell:
    """Bars, or the mark of the reason why there is no such number."""
    if found.decay.half_life is not None:
        return Cell(number(found.decay.half_life, 1))
    if found.decay.reason not in reasons:
        reasons.append(found.decay.reason)
    return Cell(f"none{'*' * (reasons.index(found.decay.reason) + 1)}")


def _right(found: Opinions) -> tuple[Number, Number]:
    """The share of opinions whose sign was right, and the share that their confidence claims."""
    known = [
        (each.opinions, each.realised, each.mean_confidence)
        for each in found.reliability
        if each.realised is not None and each.mean_confidence is not None
    ]
    total = sum(opinions for opinions, _, _ in known)
    if not total:
        return None, None
    sums = (sum(n * realised for n, realised, _ in known), sum(n * confidence for n, _, confidence in known))
    return (1 + sums[0] / total) / 2, (1 + sums[1] / total) / 2


def forecasts(record: Record) -> str:
    """Whether opinions foretold anything, in a sentence or two."""
    sets = record.signal_quality.strategies
    known = [(each, each.ic.t_value) for each in sets if each.ic.t_value is not None]
    if not known:
        why = next((f": {each.ic.reason}" for each in sets if each.ic.reason), "")
        return f"No information coefficient could be tested on these bars{why}. {_overconfident(sets)}"
    good = [each for each, t in known if t > SIGNIFICANT]
    bad = [each for each, t in known if t < -SIGNIFICANT]
    best, t_value = max(known, key=lambda pair: pair[1])
    luck = min(1.0, 0.025 * len(known))
    said = (
        f"Of {counted(len(known), 'parameter set')} in use {_some(len(good))} an information coefficient with t above "
        f"{SIGNIFICANT}; luck alone brings one or more among so many in up to {percent(luck, 0)} of all cases"
    )
    whose = "whose alpha points" if len(bad) == 1 else "whose alphas point"
    worse = f". {_some(len(bad)).capitalize()} t below −{SIGNIFICANT}, {whose} the wrong way" if bad else ""
    top = f"The highest is {number(best.ic.mean, 3)}, of {best.strategy}, with t = {number(t_value, 1)}"
    return f"{said}. {top}{worse}. {_overconfident(sets)}"


def _some(n: int) -> str:
    return {0: "none has", 1: "one has"}.get(n, f"{n} have")


def _overconfident(sets: list[Opinions]) -> str:
    """In how many bins confidence claims more than came true."""
    bins = [each for found in sets for each in found.reliability]
    tested = [
        (each.mean_confidence, each.interval_high)
        for each in bins
        if each.mean_confidence is not None and each.interval_high is not None
    ]
    if not tested:
        return "Confidence could not be tested."
    over = sum(confidence > high for confidence, high in tested)
    meaning = "it orders opinions at best, and is no probability" if 2 * over > len(tested) else "elsewhere it may hold"
    return f"Confidence claims more than came true in {over} of {counted(len(tested), 'bin')}: {meaning}."
