"""What closes a position whatever its target is: the stops of docs/accounting.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.reference.twin.basics import Prices, linear_quantile
from tests.reference.twin.history import History
from tests.reference.twin.money import Account, Trip


class Winner(NamedTuple):
    """A paper trip that paid its costs: the bar that closed it, the asset's place, and its excursion."""

    closed: int
    place: int
    excursion: float


class Range(NamedTuple):
    """What a bar knows of an asset's prices."""

    open: float
    high: float
    low: float

    def worst(self, side: int) -> float:
        return self.low if side > 0 else self.high

    def best(self, side: int) -> float:
        return self.high if side > 0 else self.low


@dataclass(frozen=True)
class Stops:
    """The stops asked for, and the data that they look at.

    `loss`, `fall` and `gain` are fractions of a price, `bars` those of the time stop, and `quantile`, `winners` and
    `memory` belong to the mae stop; as given here, there is none of them. `wait` is k of `re_entry: k`, and None stands
    for `new_signal`. Opens, highs and lows are by bar; `assets` are in the order of the data.
    """

    loss: float = math.inf
    fall: float = math.inf
    gain: float = math.inf
    bars: int = 0
    quantile: float = math.nan
    winners: int = 0
    memory: int = 0
    wait: int | None = None
    open: Sequence[Prices] | None = None
    high: Sequence[Prices] | None = None
    low: Sequence[Prices] | None = None
    at_open: bool = False
    assets: Sequence[str] = ()

    def level(self, trip: Trip) -> tuple[float, str]:
        """The tightest price at which a loss ends, and what asks for it."""
        s = trip.side
        levels = [
            (trip.entry * (1.0 - s * self.loss), "stop_loss"),
            (trip.best * (1.0 - s * self.fall), "trailing_stop"),
            (trip.entry * (1.0 - s * trip.allowance), "mae_stop"),
        ]
        return max(levels, key=lambda level: s * level[0])  # of equal ones the first

    def goal(self, trip: Trip) -> float:
        """The price at which a profit is taken."""
        return trip.entry * (1.0 + trip.side * self.gain)

    @property
    def has_ranges(self) -> bool:
        return self.open is not None and self.high is not None and self.low is not None

    def range(self, bar: int, symbol: str) -> Range | None:
        """What is known of an asset at a bar; nothing where data has no ranges, or the bar no prices."""
        if self.open is None or self.high is None or self.low is None or symbol not in self.open[bar]:
            return None
        return Range(self.open[bar][symbol], self.high[bar][symbol], self.low[bar][symbol])

    def watched(self, account: Account, bar: int) -> Iterator[tuple[str, Trip, Range]]:
        """The positions whose asset has a range at the bar."""
        for symbol, trip in list(account.open_trips.items()):
            seen = self.range(bar, symbol)
            if seen is not None:
                yield symbol, trip, seen

    def close(self, account: Account, bar: int, symbol: str, price: float, reason: str) -> None:
        account.close(bar, symbol, price, reason, math.inf if self.wait is None else bar + self.wait)

    def before_fill(self, account: Account, bar: int, fill: Prices) -> None:
        """Stops at the open, in the bar where that is before its fill, what is due of data without ranges, and time."""
        for symbol, trip, seen in self.watched(account, bar):
            level, reason = self.level(trip)
            if trip.side * (seen.open - level) <= 0.0:
                self.close(account, bar, symbol, seen.open, reason)
            elif trip.side * (seen.open - self.goal(trip)) >= 0.0:
                self.close(account, bar, symbol, seen.open, "take_profit")
        if not self.at_open:
            self.in_bar(account, bar)
        for symbol, trip in list(account.open_trips.items()):
            if symbol in fill and trip.due is not None:
                self.close(account, bar, symbol, fill[symbol], trip.due)
            elif symbol in fill and 0 < self.bars <= bar - trip.opened:
                self.close(account, bar, symbol, fill[symbol], "time_stop")

    def after_fill(self, account: Account, bar: int, paper: Sequence[Winner]) -> None:
        """What a position opened at the bar is allowed, and stops in the bar where its fill is at the open."""
        for trip in account.open_trips.values():
            if trip.opened == bar:
                trip.allowance = self.allowance(paper, bar)
        if self.at_open:
            self.in_bar(account, bar)

    def in_bar(self, account: Account, bar: int) -> None:
        """Levels and goals that a bar's range reaches; where it reaches both, the level counts."""
        for symbol, trip, seen in self.watched(account, bar):
            level, reason = self.level(trip)
            if trip.side * (seen.worst(trip.side) - level) <= 0.0:
                self.close(account, bar, symbol, level, reason)
            elif trip.side * (seen.best(trip.side) - self.goal(trip)) >= 0.0:
                self.close(account, bar, symbol, self.goal(trip), "take_profit")

    def after_close(self, account: Account, bar: int, close: Prices) -> None:
        """Move best prices at a bar's end; what the close of data without ranges finds beyond its level is due."""
        if self.has_ranges:
            for _, trip, seen in self.watched(account, bar):
                if self.is_exposed(bar, trip.opened):
                    trip.best = better(trip.side, trip.best, seen.best(trip.side))
            return
        for symbol, trip in account.open_trips.items():
            if symbol not in close:
                continue
            level, reason = self.level(trip)
            if trip.side * (close[symbol] - level) <= 0.0:
                trip.due = trip.due or reason
            elif trip.side * (close[symbol] - self.goal(trip)) >= 0.0:
                trip.due = trip.due or "take_profit"
            trip.best = better(trip.side, trip.best, close[symbol])

    def is_exposed(self, bar: int, opened: int) -> bool:
        """Whether a bar's range was made while a position held at its end was there."""
        return bar > opened or self.at_open

    def allowance(self, paper: Sequence[Winner], bar: int) -> float:
        """How far the last winners closed before a bar went against their side; without enough of them no limit."""
        if math.isnan(self.quantile):
            return math.inf
        known = [w.excursion for w in sorted(paper) if w.closed < bar][-self.memory :]
        return linear_quantile(known, self.quantile) if len(known) >= self.winners else math.inf

    def paper(self, history: History, rate: float) -> list[Winner]:
        """Winners among the trips that the targets alone would have made, at prices alone."""
        if math.isnan(self.quantile):
            return []
        if not (self.assets and 0 < self.winners <= self.memory):
            raise ValueError("a mae stop needs the assets, and no more winners than it remembers")
        return [w for place, symbol in enumerate(self.assets) for w in self.paper_of(place, symbol, history, rate)]

    def paper_of(self, place: int, symbol: str, history: History, rate: float) -> Iterator[Winner]:
        """Those of one asset."""
        side, entry, seen = 0, math.nan, [math.nan]
        for bar in range(history.start, len(history.close)):
            if side != 0 and not self.at_open:  # the bar's range was made before its fill
                seen += self.worst_of(bar, symbol, side, history)
            price = history.fill[bar].get(symbol)
            weight = history.targets.get(history.decided(bar), {}).get(symbol)
            if price is not None and weight is not None:
                if side != 0 and side * weight <= 0.0:
                    excursion = max(0.0, *(side * (entry - p) / entry for p in [*seen, price]))
                    if side * (price / entry - 1.0) > 2.0 * rate:
                        yield Winner(bar, place, excursion)
                    side = 0
                if side == 0 and weight != 0.0:
                    side, entry, seen = 1 if weight > 0.0 else -1, price, []
            if side != 0 and self.at_open:
                seen += self.worst_of(bar, symbol, side, history)

    def worst_of(self, bar: int, symbol: str, side: int, history: History) -> list[float]:
        """The worst price that a bar knows of an asset, or none."""
        if not self.has_ranges:
            return [history.close[bar][symbol]] if symbol in history.close[bar] else []
        seen = self.range(bar, symbol)
        return [] if seen is None else [seen.worst(side)]


def better(side: int, one: float, other: float) -> float:
    """The best of two prices for a side."""
    return max(one, other) if side > 0 else min(one, other)
