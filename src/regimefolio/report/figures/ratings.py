"""The same portfolio with today's ratings, with those of the time, and with none."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Json
from regimefolio.evaluation import HISTORICAL, NONE, TODAYS, RatingsComparison, drawdown_series
from regimefolio.report.figures.drawing import (
    MAX_POINTS,
    Figure,
    Key,
    axis,
    dates,
    drawn_bars,
    layout_of,
    line,
    log_ticks,
    rounded,
)
from regimefolio.report.words import day, number

TITLES = {
    TODAYS: "Today’s ratings at every bar",
    HISTORICAL: "Ratings of the time",
    NONE: "No ratings",
}
"""What the runs are called, in the order of table and key."""

_SWATCHES = {TODAYS: "static", HISTORICAL: "adaptive", NONE: "equal-weight"}


def ratings(comparison: RatingsComparison) -> Figure:
    """Equity (log) and drawdown of the three runs."""
    stamps = comparison.bars
    step, drawn = drawn_bars(len(stamps), MAX_POINTS)
    x = dates(stamps[drawn])
    curves: dict[str, list[Json]] = {}
    keys = []
    lowest, highest = np.inf, -np.inf
    for name, title in TITLES.items():
        simulation, swatch = comparison.runs[name].simulation, _SWATCHES[name]
        equity = simulation.equity[simulation.start :]
        growth = equity / simulation.initial_capital
        alive = np.where(growth > 0, growth, np.nan)
        lowest, highest = min(lowest, np.nanmin(alive)), max(highest, np.nanmax(alive))
        fall = drawdown_series(equity, simulation.initial_capital)
        curves[name] = [
            line(title, x, rounded(alive[drawn]), swatch, "y", "%{y:.2f}×"),
            line(title, x, rounded(fall[drawn]), swatch, "y2", "%{y:.1%}"),
        ]
        keys.append(Key(title, f"line {swatch}", f"×{number(float(growth[-1]))}"))
    data = [curve for name in (NONE, TODAYS, HISTORICAL) for curve in curves[name]]  # the last one lies on top
    layout = layout_of(
        xaxis={**axis(), "anchor": "y2", "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**axis(), "domain": [0.36, 1.0], "type": "log", **log_ticks(lowest, highest)},
        yaxis2={**axis(), "domain": [0.0, 0.28], "tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        hovermode="x unified",
        hoversubplots="axis",
    )
    ends = ", ".join(f"{key.name} {key.value}" for key in keys)
    thinned = f" One bar in {step} is drawn." if step > 1 else ""
    return Figure(
        "equity",
        {"data": data, "layout": layout},
        f"Growth of the initial capital on a logarithmic scale, and drawdown below it, from {day(stamps[0])} to "
        f"{day(stamps[-1])}. At the end: {ends}.",
        f"Equity as a multiple of the initial capital, log scale, and drawdown from its peak.{thinned}",
        [keys],
        [],
    )
