"""The page of a re-ranking profile: what its ratings were worth, in a sentence, a table and a figure."""

from __future__ import annotations

from pathlib import Path

from regimefolio.backtest import RerankSpec
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import ConfigError
from regimefolio.core.files import must_be_free
from regimefolio.evaluation import HISTORICAL, NONE, TODAYS, RatingsComparison
from regimefolio.market import Dataset
from regimefolio.report.figures.ratings import TITLES, ratings
from regimefolio.report.page import page, write_page
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, times_a_year, words
from regimefolio.report.words import day, number, percent, signed

_METRICS = {
    "sharpe": ("Sharpe", number),
    "cagr": ("Return a year", percent),
    "volatility": ("Volatility", percent),
    "max_drawdown": ("Drawdown", percent),
    "turnover": ("Turnover a year", times_a_year),
    "exposure": ("Exposure", percent),
}


def must_take_page(path: Path, overwrite: bool = False) -> None:
    """Refuse a file of another ending, or one that is there already.

    Raises
    ------
    ConfigError
        Says what to do.
    """
    if path.suffix != ".html":
        raise ConfigError(f"{path}: a page is written to a file that ends in .html; rename it")
    must_be_free(path, overwrite)


def write_ratings_report(
    spec: RerankSpec, dataset: Dataset, comparison: RatingsComparison, path: Path, overwrite: bool = False
) -> None:
    """Write the comparison as one page that asks for nothing from outside.

    Raises
    ------
    ConfigError
        The file does not end in .html, or is there already.
    WorkspaceError
        It cannot be written.
    """
    must_take_page(path, overwrite)
    figure = ratings(comparison)
    text = page(
        "ratings.html.j2",
        {figure.name: figure},
        name=spec.name,
        first=day(comparison.bars[0]),
        last=day(comparison.bars[-1]),
        claim=_claim(comparison),
        minus=_minus(comparison),
        about=dataset.about,
        rules=_rules(spec),
        results=_results(comparison),
        chosen=_chosen(comparison),
        facts={
            "Data": dataset.fingerprint,
            "Profile": fingerprint(spec.plain()),
            **({"Rule set": spec.ratings.rule_set} if spec.selection.follows_rules else {}),
        },
    )
    write_page(path, text)


def _claim(comparison: RatingsComparison) -> str:
    """What the three runs say, in a sentence."""
    ours, todays, none = (number(comparison.runs[name].metrics["sharpe"]) for name in (HISTORICAL, TODAYS, NONE))
    return (
        f"The ratings of the time gave a Sharpe ratio of {ours}, no ratings {none}; today’s ratings, which nobody knew "
        f"then, would have shown {todays}."
    )


def _minus(comparison: RatingsComparison) -> list[str]:
    """How sure the differences are."""
    found = []
    for name, what in ((NONE, "Without ratings"), (TODAYS, "With today’s")):
        each = comparison.minus_historical[name]
        if each.point == each.point:
            away = f"{number(abs(each.point))} {'higher' if each.point > 0 else 'lower'}"
            interval = (
                f"{percent(each.level, 0)} interval of the difference from {signed(each.low)} to {signed(each.high)}"
            )
            found.append(f"{what} the Sharpe ratio is {away}, with a {interval}.")
    return found


def _rules(spec: RerankSpec) -> str:
    """The profile in a sentence."""
    filters = " and ".join(map(str, spec.filter)) or "every member with a bar"
    kept = "all that pass" if spec.top_n is None else f"the {spec.top_n} with the {_end(spec)} {spec.rank_by}"
    stays = f"; what is held stays down to rank {spec.keep_until_rank}" if spec.keep_until_rank else ""
    return f"Passed: {filters}. Held {spec.side}: {kept}{stays}, weighed by {spec.allocator.kind}, {spec.rebalance}."


def _end(spec: RerankSpec) -> str:
    return "largest" if spec.order == "descending" else "smallest"


def _results(comparison: RatingsComparison) -> Table:
    rows = []
    for name, title in TITLES.items():
        run = comparison.runs[name]
        cells = [
            cell(run.metrics[metric], shown, run.reasons.get(metric, "it is undefined"))
            for metric, (_, shown) in _METRICS.items()
        ]
        rows.append(Row(title, [*cells, _difference(comparison, name)], "strong" if name == HISTORICAL else ""))
    heads = [head for head, _ in _METRICS.values()]
    return Table("The three runs", ["Ratings", *heads, "Sharpe minus that of the time"], [Group(rows)])


def _difference(comparison: RatingsComparison, name: str) -> Cell:
    if name not in comparison.minus_historical:
        return words("")
    each = comparison.minus_historical[name]
    return cell(each.point, lambda value: f"{signed(value)} ({signed(each.low)} to {signed(each.high)})")


def _chosen(comparison: RatingsComparison) -> Table | None:
    """Whom the last bar's ratings choose; None where nobody is."""
    if not comparison.chosen:
        return None
    names = list(comparison.chosen[0].features)
    positions = {each.symbol: each for each in comparison.runs[HISTORICAL].simulation.positions()}
    rows = [
        Row(
            each.symbol,
            [
                *(cell(each.features[name], _shown) for name in names),
                cell(positions[each.symbol].held, percent),
                cell(positions[each.symbol].target, percent, "no order"),
            ],
        )
        for each in comparison.chosen
    ]
    return Table("Chosen at the last bar", ["Symbol", *names, "Held", "Target"], [Group(rows)])


def _shown(value: float | None) -> str:
    """A feature: ratings with two decimals, large numbers without."""
    return number(value, 0 if value is not None and abs(value) >= 100 else 2)
