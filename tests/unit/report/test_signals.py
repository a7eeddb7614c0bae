"""Opinions as the page draws them: estimates, intervals, and sentences that say no more than they show."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from regimefolio.report import figures, tables
from regimefolio.report.measured import AlphaBin, Coefficient, ConfidenceBin, Decay
from regimefolio.report.record import Record
from regimefolio.report.tearsheet import render

DECAY = Decay(
    lag=[1, 2, 3, 4],
    ic=[0.08, 0.04, 0.02, None],
    error=[0.01, 0.01, 0.01, None],
    half_life=1.0,
    low=0.8,
    high=1.3,
    initial=0.08,
    reason="",
)
SURE = ConfidenceBin(opinions=90, mean_confidence=0.8, realised=0.02, interval_low=-0.1, interval_high=0.14)
DOUBTFUL = ConfidenceBin(opinions=30, mean_confidence=0.1, realised=0.1, interval_low=-0.1, interval_high=0.3)
ALPHAS = [
    AlphaBin(opinions=30, mean_alpha=-0.9, mean_return=-0.01, error=0.002),
    AlphaBin(opinions=0, mean_alpha=None, mean_return=None, error=None),
    AlphaBin(opinions=90, mean_alpha=0.8, mean_return=0.02, error=None),
]


def judged(record: Record, **changes: Any) -> Record:
    """The first strategy with other findings, and no other strategy."""
    first = record.signal_quality.strategies[0]
    ic = Coefficient(mean=0.05, t_value=2.5, bars=200, reason="")
    found: dict[str, Any] = {"ic": ic, "decay": DECAY, "reliability": [DOUBTFUL, SURE], "by_alpha": ALPHAS, **changes}
    quality = record.signal_quality.model_copy(update={"strategies": [first.model_copy(update=found)]})
    return replace(record, signal_quality=quality)


def panels(record: Record) -> tuple[Any, Any, Any]:
    (each,) = figures.signals(record)
    decay, alpha, confidence = each.figures
    return decay, alpha, confidence


def spec(figure: figures.Figure) -> Any:
    return json.loads(json.dumps(figure.spec, allow_nan=False))


def test_each_strategy_of_the_static_ensemble_has_its_figures(record: Record) -> None:
    drawn = figures.signals(record)
    assert [each.title.split(",")[0] for each in drawn] == ["bollinger_mean_reversion", "momentum_rank"]
    assert all(len(each.figures) == 2 for each in drawn)  # four assets have no coefficient, hence no decay
    assert [figure.name for figure in panels(judged(record))] == [
        f"signals-bollinger_mean_reversion-{what}" for what in ("decay", "alpha", "confidence")
    ]
    assert {figure.name for each in drawn for figure in each.figures} <= set(figures.all_figures(record))


def test_a_decay_is_drawn_with_its_fit(record: Record) -> None:
    decay, _, _ = panels(judged(record))
    dots, fit = spec(decay)["data"]
    assert (dots["x"], dots["y"]) == ([1, 2, 3], [0.08, 0.04, 0.02])
    assert dots["error_y"]["array"] == pytest.approx([0.0195996] * 3)
    assert fit["y"][0] == 0.08
    assert fit["y"][-1] == pytest.approx(0.01)  # three bars later, at a half-life of one
    assert decay.reading == "The first bar’s coefficient is 0.080; it halves in 1.0 bars, 0.8 to 1.3 at 95%."


def test_no_half_life_is_no_curve_and_says_why(record: Record) -> None:
    nothing = DECAY.model_copy(update={"half_life": None, "reason": "there is nothing to decay"})
    changed = judged(record, decay=nothing)
    decay, _, _ = panels(changed)
    assert len(spec(decay)["data"]) == 1
    assert decay.reading.endswith("; no half-life: there is nothing to decay.")
    table = tables.signals(changed)
    assert table.groups[0].rows[0].cells[4].text == "none*"
    assert table.notes == ["* No half-life: there is nothing to decay."]


def test_returns_stand_over_their_alphas_and_the_line_is_what_all_had(record: Record) -> None:
    _, alpha, _ = panels(judged(record))
    drawn = spec(alpha)
    dots, shares = drawn["data"]
    assert (dots["x"], dots["y"], dots["error_y"]["array"]) == ([-0.9, 0.8], [-0.01, 0.02], [0.002, None])
    assert sum(shares["y"]) == pytest.approx(1.0, abs=1e-5)
    assert shares["x"][0] == -0.9
    (line,) = drawn["layout"]["shapes"]
    assert line["y0"] == line["y1"] == pytest.approx((30 * -0.01 + 90 * 0.02) / 120)
    assert alpha.reading == "After alphas near −0.9 came −1.00% ± 0.20%, after alphas near 0.8 came 2.00%."


def test_confidence_is_compared_with_the_diagonal(record: Record) -> None:
    _, _, confidence = panels(judged(record))
    drawn = spec(confidence)
    dots = drawn["data"][0]
    assert (dots["x"], dots["y"]) == ([0.1, 0.8], [0.1, 0.02])
    assert dots["error_y"]["array"] == pytest.approx([0.2, 0.12])
    (line,) = drawn["layout"]["shapes"]
    assert (line["x0"], line["y0"], line["x1"], line["y1"]) == (0, 0, 1, 1)
    assert confidence.reading == (
        "The surest opinions, of confidence 0.80, were right as often as 0.510 (0.450 to 0.570), not 0.900: "
        "not calibrated."
    )


@pytest.mark.parametrize(
    ("bins", "said"),
    [
        ([DOUBTFUL], "as often as 0.550 (0.450 to 0.650): calibrated, 0.550 was claimed."),
        (
            [SURE.model_copy(update={"interval_low": None, "interval_high": None})],
            "0.510; there are too few bars to say more.",
        ),
        ([], "There is no opinion with a return."),
    ],
)
def test_what_confidence_is_worth_is_said_as_far_as_it_is_known(
    record: Record, bins: list[ConfidenceBin], said: str
) -> None:
    assert panels(judged(record, reliability=bins))[2].reading.endswith(said)


def test_the_table_weighs_bins_by_their_opinions(record: Record) -> None:
    row = dict(
        zip(
            tables.signals(judged(record)).columns[1:],
            tables.signals(judged(record)).groups[0].rows[0].cells,
            strict=True,
        )
    )
    assert row["IC"].text == "0.050"
    assert row["t"].text == "2.5"
    assert row["Half-life"].text == "1.0"
    assert row["Right"].text == "52.0%"  # (1 + (30 · 0.1 + 90 · 0.02) / 120) / 2
    assert row["Claimed"].text == "81.2%"
    assert row["Weight where chosen"].text.startswith("static ")


def test_the_table_says_why_a_coefficient_is_undefined(record: Record) -> None:
    for row in tables.signals(record).groups[0].rows:
        assert row.cells[2].reason.endswith("and 5 are needed")  # the market has four assets


def test_luck_grows_with_the_number_of_sets(record: Record) -> None:
    first = judged(record).signal_quality.strategies[0]

    def said(*t_values: float | None) -> str:
        sets = [first.model_copy(update={"ic": _ic(t)}) for t in t_values]
        quality = record.signal_quality.model_copy(update={"strategies": sets})
        return tables.forecasts(replace(record, signal_quality=quality))

    assert "one has an information coefficient with t above 1.96" in said(2.5, 1.0)
    assert "in up to 5% of all cases" in said(2.5, 1.0)
    assert "none has" in said(1.0)
    assert "the wrong way" in said(1.0, -2.5)
    assert "the wrong way" not in said(1.0, -1.5)
    assert said(None).startswith("No information coefficient could be tested on these bars: too few. Confidence")
    assert "in 1 of 2 bins" in said(1.0)


def _ic(t_value: float | None) -> Coefficient:
    return Coefficient(mean=0.01, t_value=t_value, bars=100, reason="" if t_value else "too few")


def test_a_strategy_without_an_opinion_is_drawn(record: Record) -> None:
    first = record.signal_quality.strategies[0]
    silent: dict[str, Any] = {
        "opinions": 0,
        "ic": _ic(None),
        "by_alpha": [],
        "reliability": [],
        "alpha_histogram": first.alpha_histogram.model_copy(update={"counts": [0] * 10}),
    }
    page = render(judged(record, **silent))
    assert "There are too few opinions to compare." in page
    assert "No information coefficient could be tested" in page


def test_a_strategy_that_only_a_regime_uses_stands_in_the_table_alone(record: Record) -> None:
    changed = judged(record, weights={"calm": 0.0})
    assert figures.signals(changed) == []
    (row,) = tables.signals(changed).groups[0].rows
    assert (row.tone, row.cells[-1].text) == ("faint", "calm 0%")


def test_the_form_is_checked() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Decay(lag=[1], ic=[], error=[], half_life=None, low=None, high=None, initial=None, reason="")
