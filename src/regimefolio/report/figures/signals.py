"""What the opinions of each strategy were worth, in three small figures each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from regimefolio.core.types import Json
from regimefolio.kernels.metrics import Z95
from regimefolio.report.contents import Number
from regimefolio.report.figures.drawing import Figure, axis, layout_of, six
from regimefolio.report.measured import AlphaBin, ConfidenceBin, Histogram, Opinions
from regimefolio.report.record import SIGNAL_QUALITY, STATIC, Record
from regimefolio.report.words import counted, number, percent

HEIGHT = 250


@dataclass(frozen=True)
class Panels:
    """One strategy's small figures."""

    title: str
    figures: Sequence[Figure]


def signals(record: Record) -> list[Panels]:
    """The strategies of the static ensemble, each with its decay where there is one, its alpha and its confidence."""
    static = [each for each in record.signal_quality.strategies if STATIC in each.weights]
    return [
        Panels(
            f"{each.strategy}, over {counted(each.horizon, 'bar')}",
            [*([_decay(each)] if _has_coefficients(each) else []), _alpha(each), _confidence(each)],
        )
        for each in static
    ]


def _has_coefficients(found: Opinions) -> bool:
    return any(ic is not None for ic in found.decay.ic)


def _decay(found: Opinions) -> Figure:
    """Coefficients by lag with 95% intervals, and the fit where it is one."""
    decay = found.decay
    points = [(h, ic, error) for h, ic, error in zip(decay.lag, decay.ic, decay.error, strict=True) if ic is not None]
    dots = _dots(
        [h for h, _, _ in points],
        [ic for _, ic, _ in points],
        [None if error is None else Z95 * error for _, _, error in points],
        "after %{x} bars: %{y:.3f}",
    )
    data: list[Json] = [dots]
    if decay.half_life is not None and decay.initial is not None:
        over = np.linspace(decay.lag[0], decay.lag[-1], 60)
        curve = decay.initial * np.exp2(-(over - 1) / decay.half_life)
        data.append(_curve([six(x) for x in over.tolist()], [six(y) for y in curve.tolist()]))
    layout = layout_of(
        xaxis={**axis(), "title": _small("bars after the fill"), "showgrid": False, "nticks": 6},
        yaxis={**axis(), "zeroline": True, "zerolinecolor": "var(--muted)", "nticks": 5},
    )
    first = next((ic for h, ic, _ in points if h == 1), None)
    return _panel(
        found, "decay", "IC with one bar’s return, by lag", {"data": data, "layout": layout}, _half(found, first)
    )


def _half(found: Opinions, first: Number) -> str:
    """How long an opinion lasts, in a sentence."""
    decay = found.decay
    start = f"The first bar’s coefficient is {number(first, 3)}; " if first is not None else ""
    if decay.half_life is None:
        said = f"{start}no half-life: {decay.reason}."
    else:
        said = (
            f"{start}it halves in {number(decay.half_life, 1)} bars, {number(decay.low, 1)} to "
            f"{number(decay.high, 1)} at 95%."
        )
    return said[0].upper() + said[1:]


def _alpha(found: Opinions) -> Figure:
    """Mean returns by alpha with standard errors, above how many opinions there were."""
    held = [each for each in found.by_alpha if each.mean_alpha is not None and each.mean_return is not None]
    data: list[Json] = [
        _dots(
            [each.mean_alpha for each in held],
            [each.mean_return for each in held],
            [each.error for each in held],
            "alpha %{x:.2f}: %{y:.2%}",
        ),
        _shares(found.alpha_histogram, "alpha"),
    ]
    total = sum(each.opinions for each in held)
    shapes: list[Json] = []
    if total:
        mean = sum(each.opinions * (each.mean_return or 0.0) for each in held) / total
        shapes.append(_reference(-1.0, mean, 1.0, mean))
    layout = _over_shares("alpha", [-1.05, 1.05], ".1%", shapes)
    head = f"Return over {counted(found.horizon, 'bar')}, by alpha"
    return _panel(found, "alpha", head, {"data": data, "layout": layout}, _ends(held))


def _ends(held: Sequence[AlphaBin]) -> str:
    """What followed the lowest and the highest alphas, in a sentence."""
    if len(held) < 2:
        return "There are too few opinions to compare."

    def said(each: AlphaBin) -> str:
        error = "" if each.error is None else f" ± {percent(each.error, 2)}"
        return f"alphas near {number(each.mean_alpha, 1)} came {percent(each.mean_return, 2)}{error}"

    return f"After {said(held[0])}, after {said(held[-1])}."


