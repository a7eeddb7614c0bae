"""Whatever happened to a workspace before, a run ends with the files of a run in a fresh folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regimefolio.core import files
from tests.workflows import NAMES, Changes, coordinator, hashes, write_prices

Event = Callable[[Path], None]

OTHERS: list[Changes] = [
    {("phases", 0, "config", "parameter_space", "momentum_rank", "lookback"): [16, 24, 32]},
    {("regime_classifiers", 1, "min_duration"): 1},
    {("phases", 2, "config", "objective"): "calmar"},
    {("phases", 2, "config", "weight_constraints", "step"): 1.0},
]


class Died(BaseException):
    """As a kill: no handler of the product may catch it."""


def dies(operation: int, changes: Changes) -> Event:
    """A run that ends before its n-th file has its name, the temporary file left behind."""

    def event(folder: Path) -> None:
        left, replace = operation, Path.replace

        def renamed(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0:
                raise Died
            return replace(self, target)

        with patch.object(Path, "replace", renamed), suppress(Died):
            coordinator(folder, changes, threads=1).run()

    return event


def runs(first: str | None, changes: Changes) -> Event:
    def event(folder: Path) -> None:
        coordinator(folder, changes).run(first)

    return event


def loses(fraction: float) -> Event:
    """Any file of the workspace is deleted, a checkpoint or a description too."""

    def event(folder: Path) -> None:
        found = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
        if found:
            found[int(fraction * len(found))].unlink()

    return event


CONFIGURATIONS: st.SearchStrategy[Changes] = st.sampled_from([{}, *OTHERS])
EVENTS = st.one_of(
    st.builds(dies, st.integers(0, 50), CONFIGURATIONS),
    st.builds(runs, st.sampled_from([None, *NAMES]), CONFIGURATIONS),
    st.builds(loses, st.floats(0, 1, exclude_max=True)),
)


@cache
def expected() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as name:
        write_prices(Path(name))
        made = coordinator(Path(name))
        made.run()
        return hashes(made.workspace)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(EVENTS, min_size=1, max_size=5))
def test_history_leaves_no_trace_in_results(events: list[Event]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_prices(folder)
        for event in events:
            event(folder)
        made = coordinator(folder)
        plan, steps = made.plan(), made.run()
        assert hashes(made.workspace) == expected()
        for planned, step in zip(plan, steps, strict=True):
            if not planned.reason.startswith("if "):
                assert (planned.action, planned.reason) == (step.action, step.reason)
        assert {step.action for step in made.run()} == {"reuse"}


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_whatever_is_written_as_json_is_read_back(value: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.json"
        files.write_json(path, value)
        again = files.read_json(path)
        assert files.jsonable(value) == again
        before = path.read_bytes()
        files.write_json(path, again)
        assert path.read_bytes() == before
