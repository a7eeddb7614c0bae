"""One workflow on one terminal: what is about to be done, the results of each phase, and the report."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path

import typer

from regimefolio import api
from regimefolio.cli.display import console, display, tell_compiling, tell_data, tell_features
from regimefolio.cli.phase_tables import checks_table, plan_table, tables_of
from regimefolio.cli.results import Results
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import json_text


class Session:
    """Tells a person, or with `json` a program, what a coordinator does.

    Parameters
    ----------
    threads : int, optional
        As many as processors, if not said; results do not depend on it.
    json : bool
        One JSON document on stdout, what happens meanwhile on stderr.
    quiet : bool
        The result alone.
    """

    def __init__(
        self, spec: api.WorkflowSpec, threads: int | None = None, json: bool = False, quiet: bool = False
    ) -> None:
        self._spec, self._json, self._quiet = spec, json, quiet
        self._screen = console(stderr=json)
        self._display = display(self._screen, quiet)
        self._load = functools.cache(
            lambda: api.load_market(spec.data, spec.benchmark, Path(), spec.execution, spec.risk_free, spec.portfolio)
        )
        self._coordinator = api.Coordinator(
            spec, api.PHASES, self._load, progress=self._display, threads=threads or os.cpu_count() or 1
        )
        self._root = self._coordinator.workspace.root
        self._results = Results(self._root, spec)

    def plan(self, first: str | None = None) -> None:
        """Say what a run would do, and why."""
        steps = self._coordinator.plan(first)
        self._introduce()
        if self._json:
            typer.echo(json_text({"workspace": str(self._root), "phases": [_action(step) for step in steps]}), nl=False)
        else:
            self._screen.print(plan_table(f"What a run in {self._root} would do", steps))

    def run(self, first: str | None = None) -> None:
        """Run what is not finished, show every phase's results as soon as they are there, and write the report."""
        try:
            plan = self._coordinator.plan(first)
            self._introduce()
            self._announce(plan)
            with self._display, self._result_alone():
                done = self._coordinator.run(first, self._phase_is_over)
            report = api.write_report(self._root)
        except KeyboardInterrupt as stop:
            stop.add_note("run again to resume")
            raise
        if self._json:
            steps = [{**_action(step), "seconds": round(step.seconds, 3)} for step in done]
            about = {"workspace": str(self._root), "report": str(report), "phases": steps}
            typer.echo(json_text({**about, **self._results.summary()}), nl=False)
            return
        if not self._quiet:
            self._conclude()
        typer.echo(str(report) if self._quiet else f"Report: {report}")

    def _result_alone(self) -> AbstractContextManager[object]:
        """Sends what a strategy prints to stderr, where stdout is for the result."""
        return redirect_stdout(sys.stderr) if self._json or self._quiet else nullcontext()

    def _introduce(self) -> None:
        """Say what this work is, and what the prices are."""
        spec = self._spec
        strategies = _listed([strategy.kind for strategy in spec.strategies])
        classifiers = _listed([detector.kind for detector in spec.regime_classifiers])
        self._display.say(
            f"{spec.name}: searches the parameters of {strategies}, finds which did best in each of the regimes that "
            f"{classifiers} can tell apart, weights the strategies by regime, and validates the result. All choices "
            f"are made on bars up to {spec.data.split.train_end}; validation begins {spec.data.split.embargo} bars "
            "later.\n"
        )
        tell_data(self._load()[0], self._display.say)
        tell_features(spec.portfolio, self._load()[0].panel, self._display.say)

    def _announce(self, plan: Sequence[api.PhaseStep]) -> None:
        if not (self._quiet or self._json):
            self._screen.print(plan_table(f"Phases, in {self._root}", plan))
            self._display.say("")
        if all(step.action == "reuse" for step in plan):
            self._display.say("All phases were finished before, and nothing changed: here are their results.")
        else:
            tell_compiling(self._display.say)

    def _phase_is_over(self, step: api.PhaseStep) -> None:
        """Show the results of a phase, whether it ran or was finished before."""
        self._display.end()
        if self._quiet or self._json:
            return
        try:
            tables = tables_of(step.phase, self._results)
        except (AttributeError, KeyError, IndexError, TypeError) as error:  # a person may have edited what it wrote
            raise CorruptError(
                f"{self._root}: what {step.phase} wrote has another form ({error!r}); put it back, "
                f"or run --from {step.phase}"
            ) from error
        self._screen.print(*tables, "", sep="\n")

    def _conclude(self) -> None:
        self._screen.print(checks_table(self._results))
        edited = api.edited_files(self._root)
        if edited:
            text = f"\nEdited by hand: {', '.join(edited)}; what follows used the edited files."
            self._screen.print(text, markup=False)
        self._screen.print(f"\n{self._results.answer()}", style="bold", markup=False)
        self._screen.print(
            f"\nThe strategy: {self._root / 'analysis' / 'adaptive_strategy.yaml'} (`regimefolio backtest` runs it)",
            markup=False,
            soft_wrap=True,
        )


def _action(step: api.PhaseStep) -> dict[str, object]:
    return {"phase": step.phase, "action": step.action, "reason": step.reason}


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
