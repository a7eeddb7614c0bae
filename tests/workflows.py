"""A workflow that takes a second or two, on prices that a seed makes; for tests of the whole chain."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.backtest import load_market
from regimefolio.core.files import sha256_of
from regimefolio.core.progress import Progress
from regimefolio.market import Dataset, Market
from regimefolio.workflow import PHASES, Coordinator, PhaseStep, WorkflowSpec, Workspace

Changes: TypeAlias = Mapping[Any, object]
"""Values by their place in the workflow, such as ("phases", 2, "config", "objective")."""

BARS, TRAIN, EMBARGO = 900, 600, 5
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
DAYS = np.busday_offset("2010-01-04", np.arange(BARS), roll="forward")
RESULTS = ("signals", "performance", "analysis")
NAMES = tuple(phase.name for phase in PHASES)

WORKFLOW: dict[str, Any] = {
    "name": "small",
    "output_dir": "results",
    "data": {"source": "file:prices.csv", "split": {"train_end": str(DAYS[TRAIN - 1]), "embargo": EMBARGO}},
    "strategies": [{"kind": "bollinger_mean_reversion", "width": 1.0}, {"kind": "momentum_rank", "skip": 1}],
    "portfolio": {"constraints": {"max_position": 0.6}, "rebalance": "weekly"},
    "execution": {"commission_bps": 5, "slippage_bps": 5},
    "regime_classifiers": [
        {"kind": "gaussian_hmm", "states": 2, "first_fit": 150, "restarts": 1, "on": "equal_weight"},
        {"kind": "trend", "average": 40, "slope": 5, "high": 60, "on": "equal_weight", "min_duration": 3},
    ],
    "phases": [
        {
            "name": "parameter_discovery",
            "type": "optimization",
            "config": {
                "parameter_space": {
                    "bollinger_mean_reversion": {"lookback": [5, 15]},
                    "momentum_rank": {"lookback": [16, 40]},
                }
            },
        },
        {"name": "regime_analysis", "type": "analysis", "config": {"min_bars": 30, "min_episodes": 2, "shrinkage": 5}},
        {
            "name": "ensemble_optimization",
            "type": "optimization",
            "config": {"weight_constraints": {"step": 0.5}},
        },
        {"name": "validation", "type": "backtest"},
    ],
}


def closes(bars: int = BARS) -> NDArray[np.float64]:
    """Four assets in a market that is calm and turbulent by turns."""
    rng = np.random.default_rng(46)
    turbulent = np.arange(bars) // 75 % 2 == 1
    common = np.where(turbulent, -0.0005, 0.001) + np.where(turbulent, 0.018, 0.006) * rng.standard_normal(bars)
    own = 0.01 * rng.standard_normal((bars, len(SYMBOLS)))
    return np.round(100.0 * np.exp(np.cumsum(common[:, None] + own, axis=0)), 4)


def write_prices(folder: Path, close: NDArray[np.float64] | None = None) -> None:
    """`prices.csv` in a folder: one column a symbol."""
    rows = closes() if close is None else close
    lines = [f"{day},{','.join(f'{price:.4f}' for price in row)}" for day, row in zip(DAYS, rows, strict=False)]
    (folder / "prices.csv").write_text("\n".join([f"date,{','.join(SYMBOLS)}", *lines]) + "\n")


def spec(changes: Changes | None = None) -> WorkflowSpec:
    """The workflow with some values changed, each named by its place."""
    described: Any = copy.deepcopy(WORKFLOW)
    for (*place, last), value in (changes or {}).items():
        where = described
        for step in place:
            where = where.setdefault(step, {}) if isinstance(where, dict) else where[step]
        where[last] = value
    return WorkflowSpec.model_validate(described)


def coordinator(
    folder: Path,
    changes: Changes | None = None,
    progress: Progress | None = None,
    threads: int = 2,
) -> Coordinator:
    """What runs the workflow on the prices of a folder, inside it."""
    made = spec(changes)

    def load() -> tuple[Dataset, Market]:
        return load_market(made.data, made.benchmark, folder, made.execution, made.risk_free)

    return Coordinator(made, PHASES, load, folder, progress, threads)


def hashes(workspace: Workspace, folders: tuple[str, ...] = RESULTS) -> dict[str, str]:
    """SHA-256 of every file of some of a workspace's folders, hidden ones too."""
    found = (path for name in folders for path in sorted((workspace.root / name).rglob("*")) if path.is_file())
    return {workspace.relative(path): sha256_of(path) for path in found}


def actions(steps: Sequence[PhaseStep]) -> str:
    """One letter a phase: r for run, u for used again."""
    return "".join("r" if step.action == "run" else "u" for step in steps)


def audited(workspace: Workspace, event: str) -> list[dict[str, Any]]:
    """The events of this name in the audit trail."""
    lines = (workspace.metadata / "audit.jsonl").read_text("utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == event]


class Said(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)
