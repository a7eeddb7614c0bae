"""What the table of phase 1 says of strategies without a best trial, and of their parameters."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from rich.console import Console

from regimefolio.cli.phase_tables import gone, tables_of
from regimefolio.cli.results import Results
from regimefolio.evaluation import NoBreakEven
from tests.workflows import spec

NONE = float("nan")


def shown(root: Path, statuses: tuple[str, str], sharpes: tuple[float, float]) -> str:
    (root / "performance").mkdir()
    kinds, sets = ("bollinger_mean_reversion", "momentum_rank"), ({"lookback": 5}, {"lookback": 16})
    pl.DataFrame(
        {
            "trial": range(2),
            "strategy": kinds,
            "parameters": [json.dumps(each) for each in sets],
            "status": statuses,
            "sharpe": sharpes,
        }
    ).write_parquet(root / "performance" / "trials.parquet")
    space = ("phases", 0, "config", "parameter_space")
    one = spec({(*space, "bollinger_mean_reversion", "lookback"): [5], (*space, "momentum_rank", "lookback"): [16]})
    paper = io.StringIO()
    Console(file=paper, width=80).print(*tables_of("parameter_discovery", Results(root, one)))
    return " ".join(paper.getvalue().split())


@pytest.mark.parametrize(
    ("status", "says"), [("ok", "never traded: no Sharpe ratio"), ("failed", "1 of 1 trial failed")]
)
def test_a_strategy_without_a_best_trial_says_why(tmp_path: Path, status: str, says: str) -> None:
    text = shown(tmp_path, ("ok", status), (0.5, NONE))
    assert f"momentum_rank {says}" in text


def test_a_parameter_of_one_value_is_shown(tmp_path: Path) -> None:
    text = shown(tmp_path, ("ok", "ok"), (0.5, 0.4))
    assert "bollinger_mean_reversion 5 0 0.50 lookback momentum_rank 16 1 0.40 lookback" in text
    assert "defaults" not in text


@pytest.mark.parametrize("reason", get_args(NoBreakEven))
def test_every_reason_for_no_break_even_has_words(reason: str) -> None:
    said = gone({"multiple": None, "searched_to": 50.0, "reason": reason})
    assert re.fullmatch(r"\(.* costs.*\)|\(none up to x50\)", said)
    assert gone({"multiple": 2.04, "searched_to": 50.0, "reason": None}) == "x2.0"
