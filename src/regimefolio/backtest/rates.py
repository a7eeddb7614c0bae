"""Rates a year, as numbers or in files, and what they pay at each bar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from regimefolio.core.component import Rate, did_you_mean
from regimefolio.core.errors import ConfigError
from regimefolio.core.files import FILE, file_named
from regimefolio.core.types import Float, read_only
from regimefolio.kernels.terms import NONE
from regimefolio.market import Market
from regimefolio.market.rates import DEFAULT, Rates, read_borrow_rates, read_rates


def _of_symbol(fee: float) -> float:
    if fee > 1.0:  # as in a file: some are hard to borrow
        raise ValueError("a fee is a fraction a year, at most 1: 0.3 is 30%")
    return fee


_NUMBER: TypeAdapter[float] = TypeAdapter(Rate)
_FEE: TypeAdapter[float] = TypeAdapter(Annotated[Rate, Field(ge=0)])
_FEES: TypeAdapter[dict[str, float]] = TypeAdapter(
    Annotated[dict[str, Annotated[float, Field(ge=0), AfterValidator(_of_symbol)]], Field(min_length=1)]
)


def is_file(rate: object) -> bool:
    """Whether a file tells a rate."""
    return isinstance(rate, str)


_RATE_IS = "a rate is a number such as 0.02, or a file such as file:rates.csv"
_FEE_IS = (
    "a fee is a number such as 0.02, one for each symbol such as {default: 0.005, GME: 0.3}, or a file such as "
    "file:borrow.csv"
)


def _interest(value: Any) -> float | str:
    return _file(value, _RATE_IS) if isinstance(value, str) else _NUMBER.validate_python(_plain(value, _RATE_IS))


def _fee(value: Any) -> float | dict[str, float] | str:
    if isinstance(value, str):
        return _file(value, _FEE_IS)
    return _FEES.validate_python(value) if isinstance(value, Mapping) else _FEE.validate_python(_plain(value, _FEE_IS))


def _plain(value: Any, hint: str) -> Any:
    if isinstance(value, Mapping | list | tuple | bool):
        raise ValueError(hint)
    return value


def _file(value: str, hint: str) -> str:
    if not value.removeprefix(FILE) or not value.startswith(FILE):
        raise ValueError(hint)
    return value


Interest: TypeAlias = Annotated[float | str, BeforeValidator(_interest)]
"""A field that takes a rate a year, or a file with the columns date and rate."""

BorrowFee: TypeAlias = Annotated[float | dict[str, float] | str, BeforeValidator(_fee)]
"""A field that takes a fee a year, one for each symbol, or a file with the columns symbol, rate and perhaps date."""


def with_interest(market: Market, source: str, folder: Path) -> tuple[Market, tuple[str, ...]]:
    """The market that also knows the interest rates of a file, and cautions; relative ones start at `folder`."""
    return _with(market, source, read_rates(file_named(source, folder), market.timestamps))


def with_borrow_fees(market: Market, source: str, folder: Path) -> tuple[Market, tuple[str, ...]]:
    """The market that also knows the borrow fees of a file, and cautions; relative ones start at `folder`."""
    return _with(market, source, read_borrow_rates(file_named(source, folder), market.panel))


def _with(market: Market, source: str, rates: Rates) -> tuple[Market, tuple[str, ...]]:
    return market.with_file(source, rates.known), rates.cautions


def interest(rate: float | str, market: Market) -> Float:
    """What a rate pays at each bar on the close before it: (T,), or (1,) where it never changes.

    Raises
    ------
    ConfigError
        The market does not know the file.
    """
    known = _known(rate, market) if isinstance(rate, str) else np.array([rate])
    return read_only(_a_bar_later(known) / market.panel.periods_per_year)


def borrow_fees(rate: float | Mapping[str, float] | str, market: Market) -> Float:
    """What is taken at each bar for what was short at the close before it: (T, N) or (1, N), or (0, 0) if nothing is.

    Raises
    ------
    ConfigError
        The market does not know the file, or has not exactly the symbols that are named.
    """
    if isinstance(rate, str):
        known = _known(rate, market)
    elif isinstance(rate, Mapping):
        known = _of_symbols(rate, market.symbols)
    else:
        known = np.full((1, market.panel.n_assets), rate)
    return read_only(_a_bar_later(known) / market.panel.periods_per_year) if known.any() else NONE


def _of_symbols(rate: Mapping[str, float], symbols: tuple[str, ...]) -> Float:
    place = ("execution", "borrow_rate")
    for symbol in rate:
        if symbol not in symbols and symbol != DEFAULT:
            hint = did_you_mean(symbol, (*symbols, DEFAULT))
            raise ConfigError(f"{symbol!r} is not a symbol of the data; {hint}", (*place, symbol))
    lacking = [symbol for symbol in symbols if symbol not in rate]
    if lacking and DEFAULT not in rate:
        more = f" and {len(lacking) - 3:,} more" if len(lacking) > 3 else ""
        raise ConfigError(f"there is no rate for {', '.join(lacking[:3])}{more}; add them, or a {DEFAULT}", place)
    return np.array([[rate.get(symbol, rate.get(DEFAULT, 0.0)) for symbol in symbols]])


def _known(source: str, market: Market) -> Float:
    if source not in market.files:
        raise ConfigError(
            f"the market was loaded without {source}; give load_market the execution and risk_free that name it"
        )
    return market.files[source]


def _a_bar_later(known: Float) -> Float:
    """What was known at the bar before each; at the first bar, before which nothing is held, what is known there."""
    return np.concatenate([known[:1], known[:-1]]) if len(known) > 1 else known
