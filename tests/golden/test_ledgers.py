"""Small accounts that a person can follow bar by bar, solved by hand; the kernel and its twin both keep them so.

A row is a bar, and every fill is at its close. Given of an asset A are its price `A`, adjusted for splits forward, so
that a unit is the share of the first bar; the target that is decided at the bar and filled at the next one; the
traded shares in a unit, `A.u`, 1 where there is no such column; the dividend of a traded share, the delisting return,
the money traded and the volatility. Found by hand are the units held after the fill, the cash and the equity at the
close, and the costs, 0 where there is no such column. The cash of bar 0 is the capital; a dot is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels import ledger as ledgers
from regimefolio.kernels.terms import NO_FRICTIONS, Execution, Frictions
from tests.reference import twin
from tests.reference.test_twin import Case, run_kernel, run_twin
from tests.terms import terms_of

Float = NDArray[np.float64]

FREE = terms_of(0.0, 0.0, 0.0)
SMOOTH = NO_FRICTIONS


@dataclass(frozen=True)
class Story:
    """A table of bars, the terms, and what the closed round trips earned."""

    table: str
    frictions: Frictions = SMOOTH
    terms: Execution = FREE
    profits: tuple[float, ...] = ()
    still_open: int = 0

    def column(self, name: str, nothing: float = math.nan) -> list[float]:
        """Of every bar; `nothing` where there is a dot, or no such column."""
        head, *rows = (line.split() for line in self.table.strip().splitlines())
        if name not in head:
            return [nothing] * len(rows)
        return [nothing if row[head.index(name)] == "." else float(row[head.index(name)]) for row in rows]

    @property
    def symbols(self) -> list[str]:
        return [name for name in self.table.split("\n")[1].split() if len(name) == 1]

    def panel(self, suffix: str, nothing: float = math.nan) -> Float:
        """A column of every asset."""
        panel = np.array([self.column(symbol + suffix, nothing) for symbol in self.symbols]).T.copy()
        panel.setflags(write=False)
        return panel

    def case(self) -> Case:
        """What both sides are given."""
        price, target, units = self.panel(""), self.panel(".target"), self.panel(".u", 1.0)
        dividend, left = self.panel(".dividend"), 1.0 + self.panel(".delisted")
        events: dict[int, list[twin.Event]] = {}
        for t, n in np.argwhere(~np.isnan(dividend)).tolist():
            events.setdefault(t, []).append(twin.Event(str(n), float(units[t, n] * dividend[t, n])))
        for t, n in np.argwhere(~np.isnan(left)).tolist():
            events.setdefault(t, []).append(twin.Event(str(n), float(price[t - 1, n] * left[t, n]), ends=True))
        frictions = self.frictions
        if frictions is not SMOOTH:
            frictions = frictions._replace(units=units, money=self.panel(".traded"), volatility=self.panel(".sigma"))
        decide = np.array([bool(np.isfinite(row).any()) for row in target])
        return Case(price, price, target, decide, 1, self.terms, events, frictions, self.column("cash")[0])


STORIES = {
    # 1,000 buys 500 / 100 = 5 units; each is paid 4: 5 · 4 = 20. Sold at 100 again, the trip has earned the 20.
    "a dividend while long": Story(
        """
        bar    A  A.target  A.dividend  A.units  cash  equity
          0  100       0.5           .        .  1000       .
          1  100         .           .        5   500    1000
          2   96         0           4        5   520    1000
          3  100         .           .        0  1020    1020
        """,
        profits=(20,),
    ),
    # Bar 2: two shares at 45 for one at 90, and a unit still costs 90. Bar 3: each of 5 · 2 shares owes 3: 30.
    # Bar 4: bought back for 5 · 84 = 420. The trip: 500 − 30 − 420 = 50.
    "a split and a dividend while short": Story(
        """
        bar    A  A.u  A.target  A.dividend  A.units  cash  equity
          0  100    1      -0.5           .        .  1000       .
          1  100    1         .           .       -5  1500    1000
          2   90    2         .           .       -5  1500    1050
          3   84    2         0           3       -5  1470    1050
          4   84    2         .           .        0  1050    1050
        """,
        profits=(50,),
    ),
    # Nothing is left of 10 · 50; the sale that was due lapses.
    "a delisting at -100%": Story(
        """
        bar   A  A.target  A.delisted  A.units  cash  equity
          0  50       0.5           .        .  1000       .
          1  50         0           .       10   500    1000
          2   .         .          -1        0   500     500
          3   .         .           .        0   500     500
        """,
        profits=(-500,),
    ),
    # A pays 70% of its last close, 10 · 40 · 0.7 = 280; B is taken over at 120% of its own, and the short owes
    # 10 · 25 · 1.2 = 300. Bar 1: 1000 − 500 + 200 = 700. Bar 3: 700 + 280 − 300 = 680.
    # The trips: 280 − 500 = −220, and 200 − 300 = −100.
    "delistings that pay": Story(
        """
        bar   A  A.target  A.delisted  A.units   B  B.target  B.delisted  B.units  cash  equity
          0  50       0.5           .        .  20      -0.2           .        .  1000       .
          1  50         .           .       10  20         .           .      -10   700    1000
          2  40       0.5           .       10  25      -0.2           .      -10   700     850
          3   .         .        -0.3        0   .         .         0.2        0   680     680
        """,
        profits=(-220, -100),
    ),
    # Bar 2 has no price: the sale lapses, and 10 units count at 50. Ordered again, they bring 440.
    "a halt while a sale is due": Story(
        """
        bar   A  A.target  A.units  cash  equity
          0  50       0.5        .  1000       .
          1  50         0       10   500    1000
          2   .         .       10   500    1000
          3  45         0       10   500     950
          4  44         .        0   940     940
        """,
        profits=(-60,),
    ),
    # Wished: 500. A tenth of 2000 is 200: 4 units. What is left is not ordered again.
    "a partial fill that lapses": Story(
        """
        bar   A  A.traded  A.target  A.units  cash  equity
          0  50         .       0.5        .  1000       .
          1  50      2000         .        4   800    1000
          2  50     10000         .        4   800    1000
          3  60     10000         .        4   800    1040
        """,
        SMOOTH._replace(participation=0.1),
        still_open=1,
    ),
    # Bar 1: 200 of 500. Bar 2: equity 800 + 4 · 40 = 960, wished 480 − 160 = 320, and 200 of them: 5 units more.
    # Bar 3: wished 480 − 9 · 40 = 120, less than a tenth of 5000: 3 units, and the order is done.
    "a partial fill that is carried over two bars": Story(
        """
        bar   A  A.traded  A.target  A.units  cash  equity
          0  50         .       0.5        .  1000       .
          1  50      2000         .        4   800    1000
          2  40      2000         .        9   600     960
          3  40      5000         .       12   480     960
          4  60      5000         .       12   480    1200
        """,
        SMOOTH._replace(participation=0.1, carry=True),
        still_open=1,
    ),
    # Bar 1: 500 / 30 = 16.7, 16 shares for 480.
    # Bar 2: equity 520 + 640 = 1160, wished 232 − 640 = −408: 10.2, 10 shares.
    # Bar 3: four shares at 10 for one at 40; wished 348 − 240 = 108: 10.8, 10 shares for 100, which are 2.5 units.
    # Bar 4: half a share for a unit, at 80; all 4.25 shares are sold, since nothing is to be left: 8.5 · 40 = 340.
    "whole shares with cash left over": Story(
        """
        bar   A  A.u  A.target  A.units  cash  equity
          0  30    1       0.5        .  1000       .
          1  30    1       0.2       16   520    1000
          2  40    1       0.3        6   920    1160
          3  40    4         0      8.5   820    1160
          4  40  0.5         .        0  1160    1160
        """,
        SMOOTH._replace(whole=True),
        profits=(160,),
    ),
    # Bar 1: 800 / 119.1 = 6.7, 6 shares for 714.6.
    # Bar 2: equity 285.4 + 2674.2 = 2959.6; wished −5041.88: 11.3, 11 shares are sold for 4902.7.
    # Bar 3: equity 5188.1 − 2049.5 = 3138.6; wished 156.93 + 2049.5: 5.4, 5 shares are bought, and nothing is left, not
    # even rounding. The trips: 6 · (445.7 − 119.1) = 1959.6, and 5 · (445.7 − 409.9) = 179.
    "whole shares that leave nothing": Story(
        """
        bar      A  A.target  A.units    cash  equity
          0  119.1       0.8        .    1000       .
          1  119.1      -0.8        6   285.4    1000
          2  445.7      0.05       -5  5188.1  2959.6
          3  409.9         .        0  3138.6  3138.6
        """,
        SMOOTH._replace(whole=True),
        profits=(1959.6, 179),
    ),
    # X + 5 + 0.1 · X / 10 = 1015: X is 1000, 100 shares, whose costs are 5 + 10.
    # Two shares at 6 for one at 12: the 200 sold cost 5 + 20. The trip: 1200 − 25 − 1015 = 160.
    "fees of an order and of a share": Story(
        """
        bar   A  A.u  A.target  A.units  cash  cost  equity
          0  10    1         1        .  1015     .       .
          1  10    1         0      100     0    15    1000
          2  12    2         .        0  1175    25    1175
        """,
        SMOOTH._replace(per_order=5.0, per_share=0.1),
        profits=(160,),
    ),
    # X + 0.02 · √(X / 4000) · X = 1010: X is 1000, a quarter of what is traded, and √¼ of 2% is 1%. The volatility is
    # that of bar 0, which decided. The money traded at bar 2 is not known, and the sale is free.
    "impact": Story(
        """
        bar   A  A.traded  A.sigma  A.target  A.units  cash  cost  equity
          0  10         .     0.02         1        .  1010     .       .
          1  10      4000     0.09         0      100     0    10    1000
          2  11         .     0.09         .        0  1100     0    1100
        """,
        SMOOTH._replace(impact=1.0),
        profits=(90,),
    ),
    # Bar 1: 0.2 is farther from 0 than 0.1. Bar 2: 0.15 is near enough to 0.2.
    # Bar 3: 80 of 880 are within 0.1 of 0 as well, but 0 has no band.
    "a band that keeps a position, and a closing that it does not keep": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100       0.2        .  1000       .
          1  100      0.15        2   800    1000
          2  100         0        2   800    1000
          3   40         .        0   880     880
        """,
        SMOOTH._replace(band=0.1),
        profits=(-120,),
    ),
    # A quarter of 0.4 is 0.1. Bar 2: 480 of 1080 are 0.44, near enough.
    # Bar 3: 800 of 1400 are 0.57: 1400 · 0.4 − 800 = −240, 1.2 units.
    "a relative band": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100       0.4        .  1000       .
          1  100       0.4        4   600    1000
          2  120       0.4        4   600    1080
          3  200         .      2.8   840    1400
        """,
        SMOOTH._replace(relative_band=0.25),
        still_open=1,
    ),
    # 1500 of cash do not buy back 5 · 310 = 1550; nothing is left for bar 3.
    "bankruptcy by a short squeeze": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100      -0.5        .  1000       .
          1  100         .       -5  1500    1000
          2  310         0        0   -50     -50
          3  100         .        0     0       0
        """,
        still_open=1,
    ),
    # Bar 1: 1000 − 1500 + 500 = 0. Bar 2: the short owes 50 · 2 = 100, and 10% of the debt for every bar that it lasts.
    "financing of negative cash": Story(
        """
        bar   A  A.target  A.units   B  B.target  B.dividend  B.units  cash  equity
          0  10       1.5        .  10      -0.5           .        .  1000       .
          1  10         .      150  10         .           .      -50     0    1000
          2  10         .      150  10         .           2      -50  -100     900
          3  10         .      150  10         .           .      -50  -110     890
          4  10         .      150  10         .           .      -50  -121     879
        """,
        terms=terms_of(financing_rate=0.1),
        still_open=2,
    ),
    # 10% on the cash of bars 0 and 1, 20% on that of bars 2 and 3. Bar 1: half of 1100.
    "a rate that changes": Story(
        """
        bar    A  A.target  A.units   cash  equity
          0  100       0.5        .   1000       .
          1  100         .      5.5    550    1100
          2  100         .      5.5    605    1155
          3  100         .      5.5    726    1276
          4  100         .      5.5  871.2  1421.2
        """,
        terms=terms_of(cash_rate=[0.5, 0.1, 0.1, 0.2, 0.2]),
        still_open=1,
    ),
    # Bar 2: 1% of 500, and 10% of 250. Bar 3: the fee of B is 20% now, and A is charged at its price of bar 2, 110.
    # The trips: 500 − 5 − 5.5 − 600 = −110.5, and 250 − 25 − 50 − 250 = −75.
    "two symbols that are lent at other rates": Story(
        """
        bar    A  A.target  A.units   B  B.target  B.units    cash  cost  equity
          0  100      -0.5        .  50     -0.25        .    1000     .       .
          1  100         .       -5  50         .       -5    1750     0    1000
          2  110         0       -5  50         0       -5    1720    30     920
          3  120         .        0  50         .        0  814.5  55.5   814.5
        """,
        terms=terms_of(borrow_rate=[[0.3, 0.3], [0.3, 0.3], [0.01, 0.1], [0.01, 0.2]]),
        profits=(-110.5, -75),
    ),
    # Of 500 the first 400 pay 10%, the rest 5%: X + 40 + 5 = 1045. Bar 2: 10% of 112 are 11.2, and an order costs 30 at
    # least: X = 1000 − 30, and 0.4 · 970 − 500 = −112. Bar 3: 10% of 388. The trip: 82 + 349.2 − 545 = −113.8.
    "an order across two tiers, and one that pays the least": Story(
        """
        bar    A  A.target  A.units   cash  cost  equity
          0  100       0.5        .   1045     .       .
          1  100       0.4        5    500    45    1000
          2  100         0     3.88    582    30     970
          3  100         .        0  931.2  38.8   931.2
        """,
        SMOOTH._replace(tiers=read_only(np.array([[400.0], [-0.05]])), min_fee=30.0),
        terms=terms_of(commission=0.1),
        profits=(-113.8,),
    ),
    # Bar 1: half of 964 costs 40 + 4.1. Bar 2: A cannot be sold. Wished of B is more than the 482 that there are: they
    # pay for 400 and its 40, and for 40 and its 2.
    "purchases scaled to the cash, across two tiers": Story(
        """
        bar     A  A.target  A.units   B  B.target  B.units    cash  cost  equity
          0  48.2       0.5        .  11         .        .  1008.1     .       .
          1  48.2         0       10  11         1        0     482  44.1     964
          2     .         .       10  11         .       40       0    42     922
        """,
        SMOOTH._replace(tiers=read_only(np.array([[400.0], [-0.05]]))),
        terms=terms_of(commission=0.1),
        still_open=2,
    ),
    # Bar 2: 550 − 500 = 50 is not worth an order. Bar 3: 700 − 500 = 200 is.
    "a smallest order": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100       0.5        .  1000       .
          1  100      0.55        5   500    1000
          2  100       0.7        5   500    1000
          3  100         .        7   300    1000
        """,
        SMOOTH._replace(min_value=100.0),
        still_open=1,
    ),
    # Bar 2: 50 are closed, though they are not worth an order. Bar 3: nor would they be bought.
    "a smallest order does not keep a crumb": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100       0.5        .  1000       .
          1   10         0       50   500    1000
          2    1       0.1        0   550     550
          3    1         .        0   550     550
        """,
        SMOOTH._replace(min_value=60.0),
        profits=(-450,),
    ),
    # Half of 800; half of the 400 that are missing; all of the 600 that are to be closed.
    "half the way": Story(
        """
        bar    A  A.target  A.units  cash  equity
          0  100       0.8        .  1000       .
          1  100       0.8        4   600    1000
          2  100         0        6   400    1000
          3  100         .        0  1000    1000
        """,
        SMOOTH._replace(step=0.5),
        profits=(0,),
    ),
    # Bar 2: A cannot be sold. X = 1000 − 20 = 980 is wished of B and needs 1000, but there are 500:
    # 980 · (500 − 20) / (1000 − 20) = 480, and 20 for the order.
    "purchases scaled to the cash, less their fees": Story(
        """
        bar   A  A.target  A.units   B  B.target  B.units  cash  cost  equity
          0  50       0.5        .  10         .        .  1020     .       .
          1  50         0       10  10         1        0   500    20    1000
          2   .         .       10  10         .       48     0    20     980
        """,
        SMOOTH._replace(per_order=20.0),
        still_open=2,
    ),
    # Bar 2: X = 1008 − 8 = 1000; −0.508 · 1000 − 508 = −1016 sells 508 that were held and 508 that were not, and each
    # half bears 4. The trips: 508 − 4 − 500 − 8 = −4, and 508 − 4 − 500 − 8 = −4.
    "an order that turns a position over": Story(
        """
        bar      A  A.target  A.units  cash  cost  equity
          0    100       0.5        .  1008     .       .
          1    100    -0.508        5   500     8    1000
          2  101.6         0       -5  1508     8    1000
          3    100         .        0  1000     8    1000
        """,
        SMOOTH._replace(per_order=8.0),
        profits=(-4, -4),
    ),
}


