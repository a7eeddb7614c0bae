"""A workflow's file: what it may say, and where its mistakes stand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regimefolio.api import demo_file
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.workflow import WorkflowSpec
from tests.workflows import BARS, DAYS, WORKFLOW, coordinator, spec

Change = Callable[[Any], object]


def read(folder: Path, change: Change) -> tuple[WorkflowSpec, str]:
    """The workflow after a change, and its text."""
    described = copy.deepcopy(WORKFLOW)
    change(described)
    path = folder / "workflow.yaml"
    path.write_text(yaml.safe_dump({"workflow": described}, sort_keys=False, width=70))
    return read_document(path).parse(WorkflowSpec, "workflow"), path.read_text()


def space(workflow: Any) -> Any:
    return workflow["phases"][0]["config"]["parameter_space"]


def test_a_workflow_is_read_and_written(tmp_path: Path) -> None:
    read_spec, _ = read(tmp_path, lambda workflow: None)
    assert read_spec == spec()
    assert WorkflowSpec.model_validate(read_spec.model_dump(mode="json")) == read_spec


def test_the_shipped_workflow_is_in_order() -> None:
    shipped = read_document(demo_file()).parse(WorkflowSpec, "workflow")
    assert shipped.name == "demo"
    assert shipped.analysis.shrinkage == 504
    assert {strategy.kind for strategy in shipped.strategies} == set(shipped.discovery.parameter_space)


ORDER = (
    "phases must be parameter_discovery, regime_analysis, ensemble_optimization, validation, in this order, but are "
)


@pytest.mark.parametrize(
    ("change", "message", "line"),
    [
        (
            lambda w: w.update(phases=[w["phases"][n] for n in (1, 0, 2, 3)]),
            ORDER + "regime_analysis, parameter_discovery, ensemble_optimization, validation",
            "  phases:",
        ),
        (
            lambda w: w["phases"].pop(),
            ORDER + "parameter_discovery, regime_analysis, ensemble_optimization",
            "  phases:",
        ),
        (lambda w: w.update(phases=[]), ORDER + "none", "  phases: []"),
        (
            lambda w: w["phases"][1].update(type="optimization"),
            "must be 'analysis', but this is 'optimization'",
            "    type: optimization",
        ),
        (
            lambda w: space(w).update(momentum_rnk={"lookback": [63]}),
            "'momentum_rnk' is not among the strategies; did you mean 'momentum_rank'?",
            "        momentum_rnk:",
        ),
        (
            lambda w: space(w)["momentum_rank"].update(lokback=[63]),
            "momentum_rank has no parameter 'lokback'; did you mean 'lookback'?",
            "          lokback:",
        ),
        (
            lambda w: space(w)["momentum_rank"].update(lookback={"int": [3, 40]}),
            "momentum_rank refuses lookback = 3: input should be greater than or equal to 8",
            "          lookback:",
        ),
        (
            lambda w: (
                w.update(strategies=["macd_rsi_confluence"]),
                w["phases"][0]["config"].update(parameter_space={"macd_rsi_confluence": {"fast": [8, 60]}}),
            ),
            'macd_rsi_confluence refuses {"fast": 60}: `fast < slow` must hold, but got fast=60, slow=26',
            None,
        ),
        (
            lambda w: w["phases"][2]["config"].update(weight_constraints={"step": 0.3}),
            "whole steps must add up to one, as 0.25 or 0.1 do, but the step is 0.3",
            "      weight_constraints:",
        ),
        (
            lambda w: w["phases"][2]["config"].update(weight_constraints={"min_weight": 0.6}),
            "2 weights in steps of 0.25, each at least 0.6, cannot sum to one",
            "      weight_constraints:",
        ),
        (
            lambda w: w["phases"][2]["config"].update(objective="shrp"),
            "must be 'sharpe', 'sortino', 'calmar', 'return', 'drawdown' or 'minimize_regime_drawdown', "
            "but this is 'shrp'",
            "      objective: shrp",
        ),
        (
            lambda w: w.update(strategies=["momentum_rank", {"kind": "momentum_rank", "lookback": 63}]),
            "'momentum_rank' is listed twice; results are named by kind",
            "  strategies:",
        ),
        (
            lambda w: w.update(regime_classifiers=["trend", "hmm"]),
            "unknown regime detector 'hmm'; known: gaussian_hmm, price_pattern, trend; "
            "one of your own is found if its module stands under `plugins`",
            "  - hmm",
        ),
        (
            lambda w: w["regime_classifiers"][1].update(average=1),
            "must be at least 2, but this is 1",
            "    average: 1",
        ),
        (
            lambda w: w["data"]["split"].update(embargo=-1),
            "must be at least 0, but this is -1",
            "      embargo: -1",
        ),
        (lambda w: w["data"].pop("split"), "`split` is missing", "  data:"),
        (lambda w: w["data"]["split"].update(trian_end=1), "unknown key 'trian_end'; did you mean 'train_end'?", None),
        (
            lambda w: w["portfolio"].update(allocator="equal_weight"),
            "equal_weight looks at prices alone, so that all trials of strategies would be equal; take an allocator "
            "that looks at alphas, such as proportional, or `regimefolio backtest`",
            "    allocator: equal_weight",
        ),
        (lambda w: w.update(strategies=[]), "must hold at least 1, but holds 0", None),
    ],
)
def test_mistakes_with_their_place(change: Change, message: str, line: str | None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, change)
    first, shown, pointer = str(caught.value).splitlines()
    assert first.split(": ", 1)[1] == message
    lines = (tmp_path / "workflow.yaml").read_text().splitlines()
    place = first.split(": ", 1)[0].removeprefix(f"{tmp_path / 'workflow.yaml'}:").split(":")
    assert shown[2:] == lines[int(place[0]) - 1]
    assert len(pointer) - 2 == int(place[1])
    if line is not None:
        assert shown[2:] == line


@pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "", "a b", "/root"])
def test_names_that_are_no_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be made of letters, digits"):
        read(tmp_path, lambda workflow: workflow.update(name=name))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train_end": "2100-01-01"}, f"leaves {BARS} training bars and 0 test bars of {BARS}; at least 378 and 3"),
        ({"train_end": str(DAYS[-5]), "embargo": 3}, f"leaves 896 training bars and 1 test bars of {BARS}"),
        ({"train_end": str(DAYS[376]), "embargo": 3}, f"leaves 377 training bars and 520 test bars of {BARS}"),
        ({"train_end": "1999-01-01"}, "leaves 0 training bars"),
    ],
)
def test_a_split_that_leaves_too_little(split: dict[str, object], message: str, folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        coordinator(folder, {("data", "split"): split}).run()
    assert message in str(caught.value)
    assert str(caught.value).endswith("choose another date or a shorter embargo")


def test_a_warmup_that_leaves_too_little(folder: Path) -> None:
    place = ("phases", 0, "config", "parameter_space", "momentum_rank", "lookback")
    with pytest.raises(ConfigError) as caught:
        coordinator(folder, {place: [40, 200]}).run()
    assert "trial 3 (" in str(caught.value)
    assert "needs 202 bars of warm-up and 252 to be scored on, 454 in all" in str(caught.value)
    assert "but parameters are chosen on 400 bars; " in str(caught.value)


def test_train_end_is_the_last_training_day_whether_or_not_it_has_a_bar(folder: Path) -> None:
    from regimefolio.backtest import load_market
    from regimefolio.workflow.phases import Job

    def n_train(date: str) -> int:
        made = coordinator(folder, {("data", "split", "train_end"): date})
        return Job(made.spec, made.workspace, *load_market(made.spec.data, None, folder)).n_train

    assert str(DAYS[399]) == "2011-07-15"  # a Friday
    assert [n_train(f"2011-07-{day}") for day in (14, 15, 16, 17, 18)] == [399, 400, 400, 400, 401]
