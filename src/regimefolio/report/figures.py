"""One function a figure: a specification for plotly as plain dictionaries, its words, and the files it came from.

Colours are written as `var(--name)`; the page's style sheet knows them in light and dark, and its script puts them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regimefolio.core.types import Float, Json, Times
from regimefolio.evaluation import drawdown_series
from regimefolio.report.record import (
    AXES,
    ENSEMBLE_RETURNS,
    EQUAL_WEIGHT,
    EQUITY,
    INDEX,
    LABELS,
    OVERFITTING,
    STATIC,
    TRIAL_RETURNS,
    WEIGHTS,
    Record,
)
from regimefolio.report.words import counted, day, number, percent

MAX_POINTS = 3000
"""Points of a curve that are drawn; of longer ones every k-th bar and the last."""

MAX_AREA_POINTS = 600
MAX_AREAS = 10
SHADES = 5


@dataclass(frozen=True)
class Key:
    """One entry of a figure's key: its name, the class of its swatch, a number or a word beside it."""

    name: str
    swatch: str
    value: str


@dataclass(frozen=True)
class Figure:
    """A figure; `alt` says in words what it shows, `sources` are the files it was drawn from."""

    name: str
    spec: dict[str, Json]
    alt: str
    caption: str
    keys: Sequence[Sequence[Key]]
    sources: Sequence[str]


def equity(record: Record) -> Figure:
    """Equity (log) and drawdown of the selected run, static, equal weight and the index, regimes shaded."""
    stamps, initial = record.timestamps, record.settings.initial_capital
    lines = [record.selected, *(name for name in (STATIC, EQUAL_WEIGHT, INDEX) if name in record.equity)]
    step, drawn = _drawn(len(stamps), MAX_POINTS)
    x = _dates(stamps[drawn])
    data: list[Json] = []
    keys = []
    lowest, highest = np.inf, -np.inf
    for name in reversed(lines):
        swatch = "adaptive" if name == record.selected else name.replace("_", "-")
        growth = record.equity[name] / initial
        alive = np.where(growth > 0, growth, np.nan)
        lowest, highest = min(lowest, np.nanmin(alive)), max(highest, np.nanmax(alive))
        title = "Adaptive" if name == record.selected else record.title(name)
        under = _line(
            title, x, _rounded(drawdown_series(record.equity[name], initial)[drawn]), swatch, "y2", "%{y:.1%}"
        )
        if name == record.selected:
            under |= {"fill": "tozeroy", "fillcolor": "var(--fill)"}
        data += [_line(title, x, _rounded(alive[drawn]), swatch, "y", "%{y:.2f}×"), under]
        keys.append(Key(title, f"line {swatch}", f"×{number(float(growth[-1]))}"))
    names = record.results.regimes[record.selected].names
    label = record.labels[record.selected]
    shades = [
        Key(name, f"shade r{shade(k, len(names))}", percent(float((label == k).mean()), 0))
        for k, name in enumerate(names)
    ]
    layout = _layout(
        xaxis={**_axis(), "anchor": "y2", "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**_axis(), "domain": [0.36, 1.0], "type": "log", **_log_ticks(lowest, highest)},
        yaxis2={**_axis(), "domain": [0.0, 0.28], "tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        shapes=_bands(record),
        hovermode="x unified",
        hoversubplots="axis",
    )
    ends = ", ".join(f"{key.name} {key.value}" for key in reversed(keys))
    thinned = f" Every {step}th bar is drawn." if step > 1 else ""
    return Figure(
        "equity",
        {"data": data, "layout": layout},
        f"Growth of the initial capital on a logarithmic scale, and drawdown below it, from {day(stamps[0])} to "
        f"{day(stamps[-1])}. At the end: {ends}. The background shows the regime known at each bar.",
        f"Equity as a multiple of the initial capital, log scale, and drawdown from its peak. Shaded: the regimes of "
        f"{record.selected}, as they were known at the time.{thinned}",
        [keys[::-1], shades],
        [EQUITY, LABELS, AXES],
    )


def weights(record: Record) -> Figure:
    """What the selected run held, stacked by sector or symbol; the upper edge is its exposure."""
    stamps, held = record.timestamps, record.weights
    step, drawn = _drawn(len(stamps), MAX_AREA_POINTS)
    x = _dates(stamps[drawn])
    groups = _areas(record)
    exposure = np.abs(held).sum(axis=1)
    data: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": _rounded(area[drawn]),
            "stackgroup": "held",
            "line": {"width": 0},
            "fillcolor": f"var(--s{_colour(k, name)})",
            "hovertemplate": "%{y:.1%}",
        }
        for k, (name, area) in enumerate(groups.items())
    ]
    data.append(_line("Exposure", x, _rounded(exposure[drawn]), "exposure", "y", "%{y:.1%}"))
    layout = _layout(
        xaxis={**_axis(), "type": "date", "range": [x[0], x[-1]], "showgrid": False},
        yaxis={**_axis(), "tickformat": ".0%", "rangemode": "tozero", "nticks": 6},
        hovermode="x unified",
    )
    keys = [
        Key(name, f"area s{_colour(k, name)}", percent(float(area.mean())))
        for k, (name, area) in enumerate(groups.items())
    ]
    every = f" Every {step}th bar is drawn." if step > 1 else ""
    kind = "sector" if record.sectors else "symbol"
    shares = ", ".join(f"{key.name} {key.value}" for key in keys)
    return Figure(
        "weights",
        {"data": data, "layout": layout},
        f"Weights of the adaptive strategy by {kind}, stacked; on average {shares}, and cash for the rest. "
        f"Mean exposure {percent(float(exposure.mean()))}.",
        f"Weights by {kind} at the close, stacked; the upper edge is the exposure, what is above it is cash. "
        f"The key gives each one’s average.{every}",
        [keys],
        [WEIGHTS, AXES],
    )