@dataclass(frozen=True)
class Found:
    """Columns of every bar after the first, and the round trips."""

    columns: dict[str, list[float]]
    closed: int
    won: float
    lost: float
    still_open: int


def of_kernel(story: Story) -> Found:
    _, ledger = run_kernel(story.case())
    columns = {name: getattr(ledger, name)[1:].tolist() for name in ("cash", "cost", "equity")}
    columns |= {f"{s}.units": ledger.shares_held[1:, n].tolist() for n, s in enumerate(story.symbols)}
    trips = dict(zip(ledgers.TRIPS, ledger.trips.tolist(), strict=True))
    return Found(columns, int(trips["closed"]), trips["gross_win"], trips["gross_loss"], int(trips["open"]))


def of_twin(story: Story) -> Found:
    c = story.case()
    account, bars = run_twin(c)
    nothing = twin.Bar(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, {}, {}, {})
    bars += [nothing] * (len(c.close) - 1 - len(bars))
    columns = {name: [float(getattr(bar, name)) for bar in bars] for name in ("cash", "cost", "equity")}
    columns |= {f"{s}.units": [bar.shares.get(str(n), 0.0) for bar in bars] for n, s in enumerate(story.symbols)}
    profits = [trip.profit for trip in account.closed_trips]
    won, lost = sum(max(p, 0.0) for p in profits), sum(min(p, 0.0) for p in profits)
    return Found(columns, len(profits), won, lost, len(account.open_trips))


@pytest.mark.parametrize("side", [of_twin, of_kernel])
@pytest.mark.parametrize("name", STORIES)
def test_the_story_is_kept(name: str, side: Callable[[Story], Found]) -> None:
    story = STORIES[name]
    found = side(story)
    for column, values in found.columns.items():
        by_hand = story.column(column, 0.0 if column == "cost" else math.nan)[1:]
        assert values == pytest.approx(by_hand, rel=1e-12, abs=1e-12), column
    assert found.closed == len(story.profits)
    assert found.won == pytest.approx(sum(max(p, 0.0) for p in story.profits), rel=1e-12)
    assert found.lost == pytest.approx(sum(min(p, 0.0) for p in story.profits), rel=1e-12)
    assert found.still_open == story.still_open
