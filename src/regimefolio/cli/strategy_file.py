"""A file with a section `backtest:`, as the commands that take one open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regimefolio.cli.display import tell_compiling

if TYPE_CHECKING:
    from regimefolio.api import BacktestSpec


@contextmanager
def opened(file: Path, say: Callable[[str], None]) -> Iterator[BacktestSpec]:
    """What the file says; mistakes that its data brings to light within are shown at their place in the file.

    `say` is told where the kernels must be compiled first.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    from regimefolio import api

    document = api.read_document(file)
    spec = document.parse(api.BacktestSpec, "backtest")
    tell_compiling(say)
    with document.placing("backtest"):
        yield spec
