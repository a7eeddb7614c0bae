"""Signals as tables: lossless there and back, checked line by line, and used by the next run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regimefolio import api
from regimefolio.core.errors import ConfigError, CorruptError, DataError, LockedError, WorkspaceError
from regimefolio.core.files import lock, read_npy, sha256_of, write_npy
from regimefolio.workflow import Workspace
from regimefolio.workflow.interchange import _Reading, _texts, export_signals, import_signals, read_signals
from tests.workflows import SYMBOLS, TRAIN, coordinator, hashes

FORMS = ["table.csv", "table.jsonl"]


@pytest.fixture
def workspace(finished: Path) -> Workspace:
    return coordinator(finished).workspace


def test_signals_are_read_with_their_axes(workspace: Workspace) -> None:
    signals = read_signals(workspace, 2)
    assert (signals.strategy, signals.parameters["lookback"]) == ("momentum_rank", 16)
    assert signals.symbols == SYMBOLS
    assert signals.alpha.shape == signals.confidence.shape == (TRAIN, 4)
    assert signals.times[0] == "2010-01-04"
    assert np.array_equal(np.stack([signals.alpha, signals.confidence]), read_npy(workspace.signal_file(2)))


@pytest.mark.parametrize("form", FORMS)
def test_what_nobody_edited_gives_back_the_same_bytes(form: str, workspace: Workspace, tmp_path: Path) -> None:
    file, table = workspace.signal_file(2), tmp_path / form
    export_signals(workspace, 2, table)
    assert len(table.read_text().splitlines()) == TRAIN * 4 + form.endswith("csv")
    before = sha256_of(file)
    write_npy(tmp_path / "again.npy", _Reading(table, read_signals(workspace, 2)).panels())
    assert sha256_of(tmp_path / "again.npy") == before
    stamp = file.stat().st_mtime_ns
    assert import_signals(workspace, 2, table).changed == 0
    assert file.stat().st_mtime_ns == stamp
    assert not [event for event in workspace.audit.events() if event["event"] == "imported"]


@pytest.mark.parametrize("form", FORMS)
def test_every_float32_survives(form: str, workspace: Workspace, tmp_path: Path) -> None:
    """Seeded bit patterns of all magnitudes, both zeros and both ends among them."""
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, 0x3F800000, (TRAIN, 4), dtype=np.uint32).view(np.float32)
    alpha *= rng.choice(np.array([-1, 1], np.float32), alpha.shape)
    alpha[0] = (0.0, -0.0, 1.0, -1.0)
    alpha[-1, :2] = 0.0  # where the confidence is 0
    panels = np.stack([alpha, np.abs(alpha[::-1])])
    write_npy(workspace.signal_file(1), panels)
    export_signals(workspace, 1, tmp_path / form)
    again = _Reading(tmp_path / form, read_signals(workspace, 1)).panels()
    assert again.tobytes() == panels.tobytes()


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        ("2020-01-02", "2020-01-02"),
        ("2020-01-02T09:30:00", "2020-01-02T09:30:00"),
        ("2020-01-02T09:30:00.25", "2020-01-02T09:30:00.250000000"),
    ],
)
def test_times_are_told_as_finely_as_they_are(stamp: str, text: str, workspace: Workspace) -> None:
    one = np.array([stamp], dtype="datetime64[ns]")
    assert replace(read_signals(workspace, 2), timestamps=one).times == [text]


def test_numbers_are_as_short_as_they_can_be() -> None:
    assert _texts(np.array([[0.1, 1 / 3, np.nan, 1e-9]], np.float32)) == [["0.1", "0.33333334", "", "1e-09"]]


@pytest.mark.parametrize("form", FORMS)
def test_an_imported_edit_is_seen_recorded_and_used(form: str, workspace: Workspace, finished: Path) -> None:
    choices = json.loads((workspace.analysis / "regime_optimal_params.json").read_text())
    trial = choices["static"]["all"]["momentum_rank"]["trial"]
    before = hashes(workspace)
    table = finished / form
    api.export_signals(workspace.root, trial, table)
    lines = table.read_text().splitlines()
    edited = [line.replace(": -", ": ").replace(",-", ",") for line in lines]  # what was negative has no sign now
    assert edited != lines
    table.write_text("\n".join(edited) + "\n")
    done = api.import_signals(workspace.root, trial, table)
    assert done.changed == sum(a != b for a, b in zip(lines, edited, strict=True))
    name = f"signals/trial_{trial}.npy"
    (record,) = [event for event in workspace.audit.events() if event["event"] == "imported"]
    assert (record["file"], record["source"], record["cells"]) == (name, form, done.changed)
    assert (record["before"], record["after"]) == (before[name], sha256_of(done.path))
    assert workspace.audit.verify().broken == ()
    steps = coordinator(finished).run()
    assert [step.action for step in steps] == ["reuse", "reuse", "run", "run"]
    assert steps[2].reason == f"{name} changed"
    assert hashes(workspace)["performance/ensemble_returns.npy"] != before["performance/ensemble_returns.npy"]
    assert api.edited_files(workspace.root) == [name]
    assert sha256_of(done.path) == record["after"]


def csv_with(line: int, text: str | None) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*lines[: line - 1], *([] if text is None else [text]), *lines[line:]]


FIRST = "2010-01-04"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            csv_with(3, f"{FIRST},BBB,1.5,0"),
            "line 3: alpha of BBB at 2010-01-04 must be a number from -1 to 1, but",
        ),
        (csv_with(3, f"{FIRST},BBB,0,-0.1"), "line 3: confidence of BBB at 2010-01-04 must be a number from 0 to 1"),
        (csv_with(3, f"{FIRST},BBB,,0"), "line 3: alpha of BBB at 2010-01-04 must be a number from -1 to 1, but is ''"),
        (csv_with(3, f"{FIRST},BBB,nan,0"), "but is 'nan'"),
        (csv_with(3, f"{FIRST},BBX,0,0"), "line 3: unknown symbol 'BBX'; did you mean 'BBB'?"),
        (csv_with(3, f"{FIRST},AAA,0,0"), "line 3: AAA at 2010-01-04 was already given in line 2"),
        (csv_with(2, f"{FIRST},AAA,0.25,0"), "line 2: AAA at 2010-01-04 has confidence 0, which is no opinion"),
        (csv_with(3, "2010-01-03,BBB,0,0"), "line 3: '2010-01-03' is no training bar; they run from 2010-01-04 to "),
        (csv_with(3, f"{FIRST},BBB,0"), "line 3: has 3 cells, not 4"),
        (csv_with(3, None), "1 of 2,400 rows are missing, the first: BBB at 2010-01-04"),
        (
            csv_with(1, "time,symbol,alpha,confidence"),
            "line 1: the columns must be timestamp, symbol, alpha, confidence",
        ),
        (lambda lines: [], "line 1: the columns must be "),
        (lambda lines: [lines[0], *(f"{line}9" for line in lines[1:40] if line.endswith(".0"))], "rows are missing"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(
    change: Callable[[list[str]], list[str]], message: str, workspace: Workspace, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    export_signals(workspace, 2, table)
    table.write_text("\n".join([*change(table.read_text().splitlines()), ""]))
    before = hashes(workspace)
    with pytest.raises(DataError) as caught:
        import_signals(workspace, 2, table)
    assert message in str(caught.value)
    assert hashes(workspace) == before


def test_every_mistake_is_counted_and_the_first_are_listed(workspace: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    export_signals(workspace, 2, table)
    lines = table.read_text().splitlines()
    lines[:15] = [line.replace('"confidence": ', '"confidence": 7') for line in lines[:15]]
    lines[4], lines[5] = "no json", '{"alpha": 1}'
    table.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        import_signals(workspace, 2, table)
    text = str(caught.value).splitlines()
    assert text[0] == f"{table}: nothing was imported"
    assert text[5].startswith("  line 5: is not JSON (")
    assert text[6] == "  line 6: must be a mapping of timestamp, symbol, alpha, confidence"
    assert text[-1] == "  … 5 more"


def test_what_cannot_be_shown_or_taken(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no trial 9; trials run from 0 to 3"):
        read_signals(workspace, 9)
    with pytest.raises(ConfigError, match=r"table\.txt: signals are written and read as \.csv or \.jsonl"):
        export_signals(workspace, 2, tmp_path / "table.txt")
    export_signals(workspace, 2, tmp_path / "table.csv")
    with pytest.raises(ConfigError, match="is there already; name another file, or say --force"):
        export_signals(workspace, 2, tmp_path / "table.csv")
    export_signals(workspace, 2, tmp_path / "table.csv", overwrite=True)
    with pytest.raises(ConfigError, match="there is no such file"):
        import_signals(workspace, 2, tmp_path / "no.csv")
    with lock(workspace.metadata / "lock"), pytest.raises(LockedError):
        import_signals(workspace, 2, tmp_path / "table.csv")
    write_npy(workspace.signal_file(3), np.zeros((2, 5, 3), np.float32))
    with pytest.raises(CorruptError, match=r"is float32 of shape \(2, 5, 3\), but float32 of \(2, bars, 4\)"):
        read_signals(workspace, 3)
    (workspace.checkpoints / "parameter_discovery.json").unlink()
    with pytest.raises(WorkspaceError, match="phase 1 is not finished"):
        import_signals(workspace, 2, tmp_path / "table.csv")
    with pytest.raises(WorkspaceError, match="is not the folder of a workflow"):
        api.read_signals(tmp_path / "nowhere", 1)
