"""One function a figure: a specification for plotly as plain dictionaries, its words, and the files it came from."""

from __future__ import annotations

from collections.abc import Mapping

from regimefolio.report.figures.curves import equity, rolling, weights
from regimefolio.report.figures.drawing import Figure, Key
from regimefolio.report.figures.fits import agreement
from regimefolio.report.figures.luck import placebo, ranks, trials
from regimefolio.report.figures.search import surfaces
from regimefolio.report.figures.signals import Panels, signals
from regimefolio.report.figures.trips import round_trips
from regimefolio.report.record import Record

__all__ = [
    "Figure",
    "Key",
    "Panels",
    "agreement",
    "all_figures",
    "equity",
    "placebo",
    "ranks",
    "rolling",
    "round_trips",
    "signals",
    "surfaces",
    "trials",
    "weights",
]


def all_figures(record: Record) -> Mapping[str, Figure]:
    """The figures by name, in the order of the page; one that has nothing to show is not there."""
    small = [figure for panels in signals(record) for figure in panels.figures]
    found = [
        trials(record),
        placebo(record),
        equity(record),
        rolling(record),
        round_trips(record),
        *small,
        agreement(record),
        ranks(record),
        *surfaces(record),
        weights(record),
    ]
    return {figure.name: figure for figure in found if figure is not None}
