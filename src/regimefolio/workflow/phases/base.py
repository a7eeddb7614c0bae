"""What every phase is: files in, files out, and nothing between two phases but files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from regimefolio.backtest import BacktestRunner, interest
from regimefolio.core.errors import DataError, RegimefolioError
from regimefolio.core.files import read_json
from regimefolio.core.progress import Progress
from regimefolio.core.types import Float, Json
from regimefolio.kernels.metrics import part_of
from regimefolio.market import Dataset, Market, must_decide
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Workspace


@dataclass(frozen=True)
class Job:
    """What a phase is given.

    Phases 1 to 3 work on `training`, which ends before the first test bar; only validation may touch `market`.
    """

    spec: WorkflowSpec
    workspace: Workspace
    dataset: Dataset
    market: Market
    progress: Progress = field(default_factory=Progress)
    threads: int = 2

    def __post_init__(self) -> None:
        bars, train = self.dataset.panel.n_bars, self.n_train
        if self.n_fit < 252 or self.test_start > bars - 3:
            ends = self.spec.data.split.train_end
            raise DataError(
                f"data.split.train_end {ends} leaves {train} training bars and {max(0, bars - self.test_start)} test "
                f"bars of {bars}; at least 378 and 3 are needed: choose another date "
                "or a shorter embargo",
                ("data", "split", "train_end"),
            )
        must_decide(self.dataset.panel.timestamps, self.spec.portfolio.rebalance)
        for position, detector in enumerate(self.spec.regime_classifiers):
            try:
                self.market.series(detector.on)
            except RegimefolioError as error:
                error.place = ("regime_classifiers", position, "on")
                raise

    @property
    def n_train(self) -> int:
        """Training bars: those that end at or before `train_end`."""
        day_after = np.datetime64(self.spec.data.split.train_end, "D") + 1
        return int(np.searchsorted(self.dataset.panel.timestamps, day_after.astype("datetime64[ns]")))

    @property
    def n_fit(self) -> int:
        """Bars on which parameters are chosen: the first two thirds of training."""
        return 2 * self.n_train // 3

    @property
    def test_start(self) -> int:
        """The first bar that trades in validation."""
        return self.n_train + self.spec.data.split.embargo

    def risk_free(self, bars: slice = slice(None)) -> Float:
        """The risk-free return of each of some bars, or one for all, (1,)."""
        return part_of(interest(self.spec.risk_free, self.market), bars)

    @property
    def training(self) -> Market:
        """The bars that end before the embargo."""
        return self.market.until(self.n_train)

    def runner(self, market: Market, vetoes: bool = True, changed: bool = False) -> BacktestRunner:
        """A runner with the workflow's portfolio, costs, risk and capital; vetoes are not for what does not adapt.

        Of prices that were `changed` no features are kept anywhere: they are computed.
        """
        spec = self.spec
        risk = spec.risk if vetoes else spec.risk.for_regimes(())
        portfolio = spec.portfolio.in_memory() if changed else spec.portfolio
        return BacktestRunner(market, portfolio, spec.execution, spec.initial_capital, spec.risk_free, risk)


class Phase(ABC):
    """One step of a workflow."""

    name: ClassVar[str]
    owns: ClassVar[tuple[str, ...]]
    """Glob patterns of the files that this phase, and no other, writes."""

    @abstractmethod
    def configuration(self, spec: WorkflowSpec) -> Json:
        """The part of the workflow that this phase depends on."""

    @abstractmethod
    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        """The files of earlier phases that it reads."""

    @abstractmethod
    def run(self, job: Job) -> None:
        """Do the work and write the files."""

    def outputs(self, workspace: Workspace) -> list[Path]:
        """The files of this phase that are there."""
        return sorted(path for pattern in self.owns for path in workspace.root.glob(pattern))


def trial_parameters(workspace: Workspace, trial: int) -> dict[str, Json]:
    """Kind and parameters of a trial of phase 1."""
    found: dict[str, Json] = read_json(workspace.trial_file(trial))["parameters"]
    return found
