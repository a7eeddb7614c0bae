"""Orders and positions between two sessions of intraday bars: which orders lapse, and where everything is closed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.backtest.spec import ExecutionSpec
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Bool, Panel
from regimefolio.market import Every
from regimefolio.market.clock import sessions_by_bar
from regimefolio.market.sessions import is_daily
from regimefolio.portfolio import PortfolioSpec


class Overnight(NamedTuple):
    """What happens between sessions.

    Attributes
    ----------
    flat : ndarray of shape (T,), bool
        Bars that decide to hold nothing, since they fill at their session's last one.
    filled : ndarray of shape (T,), bool
        Bars whose orders are filled and do not lapse. Of those that are due after the last bar it is not known yet.
    """

    flat: Bool
    filled: Bool


def overnight_of(execution: ExecutionSpec, portfolio: PortfolioSpec, panel: Panel) -> Overnight:
    """What the execution says of nights, on this panel.

    A session is one of the data's calendar, and without one a day in UTC, midnight belonging to the day before it.

    Raises
    ------
    ConfigError
        Bars are sessions themselves, nobody knows when a session ends, or all orders would lapse.
    """
    flat, filled = np.zeros(panel.n_bars, dtype=bool), np.ones(panel.n_bars, dtype=bool)
    lag = 1 + execution.delay
    if execution.overnight == "lapse":
        _must_have_bars_within_days(panel, "overnight: lapse")
        _must_fill_something(execution, portfolio)
        session = sessions_by_bar(panel.timestamps, None) if panel.session is None else panel.session
        filled[:-lag] = session[lag:] == session[:-lag]
    if execution.flat_overnight:
        _must_have_bars_within_days(panel, "flat_overnight")
        if panel.bars_left is None:
            raise ConfigError(
                "execution.flat_overnight must know before a session's last bar that it is the last, which only a "
                "calendar can say; name one in data.calendar, such as XNYS",
                ("execution", "flat_overnight"),
            )
        flat = panel.bars_left == lag
        filled |= flat
    return Overnight(flat, filled)


def _must_have_bars_within_days(panel: Panel, said: str) -> None:
    if is_daily(panel.timestamps):
        raise ConfigError(
            f"execution.{said} is for intraday bars, but these are stamped with dates: each is a session or longer, "
            "and every order is filled in another one; leave it out",
            ("execution", said.partition(":")[0]),
        )


def _must_fill_something(execution: ExecutionSpec, portfolio: PortfolioSpec) -> None:
    if not isinstance(portfolio.rebalance, Every):
        raise ConfigError(
            "with execution.overnight: lapse nothing is filled that is decided at the last bar before a new day, week, "
            "… or date, as it is due in the next session; use portfolio.rebalance: {every: k}",
            ("execution", "overnight"),
        )
    if execution.on_excess == "carry":
        raise ConfigError(
            "execution.on_excess: carry goes on with orders at the following bars, whatever session they are of, which "
            "contradicts overnight: lapse; leave one of them out",
            ("execution", "overnight"),
        )
