"""How a simulation fills and what it costs, what it closes by itself, and what it holds back."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


class Frictions(NamedTuple):
    """What makes a fill more than a cost in proportion to its value; docs/accounting.md has the rules.

    Attributes
    ----------
    per_order, per_share : float
        Fees in money, for an order and for each traded share.
    min_fee : float
        Money that commission and fees of an order are at least.
    tiers : ndarray of shape (2, K), or (0, 0) where the commission is one
        Sizes of an order, ascending, from which on another fraction of its value is commission, and by how much it
        differs from that below them.
    impact : float
        Coefficient of the square root of an order's part in the money traded at its bar, times the volatility.
    participation : float
        The largest part of the money traded at a bar that an order may take; inf = any.
    carry : bool
        Whether what is cut by it is ordered again at the following bars.
    whole : bool
        Whether orders are of whole traded shares.
    min_value : float
        Money below which there is no order.
    band, relative_band : float
        Distances between weight and target up to which there is no order: a fraction of equity, and one of the target.
    step : float
        The part of the way to the target that an order goes.
    units : ndarray of shape (T, N), or (1, N) where it never changes
        Traded shares in a unit, by which splits are adjusted for.
    money : ndarray of shape (T, N), or (0, 0) where neither impact nor participation asks for it
        Traded at each bar, at its fill price; NaN = unknown.
    volatility : ndarray of shape (T, N), or (0, 0) where impact does not ask for it
        Of one-bar returns, as known at each bar; NaN = unknown.
    """

    per_order: float
    per_share: float
    min_fee: float
    tiers: Float
    impact: float
    participation: float
    carry: bool
    whole: bool
    min_value: float
    band: float
    relative_band: float
    step: float
    units: Float
    money: Float
    volatility: Float


NONE = np.zeros((0, 0))
NONE.flags.writeable = False

ZERO = np.zeros(1)
"""A rate that is 0 at every bar."""
ZERO.flags.writeable = False

NO_FRICTIONS = Frictions(0.0, 0.0, 0.0, NONE, 0.0, np.inf, False, False, 0.0, 0.0, 0.0, 1.0, NONE, NONE, NONE)
"""Nothing but costs in proportion to value: the fast way."""


class Guards(NamedTuple):
    """What closes positions, and keeps orders back, while a run goes on; docs/accounting.md has the rules.

    Attributes
    ----------
    loss, fall, gain : float
        Of the entry price (loss, gain) and of the best price (fall), as fractions; inf = no such stop.
    bars : int
        After which a position is closed; 0 = never.
    quantile : float
        Of the winners' excursions that a position is allowed; NaN = it is not asked for.
    winners, memory : int
        How many of them are needed, and how many of the last ones count.
    wait : int
        Bars for which orders on a closed side lapse; −1 = until a decision leaves that side.
    at_open : bool
        Whether fills are at the open, so that what they open is exposed to the bar's own range.
    open, high, low : ndarray of shape (T, N)
        Adjusted as fill prices are, NaN = no bar; closes, where a stop is seen at closes alone. (0, 0) without stops.
    ranged : bool
        Whether they are opens, highs and lows.
    veto : ndarray of shape (T,), int64, or (0,) where there is none
        Sides that the decision of each bar may not open or enlarge: 1 = longs, 2 = shorts, 3 = both.
    begin, full, floor : float
        Drawdowns at which the brake begins and is full, and the part of the targets that it leaves; begin inf = none.
    window : int
        Bars whose highest equity a drawdown is measured from.
    """

    loss: float
    fall: float
    gain: float
    bars: int
    quantile: float
    winners: int
    memory: int
    wait: int
    at_open: bool
    open: Float
    high: Float
    low: Float
    ranged: bool
    veto: Int
    begin: float
    full: float
    floor: float
    window: int


NO_VETO = np.zeros(0, np.int64)
NO_VETO.flags.writeable = False

NO_GUARDS = Guards(
    np.inf, np.inf, np.inf, 0, np.nan, 0, 0, -1, False, NONE, NONE, NONE, False, NO_VETO, np.inf, np.inf, 1.0, 0
)
"""Neither stops, nor vetoes, nor a brake."""


class Execution(NamedTuple):
    """How orders are filled and what they cost.

    Attributes
    ----------
    commission, slippage : float
        Fractions of traded value (5 bp = 0.0005); with tiers the commission is that of the first one.
    cash_rate : ndarray of shape (T,), or (1,) where it never changes
        Per bar: interest that it adds to the cash of the previous close.
    borrow_rate : ndarray of shape (T, N), or (1, N) where it never changes, or (0, 0) where there is none
        Per bar: fee that it takes on the value held short at the previous close.
    delay : int
        Bars by which a fill comes later than the bar after the decision.
    on_change : bool
        Whether an asset is ordered only where its target differs from that of its last order, which is 0 at first.
    apart : bool
        Whether every asset has an account of its own: an equal part of the capital, and its target a fraction of that.
        One whose equity is at or below 0 is closed; what it owes stays, without interest.
    financing_rate : ndarray of shape (T,), or (1,) where it never changes
        Per bar: interest on cash below 0.
    frictions : Frictions
        Of a shared account alone; without `units` there are none.
    guards : Guards
        The brake is for a shared account alone.
    """

    commission: float
    slippage: float
    cash_rate: Float = ZERO
    borrow_rate: Float = NONE
    delay: int = 0
    on_change: bool = False
    apart: bool = False
    financing_rate: Float = ZERO
    frictions: Frictions = NO_FRICTIONS
    guards: Guards = NO_GUARDS
