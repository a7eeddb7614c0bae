"""One function a figure: a specification for plotly as plain dictionaries, its words, and the files it came from."""

from __future__ import annotations

from collections.abc import Mapping

from regimefolio.report.figures.curves import equity, rolling, weights
from regimefolio.report.figures.drawing import Figure, Key
from regimefolio.report.figures.luck import placebo, ranks, trials
from regimefolio.report.figures.search import surfaces
from regimefolio.report.record import Record

__all__ = ["Figure", "Key", "all_figures", "equity", "placebo", "ranks", "rolling", "surfaces", "trials", "weights"]


def all_figures(record: Record) -> Mapping[str, Figure]:
    """The figures by name; one that has nothing to show is not there."""
    single = (trials(record), placebo(record), equity(record), rolling(record), ranks(record))
    found = [figure for figure in (*single, *surfaces(record), weights(record)) if figure is not None]
    return {figure.name: figure for figure in found}
