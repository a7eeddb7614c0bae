"""What validation writes about opinions, found again by an evaluation of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regimefolio.backtest import load_market
from regimefolio.core.files import jsonable, read_json
from regimefolio.evaluation import StrategyEvaluator
from regimefolio.strategies import Strategy
from tests.workflows import BARS, EMBARGO, SYMBOLS, TRAIN, coordinator, spec

TEST = TRAIN + EMBARGO


@pytest.fixture
def found(finished: Path) -> Any:
    return read_json(coordinator(finished).workspace.analysis / "signal_quality.json")


def test_every_parameter_set_that_was_chosen_is_judged_once(found: Any, finished: Path) -> None:
    analysis = coordinator(finished).workspace.analysis
    choices, weights = (read_json(analysis / f"{name}.json") for name in ("regime_optimal_params", "ensemble_weights"))
    selected = weights["selected"]
    chosen = {"static": choices["static"]["all"], **choices[selected]}
    shares = weights["classifiers"][selected]["weights"]
    listed = {(place, each["strategy"]): each for each in found["strategies"] for place in each["weights"]}
    assert len(listed) == sum(len(each["weights"]) for each in found["strategies"])
    for place, strategies in chosen.items():
        for kind, choice in strategies.items():
            assert listed[place, kind]["parameters"] == choice["parameters"]
            assert listed[place, kind]["weights"][place] == shares["all" if place == "static" else place][kind]
    different = [(each["strategy"], tuple(each["parameters"].items())) for each in found["strategies"]]
    assert len(set(different)) == len(different)


def test_numbers_are_those_of_the_test_bars(found: Any, finished: Path) -> None:
    market = load_market(spec().data, spec().benchmark, finished)[1]
    assert (found["fill"], found["bars"]) == ("next_close", BARS - TEST)
    assert found["asset_bars"] == (BARS - TEST) * len(SYMBOLS)
    evaluator = StrategyEvaluator(market.panel, "next_close", TEST)
    for row in found["strategies"]:
        judged = evaluator.evaluate(Strategy.of({"kind": row["strategy"], **row["parameters"]}).signals(market))
        assert (row["horizon"], row["opinions"], row["labelled"]) == (judged.horizon, judged.opinions, judged.labelled)
        assert row["decay"] == jsonable(judged.decay)
        assert row["ic"]["reason"] == judged.ic.reason != ""  # four assets are too few for a rank correlation
        assert row["alpha_histogram"]["counts"] == list(judged.alpha_histogram.counts)
        assert sum(row["confidence_histogram"]["counts"]) == row["opinions"]
        for name in ("by_alpha", "reliability"):
            for theirs, ours in zip(row[name], getattr(judged, name), strict=True):
                expected = {key: None if value != value else value for key, value in ours._asdict().items()}
                assert theirs == expected
        assert sum(each["opinions"] for each in row["reliability"]) == row["labelled"] < row["opinions"]


def test_opinions_are_judged_from_the_fill_that_a_delay_gives(folder: Path) -> None:
    made = coordinator(folder, {("execution", "delay"): 2})
    made.run()
    market = load_market(spec().data, spec().benchmark, folder)[1]
    prompt, late = (StrategyEvaluator(market.panel, "next_close", TEST, delay=delay) for delay in (0, 2))
    for row in read_json(made.workspace.analysis / "signal_quality.json")["strategies"]:
        signals = Strategy.of({"kind": row["strategy"], **row["parameters"]}).signals(market)
        assert row["labelled"] == late.evaluate(signals).labelled < prompt.evaluate(signals).labelled
