"""Which optimizers are alike: one tree a distance."""

from __future__ import annotations

from regimefolio.core.types import Json
from regimefolio.evaluation import Clustering, OptimizerClusters
from regimefolio.report.figures.allocation import ROW
from regimefolio.report.figures.drawing import Figure, axis, layout_of, rounded, six
from regimefolio.report.words import counted, listed

_TITLES = {
    "weight_distance": "By the weights’ distance",
    "weights_correlation": "By the weights’ correlation",
    "returns_correlation": "By the returns’ correlation",
    "performance": "By performance",
}

_CUT = {
    "weight_distance": "20% held differently",
    "weights_correlation": "a correlation of 0.9",
    "returns_correlation": "a correlation of 0.9",
    "performance": "half a deviation",
}

_CORRELATIONS = (1.0, 0.99, 0.9, 0.7, 0.5, 0.0, -0.5, -1.0)


def dendrograms(clusters: OptimizerClusters) -> list[Figure]:
    """A tree for each distance, those with fewer than two optimizers left out."""
    return [
        _tree(name, title, getattr(clusters, name))
        for name, title in _TITLES.items()
        if len(getattr(clusters, name).names) > 1
    ]


def _tree(name: str, title: str, found: Clustering) -> Figure:
    drawn = found.dendrogram()
    x: list[Json] = []
    y: list[Json] = []
    for across, height in zip(drawn.across, drawn.height, strict=True):
        x += [*rounded(height), None]
        y += [*rounded(across), None]
    most = max(float(drawn.height.max()), 1.1 * found.threshold)
    bands: list[Json] = []
    for cluster in found.clusters:
        places = [drawn.names.index(each) for each in cluster]
        if len(places) > 1:
            bands.append(_band(min(places), max(places)))
    data: Json = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "var(--soft)", "width": 1.2},
        "hovertemplate": "joined at %{x:.3f}<extra></extra>",
    }
    ends: list[Json] = [six(-0.02 * most), six(1.05 * most)]
    layout = layout_of(
        xaxis={**axis(), "range": ends, **_ticks(name, most)},
        yaxis={
            **axis(),
            "tickvals": [*range(len(drawn.names))],
            "ticktext": [*drawn.names],
            "tickfont": {"size": 11},
            "range": [len(drawn.names) - 0.4, -0.6],
            "showgrid": False,
            "ticks": "",
        },
        shapes=[*bands, _cut(found.threshold)],
        hovermode="closest",
    )
    several = [cluster for cluster in found.clusters if len(cluster) > 1]
    alone = len(found.clusters) - len(several)
    parts = [counted(len(several), "cluster")] if several else []
    parts += [f"{alone} alone"] if alone else []
    left_out = f" {listed(found.left_out)}: no distance." if found.left_out else ""
    return Figure(
        f"tree-{name}",
        {"data": [data], "layout": layout},
        f"Tree of optimizers. {title}: {'; '.join(', '.join(each) for each in found.clusters)}.",
        title,
        [],
        [],
        f"{listed(parts)}, cut at {_CUT[name]}.{left_out}",
        70 + ROW * len(drawn.names),
    )


def _ticks(name: str, most: float) -> dict[str, Json]:
    """Distances, or the correlations that they stand for."""
    if not name.endswith("correlation"):
        words = "Share held differently" if name == "weight_distance" else "Deviations apart"
        percents: dict[str, Json] = {"tickformat": ".0%"} if name == "weight_distance" else {}
        return {"title": {"text": words}, "nticks": 5, **percents}
    at = {value: ((1.0 - value) / 2.0) ** 0.5 for value in _CORRELATIONS}
    inside = {v: place for v, place in at.items() if place <= 1.05 * most and (v != 0.99 or place > 0.12 * most)}
    return {
        "title": {"text": "Correlation"},
        "tickvals": [six(place) for place in inside.values()],
        "ticktext": [f"{value:g}".replace("-", "−") for value in inside],
    }


def _cut(threshold: float) -> dict[str, Json]:
    """Where the tree is cut."""
    return {
        "type": "line",
        "yref": "paper",
        "x0": six(threshold),
        "x1": six(threshold),
        "y0": 0,
        "y1": 1,
        "line": {"width": 1.2, "color": "var(--index)", "dash": "dot"},
    }


def _band(first: int, last: int) -> dict[str, Json]:
    """The ground of a cluster."""
    return {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": first - 0.42,
        "y1": last + 0.42,
        "fillcolor": "var(--pale)",
        "line": {"width": 0},
        "layer": "below",
    }
