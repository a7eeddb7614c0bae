"""How much of the result is luck: the trials in training, regimes at the wrong time, trials afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regimefolio.core.types import Float, Json
from regimefolio.report.contents import Trials
from regimefolio.report.figures.drawing import Figure, Key, axis, layout_of, rounded, six
from regimefolio.report.record import ENSEMBLE_RETURNS, OVERFITTING, ROBUSTNESS, TRIAL_RETURNS, Record
from regimefolio.report.words import counted, number


def trials(record: Record) -> Figure:
    """The Sharpe ratios of all trials, with the chosen one and what the best of noise would show."""
    found, root = record.overfitting, record.results.window.periods_per_year**0.5
    window = record.results.window
    ends = {"parameter_discovery": window.parameters_chosen_on.bars, "ensemble_optimization": window.training.bars}
    sharpes = {
        phase: _sharpes(rows, record.risk_free_of(ends[phase], rows.shape[1])) * root
        for phase, rows in record.trial_returns.items()
    }
    every = np.concatenate(list(sharpes.values()))
    marks = {"chosen": found.sharpe_per_bar, "best of noise": found.expected_maximum_sharpe_per_bar}
    at = {name: value * root for name, value in marks.items() if value is not None}
    low, high = min([*every, *at.values(), 0.0]), max([*every, *at.values(), 0.0])
    edges = np.arange(np.floor(low * 10) / 10, np.ceil(high * 10 + 0.5) / 10 + 1e-9, 0.1)
    middle = rounded((edges[:-1] + edges[1:]) / 2)
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
    shapes: list[Json] = [_upright(value, name) for name, value in at.items()]
    keys += [Key(name, f"line {_MARK[name][2]}", number(value)) for name, value in at.items()]
    layout = layout_of(
        xaxis={**axis(), "title": {"text": "Sharpe ratio a year, in training"}, "zeroline": False},
        yaxis={**axis(), "title": {"text": "Trials"}, "nticks": 5},
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


def placebo(record: Record) -> Figure | None:
    """The Sharpe ratios of the same regimes at the wrong time, and that of the real ones; None where there are none."""
    found = record.robustness.placebo
    scores = np.array([score for score in found.scores if score is not None])
    if not scores.size or found.real is None:
        return None
    middle, edges = _bins(np.append(scores, found.real))
    typical = float(np.median(scores))
    data: list[Json] = [
        {
            "type": "bar",
            "x": middle,
            "y": [int(n) for n in np.histogram(scores, edges)[0]],
            "marker": {"color": "var(--bar-1)", "line": {"width": 0}},
            "hovertemplate": "shifts near %{x:.2f}: %{y}<extra></extra>",
        }
    ]
    layout = layout_of(
        xaxis={**axis(), "title": {"text": "Sharpe ratio a year, on the test bars"}, "zeroline": False},
        yaxis={**axis(), "title": {"text": "Shifts"}, "nticks": 5},
        bargap=0.12,
        shapes=[_upright(found.real, "chosen"), _upright(typical, "best of noise")],
    )
    keys = [
        Key("at the real time", "line adaptive", number(found.real)),
        Key("median of the shifts", "line noise", number(typical)),
        Key("shifted in time", "area bar-1", counted(found.counted, "path")),
    ]
    low, high = number(float(scores.min())), number(float(scores.max()))
    few = f" The test has no more such shifts, so they are fewer than {found.wanted}."
    return Figure(
        "placebo",
        {"data": data, "layout": layout},
        f"Histogram of the Sharpe ratios of {counted(found.counted, 'shifted regime path')} between {low} and {high}; "
        f"the real one has {number(found.real)}.",
        f"The test signals replayed with the regimes of {record.selected} turned on the circle of the test bars, by "
        f"{found.nearest} bars at least: as many bars and changes of each regime, at the wrong time."
        f"{few if len(found.scores) < found.wanted else ''}",
        [keys],
        [ROBUSTNESS],
    )


def ranks(record: Record) -> Figure:
    """Every trial by its Sharpe ratio in training and on the test bars."""
    found = record.robustness.trials
    phases = {"parameter_discovery": found.parameter_discovery, "ensemble_optimization": found.ensemble_optimization}
    data: list[Json] = []
    keys = []
    for phase, each in phases.items():
        name, colour = phase.replace("_", " "), _DOT[phase]
        data.append(_dots(name, each.pairs, {"color": f"var(--{colour})", "size": 7, "opacity": 0.75}))
        keys.append(Key(name, f"dot {colour}", counted(each.trials, "trial")))
    chosen = [pair for pair in found.ensemble_optimization.pairs if pair[0] == found.ensemble_optimization.chosen]
    for _, before, after in chosen:
        mark: Json = {"color": "var(--adaptive)", "size": 13, "symbol": "diamond-open", "line": {"width": 2}}
        data.append(_dots("chosen", chosen, mark))
        keys.append(Key("chosen", "dot adaptive", f"{number(before)}, then {number(after)}"))
    every = [score for each in phases.values() for _, before, after in each.pairs for score in (before, after)]
    low, high = six(min(every, default=0.0)), six(max(every, default=1.0))
    same: Json = {
        "type": "line",
        "x0": low,
        "y0": low,
        "x1": high,
        "y1": high,
        "layer": "below",
        "line": {"width": 1, "color": "var(--index)", "dash": "dot"},
    }
    layout = layout_of(
        xaxis={**axis(), "title": {"text": "Sharpe ratio a year, in training"}},
        yaxis={**axis(), "title": {"text": "On the test bars"}, "nticks": 6},
        shapes=[same],
    )
    reading = _persistence(found)
    return Figure(
        "ranks",
        {"data": data, "layout": layout},
        f"Scatter of trials by their Sharpe ratio in training and on the test bars. {reading}",
        "All trials, each in training on its own phase’s bars; on the dotted line nothing changed. The trials were run "
        "on the test bars after everything had been chosen, for this figure alone: nothing may be chosen by it.",
        [keys],
        [ROBUSTNESS],
        reading,
    )


def _persistence(found: Trials) -> str:
    """Whether the best in training stayed the best, in a sentence."""
    said = [
        f"of {counted(each.trials, word)} the best in training came {_th(each.best_afterwards)} on the test, and the "
        f"rank correlation of the two is {number(each.rank_correlation)}"
        for each, word in ((found.parameter_discovery, "parameter set"), (found.ensemble_optimization, "weighting"))
        if each.best_afterwards is not None
    ]
    text = "; ".join(said) or "no trial has a Sharpe ratio both in training and on the test"
    return f"{text[0].upper()}{text[1:]}."


def _dots(name: str, pairs: Sequence[tuple[int, float, float]], marker: Json) -> Json:
    """Trials by their scores before and after."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [six(before) for _, before, _ in pairs],
        "y": [six(after) for _, _, after in pairs],
        "text": [f"trial {trial}" for trial, _, _ in pairs],
        "marker": marker,
        "hovertemplate": "%{text}: %{x:.2f} in training, %{y:.2f} on the test<extra>" + name + "</extra>",
    }


