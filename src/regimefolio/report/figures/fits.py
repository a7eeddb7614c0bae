"""How far a classifier's refits agree."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Json
from regimefolio.report.figures.drawing import Figure, axis, layout_of, six
from regimefolio.report.record import REGIME_FITS, Record
from regimefolio.report.words import counted, day, number, percent


def agreement(record: Record) -> Figure | None:
    """The part of the labels that each refit kept; None where nothing was fitted again."""
    compared = record.fits[record.selected].compared
    if not compared:
        return None
    stamps = [np.datetime64(stamp) for stamp, _ in compared]
    same = [each.same for _, each in compared]
    permuted = [(stamp, each) for stamp, (_, each) in zip(stamps, compared, strict=True) if each.permuted]
    data: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "labels that stay",
            "x": [day(stamp) for stamp in stamps],
            "y": [six(value) for value in same],
            "line": {"color": "var(--bar-2)", "width": 1.2},
            "marker": {"size": 5},
            "hovertemplate": "%{x}: %{y:.1%} stay<extra></extra>",
        }
    ]
    if permuted:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "permuted",
                "x": [day(stamp) for stamp, _ in permuted],
                "y": [six(each.same) for _, each in permuted],
                "marker": {"color": "var(--static)", "size": 10, "symbol": "diamond-open", "line": {"width": 2}},
                "hovertemplate": "%{x}: %{y:.1%}, permuted<extra></extra>",
            }
        )
    least = min(range(len(same)), key=lambda n: same[n])
    few = "none" if not permuted else number(len(permuted), 0)
    reading = (
        f"Over {counted(len(same), 'refit')} {percent(float(np.mean(same)))} of the labels stayed on average, at least "
        f"{percent(same[least])} ({day(stamps[least])}), and {few} of them exchanged regimes."
    )
    layout = layout_of(
        xaxis={**axis(), "type": "date", "showgrid": False},
        yaxis={**axis(), "tickformat": ".0%", "nticks": 5, "range": [six(max(0.0, min(same) - 0.05)), 1.02]},
    )
    return Figure(
        "agreement",
        {"data": data, "layout": layout},
        f"Share of labels that each refit of {record.selected} left as they were. {reading}",
        "At each refit on training bars, the part of the bars before it that the fit before and the new one label "
        "alike; permuted, marked by a diamond, where another order of the names would agree better.",
        [],
        [REGIME_FITS],
        reading,
    )
