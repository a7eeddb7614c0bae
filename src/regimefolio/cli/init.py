"""`regimefolio init`: a new project that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regimefolio.cli.door import Debug, door

TEMPLATES = Path(__file__).parent / "project"
SUFFIX = ".template"

EPILOG = """\b
regimefolio init my_project
cd my_project
regimefolio run workflow.yaml

It holds a workflow on built-in prices, a strategy of your own with its tests, and a README with the commands."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(init)


@door
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there yet.")],
    debug: Debug = False,
) -> None:
    """Begin a project, with a strategy of your own."""
    from regimefolio.core.errors import WorkspaceError
    from regimefolio.core.files import path_of, write_text

    folder = path_of(folder)
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(f"{folder}: is a file; name a folder that is not there yet")
    if folder.is_dir() and (found := sorted(each.name for each in folder.iterdir())):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise WorkspaceError(f"{folder}: is not empty, it holds {found[0]}{more}; name a folder that is not there yet")
    for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        name = template.relative_to(TEMPLATES).as_posix().removesuffix(SUFFIX)
        write_text(folder / name, template.read_text(encoding="utf-8"))
    enter = "" if folder.resolve() == Path.cwd() else f"  cd {folder}\n"
    typer.echo(
        f"{folder}: a project, with a strategy of your own in near_high.py. Next:\n\n"
        f"{enter}  regimefolio run workflow.yaml\n  python -m pytest    (once: pip install pytest)\n\n"
        "Its README.md says more."
    )
