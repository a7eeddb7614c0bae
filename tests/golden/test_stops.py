"""Small accounts with stops, solved by hand.

The tables are those of `test_ledgers`. The column `A` is the close, at which orders are filled; where there are columns
of opens, highs and lows too, `at_open` fills at the open. Found by hand are also the prices at which a stop closed
something at the bar, and why; two of one bar are divided by a slash.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from regimefolio.core.types import REASONS
from tests.golden.test_ledgers import FREE, SMOOTH, Float, Found, Story, of_kernel, of_twin
from tests.reference import twin
from tests.reference.test_twin import Case, prices_at, run_kernel, run_twin

Exits = list[list[tuple[str, float]]]
"""Of every bar after the first, why something was closed and at what price."""


@dataclass(frozen=True)
class Held(Story):
    """A story of an account that is held back."""

    stops: twin.Stops = field(default_factory=twin.Stops)
    vetoes: Mapping[int, Collection[int]] = field(default_factory=dict)
    volatility: twin.VolatilityTarget | None = None
    brake: twin.Brake | None = None

    def case(self) -> Case:
        """What both sides are given."""
        plain, prices = super().case(), {name: self.panel(f".{name}") for name in ("open", "high", "low")}
        stops = replace(self.stops, assets=tuple(str(n) for n in range(len(self.symbols))))
        if np.isfinite(prices["low"]).any():
            opens, highs, lows = ([prices_at(row) for row in panel] for panel in prices.values())
            stops = replace(stops, open=opens, high=highs, low=lows)
        fill: Float = prices["open"] if stops.at_open else plain.fill
        return replace(plain, fill=fill, risk=twin.Risk(stops, self.vetoes, self.volatility, self.brake))

    def exits(self, symbol: str) -> Exits:
        """What stops closed of an asset, by hand."""
        head, *rows = (line.split() for line in self.table.strip().splitlines())
        if f"{symbol}.exit" not in head:
            return [[] for _ in rows[1:]]
        price, why = head.index(f"{symbol}.exit"), head.index(f"{symbol}.why")
        pairs = [zip(row[why].split("/"), row[price].split("/"), strict=True) for row in rows[1:]]
        return [[(reason, float(at)) for reason, at in row if reason != "."] for row in pairs]


LOSS = twin.Stops(loss=0.1)

STORIES = {
    # Bar 1: X + 5 = 1005, and 500 buys 5. The level is 100 · 0.9 = 90, and bar 2 opens below it: 5 · 85 − 5 = 420.
    # The trip: 420 − 505 = −85.
    "a gap through a stop at the open": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  cost  equity
          0     100     100    100  100       0.5       .          .        .  1005     .       .
          1     100     104     99  100         .       .          .        5   500     5    1000
          2      85      95     80   90         .      85  stop_loss        0   920     5     920
          3      90      90     90   90         .       .          .        0   920     0     920
        """,
        SMOOTH._replace(per_order=5.0),
        profits=(-85,),
        stops=LOSS,
    ),
    # Bought at the open of bar 1, whose low of 95 is above 90. Bar 2 opens above 90 and falls to 88: 5 · 90 = 450.
    # What bar 2 decides is no new signal.
    "a stop hit in the bar, at its level": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     101     95   98         .       .          .        5   500     990
          2      95      96     88   92       0.5      90  stop_loss        0   950     950
          3      92      93     91   92         .       .          .        0   950     950
        """,
        profits=(-50,),
        stops=replace(LOSS, at_open=True),
    ),
    # The stop of bar 1 is hit in the bar that opened the position: 500 + 5 · 90 = 950. Of two levels of 90 the first
    # is the reason.
    "a stop hit in the bar of the fill": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     101     80   98         .      90  stop_loss        0   950     950
          2      98      98     98   98         .       .          .        0   950     950
        """,
        profits=(-50,),
        stops=twin.Stops(loss=0.1, fall=0.1, at_open=True),
    ),
    # The same bar, but filled at its close: its range was made before. The level of 98 · 0.9 = 88.2 is not reached.
    "no stop in the bar of a fill at the close": Held(
        """
        bar  A.open  A.high  A.low   A  A.target  A.units  cash  equity
          0     100     100    100  98       0.5        .   980       .
          1     100     101     80  98         .        5   490     980
          2      98      98     90  98         .        5   490     980
        """,
        still_open=1,
        stops=LOSS,
    ),
    # A short at 100 ends at 110 or at 90, and bar 2 reaches both: 1500 − 5 · 110 = 950.
    "stop and goal in the same bar: the stop counts": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100      -0.5       .          .        .  1000       .
          1     100     100    100  100         .       .          .       -5  1500    1000
          2     100     112     85   95         .     110  stop_loss        0   950     950
        """,
        profits=(-50,),
        stops=twin.Stops(loss=0.1, gain=0.1),
    ),
    # Highs of 105 and 120 are held at the end of bars 1 and 2: the level rises from 90 to 94.5 and 108.
    # Bar 3: 500 + 5 · 108 = 1040.
    "a trailing stop that rises and is hit": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit          A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .              .        .  1000       .
          1     100     105     96  104         .       .              .        5   500    1020
          2     110     120    108  118         .       .              .        5   500    1090
          3     116     117    107  109         .     108  trailing_stop        0  1040    1040
        """,
        profits=(40,),
        stops=twin.Stops(fall=0.1, at_open=True),
    ),
    # The high of 130 was made before the fill at the close of bar 1: the best price is 100, and the level 90.
    "a trailing stop that does not know the bar of its fill": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit          A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .              .        .  1000       .
          1     120     130    100  100         .       .              .        5   500    1000
          2     100     100     95   96         .       .              .        5   500     980
          3      96      96     89   91         .      90  trailing_stop        0   950     950
        """,
        profits=(-50,),
        stops=twin.Stops(fall=0.1),
    ),
    # Bar 2: 20 more for each of 4 units is entered at (5 · 100 + 4 · 125) / 9 = 1000 / 9, from 0.5 to 0.9 of
    # Bar 2: 0.9 of 500 + 5 · 125 = 1125 less the 625 held are 387.5, 3.1 units. The entry moves to
    # (500 + 387.5) / 8.1 = 109.5679…, and the level to nine tenths of it, 98.6111…; what bar 3 sells, down to
    # 0.4 · 1125 / 125 = 3.6 units, leaves both. Bar 4: 675 + 3.6 · 98.6111… = 1030.
    # The trip: −500 − 387.5 + 562.5 + 355 = 30.
    "what enlarges a position moves its entry, and what reduces it does not": Held(
        """
        bar  A.open  A.high  A.low    A  A.target             A.exit      A.why  A.units   cash  equity
          0     100     100    100  100       0.5                  .          .        .   1000       .
          1     100     100    100  100       0.9                  .          .        5    500    1000
          2     125     125    125  125       0.4                  .          .      8.1  112.5    1125
          3     125     125    125  125         .                  .          .      3.6    675    1125
          4     110     110     98   98         .  98.61111111111111  stop_loss        0   1030    1030
        """,
        profits=(30,),
        stops=LOSS,
    ),
    # The level of 150 is jumped over: 1900 − 9 · 220 = −80. The trip: 900 − 1980 = −1080.
    "a short squeezed through its stop into bankruptcy": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100      -0.9       .          .        .  1000       .
          1     100     100    100  100         .       .          .       -9  1900    1000
          2     220     230    140  150         .     220  stop_loss        0   -80     -80
          3     150     150    150  150         .       .          .        0     0       0
        """,
        profits=(-1080,),
        stops=twin.Stops(loss=0.5),
    ),
    # The goal is 120, and bar 2 opens at 130: 500 + 5 · 130 = 1150.
    "a profit that a gap makes better": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit        A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .            .        .  1000       .
          1     100     119     99  110         .       .            .        5   500    1050
          2     130     131    118  119         .     130  take_profit        0  1150    1150
        """,
        profits=(150,),
        stops=twin.Stops(gain=0.2, at_open=True),
    ),
    # Opened at bar 1, and two bars later there is no price; at bar 4 there is: 500 + 5 · 97 = 985.
    "a time stop that waits for a halted asset": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100         .       .          .        5   500    1000
          2      99      99     98   98         .       .          .        5   500     990
          3       .       .      .    .         .       .          .        5   500     990
          4      95      99     94   97         .      97  time_stop        0   985     985
        """,
        profits=(-15,),
        stops=twin.Stops(bars=2),
    ),
    # An order takes two bars. What the close of bar 3 finds below 90 is closed at bar 4 all the same: 500 + 5 · 84.
    "closes only: due at the close, closed at the next price": Held(
        """
        bar    A  A.target  A.exit      A.why  A.units  cash  equity
          0  100       0.5       .          .        .  1000       .
          1  100         .       .          .        0  1000    1000
          2  100         .       .          .        5   500    1000
          3   88         .       .          .        5   500     940
          4   84         .      84  stop_loss        0   920     920
          5   95         .       .          .        0   920     920
        """,
        terms=FREE._replace(delay=1),
        profits=(-80,),
        stops=LOSS,
    ),
    # Due at bar 2, halted at bar 3, and closed at bar 4, where the price is back: 500 + 5 · 101 = 1005.
    "closes only: due, and halted": Held(
        """
        bar    A  A.target  A.exit          A.why  A.units  cash  equity
          0  100       0.5       .              .        .  1000       .
          1  100         .       .              .        5   500    1000
          2   88         .       .              .        5   500     940
          3    .         .       .              .        5   500     940
          4  101         .     101  trailing_stop        0  1005    1005
        """,
        profits=(5,),
        stops=twin.Stops(fall=0.1),
    ),
    # Closed at 90 in bar 2, and what bars 1 to 4 decide lapses. The 0 that bar 5 decides is filled at bar 6; half of
    # 950 buys 475 / 95 = 5 at bar 7.
    "re-entry at a new signal": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100       0.5       .          .        5   500    1000
          2      95      96     89   95       0.5      90  stop_loss        0   950     950
          3      95      95     95   95       0.5       .          .        0   950     950
          4      95      95     95   95       0.5       .          .        0   950     950
          5      95      95     95   95         0       .          .        0   950     950
          6      95      95     95   95       0.5       .          .        0   950     950
          7      95      95     95   95         .       .          .        5   475     950
        """,
        profits=(-50,),
        still_open=1,
        stops=LOSS,
    ),
    # The same, but only the orders of bars 2, 3 and 4 lapse: half of 950 is bought at bar 5, sold at 6, bought at 7.
    "re-entry after two bars": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100       0.5       .          .        5   500    1000
          2      95      96     89   95       0.5      90  stop_loss        0   950     950
          3      95      95     95   95       0.5       .          .        0   950     950
          4      95      95     95   95       0.5       .          .        0   950     950
          5      95      95     95   95         0       .          .        5   475     950
          6      95      95     95   95       0.5       .          .        0   950     950
          7      95      95     95   95         .       .          .        5   475     950
        """,
        profits=(-50, 0),
        still_open=1,
        stops=replace(LOSS, wait=2),
    ),
    # A target of 0, filled at bar 3, ends the waiting; bar 4 buys.
    "re-entry after two bars, or a new signal": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100         .       .          .        5   500    1000
          2      95      96     89   95         0      90  stop_loss        0   950     950
          3      95      95     95   95       0.5       .          .        0   950     950
          4      95      95     95   95         .       .          .        5   475     950
        """,
        profits=(-50,),
        still_open=1,
        stops=replace(LOSS, wait=2),
    ),
    # Bar 2 opens at 80: the long position is closed, 500 + 400 = 900. Half of it is sold short at the same open:
    # 450 / 80 = 5.625 units, whose level is 88, and the high is 90: 1350 − 5.625 · 88 = 855.
    # The trips: 400 − 500 = −100, and 450 − 495 = −45.
    "two stops of one bar": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit                A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .                    .        .  1000       .
          1     100     100    100  100      -0.5       .                    .        5   500    1000
          2      80      90     79   85         .   80/88  stop_loss/stop_loss        0   855     855
        """,
        profits=(-100, -45),
        stops=replace(LOSS, at_open=True),
    ),
    # Bar 1: 10 shares, and 5 for the order. Bar 2: 10 · 45 = 450 is more than a tenth of the 1800 traded and less than
    # the smallest order. It costs 5 + 0.02 · √(450 / 1800) · 450 = 9.5, the volatility being that of bar 1.
    # The trip: 450 − 9.5 − 505 = −64.5.
    "what a closing costs, and what does not hold it back": Held(
        """
        bar  A.open  A.high  A.low   A  A.traded  A.sigma  A.target  A.exit      A.why  A.units   cash  cost  equity
          0      50      50     50  50         .        .       0.5       .          .        .   1005     .       .
          1      50      50     50  50      8000     0.02         .       .          .       10    500     5    1000
          2      49      49     44  46      1800     0.09         .      45  stop_loss        0  940.5   9.5   940.5
        """,
        SMOOTH._replace(per_order=5.0, impact=1.0, participation=0.1, whole=True, min_value=460.0),
        profits=(-64.5,),
        stops=LOSS,
    ),
    # A tenth of 2000 is 200, and the rest of 500 is carried; bar 2 closes 4 · 45 and forgets it: 800 + 180 = 980.
    "a closing forgets what was carried": Held(
        """
        bar  A.open  A.high  A.low   A  A.traded  A.target  A.exit      A.why  A.units  cash  equity
          0      50      50     50  50         .       0.5       .          .        .  1000       .
          1      50      50     50  50      2000         .       .          .        4   800    1000
          2      49      49     44  46      9000         .      45  stop_loss        0   980     980
          3      46      46     46  46      9000         .       .          .        0   980     980
        """,
        SMOOTH._replace(participation=0.1, carry=True),
        profits=(-20,),
        stops=LOSS,
    ),
    # Ordered at the open of bar 2, before its low: 500 + 5 · 95 = 975. No stop closed it.
    "an order at the open comes before a stop in the bar": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.units  cash  equity
          0     100     100    100  100       0.5        .  1000       .
          1     100     100    100  100         0        5   500    1000
          2      95      95     80   85         .        0   975     975
        """,
        profits=(-25,),
        stops=replace(LOSS, at_open=True),
    ),
    # Bought at the open, the high of 120 counts: the level is 108. Bar 2: 500 + 5 · 108 = 1040.
    "a trailing stop that knows the bar of a fill at its open": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit          A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .              .        .  1000       .
          1     100     120     96  112         .       .              .        5   500    1060
          2     110     110    107  109         .     108  trailing_stop        0  1040    1040
        """,
        profits=(40,),
        stops=twin.Stops(fall=0.1, at_open=True),
    ),
    # Opened at bar 1 and closed two bars later, at the open: 500 + 5 · 102 = 1010. What bar 2 decided lapses.
    "a time stop": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100         .       .          .        5   500    1000
          2     100     104     90  104       0.5       .          .        5   500    1020
          3     102     103    100  101         .     102  time_stop        0  1010    1010
        """,
        profits=(10,),
        stops=twin.Stops(bars=2, at_open=True),
    ),
    # The 0 of bar 2 is filled at bar 3, where there is no price; it is a signal all the same, and bar 4 buys 475 / 95.
    "re-entry at a new signal that a halted asset does not trade": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100         .       .          .        5   500    1000
          2      95      96     89   95         0      90  stop_loss        0   950     950
          3       .       .      .    .       0.5       .          .        0   950     950
          4      95      95     95   95         .       .          .        5   475     950
        """,
        profits=(-50,),
        still_open=1,
        stops=LOSS,
    ),
    # The order of bar 1 lapses at bar 2, that of bar 2 does not, but it is the 0.5 ordered before the closing. Another
    # target is another order: 0.6 · 950 / 95 = 6.
    "re-entry on change": Held(
        """
        bar  A.open  A.high  A.low    A  A.target  A.exit      A.why  A.units  cash  equity
          0     100     100    100  100       0.5       .          .        .  1000       .
          1     100     100    100  100       0.6       .          .        5   500    1000
          2      95      96     89   95       0.5      90  stop_loss        0   950     950
          3      95      95     95   95       0.6       .          .        0   950     950
          4      95      95     95   95         .       .          .        6   380     950
        """,
        terms=FREE._replace(on_change=True),
        profits=(-50,),
        still_open=1,
        stops=replace(LOSS, wait=0),
    ),
}


