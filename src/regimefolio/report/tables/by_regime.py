"""What the regimes were, and what was chosen in each."""

from __future__ import annotations

import numpy as np

from regimefolio.report.contents import Choice, Evidence
from regimefolio.report.record import ALL_BARS, CHOICES, SHARES, STATIC, Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, whole_percent, words
from regimefolio.report.words import count, counted, day, metric_name, number, parameter, percent

EPISODES_SHOWN = 200

_EDITED = "A person edited parameters or weights after they were chosen: the evidence beside them need not be theirs."


def regimes(record: Record, classifier: str) -> Table:
    """What each regime was, and what its own run earned in it."""
    seen, run = record.results.regimes[classifier], record.runs[classifier]
    label = record.labels[classifier]
    compared = classifier == record.results.selected  # the static ensemble is measured in its regimes alone
    rows = []
    for k, name in enumerate(seen.names):
        lengths = [each.bars for each in seen.episodes if each.label == k]
        measured = run.regime_metrics.get(name, {})
        static = record.runs[STATIC].regime_metrics.get(name, {})
        few = "the regime has too few bars" if (measured.get("bars") or 0) < 2 else "the returns do not vary"
        lossless = "the regime has too few bars" if not measured.get("bars") else "there was no loss"
        rows.append(
            Row(
                name,
                [
                    Cell(count(int((label == k).sum()))),
                    Cell(percent(float((label == k).mean()))),
                    Cell(count(len(lengths))),
                    cell(float(np.median(lengths)) if lengths else None, count, "there was no episode"),
                    cell(float(max(lengths)) if lengths else None, count, "there was no episode"),
                    cell(measured.get("mean_return"), percent, few),
                    cell(measured.get("volatility"), percent, few),
                    cell(measured.get("sharpe"), number, few),
                    cell(measured.get("sortino"), number, lossless),
                    cell(measured.get("max_drawdown"), percent, few),
                    cell(measured.get("hit_rate"), percent, few),
                    *([cell(static.get("sharpe"), number, few)] if compared else []),
                ],
            )
        )
    columns = ["Bars", "Share", "Episodes", "Median bars", "Longest", "Mean return a year", "Volatility", "Sharpe"]
    return Table(
        f"Regimes of {classifier} on the test bars, and what {record.title(classifier)} earned in them",
        ["Regime", *columns, "Sortino", "Max. drawdown", "Hit rate", *(["Static Sharpe"] if compared else [])],
        [Group(rows)],
        ["The hit rate is the share of bars with a gain; bars in cash count too."],
    )


def transitions(record: Record, classifier: str) -> Table:
    """How often one regime followed another."""
    seen = record.results.regimes[classifier]
    rows = []
    for name, counts in zip(seen.names, seen.transitions, strict=True):
        total = sum(counts)
        cells = [
            Cell(f"{count(n)} ({percent(n / total)})" if total else count(n), "" if total else "it was never left")
            for n in counts
        ]
        rows.append(Row(name, cells))
    caption = f"Transitions of {classifier} from one test bar to the next"
    return Table(caption, ["From", *(f"to {name}" for name in seen.names)], [Group(rows)])


def episodes(record: Record, classifier: str) -> Table:
    """Every episode, or the last ones where there are very many."""
    seen, stamps = record.results.regimes[classifier], record.timestamps
    shown = seen.episodes[-EPISODES_SHOWN:]
    rows = [
        Row(day(stamps[each.first]), [words(day(stamps[each.last])), Cell(count(each.bars)), words(name)])
        for each in shown
        for name in (seen.names[each.label],)
    ]
    left = len(seen.episodes) - len(shown)
    notes = [f"Not shown: {counted(left, 'earlier episode')}."] if left else []
    caption = f"Episodes of {classifier} on the test bars"
    return Table(caption, ["First bar", "Last bar", "Bars", "Regime"], [Group(rows)], notes, frozenset({0, 1, 3}))


def choices(record: Record, classifier: str) -> Table:
    """The parameters and weights of each regime, what they rest on, and every fallback."""
    chosen, shares = record.choices[classifier], record.shares.classifiers[classifier]
    pooled = record.choices[STATIC][ALL_BARS]
    groups = []
    for regime, strategies in {**chosen, ALL_BARS: pooled}.items():
        evidence = shares.evidence.get(regime)
        if regime == ALL_BARS and classifier != STATIC:
            evidence = record.shares.classifiers[STATIC].evidence.get(ALL_BARS)
        weights = shares.weights.get(regime, {})
        rows = [_choice(record, kind, weights.get(kind), choice) for kind, choice in strategies.items()]
        head = regime if regime != ALL_BARS else "no regime known, and static"
        groups.append(Group(rows, head, *_weights_evidence(record, evidence)))
    score, objective = metric_name(record.settings.selection), metric_name(record.shares.objective)
    return Table(
        f"What {record.title(classifier)} uses in each regime",
        ["Strategy", "Weight", "Parameters", "Trial", "Bars", "Episodes", "In regime", "All bars", "Shrunk"],
        groups,
        [_EDITED]
        if {CHOICES, SHARES} & set(record.edited)
        else [
            f"Parameters have the best {score} in the regime on the first two thirds of training, shrunk towards that "
            f"over all bars: the last three columns. Weights have the best {objective} on the last third.",
        ],
        frozenset({2}),
    )


def _choice(record: Record, kind: str, weight: float | None, choice: Choice) -> Row:
    searched = record.settings.searched.get(kind, {})
    shown = {name: value for name, value in choice.parameters.items() if name in searched} or choice.parameters
    found = choice.evidence
    why = "there is too little evidence"
    fallback = f"Fallback to the best over all bars: {found.fallback}" if found.fallback else ""
    return Row(
        kind,
        [
            cell(weight, whole_percent, "no weight was written"),
            Cell(
                ", ".join(f"{name} {parameter(value)}" for name, value in shown.items()), kind="text", warning=fallback
            ),
            Cell(str(choice.trial)),
            Cell(count(found.bars)),
            Cell(count(found.episodes)),
            cell(found.score, number, why),
            cell(found.score_all, number, why),
            cell(found.shrunk, number, why),
        ],
        tone="" if weight else "faint",
    )


def _weights_evidence(record: Record, found: Evidence | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    note = (
        f"weights: {counted(found.bars, 'bar')}, {counted(found.episodes, 'episode')}, "
        f"{metric_name(record.shares.objective)} {number(found.score)}, over all bars {number(found.score_all)}"
    )
    return note, f"Fallback to the best weights over all bars: {found.fallback}" if found.fallback else ""
