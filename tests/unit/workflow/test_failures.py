"""What stops a run and what does not: torn files, a full disk, trials that fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core import files
from regimefolio.core.errors import CorruptError, ModelError, WorkspaceError
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import Strategy
from tests.workflows import NAMES, Changes, Said, actions, audited, coordinator

DISCOVERY = NAMES[0]


def test_a_truncated_signal_stops_with_the_remedy(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.signal_file(1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptError, match=r"trial_1\.npy: is not a whole \.npy file .* run its phase again"):
        made.run()
    assert actions(made.run(DISCOVERY)) == "rrrr"


def test_a_signal_of_another_shape_stops_with_the_remedy(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.signal_file(1)
    np.save(path, np.load(path)[:, :-1])
    with pytest.raises(
        CorruptError, match=r"trial_1\.npy: is float32 of shape \(2, 599, 4\), .*--from parameter_discov"
    ):
        made.run()


@pytest.mark.parametrize(
    "name", ["analysis/regime_optimal_params.json", "analysis/ensemble_weights.json", "performance/trial_0.json"]
)
def test_truncated_json_stops_with_the_remedy(name: str, finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.root / name
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CorruptError) as caught:
        made.run()
    assert str(caught.value).startswith(f"{path}: is not JSON")
    assert str(caught.value).endswith("restore it or run its phase again")


@pytest.mark.parametrize("content", ["", '{"phase": "x"', "[]", '{"phase": 1}'])
def test_a_broken_checkpoint_stops_and_asking_for_the_phase_mends_it(content: str, finished: Path) -> None:
    made = coordinator(finished)
    (made.workspace.checkpoints / f"{DISCOVERY}.json").write_text(content)
    with pytest.raises(CorruptError, match=rf"{DISCOVERY}\.json"):
        made.run()
    assert actions(made.run(DISCOVERY)) == "rrrr"
    assert actions(made.run()) == "uuuu"


def test_a_full_disk_stops_the_run_and_is_no_failed_trial(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regimefolio.workflow.phases import trials

    write = files.write_npy

    def full(path: Path, array: np.ndarray[Any, Any]) -> None:
        if path.name == "trial_1.npy":
            raise WorkspaceError(f"{path}: cannot be written (No space left on device)")
        write(path, array)

    made = coordinator(folder)
    with monkeypatch.context() as patch:
        patch.setattr(trials, "write_npy", full)
        with pytest.raises(WorkspaceError, match="No space left"):
            made.run()
    assert not list(made.workspace.checkpoints.glob("*"))
    assert actions(made.run()) == "rrrr"


class Moody(Strategy, kind="scripted_moody"):
    """Fails for some parameters."""

    limit: int = 0

    @property
    def warmup(self) -> int:
        return 0

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        if self.limit > 0:
            raise ZeroDivisionError("by zero")
        panels = self.buffer(market, out)
        panels.alpha[:], panels.confidence[:] = 0.5, 0.5
        return self.emit(market, panels, horizon=1)


def moody(limits: list[int]) -> Changes:
    return {
        ("strategies",): ["scripted_moody", {"kind": "momentum_rank", "skip": 1}],
        ("phases", 0, "config", "parameter_space"): {
            "scripted_moody": {"limit": limits},
            "momentum_rank": {"lookback": [16]},
        },
    }


def test_a_failed_trial_is_a_failed_result(folder: Path) -> None:
    said = Said()
    made = coordinator(folder, moody([1, 0]), said)
    made.run()
    failed = files.read_json(made.workspace.trial_file(0))
    assert (failed["status"], failed["message"]) == ("failed", "ZeroDivisionError: by zero")
    assert failed["artifacts"] == []
    assert not made.workspace.signal_file(0).exists()
    (entry,) = audited(made.workspace, "failed trial")
    assert "raise ZeroDivisionError" in entry["details"]
    (told,) = [text for text in said.texts if text.startswith("trial 0 (scripted_moody) failed: ")]
    assert re.search(r": ZeroDivisionError: by zero \(.*test_failures\.py:\d+\)$", told)
    choices = files.read_json(made.workspace.analysis / "regime_optimal_params.json")
    assert {kinds["scripted_moody"]["trial"] for regimes in choices.values() for kinds in regimes.values()} == {1}


def test_a_strategy_without_a_single_result_stops_the_run(folder: Path) -> None:
    with pytest.raises(
        ModelError, match=r"all 2 trials of scripted_moody failed; the first one: ZeroDivisionError: by"
    ):
        coordinator(folder, moody([1, 2])).run()
