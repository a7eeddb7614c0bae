"""How the score of a search depends on its parameters."""

from __future__ import annotations

from itertools import product

from regimefolio.core.types import Json
from regimefolio.report.contents import Number, Surface
from regimefolio.report.figures.drawing import Figure, axis, layout_of, six
from regimefolio.report.record import ROBUSTNESS, Record
from regimefolio.report.words import metric_name, number, parameter

MOST_NUMBERS = 80
"""Cells of a heat map that have their number written in them; in more it is shown under the pointer."""

MOST_CELLS = 400
"""Cells that are drawn as a map; more are dots."""


def surfaces(record: Record) -> list[Figure]:
    """One figure a strategy: a line over one parameter, a heat map over two, dots where the values make no grid."""
    found = record.robustness.surface
    return [_surface(kind, each, metric_name(found.objective)) for kind, each in found.strategies.items()]


def _surface(kind: str, found: Surface, score: str) -> Figure:
    scores = {tuple(map(parameter, point[:-1])): _score(point[-1]) for point in found.points}
    values = [_ordered([point[n] for point in found.points]) for n in range(len(found.parameters))]
    chosen = tuple(map(parameter, found.chosen))
    known = [value for value in (_score(point[-1]) for point in found.points) if value is not None]
    if len(values) == 1:
        drawn, height = _line_over(found.parameters[0], values[0], scores, chosen, score), 220
    elif not _is_grid(found, scores, values):
        drawn, height = _dots(found, score), 260
    else:
        drawn, height = _heat(found.parameters, values, scores, chosen), min(460, 70 + 36 * len(values[0]))
    place = ", ".join(f"{name} {value}" for name, value in zip(found.parameters, chosen, strict=True))
    held = ", ".join(f"{name} {parameter(value)}" for name, value in found.held.items())
    rest = f" Held at the chosen value: {held}." if held else " The other parameters vary." if found.others_vary else ""
    shown = f"{kind}: from {number(min(known))} to {number(max(known))}" if known else f"{kind}: no trial has a {score}"
    reached = f": {number(scores.get(chosen))}{_around(scores, values, chosen)}"
    # Where the rest varies, several trials may stand at one place, and its score is not the chosen one's.
    reading = f"{shown}; chosen, at {place}{'' if found.others_vary else reached}."
    return Figure(
        f"surface-{kind}",
        drawn,
        f"The {score} of {kind} in training over {' and '.join(found.parameters)}. {reading}",
        f"{score[0].upper()}{score[1:]} of parameter discovery by {' and '.join(found.parameters)}; the chosen point "
        f"is marked.{rest}",
        [],
        [ROBUSTNESS],
        reading,
        height,
    )


def _is_grid(found: Surface, scores: dict[tuple[str, ...], Number], values: list[list[str]]) -> bool:
    """Whether a map would have few holes, and not too many cells."""
    cells = len(values[0]) * len(values[1])
    return not found.others_vary and cells <= MOST_CELLS and 2 * len(scores) >= cells


def _score(value: Json) -> Number:
    return float(value) if isinstance(value, int | float) else None


def _ordered(values: list[Json]) -> list[str]:
    """Different values as they are written: numbers by size, others as they come."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    ordered: list[Json] = [*sorted(numbers)] if len(numbers) == len(values) else values
    return list(dict.fromkeys(map(parameter, ordered)))


def _around(scores: dict[tuple[str, ...], Number], values: list[list[str]], chosen: tuple[str, ...]) -> str:
    """What the chosen point's neighbours on the grid scored, in words."""
    if any(value not in axis_values for value, axis_values in zip(chosen, values, strict=True)):
        return ""
    at = [axis_values.index(value) for value, axis_values in zip(chosen, values, strict=True)]
    steps = [step for step in product((-1, 0, 1), repeat=len(at)) if sum(map(abs, step)) == 1]
    places = [[n + by for n, by in zip(at, step, strict=True)] for step in steps]
    inside = [p for p in places if all(0 <= n < len(v) for n, v in zip(p, values, strict=True))]
    near = [scores.get(tuple(v[n] for n, v in zip(p, values, strict=True))) for p in inside]
    known = [value for value in near if value is not None]
    if not known:
        return ""
    low, high = number(min(known)), number(max(known))
    return f", its neighbours {low}" + (f" to {high}" if high != low else "")


