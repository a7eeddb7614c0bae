"""Curves over the test bars: equity and drawdown, rolling risk, weights."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float, Json
from regimefolio.evaluation import drawdown_series
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
    shade,
)
from regimefolio.report.record import (
    AXES,
    EQUAL_WEIGHT,
    EQUITY,
    INDEX,
    LABELS,
    ROLLING,
    STATIC,
    WEIGHTS,
    Record,
)
from regimefolio.report.words import counted, day, number, percent

MAX_AREA_POINTS = 600
MAX_AREAS = 10


def equity(record: Record) -> Figure:
    """Equity (log) and drawdown of the selected run, static, equal weight and the index, regimes shaded."""
    stamps, initial = record.timestamps, record.settings.initial_capital
    lines = [record.selected, *(name for name in (STATIC, EQUAL_WEIGHT, INDEX) if name in record.equity)]
    step, drawn = drawn_bars(len(stamps), MAX_POINTS)
    x = dates(stamps[drawn])
    data: list[Json] = []
    keys = []
    lowest, highest = np.inf, -np.inf
    for name in reversed(lines):
        swatch = "adaptive" if name == record.selected else name.replace("_", "-")
        growth = record.equity[name] / initial
        alive = np.where(growth > 0, growth, np.nan)
        lowest, highest = min(lowest, np.nanmin(alive)), max(highest, np.nanmax(alive))
        title = "Adaptive" if name == record.selected else record.title(name)
        under = line(title, x, rounded(drawdown_series(record.equity[name], initial)[drawn]), swatch, "y2", "%{y:.1%}")
        if name == record.selected:
            under |= {"fill": "tozeroy", "fillcolor": "var(--fill)"}
        data += [line(title, x, rounded(alive[drawn]), swatch, "y", "%{y:.2f}×"), under]
        keys.append(Key(title, f"line {swatch}", f"×{number(float(growth[-1]))}"))
    names = record.results.regimes[record.selected].names
    label = record.labels[record.selected]
    shades = [
        Key(name, f"shade r{shade(k, len(names))}", percent(float((label == k).mean()), 0))
        for k, name in enumerate(names)
    ]
    layout = layout_of(
        xaxis={**axis(), "anchor": "y2", "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**axis(), "domain": [0.36, 1.0], "type": "log", **log_ticks(lowest, highest)},
        yaxis2={**axis(), "domain": [0.0, 0.28], "tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        shapes=_bands(record),
        hovermode="x unified",
        hoversubplots="axis",
    )
    ends = ", ".join(f"{key.name} {key.value}" for key in reversed(keys))
    thinned = f" One bar in {step} is drawn." if step > 1 else ""
    return Figure(
        "equity",
        {"data": data, "layout": layout},
        f"Growth of the initial capital on a logarithmic scale, and drawdown below it, from {day(stamps[0])} to "
        f"{day(stamps[-1])}. At the end: {ends}. The background shows the regime known at each bar.",
        f"Equity as a multiple of the initial capital, log scale, and drawdown from its peak. Shaded: the regimes of "
        f"{record.selected}, as they were known at the time.{thinned}",
        [keys[::-1], shades],
        [EQUITY, LABELS, AXES],
        _growth(record),
    )


def rolling(record: Record) -> Figure | None:
    """Sharpe ratio and volatility of the last year of bars; None where the test is shorter than that."""
    stamps, ours = record.timestamps, record.rolling[record.selected]
    known = np.isfinite(ours[0])
    if not known.any():
        return None
    lines = [record.selected, *(name for name in (STATIC, EQUAL_WEIGHT, INDEX) if name in record.rolling)]
    first = int(np.flatnonzero(np.isfinite(ours[1]))[0])  # the Sharpe ratio of a year in cash is undefined
    step, after = drawn_bars(len(stamps) - first, MAX_POINTS)
    drawn = [first + n for n in after]
    x = dates(stamps[drawn])
    data: list[Json] = []
    keys = []
    for name in reversed(lines):
        swatch = "adaptive" if name == record.selected else name.replace("_", "-")
        title = "Adaptive" if name == record.selected else record.title(name)
        sharpe, volatility = record.rolling[name]
        data += [
            line(title, x, rounded(sharpe[drawn]), swatch, "y", "%{y:.2f}"),
            line(title, x, rounded(volatility[drawn]), swatch, "y2", "%{y:.1%}"),
        ]
        keys.append(Key(title, f"line {swatch}", number(float(sharpe[-1]))))
    layout = layout_of(
        xaxis={**axis(), "anchor": "y2", "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**axis(), "domain": [0.36, 1.0], "zeroline": True, "zerolinecolor": "var(--rule)", "nticks": 6},
        yaxis2={**axis(), "domain": [0.0, 0.28], "tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        hovermode="x unified",
        hoversubplots="axis",
    )
    window, thinned = first + 1, f" One bar in {step} is drawn." if step > 1 else ""
    theirs = record.rolling[EQUAL_WEIGHT][0]
    both = known & np.isfinite(theirs)
    above = percent(float((ours[0][both] > theirs[both]).mean()), 0) if both.any() else "–"
    low, high = (number(float(edge(ours[0][known]))) for edge in (np.min, np.max))
    reading = (
        f"Over {counted(window, 'bar')} at a time the adaptive strategy’s Sharpe ratio lay between {low} and {high}, "
        f"above zero at {percent(float((ours[0][known] > 0).mean()), 0)} of the bars and above equal weight’s at "
        f"{above}."
    )
    return Figure(
        "rolling",
        {"data": data, "layout": layout},
        f"Sharpe ratio and volatility a year of the last {counted(window, 'bar')}, from {day(stamps[first])} to "
        f"{day(stamps[-1])}. {reading}",
        f"Sharpe ratio, above, and volatility a year of the {counted(window, 'bar')} that end at each; the key gives "
        f"the last Sharpe ratio.{thinned}",
        [keys[::-1]],
        [ROLLING, AXES],
        reading,
    )


def weights(record: Record) -> Figure:
    """What the selected run held, long or short, stacked by sector or symbol; the upper edge is its exposure."""
    stamps, held = record.timestamps, record.weights
    step, drawn = drawn_bars(len(stamps), MAX_AREA_POINTS)
    x = dates(stamps[drawn])
    groups = _areas(record)
    exposure = np.abs(held).sum(axis=1)
    data: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": rounded(area[drawn]),
            "stackgroup": "held",
            "line": {"width": 0},
            "fillcolor": f"var(--s{_colour(k, name)})",
            "hovertemplate": "%{y:.1%}",
        }
        for k, (name, area) in enumerate(groups.items())
    ]
    data.append(line("Exposure", x, rounded(exposure[drawn]), "exposure", "y", "%{y:.1%}"))
    layout = layout_of(
        xaxis={**axis(), "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**axis(), "tickformat": ".0%", "rangemode": "tozero", "nticks": 6},
        hovermode="x unified",
    )
    keys = [
        Key(name, f"area s{_colour(k, name)}", percent(float(area.mean())))
        for k, (name, area) in enumerate(groups.items())
    ]
    every = f" One bar in {step} is drawn." if step > 1 else ""
    kind = "sector" if record.sectors else "symbol"
    shares = ", ".join(f"{key.name} {key.value}" for key in keys)
    short = bool((held < 0).any())
    size, rest = (", long and short alike", "") if short else ("", ", and cash for the rest")
    above = "" if short else ", what is above it is cash"
    return Figure(
        "weights",
        {"data": data, "layout": layout},
        f"Weights of the adaptive strategy by {kind}{size}, stacked; on average {shares}{rest}. "
        f"Mean exposure {percent(float(exposure.mean()))}.",
        f"Weights by {kind} at the close{size}, stacked; the upper edge is the exposure{above}. "
        f"The key gives each one’s average.{every}",
        [keys],
        [WEIGHTS, AXES],
    )


def _growth(record: Record) -> str:
    """What the equity figure shows, in a sentence."""
    initial, ours = record.settings.initial_capital, record.equity[record.selected]
    falls = {
        name: float(drawdown_series(record.equity[name], initial).min()) for name in (record.selected, EQUAL_WEIGHT)
    }
    theirs = number(float(record.equity[EQUAL_WEIGHT][-1]) / initial)
    return (
        f"Each unit of capital became {number(float(ours[-1]) / initial)}, against {theirs} in equal weight, and was "
        f"at worst {percent(-falls[record.selected])} below its peak, against {percent(-falls[EQUAL_WEIGHT])}."
    )


def _bands(record: Record) -> list[Json]:
    """One path a regime, a box for each of its episodes, over the whole height."""
    seen, stamps = record.results.regimes[record.selected], record.timestamps
    boxes: dict[int, list[str]] = {}
    for each in seen.episodes:
        first, after = stamps[each.first], stamps[min(each.last + 1, len(stamps) - 1)]
        left, right = (str(stamp.astype("datetime64[s]")).replace("T", "_") for stamp in (first, after))
        boxes.setdefault(each.label, []).append(f"M{left},0V1H{right}V0Z")
    return [
        {
            "type": "path",
            "path": "".join(boxes[k]),
            "xref": "x",
            "yref": "paper",
            "layer": "below",
            "line": {"width": 0},
            "fillcolor": f"var(--r{shade(k, len(seen.names))})",
        }
        for k in sorted(boxes)
    ]


def _areas(record: Record) -> dict[str, Float]:
    """Sizes of weights by sector or symbol, the largest first; the smallest together where there are too many."""
    keys = record.sectors or record.symbols
    sums = {key: np.zeros(len(record.weights)) for key in sorted(set(keys))}
    for key, column in zip(keys, np.abs(record.weights).T, strict=True):
        sums[key] += column
    ordered = dict(sorted(sums.items(), key=lambda item: -item[1].mean()))
    if len(ordered) <= MAX_AREAS:
        return ordered
    large = dict(list(ordered.items())[: MAX_AREAS - 1])
    rest = list(ordered.values())[MAX_AREAS - 1 :]
    return {**large, f"{len(rest)} others": np.sum(rest, axis=0)}


def _colour(k: int, name: str) -> int:
    return MAX_AREAS if name.endswith(" others") else k + 1
