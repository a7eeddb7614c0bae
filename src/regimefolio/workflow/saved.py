"""What a workflow saved, by its folder: its files, and the signals of its trials."""

from __future__ import annotations

from pathlib import Path

from regimefolio.core.errors import WorkspaceError
from regimefolio.core.files import path_of
from regimefolio.workflow import interchange
from regimefolio.workflow.interchange import Imported, SavedSignals
from regimefolio.workflow.workspace import Workspace


def workspace_of(folder: str | Path) -> Workspace:
    """The files of a workflow, from its folder, `<output_dir>/<name>`.

    Raises
    ------
    WorkspaceError
        It is not the folder of a workflow.
    """
    root = path_of(folder)
    if not (root / "metadata" / "workflow.json").is_file():
        raise WorkspaceError(
            f"{root}: is not the folder of a workflow; name one that `regimefolio run` made, such as results/demo"
        )
    return Workspace(root)


def read_signals(folder: str | Path, trial: int) -> SavedSignals:
    """The saved signals of a trial, from the workflow's folder.

    Raises
    ------
    WorkspaceError, ConfigError, CorruptError
        It is not the folder of a workflow, there is no such trial, or a file is not what was written.
    """
    return interchange.read_signals(workspace_of(folder), trial)


def export_signals(folder: str | Path, trial: int, file: str | Path, overwrite: bool = False) -> SavedSignals:
    """Write a trial's signals, one row a bar and symbol, to a .csv or .jsonl file.

    Raises
    ------
    WorkspaceError, ConfigError, CorruptError
        As `read_signals`; or the file is of another kind, is there already, or cannot be written.
    """
    return interchange.export_signals(workspace_of(folder), trial, path_of(file), overwrite)


def import_signals(folder: str | Path, trial: int, file: str | Path) -> Imported:
    """Put the signals of a .csv or .jsonl file in the place of a trial's own; the next run sees the edit and uses it.

    Raises
    ------
    DataError
        A row is wrong, or one is missing: with the lines.
    WorkspaceError, ConfigError, CorruptError
        As `read_signals`; or another process works in the folder.
    """
    return interchange.import_signals(workspace_of(folder), trial, path_of(file))
