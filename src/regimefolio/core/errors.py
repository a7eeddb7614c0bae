"""Everything that can go wrong, in one tree.

    RegimefolioError
    ├── ConfigError            a mistake in a configuration file or in an argument
    ├── DataError              prices that cannot be used as they are
    │   ├── LookAheadError     something saw a bar that it could not have known
    │   └── MissingDataError   prices that were asked for and are not there
    ├── ModelError             a model or an optimizer gave no usable answer
    │   ├── InfeasibleError    no portfolio satisfies the constraints
    │   └── NotConvergedError  an iteration ended before it settled
    └── WorkspaceError         the files of a workflow
        ├── CorruptError       a file is not what was written
        ├── LockedError        another process works in the folder
        └── StaleError         a result belongs to other inputs

A message says what was found, where, what was expected and what to do next. Context is added with `add_note`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager


class RegimefolioError(Exception):
    """Base of every error that regimefolio raises on purpose.

    `place` leads to the value of the configuration that is at fault, where one is: `("data", "split", "train_end")`.
    """

    def __init__(self, message: str = "", place: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class ConfigError(RegimefolioError):
    """A mistake in a configuration file or in an argument."""


class DataError(RegimefolioError):
    """Prices, or numbers made from them, that cannot be used as they are."""


class LookAheadError(DataError):
    """Something saw a bar that it could not have known."""


class MissingDataError(DataError):
    """Prices that were asked for and are not there."""


class ModelError(RegimefolioError):
    """A model or an optimizer gave no usable answer."""


class InfeasibleError(ModelError):
    """No portfolio satisfies the constraints."""


class NotConvergedError(ModelError):
    """An iteration ended before it settled."""


class WorkspaceError(RegimefolioError):
    """The files of a workflow cannot be used as they are."""


class CorruptError(WorkspaceError):
    """A file is not what was written."""


class LockedError(WorkspaceError):
    """Another process works in the folder."""


class StaleError(WorkspaceError):
    """A result belongs to other inputs than the present ones."""


def must_be(kind: type[object], value: object, name: str, remedy: str) -> None:
    """Refuse an argument of another type, where the Python API is entered; beyond that types are trusted.

    Raises
    ------
    ConfigError
        Names the argument, what was found, what was expected and what to do.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ConfigError(f"{name} must be {article} {kind.__name__}, but this is {reprlib.repr(value)}; {remedy}")


@contextmanager
def within(*place: str | int) -> Iterator[None]:
    """Say of an error of a part where that part stands: these steps come before the place that it has."""
    try:
        yield
    except RegimefolioError as error:
        error.place = (*place, *error.place)
        raise


@contextmanager
def placed(*place: str) -> Iterator[None]:
    """Give an error of what is read here its place in the file."""
    try:
        yield
    except RegimefolioError as error:
        error.place = place
        raise
