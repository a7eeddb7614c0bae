"""At which prices the next bar fills."""

from __future__ import annotations

from typing import Literal, TypeAlias

from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Float, Panel, read_only

Fill: TypeAlias = Literal["next_open", "next_close", "vwap"]
"""The next bar's open, its close, or its typical price, which stands for the average of what was paid in it."""


def fill_prices(panel: Panel, fill: Fill) -> Float:
    """The prices at which a bar fills; those of `vwap` are (high + low + close) / 3.

    Returns
    -------
    ndarray of shape (T, N)
        Read-only; NaN where there is none.

    Raises
    ------
    ConfigError
        There is no such fill.
    MissingDataError
        The data lacks the prices that it needs.
    """
    if fill == "next_close":
        return panel.close
    if fill == "next_open":
        if panel.open is None:
            raise MissingDataError("fills at `next_open` need opens, and this data has closes only; use `next_close`")
        return panel.open
    if fill == "vwap":
        if panel.high is None or panel.low is None:
            raise MissingDataError("fills at `vwap` need highs and lows, and this data has none; use `next_close`")
        return read_only((panel.high + panel.low + panel.close) / 3.0)
    raise ConfigError(f"fill must be `next_open`, `next_close` or `vwap`, but is {fill!r}")
