"""`regimefolio report`: draw the page of a finished workflow again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regimefolio.cli.door import Debug, door


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="\b\nregimefolio report results/demo        prints the path of the page")(report)


@door
def report(
    folder: Annotated[Path, typer.Argument(metavar="WORKFLOW_FOLDER", help="Such as results/demo.")],
    debug: Debug = False,
) -> None:
    """Write a finished workflow's report again."""
    from regimefolio import api

    typer.echo(api.write_report(api.workspace_of(folder).root))
