"""Strategies under overlays go through all four phases as others do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from regimefolio.api import write_report
from regimefolio.backtest import BacktestSpec
from regimefolio.core.code import code_of, code_version
from regimefolio.core.documents import read_document
from regimefolio.core.files import read_json, read_npy
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import Overlaid, Overlay, Smoothing, Strategy
from tests.workflows import coordinator, spec, write_prices

SMOOTH: list[Any] = [{"kind": "smoothing", "window": 2}]
RANKED: list[Any] = [{"kind": "normalise", "method": "rank", "over": "own_history", "window": 20}, "smoothing"]
SPACE = ("phases", 0, "config", "parameter_space")
CHANGES = {
    ("strategies", 0, "overlays"): SMOOTH,
    ("strategies", 1, "overlays"): RANKED,
    (*SPACE, "momentum_rank"): {"lookback": [16], "overlays": [[], RANKED]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small workflow has run with overlays over both strategies."""
    made = tmp_path_factory.mktemp("overlaid")
    write_prices(made)
    coordinator(made, CHANGES).run()
    return made / "results" / "small"


def test_the_search_keeps_the_overlays(folder: Path) -> None:
    described = [read_json(folder / "performance" / f"trial_{n}.json")["parameters"] for n in range(4)]
    assert [each["lookback"] for each in described] == [5, 15, 16, 16]
    kinds = [[overlay["kind"] for overlay in each["overlays"]] for each in described]
    assert kinds == [["smoothing"], ["smoothing"], [], ["normalise", "smoothing"]]
    assert read_npy(folder / "signals" / "trial_3.npy").any()


def test_the_saved_signals_are_those_of_the_overlaid_strategies(folder: Path) -> None:
    found = read_json(folder / "analysis" / "ensemble_weights.json")["classifiers"]
    assert all(each["replay_equals_full_run"] for each in found.values())
    plain = spec().strategies[0].with_parameters({"lookback": 5})
    smooth = Strategy.of({**plain.spec(), "overlays": SMOOTH})
    assert isinstance(smooth, Overlaid)
    assert smooth.overlays == (Smoothing(window=2),)


def test_the_adaptive_strategy_is_written_with_them_and_read_back(folder: Path) -> None:
    described = read_document(folder / "analysis" / "adaptive_strategy.yaml").parse(BacktestSpec, "backtest")
    assert [type(entry.strategy) for entry in described.strategies] == [Overlaid, Overlaid]
    assert all(isinstance(strategy, Overlaid) for strategy in described.ensemble().strategies)
    checks = read_json(folder / "performance" / "validation_results.json")["checks"]
    same = next(check for check in checks if check["name"].startswith("adaptive_strategy.yaml"))
    assert same["passed"], same
    future = [check for check in checks if "future" in check["name"] or "noise" in check["name"]]
    assert future
    assert all(check["passed"] for check in future)


def test_the_report_speaks_of_them_in_words(folder: Path) -> None:
    page = write_report(folder).read_text(encoding="utf-8")
    shown = re.search(r"overlays (none|normalise \(method rank[^<]*, smoothing \(window 3\))<", page)
    assert shown
    assert "&#39;kind&#39;" not in page


@pytest.mark.parametrize(
    ("overlays", "message"),
    [
        ([["smothing"]], "unknown overlay 'smothing'; did you mean 'smoothing'"),
        ([[{"kind": "smoothing", "window": 0}]], "greater than or equal to 1"),
        ([3], "valid tuple"),
    ],
)
def test_a_search_refuses_overlays_that_cannot_be(overlays: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        spec({(*SPACE, "momentum_rank"): {"overlays": overlays}})
    assert caught.value.errors()[0]["ctx"]["place"] == [*SPACE, "momentum_rank", "overlays"]


def test_the_code_of_an_overlay_of_ones_own_counts() -> None:
    class Own(Overlay):
        @property
        def warmup(self) -> int:
            return 0

        def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
            pass

    plain = spec().strategies[0]
    assert code_of([plain]) == code_version()
    assert code_of([Overlaid(strategy=plain, overlays=(Own(),))]) != code_version()
