"""The command line: one file a command group, each a thin layer over `regimefolio.api`, imported when it runs."""

from regimefolio.cli.app import main

__all__ = ["main"]
