from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regimefolio.core.types import Json
from regimefolio.report import figures
from regimefolio.report.contents import Surface
from regimefolio.report.figures import curves, drawing, luck
from regimefolio.report.record import STATIC, Record


def spec(figure: figures.Figure) -> Any:
    return json.loads(json.dumps(figure.spec, allow_nan=False))


def test_growth_and_drawdown_are_those_of_the_curves(record: Record) -> None:
    drawn = spec(figures.equity(record))
    adaptive = [trace for trace in drawn["data"] if trace["name"] == "Adaptive"]
    growth, under = (np.array(trace["y"]) for trace in adaptive)
    curve = record.equity[record.selected] / record.settings.initial_capital
    assert growth == pytest.approx(curve, rel=1e-5)
    assert under == pytest.approx(curve / np.maximum(np.maximum.accumulate(curve), 1.0) - 1, rel=1e-5, abs=1e-9)
    assert [trace["name"] for trace in drawn["data"]][-1] == "Adaptive"  # drawn last: on top
    assert adaptive[0]["x"][0] == str(record.timestamps[0].astype("datetime64[D]"))


def test_values_have_six_significant_digits(record: Record) -> None:
    for figure in figures.all_figures(record).values():
        for trace in spec(figure)["data"]:
            for value in trace["y"]:
                assert value is None or isinstance(value, str) or value == float(f"{value:.6g}")


def test_what_follows_a_bankruptcy_is_a_gap(record: Record) -> None:
    curve = record.equity[STATIC].copy()
    curve[100:] = 0.0
    drawn = spec(figures.equity(replace(record, equity={**record.equity, STATIC: curve})))
    growth, under = (trace["y"] for trace in drawn["data"] if trace["name"] == "Static")
    assert growth[99] is not None
    assert growth[100] is None
    assert under[100] == -1


def test_every_bar_is_shaded_once(record: Record) -> None:
    drawn = spec(figures.equity(record))
    boxes = [box for shape in drawn["layout"]["shapes"] for box in shape["path"].split("Z") if box]
    found = sorted(tuple(box.removeprefix("M").removesuffix("V0").replace(",0V1H", " ").split()) for box in boxes)
    assert len(found) == len(record.results.regimes[record.selected].episodes)
    assert [left for left, _ in found[1:]] == [right for _, right in found[:-1]]  # no gap, no overlap
    assert found[0][0].startswith(str(record.timestamps[0].astype("datetime64[D]")))
    assert found[-1][1].startswith(str(record.timestamps[-1].astype("datetime64[D]")))


@pytest.mark.parametrize(("n", "shades"), [(1, [1]), (2, [1, 5]), (3, [1, 3, 5]), (4, [1, 2, 4, 5]), (9, [1, 5])])
def test_the_last_regime_is_always_the_darkest(n: int, shades: list[int]) -> None:
    found = [drawing.shade(k, n) for k in range(n)]
    assert found == sorted(found)
    assert shades == (found if n < 5 else [found[0], found[-1]])


