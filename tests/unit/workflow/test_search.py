"""Random search in a workflow: what is tried is seeded by the file, numbered across strategies, and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.core.files import read_json, read_npy
from regimefolio.evaluation import deflated_sharpe_ratio, return_moments
from regimefolio.workflow.phases.parameter_discovery import trials_of
from tests.workflows import Changes, coordinator, spec

DISCOVERY, ENSEMBLE = ("phases", 0, "config"), ("phases", 2, "config")
RANDOM: Changes = {
    (*DISCOVERY, "algorithm"): {"kind": "random", "trials": 3},
    (*DISCOVERY, "parameter_space", "bollinger_mean_reversion"): {
        "lookback": {"int": [5, 20]},
        "width": {"float": [0.5, 1.5]},
    },
    (*DISCOVERY, "parameter_space", "momentum_rank"): {"lookback": [16, 40]},
    (*ENSEMBLE, "algorithm"): {"kind": "random", "trials": 4, "seed": 8},
    (*ENSEMBLE, "weight_constraints"): {"step": None, "min_weight": 0.1},
}


def test_trials_are_numbered_across_strategies_and_seeded_by_the_file() -> None:
    trials = trials_of(spec(RANDOM))
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]  # three drawn, and the two that there are
    assert trials == trials_of(spec(RANDOM))
    other = trials_of(spec({**RANDOM, ("seed",): 1}))
    assert [trial.strategy for trial in other][:3] != [trial.strategy for trial in trials][:3]
    assert spec({**RANDOM, ("seed",): 1}).weights() == spec(RANDOM).weights()  # that one has a seed of its own


def test_every_trial_of_a_random_search_counts_in_the_deflated_sharpe(folder: Path) -> None:
    made = coordinator(folder, RANDOM)
    made.run()
    found: dict[str, Any] = read_json(made.workspace.analysis / "overfitting.json")
    assert found["trials_by_phase"] == {"parameter_discovery": 5, "ensemble_optimization": 15}
    assert found["trials"] == 20
    rows = [
        *read_npy(made.workspace.performance / "returns.npy"),
        *read_npy(made.workspace.performance / "ensemble_returns.npy"),
    ]
    sharpes = np.array([return_moments(row).sharpe for row in rows])
    weights = read_json(made.workspace.analysis / "ensemble_weights.json")
    chosen = read_npy(made.workspace.performance / "ensemble_returns.npy")[
        weights["classifiers"][weights["selected"]]["trial"]
    ]
    assert found["deflated_sharpe_ratio"] == deflated_sharpe_ratio(*return_moments(chosen), sharpes)
    for path in sorted(made.workspace.performance.glob("ensemble_trial_*.json")):
        for shares in json.loads(path.read_text())["parameters"]["weights"].values():
            assert min(shares.values()) >= 0.1
            assert sum(shares.values()) == pytest.approx(1.0)
    assert {step.action for step in made.run()} == {"reuse"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({(*DISCOVERY, "algorithm"): "rndom"}, "unknown sampler 'rndom'; did you mean 'random'"),
        ({(*DISCOVERY, "algorithm"): {"kind": "random", "trials": 0}}, "greater than or equal to 1"),
        (
            {(*DISCOVERY, "parameter_space", "bollinger_mean_reversion"): {"width": {"float": [0.5, 1.5]}}},
            r"a grid over \{float: \[0.5, 1.5\]\} needs a `step`",
        ),
        ({(*ENSEMBLE, "weight_constraints"): {"step": None}}, "a grid over weights needs a `step`"),
        (
            {
                ("strategies",): ["macd_rsi_confluence"],
                (*DISCOVERY, "algorithm"): {"kind": "random", "trials": 40},
                (*DISCOVERY, "parameter_space"): {
                    "macd_rsi_confluence": {"fast": {"int": [5, 60]}, "slow": {"int": [20, 60]}}
                },
            },
            "macd_rsi_confluence refuses .*`fast < slow` must hold",
        ),
    ],
)
def test_what_cannot_be_searched_is_said_when_the_file_is_read(changes: Changes, message: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=message):
        spec(changes)
