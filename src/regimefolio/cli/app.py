"""The command `regimefolio`: what can be typed, and one line on each; `--help` imports nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

from regimefolio.cli import (
    allocate,
    audit,
    backtest,
    compare,
    components,
    data,
    doctor,
    features,
    init,
    report,
    rerank,
    signals,
    workflow,
)

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `regimefolio demo`. Exit codes: 0 done, 1 defects found or a bug, 2 a mistake of the user, "
    "130 stopped. Errors are text on stderr, with --json too.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"regimefolio {version('regimefolio')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """From price bars to a validated, regime-adaptive portfolio and today's orders."""


for group in (
    workflow,
    init,
    backtest,
    compare,
    allocate,
    rerank,
    data,
    features,
    report,
    signals,
    audit,
    components,
    doctor,
):
    group.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows a question mark
    app(None if arguments is None else list(arguments), prog_name="regimefolio")
