"""Which company a symbol means when: tickers that are given to another one, and delistings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regimefolio.core.errors import DataError
from regimefolio.core.types import Adjustment, Bool, Float, Int, Panel, Times
from regimefolio.market.actions import restart
from regimefolio.market.notes import counted, used
from regimefolio.market.sources.dated import DatedTable

NEVER = -1
"""The bar of what does not happen."""

SHOWN = 3
"""Resumptions that are told one by one."""


class Listed(NamedTuple):
    """A panel, and what its assets are called outside.

    Parameters
    ----------
    panel : Panel
    tickers : tuple of N str
        The symbol that each asset has in the source; several assets may have had one, one after another.
    notes : tuple of str
        What was done, a sentence each.
    """

    panel: Panel
    tickers: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def changed(self, panel: Panel, note: str) -> Listed:
        return Listed(panel, self.tickers, (*self.notes, note))

    def assets_of(self, name: str) -> list[int]:
        """The assets of a ticker, in the order of time; or the one that is called so here."""
        found = [asset for asset, ticker in enumerate(self.tickers) if ticker == name]
        return found or [asset for asset, symbol in enumerate(self.panel.symbols) if symbol == name]


def separate_tickers(panel: Panel, max_gap: int) -> Listed:
    """Make bars of a symbol that resume after more than `max_gap` missing ones a new asset, `WM.2`, then `WM.3`.

    Until it resumes nothing is changed, so nobody can know before. Actions at or before the new asset's first bar
    have no effect on it.

    Raises
    ------
    DataError
        The source has a symbol of that name already.
    """
    source: list[int] = []
    begin: list[int] = []
    symbols: list[str] = []
    resumed: list[str] = []
    for asset, symbol in enumerate(panel.symbols):
        own = np.flatnonzero(np.isfinite(panel.close[:, asset]))
        missing = np.diff(own) - 1
        after = np.flatnonzero(missing > max_gap)
        begins = [0, *own[after + 1].tolist()]
        source += [asset] * len(begins)
        begin += begins
        symbols.append(symbol)
        for number, (bar, gap) in enumerate(zip(begins[1:], missing[after].tolist(), strict=True), start=2):
            name, day = f"{symbol}.{number}", panel.timestamps[bar].astype("datetime64[D]")
            if name in panel.symbols:
                raise DataError(
                    f"`max_gap` makes {symbol} from {day} on a new asset {name}, which is a symbol; rename it"
                )
            symbols.append(name)
            resumed.append(f"{symbol} resumes on {day} after {gap:,} missing bars as {name}")
    if not resumed:
        return Listed(panel, panel.symbols)
    made = _columns(panel, np.array(source), np.array(begin), tuple(symbols))
    shown = resumed if len(resumed) <= SHOWN else [*resumed[:SHOWN], f"and {len(resumed) - SHOWN:,} more"]
    return Listed(made, tuple(panel.symbols[asset] for asset in source), tuple(shown))


def _columns(panel: Panel, source: Int, begin: Int, symbols: tuple[str, ...]) -> Panel:
    """Assets made of stretches of others: of the asset `source`, from its bar `begin` up to the next one's."""
    follows = np.append(source[1:] == source[:-1], False)
    end = np.where(follows, np.append(begin[1:], 0), panel.n_bars)
    bar = np.arange(panel.n_bars)[:, None]
    inside: Bool = (bar >= begin) & (bar < end)

    def cut(values: Float | None, empty: float = np.nan) -> Float | None:
        return None if values is None else np.where(inside, values[:, source], empty)

    delisted_at = delisting_return = None
    if panel.delisted_at is not None and panel.delisting_return is not None:
        at = panel.delisted_at[source]
        here = (at >= begin) & (at < end)
        delisted_at = np.where(here, at, NEVER)
        delisting_return = np.where(here, panel.delisting_return[source], np.nan)
    close = cut(panel.close)
    assert close is not None
    made = replace(
        panel,
        symbols=symbols,
        close=close,
        member=panel.member[:, source],
        open=cut(panel.open),
        high=cut(panel.high),
        low=cut(panel.low),
        volume=cut(panel.volume),
        sectors=None if panel.sectors is None else tuple(panel.sectors[asset] for asset in source),
        split=cut(panel.split, 1.0),
        dividend=cut(panel.dividend, 0.0),
        delisted_at=delisted_at,
        delisting_return=delisting_return,
    )
    price, shares = panel.adjustment
    return restart(made, Adjustment(price[:, source], shares[:, source]))


