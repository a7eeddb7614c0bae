"""Who holds what: the blend over time, and every optimizer at the last rebalance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regimefolio.core.types import Float, Json
from regimefolio.evaluation import AllocationEvaluation
from regimefolio.report.figures.allocation import BLEND, ROW
from regimefolio.report.figures.drawing import Figure, axis, dates, drawn_bars, layout_of, six
from regimefolio.report.words import counted, day, listed, percent

MAX_ASSETS, MAX_REBALANCES = 25, 120
SMALLEST = 0.0005
"""A weight below this is not drawn: it would be written as 0.0%."""


def blend_over_time(found: AllocationEvaluation) -> Figure:
    """The blend's weights by asset, one column a rebalance, the darker the larger."""
    weights = found.blend.weights
    names, rows = _largest(found.symbols, weights, np.abs(weights).mean(axis=0))
    step, at = drawn_bars(len(weights), MAX_REBALANCES)
    stamps = found.timestamps[at]
    width = np.diff(stamps).astype("timedelta64[ms]").astype(np.int64)
    last = int(np.median(width)) if width.size else 86_400_000
    x = dates(stamps)
    until = stamps[-1] + np.timedelta64(last, "ms")
    data = _cells(rows[at].T, names, x, [day(stamp) for stamp in stamps], [*map(int, width), last])
    layout = layout_of(
        xaxis={**axis(), "type": "date", "range": [x[0], day(until.astype("datetime64[s]"))], "showgrid": False},
        yaxis=_rows(names),
        barmode="overlay",
        hovermode="closest",
    )
    mean = ", ".join(
        f"{name} {percent(float(column.mean()))}" for name, column in list(zip(names, rows.T, strict=True))[:5]
    )
    every = f" One rebalance in {step} is drawn." if step > 1 else ""
    return Figure(
        "held",
        {"data": [data], "layout": layout},
        f"Map of the blend’s weights by asset at {counted(len(weights), 'rebalance')}; the largest on average: {mean}.",
        f"The blend’s weights as ordered, by asset; the largest on average on top. "
        f"Colour follows the root of the weight.{every}",
        [],
        [],
        height=54 + ROW * len(names),
    )


def last_weights(found: AllocationEvaluation) -> Figure:
    """What the blend and every optimizer held after the last rebalance."""
    by_distance = found.clusters.weight_distance
    leaves = by_distance.dendrogram().names
    order = [found.names.index(name) for name in (*leaves, *by_distance.left_out)]
    weights = np.vstack([found.blend.weights[-1:], found.optimizers.weights[-1, order]])
    names, columns = _largest(found.symbols, weights, np.abs(np.nan_to_num(weights)).mean(axis=0))
    titles = [BLEND, *(found.names[k] for k in order)]
    places: list[Json] = [*range(len(names))]
    data = _cells(columns, titles, places, names, [1.0] * len(names))
    layout = layout_of(
        xaxis={
            **axis(),
            "tickvals": [place + 0.5 for place in range(len(names))],
            "ticktext": [*names],
            "tickangle": -60,
            "tickfont": {"size": 11},
            "range": [0, len(names)],
            "showgrid": False,
            "ticks": "",
        },
        yaxis=_rows(titles),
        barmode="overlay",
        hovermode="closest",
    )
    when, missing = (
        day(found.timestamps[-1]),
        [t for t, row in zip(titles, columns, strict=True) if np.isnan(row).any()],
    )
    said = "; ".join(
        f"{title} most {names[int(row.argmax())]}" for title, row in zip(titles, columns, strict=True) if row.max() > 0
    )
    gave_none = f" {listed(missing)} gave none." if missing else ""
    return Figure(
        "last",
        {"data": [data], "layout": layout},
        f"Map of the weights of the blend and every optimizer on {when}: {said}.{gave_none}",
        f"Weights on {when}, the last rebalance: of the blend as ordered, of optimizers as they gave them; neighbours "
        f"are alike. Colour follows the root of the weight.{gave_none}",
        [],
        [],
        height=110 + ROW * len(titles),
    )


def _largest(symbols: Sequence[str], weights: Float, size: Float) -> tuple[list[str], Float]:
    """The assets of the largest size, and the sum of the others where there are too many; weights are (…, N)."""
    order = np.argsort(-np.nan_to_num(size), kind="stable")
    held = int((np.nan_to_num(size) >= SMALLEST).sum())
    if held <= MAX_ASSETS:
        kept = order[: max(held, 1)]
        return [symbols[k] for k in kept], weights[..., kept]
    kept, rest = order[: MAX_ASSETS - 1], order[MAX_ASSETS - 1 : held]
    others = weights[..., rest].sum(axis=-1, keepdims=True)
    return [*(symbols[k] for k in kept), f"{len(rest)} others"], np.concatenate([weights[..., kept], others], axis=-1)


def _cells(
    values: Float, rows: Sequence[str], x: Sequence[Json], columns: Sequence[str], width: Sequence[float]
) -> Json:
    """A map of values (rows, columns) as bars with a base: plotly's own heat map is a picture, which the page forbids.

    The colour of `others` is that of the largest single one at most.
    """
    size = np.abs(np.nan_to_num(values))
    single = np.ix_(*([not name.endswith(" others") for name in names] for names in (rows, columns)))
    most = float(size[single].max()) or 1.0
    short = bool((np.nan_to_num(values) < 0).any())
    cells = [(r, c) for r, c in np.argwhere(size >= SMALLEST).tolist()]
    scale: list[Json] = [[0, "var(--pale)"], [1, "var(--heat)"]]
    if short:
        scale = [[0, "var(--static)"], [0.5, "var(--pale)"], [1, "var(--heat)"]]
    return {
        "type": "bar",
        "x": [x[c] for _, c in cells],
        "y": [0.9] * len(cells),
        "base": [r - 0.45 for r, _ in cells],
        "offset": 0,
        "width": [width[c] for _, c in cells],
        "text": [f"{rows[r]}, {columns[c]}: {percent(float(values[r, c]))}" for r, c in cells],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [six(_root(float(values[r, c]))) for r, c in cells],
            "cmin": -_root(most) if short else 0,
            "cmax": _root(most),
            "colorscale": scale,
            "showscale": True,
            "colorbar": {"thickness": 10, "outlinewidth": 0, **_ticks(most, short)},
            "line": {"width": 0},
        },
    }


def _root(value: float) -> float:
    """What colour follows, so that small weights can be told apart."""
    return float(np.sign(value) * np.sqrt(abs(value)))


def _ticks(most: float, short: bool) -> dict[str, Json]:
    """A few round weights on the scale of colours."""
    sizes = [size for size in _ROUND if size <= 1.001 * most][-4:]
    every = [*(-size for size in sizes[::-1]), 0.0, *sizes] if short else [0.0, *sizes]
    texts: list[Json] = [f"{100.0 * each:g}%".replace("-", "−") for each in every]
    return {"tickvals": [six(_root(each)) for each in every], "ticktext": texts}


_ROUND = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


def _rows(names: Sequence[str]) -> dict[str, Json]:
    """An axis of names, the first on top."""
    return {
        **axis(),
        "tickvals": [*range(len(names))],
        "ticktext": [*names],
        "tickfont": {"size": 11},
        "range": [len(names) - 0.4, -0.6],
        "showgrid": False,
        "ticks": "",
    }