_PHASE_COLOUR = {"parameter_discovery": "bar-1", "ensemble_optimization": "bar-2"}
_MARK = {"chosen": ("adaptive", "solid", "adaptive"), "best of noise": ("ink", "dot", "noise")}
_DOT = {"parameter_discovery": "s5", "ensemble_optimization": "bar-2"}


def _th(rank: int) -> str:
    """1 is 1st, 12 is 12th."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending}"


def _bins(values: Float, most: int = 40) -> tuple[list[Json], Float]:
    """Middles and edges of bins of a round width that hold all values."""
    span = float(values.max() - values.min())
    width = next(each for each in _WIDTHS if span / each <= most or each == _WIDTHS[-1])
    first = np.floor(values.min() / width)
    edges = (first + np.arange(np.floor(values.max() / width) - first + 2)) * width
    return rounded((edges[:-1] + edges[1:]) / 2), edges


_WIDTHS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def _upright(value: float, mark: str) -> Json:
    """A line over the whole height."""
    colour, dash, _ = _MARK[mark]
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": six(value),
        "x1": six(value),
        "y0": 0,
        "y1": 1,
        "line": {"width": 2, "color": f"var(--{colour})", "dash": dash},
    }


def _sharpes(returns: Float, free: Float) -> Float:
    """Per-bar Sharpe ratios of the trials that have one."""
    whole = returns[np.isfinite(returns).all(axis=1)]
    spread = whole.std(axis=1, ddof=1)
    found: Float = (whole - free).mean(axis=1)[spread > 0] / spread[spread > 0]
    return found
