"""What an account is told: prices, events and targets, bar by bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.reference.twin.basics import Prices, Weights


@dataclass(frozen=True)
class Event:
    """Cash that every share of an asset is paid before a bar's fill; with the last of it the shares may be gone."""

    symbol: str
    pay: float
    ends: bool = False


@dataclass(frozen=True)
class History:
    """Prices of every bar, the events before its fill, and the targets decided at it; `start` is the first that trades.

    What is decided at a bar is filled 1 + `delay` bars later.
    """

    fill: Sequence[Prices]
    close: Sequence[Prices]
    targets: Mapping[int, Weights]
    start: int
    delay: int
    events: Mapping[int, Sequence[Event]]

    def decided(self, bar: int) -> int:
        """The bar whose decision, if it made one, is filled at this bar."""
        return bar - 1 - self.delay

    def of(self, symbol: str) -> History:
        """What it says of one asset."""
        return History(
            [only(row, symbol) for row in self.fill],
            [only(row, symbol) for row in self.close],
            {t: only(row, symbol) for t, row in self.targets.items()},
            self.start,
            self.delay,
            {t: [event for event in now if event.symbol == symbol] for t, now in self.events.items()},
        )


def only(row: Mapping[str, float], symbol: str) -> dict[str, float]:
    """What a row says of one asset."""
    return {symbol: row[symbol]} if symbol in row else {}