def add_delistings(listed: Listed, path: Path) -> Listed:
    """Read when assets are delisted, and what their holders get: columns symbol, date, return.

    Of a ticker's assets the last one that had begun by then is meant. A delisting is known at the last bar of its date,
    or at the next bar after it; one after the last bar of the panel is not known.

    Raises
    ------
    MissingDataError, DataError
        It is no such file, a row is wrong, an asset has bars after its delisting, or no symbol is known.
    """
    panel = listed.panel
    table = DatedTable(path, ("symbol", "date", "return"), may_be_empty=True)
    date, value = table.times("date"), table.numbers("return")
    table.refuse(value < -1.0, "return", "a loss of more than everything (a return of -1 is a loss of all)")
    asset = _assets_at(listed, table, date)
    bar = known_at(panel.timestamps, date)
    has = np.isfinite(panel.close)
    ever: Bool = np.logical_or.reduce(has, axis=0)
    last = panel.n_bars - 1 - has[::-1].argmax(axis=0)
    counts = (asset >= 0) & (bar < panel.n_bars) & ever[asset]
    table.refuse(
        counts & (bar < last[asset]),
        "date",
        "there are bars after it (where they are another company's, set `max_gap`)",
    )
    again = np.zeros(table.n_rows, dtype=bool)
    again[table.rows[counts][_repeated(asset[counts])]] = True
    table.refuse(again, "date", "a second delisting")
    delisted_at, delisting_return = np.full(panel.n_assets, NEVER), np.full(panel.n_assets, np.nan)
    delisted_at[asset[counts]], delisting_return[asset[counts]] = bar[counts], value[counts]
    ignored = {
        "of symbols without prices": int((asset < 0).sum()),
        "before or after the bars that are loaded": int(((asset >= 0) & ~counts).sum()),
    }
    note = used(f"{path.name}: {counted(int(counts.sum()), 'delisting')}", ignored)
    return listed.changed(replace(panel, delisted_at=delisted_at, delisting_return=delisting_return), note)


def known_at(timestamps: Times, date: Times) -> Int:
    """The last bar of each date, or the first one after it where it has none; T after the last bar."""
    days, day = timestamps.astype("datetime64[D]"), date.astype("datetime64[D]")
    after: Int = np.searchsorted(days, day, side="right")
    return np.where((after > 0) & (days[after - 1] == day), after - 1, after)


def _assets_at(listed: Listed, table: DatedTable, date: Times) -> Int:
    """The asset that each row's symbol means on its date; -1 where the prices have none."""
    panel = listed.panel
    has = np.isfinite(panel.close)
    first, days = panel.timestamps[has.argmax(axis=0)].astype("datetime64[D]"), date.astype("datetime64[D]")
    meant: list[int] = []
    assets = {name: listed.assets_of(name) for name in table.symbols}
    table.refuse_strangers(name for name, found in assets.items() if found)
    for code, day in zip(table.asset.tolist(), days, strict=True):
        found = assets[table.symbols[code]]
        begun = [asset for asset in found if has[:, asset].any() and first[asset] <= day]
        meant.append((begun or found or [-1])[-1 if begun else 0])
    return np.array(meant, dtype=np.int64)


def _repeated(values: Int) -> Bool:
    """Where a value stood before."""
    repeated = np.ones(len(values), dtype=bool)
    repeated[np.unique(values, return_index=True)[1]] = False
    return repeated
