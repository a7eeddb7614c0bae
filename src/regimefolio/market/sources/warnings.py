"""What is doubtful in a table of bars: it may be right, so nothing stops and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Int
from regimefolio.market.quality import (
    FEW_BARS,
    LONG,
    SPLITS,
    coarse_blocks,
    far_from_five_bars,
    is_price,
    missing_sessions,
    split_like_jumps,
    stale_runs,
)
from regimefolio.market.sources.bars import Bars, Cells
from regimefolio.market.sources.base import DataWarning

MIXED_ZONES = "mixed time zones"
FEW = "few bars"
FAR_OFF = "far from its five bars"
COARSE = "coarse prices"
STALE_BARS = "stale bars"
MISSING = "missing session"
ZERO_VOLUME = "zero volume"
LONG_GAP = "long gap"
SPLIT_LIKE = "split-like jump"

_NO_ZONE = "no zone (read as UTC)"
_ZONE = r"[T ]\d{2}\S*?([zZ]|[+-]\d{2}(?::?\d{2})?)\s*$"


class Group(NamedTuple):
    """The warnings of one kind: how many, and each of them, described when it is asked for."""

    kind: str
    size: int
    warnings: Iterable[DataWarning]


def find_warnings(bars: Bars) -> tuple[DataWarning, ...]:
    """Everything doubtful, by kind, and within each in the order of the file.

    mixed time zones
        Times with different offsets from UTC, unless they look like summer time: two, an hour apart, and both on no
        more than two dates a year.
    few bars
        A symbol with fewer than 30 usable bars.
    far from its five bars
        A price more than 2.7 times above or below the median of the same column in the five bars around it.
    split-like jump
        A change by a ratio that companies split by, which lasts, in prices adjusted for all that is known.
    coarse prices
        A symbol of which no two different closes, in some 252 bars, are nearer than 5 bp of their median.
    stale bars
        Five bars of a symbol in a row, or more, that repeat the numbers of the one before, or its close without volume.
    long gap
        A symbol that resumes after more than 21 bars at which others have one.
    missing session
        A bar's time at which a symbol has none, between its first and its last one, though another symbol has.
    zero volume
        A bar in which nothing was traded.

    But for jumps, bars are looked at as they were delivered, defects among them, before any adjustment.
    """
    return tuple(
        warning for group in _groups(bars) for warning in sorted(group.warnings, key=lambda each: each.row or 0)
    )


def count_warnings(bars: Bars) -> dict[str, int]:
    """How many warnings of each kind there are, for those that there are, without describing them."""
    return {group.kind: group.size for group in _groups(bars) if group.size}


def _groups(bars: Bars) -> Iterator[Group]:
    cells = _in_order(bars.cells)
    for kind, rule in (
        (MIXED_ZONES, _mixed_zones),
        (FEW, _few_bars),
        (FAR_OFF, _far_off),
        (SPLIT_LIKE, _split_like),
        (COARSE, _coarse),
        (STALE_BARS, _stale),
        (LONG_GAP, _long_gaps),
    ):
        found = list(rule(bars, cells))
        yield Group(kind, len(found), found)
    # There can be millions of these, as where no volume is known at all.
    yield _missing(bars, cells)
    yield _zero_volume(bars, cells)


def _in_order(cells: Cells) -> Cells:
    """The bars of each symbol after those of another, in the order of time."""
    key = cells.asset * (cells.bar.max(initial=0) + 1) + cells.bar
    if (np.diff(key) > 0).all():
        return cells
    order = np.argsort(key, kind="stable")
    fields = {name: values[order] for name, values in cells.fields.items()}
    return cells._replace(row=cells.row[order], asset=cells.asset[order], bar=cells.bar[order], fields=fields)


def _about(bars: Bars, cells: Cells, kind: str, field: str, cell: int, value: str) -> DataWarning:
    """A warning about a field of one bar."""
    table, symbol, row = bars.table, bars.symbols[cells.asset[cell]], int(cells.row[cell])
    column = table.header[cells.columns[symbol if bars.layout == "wide" else field]].strip()
    return DataWarning(kind, table.place(row), column, symbol, table.text(row, cells.stamp), value)


def _mixed_zones(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    import polars as pl

    times = bars.table.columns[cells.stamp]
    if times.dtype != pl.String:
        return
    texts = times.drop_nulls().unique()
    zones = texts.str.extract(_ZONE).fill_null(_NO_ZONE)
    if zones.n_unique() < 2:
        return
    zones = pl.Series([zone if zone == _NO_ZONE else _offset(zone) for zone in zones])
    rows = np.unique(cells.row)
    given = times.gather(rows)
    zone_of = given.replace_strict(texts, zones, return_dtype=pl.String).to_list()
    if _is_summer_time(zone_of, given.str.strip_chars().str.slice(0, 10).to_list()):
        return
    counts = Counter(zone_of)
    (usual, most), *others = counts.most_common()
    for zone, count in others:
        row = int(rows[zone_of.index(zone)])
        value = f"{zone} in {count:,} {'row' if count == 1 else 'rows'}, {usual} in {most:,}"
        table = bars.table
        yield DataWarning(
            MIXED_ZONES, table.place(row), table.header[cells.stamp].strip(), "", table.text(row, cells.stamp), value
        )


def _offset(zone: str) -> str:
    """An offset from UTC as +01:00, however it is written."""
    digits = "+0000" if zone in "zZ" else zone.replace(":", "").ljust(5, "0")
    return f"{digits[:3]}:{digits[3:]}"


def _is_summer_time(zone_of: Sequence[str], date: Sequence[str]) -> bool:
    """Whether there are two offsets an hour apart, and both on no more than two dates a year; or only one."""
    zones = set(zone_of)
    if _NO_ZONE in zones and len(zones) > 1:
        return False
    minutes = [int(f"{zone[0]}1") * (60 * int(zone[1:3]) + int(zone[4:])) for zone in zones if zone != _NO_ZONE]
    if len(zones) > 2 or max(minutes, default=0) - min(minutes, default=0) > 60:
        return False
    dates = Counter(day for day, _ in set(zip(date, zone_of, strict=True)))
    changes = sum(count > 1 for count in dates.values())
    return changes <= 2 * len({day[:4] for day in dates})


def _few_bars(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    usable = np.isfinite(bars.fields["close"]).sum(axis=0)
    for asset in np.flatnonzero(usable < FEW_BARS).tolist():
        count = int(usable[asset])
        yield DataWarning(FEW, None, "", bars.symbols[asset], "", f"{count} usable {'bar' if count == 1 else 'bars'}")


def _far_off(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    for name, values in cells.fields.items():
        if name == "volume":
            continue
        at: Int = np.flatnonzero(is_price(values))
        far = far_from_five_bars(cells.asset[at], values[at])
        for cell, median in zip(at[far.at].tolist(), far.median.tolist(), strict=True):
            price = values[cell]
            times, side = max((price / median, "above"), (median / price, "below"))
            value = f"{price:.10g}, {times:.3g} times {side} the median {median:.5g}"
            yield _about(bars, cells, FAR_OFF, name, cell, value)


def _split_like(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    close, known = bars.fields["close"], bars.fields.get("split")
    jumps = split_like_jumps(close, bars.fields.get("volume"))
    key = cells.asset * len(bars.timestamps) + cells.bar
    for bar, asset, ratio in zip(*(array.tolist() for array in jumps), strict=True):
        cell, date = int(np.searchsorted(key, asset * len(bars.timestamps) + bar)), bars.time(bar)
        split = min((*SPLITS, *(1.0 / each for each in SPLITS)), key=lambda each: abs(np.log(each / ratio)))
        if known is not None and known[bar, asset] != 1.0:
            advice = f"the prices seem to be adjusted for the split {known[bar, asset]:.4g} at this bar: take it out"
        else:
            advice = f"if it is a split, add split {split:.4g} on {date} to the actions"
        yield _about(bars, cells, SPLIT_LIKE, "close", cell, f"close before over close {ratio:.4g}: {advice}")


def _coarse(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    at: Int = np.flatnonzero(is_price(cells.fields["close"]))
    price = cells.fields["close"][at]
    bounds = np.searchsorted(cells.asset[at], np.arange(len(bars.symbols) + 1))
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        blocks = list(coarse_blocks(price[start:end]))
        if not blocks:
            continue
        worst = max(blocks, key=lambda block: block.basis_points)
        coarse = np.zeros(end - start, dtype=bool)
        for block in blocks:
            coarse[block.first : block.last] = True
        value = (
            f"{worst.basis_points:.3g} bp: steps of {worst.step:.4g} at {worst.price:.5g}; "
            f"coarse in {coarse.sum():,} of {end - start:,} bars"
        )
        yield _about(bars, cells, COARSE, "close", int(at[start + worst.first]), value)


def _stale(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    runs = stale_runs(cells.asset, cells.fields)
    for first, last in zip(runs.first.tolist(), runs.last.tolist(), strict=True):
        price, until = cells.fields["close"][first], bars.time(int(cells.bar[last]))
        value = f"{price:.10g}, unchanged for {last - first + 1:,} bars, up to {until}"
        yield _about(bars, cells, STALE_BARS, "close", first, value)


def _long_gaps(bars: Bars, cells: Cells) -> Iterator[DataWarning]:
    missing = np.diff(cells.bar) - 1
    table, column = bars.table, bars.table.header[cells.stamp].strip()
    for cell in (np.flatnonzero((missing > LONG) & (np.diff(cells.asset) == 0)) + 1).tolist():
        row, symbol = int(cells.row[cell]), bars.symbols[cells.asset[cell]]
        value = f"resumes after {missing[cell - 1]:,} missing bars"
        yield DataWarning(LONG_GAP, table.place(row), column, symbol, table.text(row, cells.stamp), value)


def _missing(bars: Bars, cells: Cells) -> Group:
    missing = missing_sessions(cells.asset, cells.bar, len(bars.timestamps), len(bars.symbols))
    given = np.bincount(cells.bar, minlength=len(bars.timestamps))
    listed = given + missing.sum(axis=1)

    def describe() -> Iterator[DataWarning]:
        for bar in np.flatnonzero(listed > given).tolist():
            time, value = bars.time(bar), f"{given[bar]:,} of {listed[bar]:,} symbols have one"
            for asset in np.flatnonzero(missing[bar]).tolist():
                yield DataWarning(MISSING, None, "", bars.symbols[asset], time, value)

    return Group(MISSING, int(missing.sum()), describe())


def _zero_volume(bars: Bars, cells: Cells) -> Group:
    at = np.flatnonzero(cells.fields["volume"] == 0) if "volume" in cells.fields else np.empty(0, dtype=np.int64)
    return Group(ZERO_VOLUME, len(at), (_about(bars, cells, ZERO_VOLUME, "volume", cell, "0") for cell in at.tolist()))