def _heat(
    names: list[str], values: list[list[str]], scores: dict[tuple[str, ...], Number], chosen: tuple[str, ...]
) -> dict[str, Json]:
    """Boxes, the darker the better, with their numbers: plotly's own heat map is a picture, which the page forbids."""
    down, across = values
    known = [value for value in scores.values() if value is not None]
    low, width = min(known, default=0.0), (max(known, default=0.0) - min(known, default=0.0)) or 1.0
    boxes: list[Json] = []
    texts: list[Json] = []
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            score = scores.get((y, x))
            texts.append(number(score))
            if score is not None:
                depth = six(0.06 + 0.52 * (score - low) / width)
                filled: dict[str, Json] = {"fillcolor": "var(--heat)", "opacity": depth, "line": {"width": 0}}
                boxes.append({**_box(row, column), **filled, "layer": "below"})
    if chosen[0] in down and chosen[1] in across:
        outline: dict[str, Json] = {"line": {"width": 2.5, "color": "var(--ink)"}}
        boxes.append({**_box(down.index(chosen[0]), across.index(chosen[1])), **outline})
    few = len(texts) <= MOST_NUMBERS
    data: Json = {
        "type": "scatter",
        "mode": "text" if few else "markers",
        "x": [x for _ in down for x in across],
        "y": [y for y in down for _ in across],
        "text": texts,
        "textfont": {"color": "var(--ink)"},
        "marker": {"opacity": 0, "size": 12},
        "hovertemplate": f"{names[0]} %{{y}}, {names[1]} %{{x}}: %{{text}}<extra></extra>",
    }
    layout = layout_of(xaxis=_categories(names[1], across), yaxis=_categories(names[0], down, True), shapes=boxes)
    return {"data": [data], "layout": layout}


def _box(row: int, column: int) -> dict[str, Json]:
    """One cell, with a little air around it."""
    edges: dict[str, Json] = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.47, "y1": row + 0.47}
    return {"type": "rect", **edges}


def _categories(name: str, values: list[str], downwards: bool = False) -> dict[str, Json]:
    """An axis of values in their order."""
    ends: list[Json] = [-0.52, len(values) - 0.48]
    return {
        **axis(),
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [*values],
        "range": ends[::-1] if downwards else ends,
        "showgrid": False,
        "title": {"text": name, "standoff": 8},
    }


def _line_over(
    name: str, values: list[str], scores: dict[tuple[str, ...], Number], chosen: tuple[str, ...], score: str
) -> dict[str, Json]:
    curve: Json = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [*values],
        "y": [_six(scores.get((value,))) for value in values],
        "line": {"color": "var(--bar-2)", "width": 1.5},
        "marker": {"size": 7},
        "hovertemplate": f"{name} %{{x}}: %{{y:.2f}}<extra></extra>",
    }
    layout = layout_of(xaxis=_categories(name, values), yaxis={**axis(), "title": {"text": score}, "nticks": 5})
    return {"data": [curve, _chosen([chosen[0]], [_six(scores.get(chosen))])], "layout": layout}


def _dots(found: Surface, score: str) -> dict[str, Json]:
    """Trials at any values of two parameters, coloured by their score."""
    shown = [point for point in found.points if _score(point[-1]) is not None]
    dots: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": [_place(point[1]) for point in shown],
        "y": [_place(point[0]) for point in shown],
        "text": [number(_score(point[-1])) for point in shown],
        "marker": {
            "size": 9,
            "color": [_six(_score(point[-1])) for point in shown],
            "colorscale": [[0, "var(--pale)"], [1, "var(--heat)"]],
            "showscale": True,
            "colorbar": {"thickness": 10, "outlinewidth": 0},
            "line": {"width": 1, "color": "var(--muted)"},
        },
        "hovertemplate": f"{found.parameters[0]} %{{y}}, {found.parameters[1]} %{{x}}: %{{text}}<extra>{score}</extra>",
    }
    layout = layout_of(
        xaxis={**axis(), "title": {"text": found.parameters[1]}},
        yaxis={**axis(), "title": {"text": found.parameters[0]}, "nticks": 6},
    )
    return {"data": [dots, _chosen([_place(found.chosen[1])], [_place(found.chosen[0])])], "layout": layout}


def _place(value: Json) -> Json:
    """Where a value stands on an axis: at its number, or at its name."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else parameter(value)


def _chosen(x: list[Json], y: list[Json]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "marker": {"color": "var(--adaptive)", "size": 14, "symbol": "diamond-open", "line": {"width": 2}},
        "hoverinfo": "skip",
    }


def _six(value: Number) -> Json:
    return None if value is None else six(value)
