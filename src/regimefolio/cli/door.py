"""What every command shares: its options, and what becomes of an error."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

from regimefolio.core.errors import RegimefolioError

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, all else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result alone.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

MISTAKE, BUG, STOPPED = 2, 1, 130
"""Exit codes: of what the user can mend, of what only we can, and of Ctrl-C."""


def door(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with every error turned into one message on stderr and an exit code; `--debug` adds the traceback.

    A note on an error stands below its message; a note on KeyboardInterrupt says what to do next.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt as stop:
            _leave("; ".join(["stopped", *_notes(stop)]), STOPPED, kwargs.get("debug"))
        except RegimefolioError as error:
            _leave("\n".join([_head(str(error)), *_notes(error)]), MISTAKE, kwargs.get("debug"))
        except OSError as error:  # what the machine refuses is no bug, wherever it is noticed
            place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
            text = f"{place}: {error.strerror or error}; make room, or choose a path that you may read and write"
            _leave("\n".join([_head(text), *_notes(error)]), MISTAKE, kwargs.get("debug"))
        except Exception as error:  # a door: the command line
            text = _head(f"{type(error).__name__}: {error}")
            hint = "  run with --debug for the traceback"
            _leave("\n".join([text, *_notes(error), hint]), BUG, kwargs.get("debug"))

    return guarded


def _head(text: str) -> str:
    return typer.style("error:", fg=typer.colors.RED, bold=True) + " " + text


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def _leave(message: str, code: int, debug: object) -> None:
    if debug:
        traceback.print_exc()
    typer.echo(message, err=True)
    raise typer.Exit(code) from None
