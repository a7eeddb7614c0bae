"""Files that a person edits between two phases: noticed, recorded and used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core import files
from regimefolio.core.errors import ConfigError, CorruptError
from regimefolio.workflow import Workspace
from tests.workflows import NAMES, Said, actions, audited, coordinator, hashes

DISCOVERY = NAMES[0]


def test_an_edited_signal_is_noticed_recorded_and_used(finished: Path) -> None:
    made = coordinator(finished)
    workspace, said = made.workspace, Said()
    before = hashes(workspace)
    path = workspace.signal_file(2)
    panel = np.load(path)
    panel[0] = np.where(panel[0] > 0, -panel[0], panel[0])  # momentum never buys again
    np.save(path, panel)
    steps = coordinator(finished, progress=said).run()
    assert actions(steps) == "uurr"
    assert steps[2].reason == "signals/trial_2.npy changed"
    (entry,) = audited(workspace, "edited")
    assert entry["file"] == "signals/trial_2.npy"
    assert entry["phase"] == DISCOVERY
    assert entry["before"] == before["signals/trial_2.npy"] != entry["after"] == files.sha256_of(path)
    assert any("signals/trial_2.npy was edited since parameter_discovery wrote it; it is used" in t for t in said.texts)
    after = hashes(workspace)
    assert after["performance/ensemble_returns.npy"] != before["performance/ensemble_returns.npy"]
    weights = files.read_json(workspace.analysis / "ensemble_weights.json")
    assert weights["classifiers"]["static"]["replay_equals_full_run"] is False
    assert sum("saved signals differ" in text for text in said.texts) == 1
    assert actions(coordinator(finished).run()) == "uuuu"
    assert len(audited(workspace, "edited")) == 1  # once


def test_an_edit_that_a_phase_writes_over_is_recorded(finished: Path) -> None:
    made, said = coordinator(finished), Said()
    path = made.workspace.signal_file(1)
    before = files.sha256_of(path)
    np.save(path, np.load(path)[::-1])
    edited = files.sha256_of(path)
    coordinator(finished, progress=said).run(DISCOVERY)
    (entry,) = audited(made.workspace, "edit overwritten")
    assert (entry["file"], entry["before"], entry["after"]) == ("signals/trial_1.npy", before, edited)
    assert any("signals/trial_1.npy was edited" in text and "writes it anew" in text for text in said.texts)
    assert files.sha256_of(path) == before
    assert not audited(made.workspace, "edited")


def test_every_phase_is_told_when_it_is_over(folder: Path) -> None:
    made = coordinator(folder)
    told = []
    steps = made.run(finished=lambda step: told.append((step, made.workspace.checkpoint(step.phase) is not None)))
    assert told == [(step, True) for step in steps]
    again = coordinator(folder)
    told.clear()
    again.run(finished=lambda step: told.append((step, True)))
    assert [step.action for step, _ in told] == ["reuse"] * 4


def test_an_edited_choice_is_used_by_both_phases_after_it(finished: Path) -> None:
    made = coordinator(finished)
    workspace = made.workspace
    path = workspace.analysis / "regime_optimal_params.json"
    choices = files.read_json(path)
    chosen = choices["trend"]["bear"]["momentum_rank"]
    other = 5 - chosen["trial"]  # trials 2 and 3 are momentum's
    chosen["trial"] = other
    chosen["parameters"] = {k: v for k, v in _parameters(workspace, other).items() if k != "kind"}
    path.write_text(json.dumps(choices))
    steps = made.run()
    assert actions(steps) == "uurr"
    assert steps[2].reason == "analysis/regime_optimal_params.json changed"
    assert [entry["file"] for entry in audited(workspace, "edited")] == ["analysis/regime_optimal_params.json"]
    strategy = (workspace.analysis / "adaptive_strategy.yaml").read_text()
    weights = files.read_json(workspace.analysis / "ensemble_weights.json")
    assert weights["selected"] == "trend"
    from regimefolio.backtest import BacktestSpec
    from regimefolio.core.documents import read_document

    described = read_document(workspace.analysis / "adaptive_strategy.yaml").parse(BacktestSpec, "backtest")
    assert described.adaptive is not None
    assert described.adaptive["bear"].strategies["momentum_rank"] == chosen["parameters"], strategy
    assert weights["classifiers"]["trend"]["replay_equals_full_run"] is True  # the saved signals are its own


def test_parameters_that_are_not_their_trials_are_refused(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "regime_optimal_params.json"
    choices = files.read_json(path)
    choices["trend"]["bear"]["momentum_rank"]["parameters"]["lookback"] = 99
    path.write_text(json.dumps(choices))
    with pytest.raises(ConfigError) as caught:
        made.run()
    assert str(path) in str(caught.value)
    assert "trend / bear / momentum_rank has the parameters {'lookback': 99" in str(caught.value)
    assert str(caught.value).endswith("name the trial whose signals belong to the parameters")


@pytest.mark.parametrize("content", ["[]", '{"trend": 3}', '{"trend": {"bear": {"momentum_rank": {"trial": 2}}}}'])
def test_choices_of_another_form_are_refused(content: str, finished: Path) -> None:
    made = coordinator(finished)
    (made.workspace.analysis / "regime_optimal_params.json").write_text(content)
    with pytest.raises(CorruptError, match="has not the form classifier → regime → strategy → choice"):
        made.run()


def test_edited_weights_are_validated(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "ensemble_weights.json"
    weights = files.read_json(path)
    weights["selected"] = "gaussian_hmm"
    path.write_text(json.dumps(weights))
    assert actions(made.run()) == "uuur"
    results = files.read_json(made.workspace.performance / "validation_results.json")
    assert results["selected"] == "gaussian_hmm"
    assert next(iter(results["runs"])) == "gaussian_hmm"


def test_an_edited_last_file_is_recorded_though_nothing_reads_it(finished: Path) -> None:
    made = coordinator(finished)
    (made.workspace.analysis / "validation_trades.json").write_text("{}")
    assert actions(made.run()) == "uuuu"
    assert [entry["file"] for entry in audited(made.workspace, "edited")] == ["analysis/validation_trades.json"]


def _parameters(workspace: Workspace, trial: int) -> dict[str, Any]:
    found: dict[str, Any] = files.read_json(workspace.trial_file(trial))["parameters"]
    return found
