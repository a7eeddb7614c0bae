"""The round trips of the selected strategy: what they have in common, and the best and the worst of them."""

from __future__ import annotations

from regimefolio.report.contents import Trip, TripStatistics
from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, whole_percent, words
from regimefolio.report.words import count, counted, day, number, percent

MOST = 10
"""Trips that are shown of the best, and of the worst."""

_HEADS = {
    "all": "",
    "side": "By side",
    "entry_regime": "By the regime known when the entry was decided",
    "closed_by": "By what closed it",
}
_NONE_LOST, _NONE_WON = "none lost", "none won"


def won_and_lost(record: Record) -> str:
    """What the closed trips made, in a sentence or two."""
    found, still = record.round_trips.statistics["all"]["all"], len(record.round_trips.trips)
    still -= found.trips
    left = f" {counted(still, 'more round trip')} {'is' if still == 1 else 'are'} open at the end and not scored."
    if not found.trips:
        return f"No round trip was closed on the test bars.{left if still else ''}"
    against = (
        f" Those that won went {percent(-(found.mean_mae_won or 0.0))} against their entry price at worst, on average; "
        f"those that lost {percent(-(found.mean_mae_lost or 0.0))}."
        if found.mean_mae_won is not None and found.mean_mae_lost is not None
        else ""
    )
    return (
        f"Of {counted(found.trips, 'closed round trip')}, from flat to flat, {whole_percent(found.won / found.trips)} "
        f"won.{against}{left if still else ''}"
    )


def trip_statistics(record: Record) -> Table | None:
    """Closed trips by side, regime and what closed them; None where there are none."""
    statistics = record.round_trips.statistics
    if not statistics["all"]["all"].trips:
        return None
    every = statistics["all"]["all"].trips
    groups = [
        Group([_statistics(name.replace("_", " "), each) for name, each in kinds.items()], _HEADS.get(by, by))
        for by, kinds in statistics.items()
        if by == "all" or any(each.trips < every for each in kinds.values())
    ]
    columns = ["Round trips", "Closed", "Won", "Mean P&L", "Median P&L", "Profit factor", "Expectancy", "Mean bars"]
    return Table(
        "Round trips by side, regime and what closed them",
        [*columns, "Lost in a row", "Mean MAE, won", "Mean MAE, lost"],
        groups,
        [
            "P&L in money, after costs, dividends and borrow fees. Expectancy is the mean P&L over the mean loss: what "
            "a trip makes for each unit of money that a lost one loses. MAE, the maximum adverse excursion, is how far "
            "the price went against a trip, as a fraction of its entry price."
        ],
    )


def best_and_worst(record: Record) -> Table | None:
    """The closed trips that made and lost the most money; None where there are none."""
    ordered = sorted(record.round_trips.closed, key=lambda trip: -trip.profit)
    if not ordered:
        return None
    best, worst = ordered[:MOST], ordered[MOST:][-MOST:][::-1]
    groups = [Group([_trip(trip) for trip in best], "The best by P&L")]
    groups += [Group([_trip(trip) for trip in worst], "The worst by P&L")] if worst else []
    prices = ["Entry price", "Exit price", "P&L", "Return", "MAE", "MFE"]
    return Table(
        "The best and the worst round trips",
        ["Symbol", "Side", "Entry", "Exit", "Bars", *prices, "Regime at entry", "Closed by"],
        groups,
        [
            "Prices are means: of what was bought into a trip, as it stood at last, and of all that was sold. Where a "
            "trip was enlarged and reduced on its way they alone do not explain its P&L. Return is the P&L over the "
            "most that was invested at a time."
        ],
        text_columns=frozenset({1, 2, 3, 11, 12}),
    )


def _statistics(name: str, found: TripStatistics) -> Row:
    won, lost = _NONE_WON, _NONE_LOST
    cells = [
        Cell(count(found.trips)),
        Cell(whole_percent(found.won / found.trips)),
        cell(found.mean_profit, count),
        cell(found.median_profit, count),
        cell(found.profit_factor, number, lost),
        cell(found.expectancy, number, lost),
        cell(found.mean_bars, lambda value: number(value, 1)),
        Cell(count(found.longest_losing_streak)),
        cell(found.mean_mae_won, percent, won),
        cell(found.mean_mae_lost, percent, lost),
    ]
    return Row(name, cells, "strong" if name == "all" else "")


def _trip(trip: Trip) -> Row:
    cells = [
        words(trip.side),
        words(day(trip.entry_at)),
        words("" if trip.exit_at is None else day(trip.exit_at)),
        Cell(count(trip.bars)),
        Cell(number(trip.entry_price)),
        cell(trip.exit_price, number),
        Cell(count(trip.profit)),
        Cell(percent(trip.gain)),
        Cell(percent(trip.mae)),
        Cell(percent(trip.mfe)),
        words(trip.entry_regime or "not known"),
        words((trip.closed_by or "").replace("_", " ")),
    ]
    return Row(trip.symbol, cells)
