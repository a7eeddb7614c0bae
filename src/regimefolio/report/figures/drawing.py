"""What a figure is, and what all of them are drawn with.

Colours are written as `var(--name)`; the page's style sheet knows them in light and dark, and its script puts them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regimefolio.core.types import Float, Json, Times
from regimefolio.report.words import day

SHADES = 5

MAX_POINTS = 3000
"""Points of a curve that are drawn; of longer ones every k-th bar and the last."""


@dataclass(frozen=True)
class Key:
    """One entry of a figure's key: its name, the class of its swatch, a number or a word beside it."""

    name: str
    swatch: str
    value: str


@dataclass(frozen=True)
class Figure:
    """A figure; `alt` says in words what it shows, `sources` are the files it was drawn from.

    `reading` is what it says, in a sentence with numbers; empty where the page says it beside the figure.
    """

    name: str
    spec: dict[str, Json]
    alt: str
    caption: str
    keys: Sequence[Sequence[Key]]
    sources: Sequence[str]
    reading: str = ""
    height: int = 0
    """In pixels, where the style sheet cannot know it."""


_LINE = {
    "adaptive": (1.9, "solid"),
    "static": (1.3, "solid"),
    "equal-weight": (1.3, "solid"),
    "index": (1.2, "dot"),
    "exposure": (0.8, "solid"),
    "thin": (0.8, "solid"),
    "ink": (1.2, "dot"),
}


def shade(k: int, n: int) -> int:
    """The shade of regime k of n: regimes are ordered, so the first is always the lightest and the last the darkest."""
    return 1 if n < 2 else 1 + round((SHADES - 1) * k / (n - 1))


def line(name: str, x: list[Json], y: list[Json], swatch: str, yaxis: str, hover: str) -> dict[str, Json]:
    """One curve, in the colour and the width of its swatch."""
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


def layout_of(**parts: Json) -> dict[str, Json]:
    """What all figures share, and the parts of this one."""
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


def axis() -> dict[str, Json]:
    """What all axes share."""
    return {
        "automargin": True,
        "gridcolor": "var(--grid)",
        "linecolor": "var(--rule)",
        "zeroline": False,
        "tickcolor": "var(--rule)",
        "title": {"standoff": 8},
    }


_FINE = (1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)
"""Steps of a decade where the ends of an axis are less than twice apart."""


def log_ticks(low: float, high: float) -> dict[str, Json]:
    """Round multiples between the ends of a logarithmic axis."""
    times = high / low
    steps = _FINE if times < 2 else (1, 1.5, 2, 3, 4, 5, 7) if times < 10 else (1, 2, 5) if times < 200 else (1,)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    inside: list[Json] = [tick for tick in ticks if low * 0.97 <= tick <= high * 1.03]
    texts: list[Json] = [f"×{tick:g}" for tick in ticks if low * 0.97 <= tick <= high * 1.03]
    edges: list[Json] = [six(float(np.log10(low * 0.97))), six(float(np.log10(high * 1.04)))]
    return {"tickvals": inside, "ticktext": texts, "range": edges}


def drawn_bars(bars: int, most: int) -> tuple[int, Sequence[int]]:
    """Every k-th bar and the last one, so that at most about `most` are drawn."""
    step = -(-bars // most)
    return step, [*range(0, bars - 1, step), bars - 1]


def dates(stamps: Times) -> list[Json]:
    """Bars on an axis of time."""
    return [day(stamp) for stamp in stamps]


def six(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")


def rounded(values: Float) -> list[Json]:
    """Six significant digits; an undefined value is a gap."""
    return [six(value) if value == value else None for value in values.tolist()]
