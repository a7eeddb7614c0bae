"""Who is a member when: spells from a file, or a rule that knows each bar's past alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import Discriminator, Field, Tag

from regimefolio.core.component import Model
from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Bool, Float, Int, Panel, Times, last_seen
from regimefolio.kernels.medians import rolling_median
from regimefolio.market.listings import Listed
from regimefolio.market.notes import counted, used
from regimefolio.market.sources.dated import DatedTable


class UniverseRule(Model):
    """Members are the assets that are known for long enough, and in which enough money is traded."""

    min_bars: int = Field(252, ge=1, description="bars of its own that an asset must have, this one included")
    min_value: float | None = Field(
        None, gt=0, description="least median of raw close times raw volume over the window; none: no volume is needed"
    )
    window: int = Field(63, ge=1, description="own bars of that median, this one included")


def _form(value: Any) -> str:
    return "rule" if isinstance(value, Mapping | UniverseRule) else "file"


Universe: TypeAlias = Annotated[
    Annotated[Path, Tag("file")] | Annotated[UniverseRule, Tag("rule")], Discriminator(_form)
]
"""A field that takes the path of a file with spells (symbol, from, to), or a rule."""


def with_members(listed: Listed, universe: Path | UniverseRule) -> Listed:
    """Say who is a member at each bar.

    Raises
    ------
    MissingDataError
        There is no such file, or nobody is ever a member.
    DataError
        A row of the file is wrong, or the rule asks for volumes that are not known.
    """
    if isinstance(universe, UniverseRule):
        member, said = member_by_rule(listed.panel, universe), ""
    else:
        member, said = member_by_spells(listed, DatedTable(universe, ("symbol", "from"), ("to",)))
    name = "universe" if isinstance(universe, UniverseRule) else universe.name
    count = (member & np.isfinite(listed.panel.close)).sum(axis=1)
    if not count.any():
        raise MissingDataError(f"{name}: no asset is a member at any bar that it has{f'; {said}' if said else ''}")
    never = int((~member.any(axis=0)).sum())
    words = [said] * bool(said)
    span = dict.fromkeys([f"{count.min():,}", f"{count.max():,}"])
    words.append(f"{' to '.join(span)} members with a bar")
    words += [f"{counted(never, 'asset')} never one"] * bool(never)
    return listed.changed(replace(listed.panel, member=member), f"{name}: {', '.join(words)}")


def member_by_spells(listed: Listed, table: DatedTable) -> tuple[Bool, str]:
    """Members of shape (T, N) from the first bar at or after `from` up to `to` itself, which may be empty: still one.

    Spells of one symbol that overlap are joined. Where a ticker had several assets a spell is each one's from its first
    bar up to the next one's.
    """
    panel = listed.panel
    days = panel.timestamps.astype("datetime64[D]")
    begin = table.times("from").astype("datetime64[D]")
    end = table.times("to", or_empty=True) if "to" in table else np.full(table.n_rows, np.datetime64("NaT", "ns"))
    end = end.astype("datetime64[D]")
    table.refuse(begin > end, "from", "after the `to` of its row")
    first: Int = np.searchsorted(days, begin)
    last = np.where(np.isnat(end), panel.n_bars, np.searchsorted(days, end, side="right"))
    assets = [listed.assets_of(symbol) for symbol in table.symbols]
    table.refuse_strangers(symbol for symbol, found in zip(table.symbols, assets, strict=True) if found)
    since, until = _terms(listed)
    member = np.zeros(panel.close.shape, dtype=bool)
    for code, opens, closes in zip(table.asset.tolist(), first.tolist(), last.tolist(), strict=True):
        for asset in assets[code]:
            member[max(opens, since[asset]) : min(closes, until[asset]), asset] = True
    strange = np.array([not found for found in assets])[table.asset]
    beyond = (first >= last) & ~strange
    ignored = {
        "of symbols without prices": int(strange.sum()),
        "before or after the bars that are loaded": int(beyond.sum()),
    }
    spells = counted(int((~strange & ~beyond).sum()), "spell")
    overlaps = _overlaps(table.asset, begin, end)
    return member, used(spells + (f", {overlaps:,} of which overlap another" if overlaps else ""), ignored)


def _terms(listed: Listed) -> tuple[list[int], list[int]]:
    """From which bar and up to which a ticker means each asset; its first one it means from the first bar of all."""
    panel = listed.panel
    first = np.isfinite(panel.close).argmax(axis=0).tolist()
    since, until = [0] * panel.n_assets, [panel.n_bars] * panel.n_assets
    for asset in range(1, panel.n_assets):
        if listed.tickers[asset] == listed.tickers[asset - 1]:
            since[asset] = until[asset - 1] = first[asset]
    return since, until


def _overlaps(asset: Int, begin: Times, end: Times) -> int:
    """How many spells begin before another one of their symbol, that began before, is over."""
    far = np.where(np.isnat(end), np.datetime64("9999-12-31"), end)
    order = np.lexsort((begin, asset))
    found = 0
    for one, other in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        found += bool(asset[one] == asset[other] and begin[other] < far[one])
    return found


def member_by_rule(panel: Panel, rule: UniverseRule) -> Bool:
    """Members of shape (T, N) by what is known at each bar; at a bar that an asset lacks, what it was at its last one.

    Raises
    ------
    DataError
        The rule asks for traded money, and no volume is known.
    """
    own = np.isfinite(panel.close)
    member = own & (np.cumsum(own, axis=0) >= rule.min_bars)
    if rule.min_value is not None:
        member &= _traded(panel, rule.window) >= rule.min_value
    said = np.where(own, member.astype(np.float64), np.nan)
    return last_seen(said) == 1.0


def _traded(panel: Panel, window: int) -> Float:
    """Median of raw close times raw volume over the last own bars, of shape (T, N); NaN before there are that many."""
    money = panel.traded_value
    if money is None:
        raise DataError("`universe: {min_value: …}` needs volumes, and these prices have none; take it out")
    median = np.empty(money.shape)
    rolling_median(money, window, median)
    return median