@dataclass(frozen=True)
class Seen:
    """What became of the account, and what stops closed of every asset."""

    found: Found
    exits: dict[str, Exits]


def seen_of_twin(story: Held) -> Seen:
    _, bars = run_twin(story.case())
    rows = [bar.exits for bar in bars] + [{}] * (len(story.column("bar")) - 1 - len(bars))
    exits = {
        s: [[(e.reason, e.price) for e in row.get(str(n), ())] for row in rows] for n, s in enumerate(story.symbols)
    }
    return Seen(of_twin(story), exits)


def seen_of_kernel(story: Held) -> Seen:
    _, ledger = run_kernel(story.case())
    exits: dict[str, Exits] = {s: [[] for _ in story.column("bar")[1:]] for s in story.symbols}
    for n, symbol in enumerate(story.symbols):
        for t, row in enumerate(exits[symbol], 1):
            closed = [ledger.exits[when, :, t, n] for when in (0, 1)]
            row += [(REASONS[int(reason)], float(price)) for _, price, _, reason in closed if reason > 0.0]
    return Seen(of_kernel(story), exits)


SIDES = [seen_of_twin, seen_of_kernel]


def keep(story: Held, side: Callable[[Held], Seen]) -> None:
    """A side finds what was found by hand."""
    seen = side(story)
    for column, values in seen.found.columns.items():
        by_hand = story.column(column, 0.0 if column == "cost" else math.nan)[1:]
        assert values == pytest.approx(by_hand, rel=1e-12, abs=1e-12), column
    for symbol, rows in seen.exits.items():
        by_hand_exits = story.exits(symbol)
        assert [[why for why, _ in row] for row in rows] == [[why for why, _ in row] for row in by_hand_exits]
        prices = [price for row in rows for _, price in row]
        assert prices == pytest.approx([price for row in by_hand_exits for _, price in row], rel=1e-12)
    assert seen.found.closed == len(story.profits)
    assert seen.found.won == pytest.approx(sum(max(p, 0.0) for p in story.profits), rel=1e-12, abs=1e-9)
    assert seen.found.lost == pytest.approx(sum(min(p, 0.0) for p in story.profits), rel=1e-12, abs=1e-9)
    assert seen.found.still_open == story.still_open


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", STORIES)
def test_the_story_is_kept(name: str, side: Callable[[Held], Seen]) -> None:
    keep(STORIES[name], side)
