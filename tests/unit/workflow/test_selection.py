"""A workflow whose portfolio selects: all four phases, with features in memory and from a matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from regimefolio.backtest import load_market, run_backtest
from regimefolio.core.errors import StaleError
from regimefolio.core.files import read_json, read_npy
from regimefolio.features import build_matrix, parts_giving
from regimefolio.workflow import Workspace
from regimefolio.workflow.reading import read_backtest
from tests.workflows import closes, coordinator, hashes, spec, write_prices

SELECTION = {"filter": ["history >= 20"], "rank_by": "Recommend.MA", "top_n": 2, "keep_until_rank": 3}


def ran(folder: Path, **more: object) -> Workspace:
    write_prices(folder)
    made = coordinator(folder, {("portfolio", "selection"): {**SELECTION, **more}})
    made.run()
    return made.workspace


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return ran(tmp_path_factory.mktemp("selected"))


def test_two_of_four_are_held_and_every_check_passes(finished: Workspace) -> None:
    weights = read_npy(finished.performance / "validation_weights.npy")
    assert 0 < (weights > 0).sum(axis=1).max() <= 2 + 1  # one may be on its way out
    assert (weights > 0).any(axis=0).all()
    found = read_json(finished.performance / "validation_results.json")["checks"]
    assert len(found) >= 4
    assert [check["name"] for check in found if not check["passed"] and "holds up" not in check["name"]] == []


def test_the_strategy_that_it_writes_selects_too(finished: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.root.parents[1])
    made = read_backtest(finished.analysis / "adaptive_strategy.yaml")
    assert made.portfolio.selection is not None
    assert made.portfolio.selection.top_n == 2
    _, _, run = run_backtest(made)
    assert ((run.target > 0).sum(axis=1) <= 2).all()


def test_a_matrix_gives_the_same_bytes(finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_prices(tmp_path)
    panel = load_market(spec().data, None, tmp_path)[0].panel
    build_matrix(panel, parts_giving(["history", "Recommend.MA"]), tmp_path / "kept")
    looked_up = ran(tmp_path, features="kept")
    folders = ("signals", "performance")
    assert hashes(looked_up, folders) == hashes(finished, folders)
    changed = closes()
    changed[700, 2] *= 1.01
    write_prices(tmp_path, changed)
    with pytest.raises(StaleError, match=r"was made from other prices"):
        coordinator(tmp_path, {("portfolio", "selection"): {**SELECTION, "features": "kept"}}).run()