def trials(record: Record) -> Figure:
    """The Sharpe ratios of all trials, with the chosen one and what the best of noise would show."""
    found, root = record.overfitting, record.results.window.periods_per_year**0.5
    risk_free = record.settings.risk_free / record.results.window.periods_per_year
    sharpes = {phase: _sharpes(rows - risk_free) * root for phase, rows in record.trial_returns.items()}
    every = np.concatenate(list(sharpes.values()))
    marks = {"chosen": found.sharpe_per_bar, "best of noise": found.expected_maximum_sharpe_per_bar}
    at = {name: value * root for name, value in marks.items() if value is not None}
    low, high = min([*every, *at.values(), 0.0]), max([*every, *at.values(), 0.0])
    edges = np.arange(np.floor(low * 10) / 10, np.ceil(high * 10 + 0.5) / 10 + 1e-9, 0.1)
    middle = _rounded((edges[:-1] + edges[1:]) / 2)
    keys = []
    data: list[Json] = []
    for phase, values in sharpes.items():
        title = phase.replace("_", " ")
        data.append(
            {
                "type": "bar",
                "name": title,
                "x": middle,
                "y": [int(n) for n in np.histogram(values, edges)[0]],
                "marker": {"color": f"var(--{_PHASE_COLOUR[phase]})", "line": {"width": 0}},
                "hovertemplate": "trials near %{x:.2f}: %{y}<extra>" + title + "</extra>",
            }
        )
        keys.append(Key(title, f"area {_PHASE_COLOUR[phase]}", counted(len(values), "trial")))
    shapes: list[Json] = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": _six(value),
            "x1": _six(value),
            "y0": 0,
            "y1": 1,
            "line": {"width": 2, "color": f"var(--{_MARK[name][0]})", "dash": _MARK[name][1]},
        }
        for name, value in at.items()
    ]
    keys += [Key(name, f"line {_MARK[name][2]}", number(value)) for name, value in at.items()]
    layout = _layout(
        xaxis={**_axis(), "title": {"text": "Sharpe ratio a year, in training"}, "zeroline": False},
        yaxis={**_axis(), "title": {"text": "Trials"}, "nticks": 5},
        barmode="stack",
        bargap=0.12,
        shapes=shapes,
    )
    said = ", ".join(f"{name} {number(value)}" for name, value in at.items())
    return Figure(
        "trials",
        {"data": data, "layout": layout},
        f"Histogram of the Sharpe ratios of {counted(len(every), 'trial')} between {number(low)} and "
        f"{number(high)}; {said}.",
        "Sharpe ratios of all trials, each on its own phase’s bars, beside the chosen strategy’s and the best that so "
        "many worthless trials are expected to show.",
        [keys],
        [TRIAL_RETURNS, ENSEMBLE_RETURNS, OVERFITTING],
    )


