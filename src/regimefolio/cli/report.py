"""`regimefolio report`: draw the page of a finished workflow again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regimefolio.cli.door import Debug, door
from regimefolio.core.errors import WorkspaceError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="\b\nregimefolio report results/demo        prints the path of the page")(report)


@door
def report(
    folder: Annotated[Path, typer.Argument(metavar="WORKFLOW_FOLDER", help="Such as results/demo.")],
    debug: Debug = False,
) -> None:
    """Write a finished workflow's report again."""
    from regimefolio.core.files import path_of

    folder = path_of(folder)
    if not (folder / "metadata" / "workflow.json").is_file():
        raise WorkspaceError(
            f"{folder}: is not the folder of a workflow; name one that `regimefolio run` made, such as results/demo"
        )
    from regimefolio import api

    typer.echo(api.write_report(folder))
