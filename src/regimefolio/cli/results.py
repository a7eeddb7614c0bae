"""What the phases of a workflow wrote, read from its files for the tables of the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regimefolio.core.files import read_json
from regimefolio.core.types import Json

if TYPE_CHECKING:
    from regimefolio.api import WorkflowSpec

STATIC, ALL_BARS = "static", "all"


@dataclass(frozen=True)
class BestTrial:
    """The trial of one strategy with the best objective, of `trials` of them; None where none has an objective."""

    strategy: str
    trials: int
    failed: int
    trial: int | None
    parameters: Mapping[str, Json]
    metrics: Mapping[str, float]


class Results:
    """Reads one workspace; every phase's part must be there when it is asked for."""

    def __init__(self, root: Path, spec: WorkflowSpec) -> None:
        self.root = root
        self.spec = spec

    @cached_property
    def trials(self) -> list[dict[str, Any]]:
        """Phase 1: the rows of trials.parquet, parameters as mappings."""
        import polars as pl

        rows = pl.read_parquet(self.root / "performance" / "trials.parquet").to_dicts()
        return [{**row, "parameters": json.loads(row["parameters"])} for row in rows]

    def best_trials(self) -> list[BestTrial]:
        """One for each strategy, in the order of the file; the first of equals."""
        objective, best = self.spec.discovery.objective, []
        for strategy in self.spec.strategies:
            rows = [row for row in self.trials if row["strategy"] == strategy.kind]
            scored = [row for row in rows if row["status"] != "failed" and not math.isnan(row[objective])]
            top = max(scored, key=lambda row: float(row[objective]), default=None)
            best.append(
                BestTrial(
                    strategy.kind,
                    len(rows),
                    sum(row["status"] == "failed" for row in rows),
                    None if top is None else top["trial"],
                    {} if top is None else top["parameters"],
                    {} if top is None else {name: v for name, v in top.items() if isinstance(v, float)},
                )
            )
        return best

    def searched(self, kind: str) -> list[str]:
        """The parameters of a strategy that the workflow's search space names, if only one value of each."""
        space = self.spec.discovery.parameter_space.get(kind)
        strategy = next(strategy for strategy in self.spec.strategies if strategy.kind == kind)
        names = (*strategy.bare.plain(), *strategy.beside)
        return [] if space is None else [name for name in names if name in space.root]

    @cached_property
    def choices(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Phase 2: classifier → regime → strategy → parameters, trial, evidence."""
        found: dict[str, dict[str, dict[str, Any]]] = read_json(self.root / "analysis" / "regime_optimal_params.json")
        return found

    @cached_property
    def weights(self) -> dict[str, Any]:
        """Phase 3: objective, the selected classifier, and weights by classifier."""
        found: dict[str, Any] = read_json(self.root / "analysis" / "ensemble_weights.json")
        return found

    @cached_property
    def validation(self) -> dict[str, Any]:
        """Phase 4: runs, differences, checks."""
        found: dict[str, Any] = read_json(self.root / "performance" / "validation_results.json")
        return found

    @cached_property
    def robustness(self) -> dict[str, Any]:
        """Phase 4: what is left under other circumstances."""
        found: dict[str, Any] = read_json(self.root / "analysis" / "robustness.json")
        return found

    @cached_property
    def trading(self) -> dict[str, Any]:
        """Phase 4: costs by kind, interventions and doubts of the selected strategy."""
        found: dict[str, Any] = read_json(self.root / "analysis" / "trading.json")
        return found

    def runs(self) -> dict[str, dict[str, Any]]:
        """All runs on the test bars by name; a benchmark of its own and the index last where there are such."""
        held = {name: self.validation[name] for name in ("benchmark", "index") if name in self.validation}
        return {**self.validation["runs"], **held}

    def answer(self) -> str:
        """Whether adapting to regimes helped, in one sentence: the first one of the report."""
        from regimefolio import api

        return "".join(api.first_sentence(api.read_record(self.root)))

    def summary(self) -> dict[str, object]:
        """All of it, for `--json`."""
        return {
            "best_trials": self.best_trials(),
            "parameters": self.choices,
            "weights": self.weights,
            "runs": {
                name: {"status": run["status"], "metrics": run["metrics"], "reasons": run["reasons"]}
                for name, run in self.runs().items()
            },
            "placebo": {
                name: v for name, v in self.robustness["placebo"].items() if name not in ("shifted_by", "scores")
            },
            "break_even": self.robustness["costs"]["break_even"],
            "checks": self.validation["checks"],
            "orders": self.validation["orders"],
            "trading": self.trading,
            "selected": self.validation["selected"],
            "selected_minus": self.validation["selected_minus"],
            "answer": self.answer(),
        }
