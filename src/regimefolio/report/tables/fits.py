"""What the chosen classifier learnt about its regimes, and how they follow each other."""

from __future__ import annotations

from regimefolio.report.contents import Number
from regimefolio.report.measured import Fit
from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Format, Group, Row, Spark, Table, cell
from regimefolio.report.words import count, counted, number, percent


def last_fit(record: Record) -> Table | None:
    """The regimes of the last fit on training bars; None where the classifier learns nothing."""
    found, year = record.fits[record.selected], record.results.window.periods_per_year
    if not found.fits:
        return None
    fit = found.fits[-1]
    edges = [0.0, *(edge for each in fit.regimes for edge in (each.low * year, each.high * year))]
    least, width = min(edges), (max(edges) - min(edges)) or 1.0

    def place(value: float) -> float:
        return round(3.0 + 94.0 * (value - least) / width, 3)

    rows = []
    for name, each in zip(found.names, fit.regimes, strict=True):
        low, mean, high = (value * year for value in (each.low, each.mean, each.high))
        interval = f"{percent(low)} to {percent(high)}"
        spark = Spark(place(low), place(mean), place(high), place(0.0), f"{interval}, around {percent(mean)}")
        cells = [
            Cell(percent(mean)),
            Cell("", "", "spark", spark),
            Cell(interval),
            Cell(percent(each.volatility * year**0.5)),
            Cell(percent(each.share)),
        ]
        rows.append(Row(name, cells))
    return Table(
        f"The regimes of {record.selected} in its last fit on training bars",
        ["Regime", "Mean a year", "Around zero", "95% interval", "Volatility a year", "Share"],
        [Group(rows)],
        [
            f"The fit of {fit.timestamp[:10]} on {counted(fit.bars, 'bar')}; log returns, and intervals as if the bars "
            "of a regime were independent. Refits go on through the test; names follow volatility alone."
        ],
    )


def stays(record: Record) -> Table:
    """From each regime to the next bar's: as the last fit has it, and as the training bars were labelled."""
    found, seen = record.fits[record.selected], record.seen[record.selected]
    fit = found.fits[-1] if found.fits else None
    rows = []
    for k, name in enumerate(seen.names):
        learnt = [None] * len(seen.names) if fit is None else fit.transition[k]
        ways = [_both(fit, *pair, percent) for pair in zip(learnt, seen.transition_matrix[k], strict=True)]
        stay = _both(
            fit, None if fit is None else fit.regimes[k].expected_duration, seen.expected_duration[name], count
        )
        rows.append(Row(name, [*ways, stay]))
    basis = "by the last fit (and as labelled, after debouncing)" if fit else "as labelled"
    said = f"Probability of the next bar’s regime {basis} on training bars"
    columns = ["From", *(f"to {name}" for name in seen.names), "Bars a stay"]
    return Table(said, columns, [Group(rows)], [f"{said}; and how many bars a stay lasts on average."])


def _both(fit: Fit | None, learnt: Number, seen: Number, shown: Format) -> Cell:
    """What the fit says with what was labelled in parentheses, or the latter alone."""
    if fit is None:
        return cell(seen, shown, "the regime was never left")
    return Cell(f"{shown(learnt)} ({shown(seen)})")


def learnt(record: Record) -> str:
    """What tells the regimes apart, in a sentence or two."""
    found = record.fits[record.selected]
    if not found.fits:
        return f"{record.selected} follows rules and learns nothing from the data."
    regimes = dict(zip(found.names, found.fits[-1].regimes, strict=True))
    sides = {n: "above" if each.low > 0 else "below" for n, each in regimes.items() if each.low > 0 or each.high < 0}
    means = "No regime’s mean return differs from zero beyond doubt"
    if sides:
        known = " and ".join(f"that of {name} lies {side} zero" for name, side in sides.items())
        rest = "" if len(sides) == len(regimes) else ", no other one differs from it"
        means = f"Of the mean returns {known} at 95%{rest}"
    ends = [(each.low, each.high) for each in regimes.values()]
    overlap = max(low for low, _ in ends) <= min(high for _, high in ends)
    ordered = sorted(regimes, key=lambda name: regimes[name].volatility)
    low, high = (regimes[name].volatility for name in (ordered[0], ordered[-1]))
    times = number(high / low, 1) if low > 0 else "endlessly many"
    apart = f"{ordered[-1]} is {times} times as volatile as {ordered[0]}"
    if overlap:
        return f"{means}, and all intervals overlap; what differs is volatility: {apart}."
    return f"{means}; their intervals do not all overlap, and {apart}."