def _confidence(found: Opinions) -> Figure:
    """How often signs were right by confidence, with the diagonal of calibration, above how many there were."""
    held = [each for each in found.reliability if each.mean_confidence is not None and each.realised is not None]
    data: list[Json] = [
        _dots(
            [each.mean_confidence for each in held],
            [each.realised for each in held],
            [_reach(each) for each in held],
            "confidence %{x:.2f}: %{y:.3f}",
        ),
        _shares(found.confidence_histogram, "confidence"),
    ]
    layout = _over_shares("confidence", [-0.03, 1.03], ".1f", [_reference(0.0, 0.0, 1.0, 1.0)])
    return _panel(
        found,
        "confidence",
        "How often right (2p − 1), by confidence",
        {"data": data, "layout": layout},
        _calibrated(held),
    )


def _reach(each: ConfidenceBin) -> Number:
    if each.interval_high is None or each.interval_low is None or each.realised is None:
        return None
    return max(each.interval_high - each.realised, each.realised - each.interval_low)


def _calibrated(held: Sequence[ConfidenceBin]) -> str:
    """Whether confidence is what came true, by the highest bin that can be tested, in a sentence."""
    if not held:
        return "There is no opinion with a return."
    surest = [each for each in held if each.interval_low is not None] or held
    most = surest[-1]
    claim, right = _right(most.mean_confidence), _right(most.realised)
    said = (
        f"The surest opinions, of confidence {number(most.mean_confidence)}, were right as often as {number(right, 3)}"
    )
    low, high = _right(most.interval_low), _right(most.interval_high)
    if claim is None or low is None or high is None:
        return f"{said}; there are too few bars to say more."
    between = f"{said} ({number(low, 3)} to {number(high, 3)})"
    if low <= claim <= high:
        return f"{between}: calibrated, {number(claim, 3)} was claimed."
    return f"{between}, not {number(claim, 3)}: not calibrated."


def _right(value: Number) -> Number:
    """The share p of right signs, of 2p - 1."""
    return None if value is None else (1.0 + value) / 2.0


def _panel(found: Opinions, what: str, head: str, spec: dict[str, Json], reading: str) -> Figure:
    return Figure(
        f"signals-{found.strategy}-{what}",
        spec,
        f"{head}, of {found.strategy}. {reading}",
        head,
        [],
        [SIGNAL_QUALITY],
        reading,
        HEIGHT,
    )


def _dots(x: Sequence[Number], y: Sequence[Number], reach: Sequence[Number], hover: str) -> Json:
    """Estimates with a bar to either side."""
    bars: Json = {
        "type": "data",
        "array": [None if each is None else six(each) for each in reach],
        "thickness": 1.2,
        "width": 0,
        "color": "var(--bar-2)",
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None if each is None else six(each) for each in x],
        "y": [None if each is None else six(each) for each in y],
        "error_y": bars,
        "marker": {"color": "var(--adaptive)", "size": 6},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _small(text: str) -> Json:
    return {"text": text, "standoff": 6, "font": {"size": 12}}


def _curve(x: list[Json], y: list[Json]) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "var(--static)", "width": 1.5},
        "hoverinfo": "skip",
    }


def _shares(found: Histogram, what: str) -> Json:
    """Opinions by bins, as shares of all, below."""
    total = sum(found.counts) or 1
    return {
        "type": "bar",
        "x": [six((low + high) / 2) for low, high in pairwise(found.edges)],
        "y": [six(each / total) for each in found.counts],
        "yaxis": "y2",
        "marker": {"color": "var(--bar-1)", "line": {"width": 0}},
        "hovertemplate": f"{what} near %{{x:.2f}}: %{{y:.1%}} of the opinions<extra></extra>",
    }


def _reference(x0: float, y0: float, x1: float, y1: float) -> Json:
    """A dotted line to compare with."""
    return {
        "type": "line",
        "x0": x0,
        "y0": six(y0),
        "x1": x1,
        "y1": six(y1),
        "layer": "below",
        "line": {"width": 1.2, "color": "var(--index)", "dash": "dot"},
    }


def _over_shares(name: str, reach: list[Json], shown: str, shapes: list[Json]) -> dict[str, Json]:
    """Estimates above, shares of opinions below, over one axis."""
    return layout_of(
        xaxis={**axis(), "title": _small(name), "anchor": "y2", "range": reach, "showgrid": False, "nticks": 6},
        yaxis={
            **axis(),
            "domain": [0.36, 1.0],
            "tickformat": shown,
            "nticks": 5,
            "zeroline": True,
            "zerolinecolor": "var(--muted)",
        },
        yaxis2={**axis(), "domain": [0.0, 0.26], "tickformat": ".0%", "rangemode": "tozero", "nticks": 3},
        bargap=0.12,
        shapes=shapes,
    )