_PHASE_COLOUR = {"parameter_discovery": "bar-1", "ensemble_optimization": "bar-2"}
_MARK = {"chosen": ("adaptive", "solid", "adaptive"), "best of noise": ("ink", "dot", "noise")}
_LINE = {
    "adaptive": (1.9, "solid"),
    "static": (1.3, "solid"),
    "equal-weight": (1.3, "solid"),
    "index": (1.2, "dot"),
    "exposure": (0.8, "solid"),
}


def shade(k: int, n: int) -> int:
    """The shade of regime k of n: regimes are ordered, so the first is always the lightest and the last the darkest."""
    return 1 if n < 2 else 1 + round((SHADES - 1) * k / (n - 1))


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
    """Weights by sector, or by symbol; the smallest ones together where there are too many, the largest first."""
    keys = record.sectors or record.symbols
    sums = {key: np.zeros(len(record.weights)) for key in sorted(set(keys))}
    for key, column in zip(keys, record.weights.T, strict=True):
        sums[key] += column
    ordered = dict(sorted(sums.items(), key=lambda item: -item[1].mean()))
    if len(ordered) <= MAX_AREAS:
        return ordered
    large = dict(list(ordered.items())[: MAX_AREAS - 1])
    rest = list(ordered.values())[MAX_AREAS - 1 :]
    return {**large, f"{len(rest)} others": np.sum(rest, axis=0)}


def _colour(k: int, name: str) -> int:
    return MAX_AREAS if name.endswith(" others") else k + 1


def _sharpes(excess: Float) -> Float:
    """Per-bar Sharpe ratios of the trials that have one."""
    whole = excess[np.isfinite(excess).all(axis=1)]
    spread = whole.std(axis=1, ddof=1)
    found: Float = whole.mean(axis=1)[spread > 0] / spread[spread > 0]
    return found


def _line(name: str, x: list[Json], y: list[Json], swatch: str, yaxis: str, hover: str) -> dict[str, Json]:
    width, dash = _LINE[swatch]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "yaxis": yaxis,
        "line": {"color": f"var(--{swatch})", "width": width, "dash": dash},
        "hovertemplate": hover,
    }


def _layout(**parts: Json) -> dict[str, Json]:
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "var(--font)", "size": 12, "color": "var(--muted)"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hoverlabel": {
            "bgcolor": "var(--surface)",
            "bordercolor": "var(--rule)",
            "font": {"family": "var(--font)", "size": 12, "color": "var(--ink)"},
        },
        **parts,
    }


def _axis() -> dict[str, Json]:
    return {
        "automargin": True,
        "gridcolor": "var(--grid)",
        "linecolor": "var(--rule)",
        "zeroline": False,
        "tickcolor": "var(--rule)",
        "title": {"standoff": 8},
    }


def _log_ticks(low: float, high: float) -> dict[str, Json]:
    """Round multiples between the ends of a logarithmic axis."""
    steps = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 10 else (1, 2, 5) if high / low < 200 else (1,)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    inside: list[Json] = [tick for tick in ticks if low * 0.97 <= tick <= high * 1.03]
    texts: list[Json] = [f"×{tick:g}" for tick in ticks if low * 0.97 <= tick <= high * 1.03]
    edges: list[Json] = [_six(float(np.log10(low * 0.97))), _six(float(np.log10(high * 1.04)))]
    return {"tickvals": inside, "ticktext": texts, "range": edges}


def _drawn(bars: int, most: int) -> tuple[int, Sequence[int]]:
    """Every k-th bar and the last one, so that at most about `most` are drawn."""
    step = -(-bars // most)
    return step, [*range(0, bars - 1, step), bars - 1]


def _dates(stamps: Times) -> list[Json]:
    return [day(stamp) for stamp in stamps]


def _six(value: float) -> float:
    return float(f"{value:.6g}")


def _rounded(values: Float) -> list[Json]:
    """Six significant digits; an undefined value is a gap."""
    return [_six(value) if value == value else None for value in values.tolist()]


def all_figures(record: Record) -> Mapping[str, Figure]:
    """The figures by name."""
    return {figure.name: figure for figure in (equity(record), weights(record), trials(record))}