def test_long_curves_are_thinned_and_say_so(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = figures.equity(record)
    monkeypatch.setattr(curves, "MAX_POINTS", 50)
    thinned = figures.equity(record)
    x = spec(thinned)["data"][0]["x"]
    assert len(x) <= 52
    assert x[-1] == spec(whole)["data"][0]["x"][-1]
    assert "One bar in " in thinned.caption
    assert "One bar in " not in whole.caption


def test_areas_add_up_to_the_exposure(record: Record) -> None:
    *areas, exposure = spec(figures.weights(record))["data"]
    total = np.sum([area["y"] for area in areas], axis=0)
    assert total == pytest.approx(np.array(exposure["y"]), abs=1e-5)
    assert {area["name"] for area in areas} == set(record.symbols)


def test_the_smallest_of_many_symbols_are_drawn_together(record: Record) -> None:
    bars = len(record.timestamps)
    held = np.tile(np.linspace(0.01, 0.07, 25) / 1.0, (bars, 1))
    many = replace(record, symbols=[f"S{n:02}" for n in range(25)], weights=held)
    figure = figures.weights(many)
    names = [trace["name"] for trace in spec(figure)["data"]]
    assert names[0] == "S24"
    assert names[-2:] == ["16 others", "Exposure"]
    assert len(names) == 11
    assert "by symbol" in figure.caption


def test_sectors_are_drawn_where_they_are_known(record: Record) -> None:
    known = replace(record, sectors=["Energy", "Energy", "Utilities", "Utilities"])
    figure = figures.weights(known)
    assert {trace["name"] for trace in spec(figure)["data"]} == {"Energy", "Utilities", "Exposure"}
    assert "by sector" in figure.caption


def test_every_trial_with_a_ratio_is_in_the_histogram(record: Record) -> None:
    drawn = spec(figures.trials(record))
    counts = {trace["name"]: sum(trace["y"]) for trace in drawn["data"]}
    assert counts == {name.replace("_", " "): number for name, number in record.overfitting.trials_by_phase.items()}
    year = record.results.window.periods_per_year**0.5
    chosen, noise = (shape["x0"] for shape in drawn["layout"]["shapes"])
    assert chosen == pytest.approx((record.overfitting.sharpe_per_bar or 0) * year, rel=1e-5)
    assert noise == pytest.approx((record.overfitting.expected_maximum_sharpe_per_bar or 0) * year, rel=1e-5)


def test_trials_without_any_ratio_are_no_reason_to_fail(record: Record) -> None:
    nothing = {phase: np.full_like(rows, np.nan) for phase, rows in record.trial_returns.items()}
    drawn = spec(figures.trials(replace(record, trial_returns=nothing)))
    assert [sum(trace["y"]) for trace in drawn["data"]] == [0, 0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.82, 1.33, [0.8, 0.9, 1, 1.1, 1.2, 1.3]),
        (0.9, 5.2, [1, 1.5, 2, 3, 4, 5]),
        (0.5, 60.0, [0.5, 1, 2, 5, 10, 20, 50]),
        (0.01, 90.0, [0.01, 0.1, 1, 10]),
    ],
)
def test_a_logarithmic_axis_has_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert drawing.log_ticks(low, high)["tickvals"] == pytest.approx(ticks)


# Other circumstances


def test_every_shift_is_in_the_histogram_and_the_real_one_marked(record: Record) -> None:
    figure = figures.placebo(record)
    assert figure is not None
    drawn, found = spec(figure), record.robustness.placebo
    assert sum(drawn["data"][0]["y"]) == found.counted == len(found.scores)
    real, typical = (shape["x0"] for shape in drawn["layout"]["shapes"])
    assert real == pytest.approx(found.real, rel=1e-5)
    assert "they are fewer than 500" in figure.caption  # the test is short
    assert typical == pytest.approx(np.median([score or 0.0 for score in found.scores]), rel=1e-5)


def test_a_placebo_without_scores_is_not_drawn(record: Record) -> None:
    empty = record.robustness.placebo.model_copy(update={"scores": [None, None], "counted": 0})
    changed = replace(record, robustness=record.robustness.model_copy(update={"placebo": empty}))
    assert figures.placebo(changed) is None
    assert "placebo" not in figures.all_figures(changed)


def test_rolling_risk_is_drawn_from_its_first_whole_year(record: Record) -> None:
    figure = figures.rolling(record)
    assert figure is not None
    drawn = spec(figure)
    sharpe, volatility = (trace["y"] for trace in drawn["data"] if trace["name"] == "Adaptive")
    year = round(record.results.window.periods_per_year)
    assert len(sharpe) == len(record.timestamps) - year + 1
    assert sharpe[-1] == pytest.approx(record.rolling[record.selected][0, -1], rel=1e-5)
    assert volatility[0] == pytest.approx(record.rolling[record.selected][1, year - 1], rel=1e-5)
    assert f"Over {year} bars at a time" in figure.reading
    short = replace(record, rolling={name: np.full_like(rows, np.nan) for name, rows in record.rolling.items()})
    assert figures.rolling(short) is None


def test_a_start_in_cash_does_not_lengthen_the_window(record: Record) -> None:
    """Of a year without a position the volatility is 0, and the Sharpe ratio undefined."""
    year = round(record.results.window.periods_per_year)
    ours = record.rolling[record.selected].copy()
    ours[:, year - 1 : year + 20] = [[np.nan], [0.0]]
    figure = figures.rolling(replace(record, rolling={**record.rolling, record.selected: ours}))
    assert figure is not None
    assert f"Over {year} bars at a time" in figure.reading


