"""Candidates of a portfolio: a JSON file that lists symbols."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, CorruptError
from regimefolio.core.files import read_json
from regimefolio.market.sources import Dataset
from regimefolio.market.spec import DataSpec, load_data


def read_candidates(path: Path) -> tuple[str, ...]:
    """The symbols in a file such as `portfolio_candidates.json`, in its order.

    It holds a list of symbols, or of objects with `symbol`, whose other keys are not looked at.

    Raises
    ------
    ConfigError
        There is no such file, it is not such a list, or a symbol stands in it twice.
    """
    if not path.is_file():
        near = [file.name for file in path.parent.glob("*.json")] if path.parent.is_dir() else []
        raise ConfigError(f"{path}: there is no such file{f'; {did_you_mean(path.name, near)}' if near else ''}")
    try:
        listed = read_json(path)
    except CorruptError as error:
        raise ConfigError(f"{path}: cannot be read as JSON; name a file with a list of symbols") from error
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f'{path}: must hold a list of symbols, such as ["AAPL", "MSFT"] or [{{"symbol": "AAPL"}}]')
    found: dict[str, int] = {}
    for place, item in enumerate(listed, start=1):
        symbol = item.get("symbol") if isinstance(item, dict) else item
        if not isinstance(symbol, str) or not symbol:
            raise ConfigError(
                f"{path}: item {place} is {item!r}, but a symbol or an object with `symbol` belongs there"
            )
        if symbol in found:
            raise ConfigError(f"{path}: item {place}: {symbol!r} is item {found[symbol]} already; take one out")
        found[symbol] = place
    return tuple(found)


@contextmanager
def narrowed(spec: DataSpec, path: Path) -> Iterator[DataSpec]:
    """The data of the candidates in a file alone; a symbol that it has not is shown at its place in that file.

    Raises
    ------
    ConfigError
        As `read_candidates`, or the prices have not one of them.
    """
    symbols = read_candidates(path)
    try:
        yield spec.model_copy(update={"symbols": symbols})
    except ConfigError as error:
        match error.place:
            case ("data", "symbols", int(place)):
                raise ConfigError(f"{path}: item {place + 1}: {error}") from error
        raise


def load_candidates(spec: DataSpec, path: Path, folder: Path = Path()) -> Dataset:
    """The prices that `load_data` reads, of the candidates in a file alone.

    Raises
    ------
    ConfigError
        As `narrowed`.
    MissingDataError, DataError
        As `load_data`.
    """
    with narrowed(spec, path) as data:
        return load_data(data, folder)
