"""`regimefolio audit`: what happened to a workflow's folder, and whether the record of it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from regimefolio.cli.door import Debug, Json, door

BROKEN = 1
HIDDEN = ("time", "event", "previous", "details")
DIGESTS = ("before", "after", "sha256")

EPILOG = """\b
regimefolio audit results/demo

Every line of metadata/audit.jsonl holds the SHA-256 of the line before it. Lines taken off the end are not seen, nor
is a trail that was written anew as a whole. Exit codes: 0 whole, 1 broken."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(audit)


@door
def audit(
    folder: Annotated[Path, typer.Argument(metavar="WORKFLOW_FOLDER", help="Such as results/demo.")],
    lines: Annotated[int, typer.Option("--last", min=0, metavar="N", help="Events to show.")] = 10,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a workflow's audit trail and check its chain."""
    from regimefolio import api
    from regimefolio.cli.display import console
    from regimefolio.core.files import json_text

    trail = api.workspace_of(folder).audit
    found, events = trail.verify(), trail.events()
    if json:
        typer.echo(
            json_text({"lines": found.lines, "broken": found.broken, "torn": found.torn, "events": events}), nl=False
        )
    else:
        screen = console()
        for event in events[-lines:] if lines else []:
            screen.print(_line(event), markup=False, soft_wrap=True)
        screen.print(f"{trail.path}: {found.text}", markup=False, soft_wrap=True, style="red" if found.broken else None)
    if found.broken:
        raise typer.Exit(BROKEN)


def _line(event: dict[str, Any]) -> str:
    """One event on one line: digests shortened, tracebacks and the chain left out."""
    about = {key: str(value) for key, value in event.items() if key not in HIDDEN}
    shown = [f"{key} {value[:12] if key in DIGESTS else value}" for key, value in about.items()]
    text = f"{event.get('time', '')}  {event.get('event', '')}"
    return f"{text}: {', '.join(shown)}" if shown else text