def test_shorts_are_stacked_by_their_size(record: Record) -> None:
    """So that the upper edge is the exposure; cash is not what is above it then."""
    plain, short = figures.weights(record), figures.weights(replace(record, weights=-record.weights))
    assert [trace["y"] for trace in spec(short)["data"]] == [trace["y"] for trace in spec(plain)["data"]]
    assert "cash" in plain.alt
    assert "cash" in plain.caption
    assert "cash" not in short.alt + short.caption


def test_where_other_parameters_vary_no_score_is_said_of_the_chosen_place(record: Record) -> None:
    """Two trials at one place: neither need be the chosen one."""
    points: list[list[Json]] = [[5, 1.0, 0.25], [5, 1.0, 0.75], [6, 2.0, 0.5]]
    held = Surface(parameters=["a", "b"], points=points, chosen=[5, 1.0], held={}, others_vary=True)
    found = record.robustness.surface.model_copy(update={"strategies": {"s": held}})
    changed = replace(record, robustness=record.robustness.model_copy(update={"surface": found}))
    (figure,) = figures.surfaces(changed)
    assert figure.reading == "s: from 0.25 to 0.75; chosen, at a 5, b 1."


def test_every_trial_stands_at_its_two_scores(record: Record) -> None:
    figure = figures.ranks(record)
    first, third, chosen = spec(figure)["data"]
    found = record.robustness.trials
    assert first["y"] == pytest.approx(found.parameter_discovery.test, rel=1e-5)
    assert third["x"] == pytest.approx(found.ensemble_optimization.training, rel=1e-5)
    number = found.ensemble_optimization.chosen
    assert number is not None
    assert chosen["x"] == [third["x"][number]]
    assert "nothing may be chosen by it" in figure.caption
    assert figure.reading.startswith("Of 4 parameter sets the best in training came ")


@pytest.mark.parametrize(
    ("rank", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (21, "21st"), (112, "112th")]
)
def test_ranks_are_spoken(rank: int, text: str) -> None:
    assert luck._th(rank) == text


def surface_of(record: Record, **changes: Any) -> figures.Figure:
    made = Surface.model_validate(
        {
            "parameters": ["lookback", "width"],
            "points": [[10, 1.0, 0.5], [10, 2.0, 0.75], [20, 1.0, None], [20, 2.0, 0.25]],
            "chosen": [10, 2.0],
            "held": {"rest": 3},
            "others_vary": False,
            **changes,
        }
    )
    found = record.robustness.surface.model_copy(update={"strategies": {"some": made}})
    changed = replace(record, robustness=record.robustness.model_copy(update={"surface": found}))
    (figure,) = figures.surfaces(changed)
    return figure


def test_two_parameters_are_a_map_with_the_chosen_cell_outlined(record: Record) -> None:
    figure = surface_of(record)
    drawn = spec(figure)
    assert drawn["data"][0]["text"] == ["0.50", "0.75", "–", "0.25"]
    *cells, outline = drawn["layout"]["shapes"]
    assert len(cells) == 3  # a trial without a score has none
    assert max(cells, key=lambda cell: cell["opacity"])["x0"] == outline["x0"] == 1 - 0.48
    assert "Held at the chosen value: rest 3." in figure.caption
    assert (
        figure.reading == "some: from 0.25 to 0.75; chosen, at lookback 10, width 2: 0.75, its neighbours 0.25 to 0.50."
    )


def test_one_parameter_is_a_line_and_a_random_search_dots(record: Record) -> None:
    line = surface_of(record, parameters=["lookback"], points=[[20, 0.5], [10, 0.25]], chosen=[20], held={})
    assert spec(line)["data"][0]["x"] == ["10", "20"]
    assert spec(line)["data"][0]["y"] == [0.25, 0.5]
    dots = surface_of(record, others_vary=True, held={})
    assert spec(dots)["data"][0]["marker"]["color"] == [0.5, 0.75, 0.25]
    assert "The other parameters vary." in dots.caption
    holes = surface_of(record, points=[[10 * n, 1.0 + n, 0.5] for n in range(3)], chosen=[20, 3.0])
    assert spec(holes)["data"][0]["x"] == [1.0, 2.0, 3.0]
    nothing = surface_of(record, points=[[10, 1.0, None], [20, 2.0, None]], chosen=[10, 1.0])
    assert "no trial has a" in nothing.reading
