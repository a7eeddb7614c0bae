"""What a person sees while work is done: bars on a terminal, lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from regimefolio.cli.tables import counted, printable
from regimefolio.core.progress import Progress

if TYPE_CHECKING:
    from regimefolio.api import Dataset, Panel, PortfolioSpec
    from regimefolio.market import Defect

LINE_EVERY = 10.0
"""Seconds between two lines about the same stage in a log."""

DEFECTS_SHOWN = 3
"""Defects that are shown one by one; the others are counted."""


def console(stderr: bool = False) -> Console:
    """Where text goes: as wide as the terminal, 80 columns in a log; numbers are not painted."""
    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False)


def tell_compiling(say: Callable[[str], None], entry: str = "replay.replay") -> None:
    """Say why the first run of a machine takes longer, where this is the first to call such a kernel."""
    from regimefolio import api

    if not api.kernels_are_compiled(entry):
        say("Compiling kernels, on the first run only: this takes a while.")


def tell_data(dataset: Dataset, say: Callable[[str], None]) -> None:
    """Say what the prices are, how many were masked for which reasons, and what is doubtful or lacking."""
    say(dataset.about)
    masked = [defect for defect in dataset.defects if not defect.mended]
    late = len(dataset.defects) - len(masked)
    if late:
        say(f"{counted(late, 'row')} stood too late, put in place")
    if masked:
        kinds = Counter(defect.problem for defect in masked).most_common()
        listed = ", ".join(f"{problem} {count:,}" for problem, count in kinds)
        first = [_bar(defect, dataset.unit) for defect in masked[:DEFECTS_SHOWN]] + ["…"] * (
            len(masked) > DEFECTS_SHOWN
        )
        say(f"{counted(len(masked), 'defect')} masked ({listed}): {'; '.join(first)}")
        say("`regimefolio data check FILE` shows them, and with --json lists all")
    if dataset.doubtful:
        kinds = sorted(dataset.doubtful.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{kind} {count:,}" for kind, count in kinds)
        say(f"{counted(sum(dataset.doubtful.values()), 'warning')} ({listed}): `regimefolio data check FILE` says more")
    for caution in dataset.cautions:
        say(f"warning: {caution}")


def _bar(defect: Defect, unit: str) -> str:
    """Where a defect stands, and the bar that it is about."""
    place = "" if defect.row is None else f"{unit} {defect.row}"
    return " ".join(
        part for part in (place, defect.symbol, defect.timestamp, f"{defect.column} {defect.value}") if part
    )


def tell_features(portfolio: PortfolioSpec, panel: Panel, say: Callable[[str], None]) -> None:
    """Say where the features come from that a portfolio selects by, where it does."""
    if portfolio.selection is not None:
        say(portfolio.selection.about(panel))


class Display(Progress):
    """Shows stages on a console."""

    def __init__(self, screen: Console) -> None:
        self.screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def stage(self, name: str, total: int) -> None:
        self.end()
        self.begin(name, total)

    def say(self, text: str) -> None:
        self.screen.print(printable(text), markup=False)

    def begin(self, name: str, total: int) -> None:
        """Show that a stage begins."""

    def end(self) -> None:
        """Show that the present stage, if any, is over."""


class Bars(Display):
    """For a terminal: one bar a stage, which stays when it is full."""

    _bars: RichProgress | None = None

    def __enter__(self) -> Self:
        self._open(transient=True).add_task("getting ready", total=None)
        return self

    def begin(self, name: str, total: int) -> None:
        self._open(transient=False).add_task(name, total=total)

    def advance(self, steps: int = 1) -> None:
        if self._bars is not None:
            self._bars.advance(self._bars.task_ids[0], steps)

    def end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _open(self, transient: bool) -> RichProgress:
        bar = BarColumn(28, complete_style="cyan", finished_style="green", pulse_style="cyan")
        columns = (TextColumn("{task.description:<24}"), bar, MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = RichProgress(*columns, console=self.screen, transient=transient)
        self._bars.start()
        return self._bars


class Lines(Display):
    """For a log: a line when a stage is over, and one from time to time before that."""

    _name = ""
    _total = _done = 0
    _began = _told = 0.0

    def __init__(self, screen: Console) -> None:
        super().__init__(screen)
        self._lock = threading.Lock()

    def begin(self, name: str, total: int) -> None:
        self._name, self._total, self._done = name, total, 0
        self._began = self._told = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            self._done += steps
            now = time.monotonic()
            if now - self._told >= LINE_EVERY and self._done < self._total:
                self._told = now
                self._tell(now)

    def end(self) -> None:
        if self._name:
            self._tell(time.monotonic())
            self._name = ""

    def _tell(self, now: float) -> None:
        self.say(f"{self._name}: {self._done} of {self._total}, {now - self._began:.1f} s")


class Silence(Display):
    """For `--quiet`."""

    def say(self, text: str) -> None:
        """Nothing."""


def display(screen: Console, quiet: bool) -> Display:
    """What fits the console."""
    if quiet:
        return Silence(screen)
    return (Bars if screen.is_terminal else Lines)(screen)
