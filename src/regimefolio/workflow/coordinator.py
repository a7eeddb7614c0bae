"""Runs the phases in order, each at most once for the same inputs; knows files and hashes, and no trading."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import yaml
from threadpoolctl import threadpool_limits

from regimefolio.backtest import inputs_fingerprint
from regimefolio.core.code import code_of
from regimefolio.core.component import did_you_mean, fingerprint
from regimefolio.core.errors import ConfigError, CorruptError, must_be
from regimefolio.core.files import jsonable, path_of, read_json, write_json, write_text
from regimefolio.core.progress import Progress
from regimefolio.core.types import Json
from regimefolio.market import Dataset, Market
from regimefolio.workflow.phases import Job, Phase
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Checkpoint, Workspace

LIBRARIES = ("exchange-calendars", "numpy", "numba", "polars", "pydantic", "scipy", "skfolio")


@dataclass(frozen=True)
class PhaseStep:
    """What was done about one phase, or would be, and why."""

    phase: str
    action: Literal["run", "reuse"]
    reason: str
    seconds: float = 0.0


class Coordinator:
    """Takes a workflow through its phases inside one workspace.

    Parameters
    ----------
    spec : WorkflowSpec
    phases : sequence of Phase
        In order.
    load : callable
        Reads the data, and the market that belongs to it.
    folder : Path
        Where a relative `output_dir` starts.
    """

    def __init__(
        self,
        spec: WorkflowSpec,
        phases: Sequence[Phase],
        load: Callable[[], tuple[Dataset, Market]],
        folder: Path = Path(),
        progress: Progress | None = None,
        threads: int = 2,
    ) -> None:
        must_be(WorkflowSpec, spec, "spec", "read_workflow(file) reads one")
        self.spec = spec
        self.phases = tuple(phases)
        self.workspace = Workspace(folder / path_of(spec.output_dir) / spec.name)
        self._load = load
        self._progress = progress or Progress()
        self._threads = threads
        self._code = code_of([spec, spec.candidates()])

    def plan(self, first: str | None = None) -> list[PhaseStep]:
        """What `run` would do, without doing it; nothing is written."""
        self._check(first)
        data = inputs_fingerprint(*self._load())
        steps: list[PhaseStep] = []
        for phase in self.phases:
            earlier = [step.phase for step in steps if step.action == "run"]
            why = self._why_itself(phase, data, first)
            if why is None and earlier:
                why = f"if {earlier[-1]} writes other files than before"
            why = why or self._why_inputs(phase)
            steps.append(PhaseStep(phase.name, "run" if why else "reuse", why or "nothing changed"))
        return steps

    def run(
        self, first: str | None = None, finished: Callable[[PhaseStep], None] = lambda step: None
    ) -> list[PhaseStep]:
        """Run what is not finished; `first` and the phases after it run in any case.

        `finished` is called after every phase, with what was done about it.

        Raises
        ------
        LockedError
            Another process works in the workspace.
        ConfigError
            `first` is not a phase.
        """
        self._check(first)
        workspace = self.workspace
        with workspace.opened(), threadpool_limits(1, "blas"):  # as in worker processes: sums round alike everywhere
            self._check_trail()
            dataset, market = self._load()
            data = inputs_fingerprint(dataset, market)
            self._describe(dataset, data)
            if dataset.defects:
                text = f"{len(dataset.defects):,} defects of the data were masked or put in place"
                workspace.audit.record("masked", defects=len(dataset.defects))
                self._progress.say(text)
            job = Job(self.spec, workspace, dataset, market, self._progress, self._threads)
            steps = []
            for phase in self.phases:
                why = self._why_itself(phase, data, first) or self._why_inputs(phase)
                step = self._reuse(phase) if why is None else self._run(phase, job, data, why)
                finished(step)
                steps.append(step)
            return steps

    def _check(self, first: str | None) -> None:
        names = [phase.name for phase in self.phases]
        if first is not None and first not in names:
            raise ConfigError(f"unknown phase {first!r}; {did_you_mean(first, names)}")

    def _check_trail(self) -> None:
        """Say, and record, where the audit trail is not what was written; the work itself does not depend on it."""
        audit = self.workspace.audit
        found = audit.verify()
        if found.broken:
            self._progress.say(f"{audit.path}: {found.text}; what it says is not to be trusted")
            audit.record("broken chain", line=found.broken[0][0], places=len(found.broken))

    def _reuse(self, phase: Phase) -> PhaseStep:
        for name in self._edited(phase, "edited"):
            self._progress.say(f"{name} was edited since {phase.name} wrote it; it is used as it is")
        self.workspace.audit.record("reused", phase=phase.name)
        return PhaseStep(phase.name, "reuse", "nothing changed")

    def _run(self, phase: Phase, job: Job, data: str, why: str) -> PhaseStep:
        workspace, started = self.workspace, time.perf_counter()
        workspace.audit.record("started", phase=phase.name, reason=why)
        try:
            overwritten = self._edited(phase, "edit overwritten")
        except CorruptError:  # a broken checkpoint cannot tell
            overwritten = []
        for name in overwritten:
            self._progress.say(
                f"{name} was edited since {phase.name} wrote it; the phase runs again and writes it anew"
            )
        workspace.clear(phase.name, phase.owns)
        inputs = workspace.hashes(phase.inputs(workspace, self.spec))
        phase.run(job)
        outputs = workspace.hashes(phase.outputs(workspace))
        workspace.finish(replace(self._identity(phase, data), inputs=inputs, outputs=outputs))
        seconds = time.perf_counter() - started
        workspace.audit.record("finished", phase=phase.name, seconds=round(seconds, 3), files=len(outputs))
        return PhaseStep(phase.name, "run", why, seconds)

    def _identity(self, phase: Phase, data: str) -> Checkpoint:
        configuration = fingerprint(phase.configuration(self.spec))
        return Checkpoint(phase.name, configuration, data, self._code, {}, {})

    def _why_itself(self, phase: Phase, data: str, first: str | None) -> str | None:
        """Why a phase must run whatever its inputs are, or None."""
        names = [each.name for each in self.phases]
        if first is not None and names.index(phase.name) >= names.index(first):
            return "asked for"
        done, now = self.workspace.checkpoint(phase.name), self._identity(phase, data)
        if done is None:
            return "not finished before"
        if done.configuration != now.configuration:
            return "its configuration changed"
        if done.data != now.data:
            return "the data changed"
        if done.code != now.code:
            return "the code changed"
        for name in done.outputs:
            if not (self.workspace.root / name).is_file():
                return f"{name} is missing"
        return None

    def _why_inputs(self, phase: Phase) -> str | None:
        """Why a finished phase must run again for the sake of its inputs, or None when what it made can be used."""
        done = self.workspace.checkpoint(phase.name)
        assert done is not None
        paths = list(phase.inputs(self.workspace, self.spec))
        missing = [path for path in paths if not path.is_file()]
        if missing:
            return f"{self.workspace.relative(missing[0])} is missing"
        inputs = self.workspace.hashes(paths)
        for name in sorted({*inputs, *done.inputs}):
            if inputs.get(name) != done.inputs.get(name):
                return f"{name} changed"
        return None

    def _edited(self, phase: Phase, event: str) -> list[str]:
        """The files that a person changed since the phase wrote them, each recorded in the audit trail."""
        done = self.workspace.checkpoint(phase.name)
        if done is None:
            return []
        now = self.workspace.hashes(phase.outputs(self.workspace))
        edited = [name for name in sorted(now) if now[name] != done.outputs.get(name)]
        for name in edited:
            before = done.outputs.get(name)
            self.workspace.audit.record(event, file=name, before=before, after=now[name], phase=phase.name)
        if edited:
            self.workspace.finish(replace(done, outputs=now))
        return edited

    def _describe(self, dataset: Dataset, data: str) -> None:
        """Write what the workspace is before anything runs in it."""
        workspace, spec, panel = self.workspace, self.spec, dataset.panel
        about = workspace.metadata / "workflow.json"
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        if about.is_file():
            before = read_json(about)
            created = before.get("created_at", created) if isinstance(before, dict) else created
        resolved: dict[str, Json] = spec.model_dump(mode="json")
        write_json(
            about,
            {
                "id": spec.name,
                "created_at": created,
                "paths": {each: each for each in ("signals", "performance", "analysis", "checkpoints", "metadata")},
                "phases": [phase.name for phase in self.phases],
                "configuration": fingerprint(resolved),
                "data": {
                    "source": str(spec.data.source),
                    "version": dataset.version or None,
                    "fingerprint": data,
                    "about": dataset.about,
                },
                "versions": {
                    "regimefolio": self._code,
                    "python": platform.python_version(),
                    **{name: version(name) for name in LIBRARIES},
                },
            },
        )
        write_text(
            workspace.metadata / "workflow.yaml",
            yaml.safe_dump({"workflow": jsonable(resolved)}, sort_keys=False, allow_unicode=True),
        )
        write_json(
            workspace.metadata / "axes.json",
            {
                "timestamps": [str(stamp) for stamp in panel.timestamps],
                "symbols": panel.symbols,
                "sectors": panel.sectors,
            },
        )
