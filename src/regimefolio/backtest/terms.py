"""From what a file says of execution to what the simulator is given: prices, events, costs and limits of a fill."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.backtest.commission import changes_of, tiers_of
from regimefolio.backtest.rates import borrow_fees, interest
from regimefolio.backtest.risk import NO_RANGES, Ranges, RiskSpec
from regimefolio.backtest.spec import ExecutionSpec
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Bool, Float, Int, Panel, last_seen, read_only
from regimefolio.kernels.ledger import Prices, events_of, prices_of
from regimefolio.kernels.terms import NO_FRICTIONS, NONE, Execution, Frictions
from regimefolio.market import Market
from regimefolio.market.fill import Fill, fill_prices
from regimefolio.portfolio import PortfolioSpec

VOLATILITY_BARS = 21
"""One-bar returns whose deviation scales the market impact."""


class Ended(NamedTuple):
    """Assets that end: the bar before whose fill their holders are paid, and what they get of the last close, less 1.

    Attributes
    ----------
    bar, asset : ndarray of shape (M,), int64
    value : ndarray of shape (M,)
        Return on the last close.
    assumed : ndarray of shape (M,), bool
        Whether nobody said so, and too many bars are missing.
    """

    bar: Int
    asset: Int
    value: Float
    assumed: Bool


def endings(panel: Panel, delist_after: int | None, assumed_return: float) -> Ended:
    """When assets end: at a delisting that is known, or when more than `delist_after` bars in a row are missing.

    Both are known at that bar. What ends before the first bar or after the last one does not.

    Parameters
    ----------
    delist_after : int or None
        None: nothing is assumed.
    assumed_return : float
        On the last close, of an asset whose end is assumed.
    """
    present = np.isfinite(panel.close)
    bars = np.arange(panel.n_bars)
    last = np.maximum.accumulate(np.where(present, bars[:, None], -1), axis=0)
    at, value = np.full(panel.n_assets, panel.n_bars), np.full(panel.n_assets, np.nan)
    if panel.delisted_at is not None and panel.delisting_return is not None:
        delisted = np.where(panel.delisted_at >= 0, panel.delisted_at, panel.n_bars)
        over = (bars[:, None] >= delisted) & ~present & (last >= 0)
        at = np.where(over.any(axis=0), over.argmax(axis=0), panel.n_bars)
        value = panel.delisting_return
        _must_come_in_time(panel, at, last, delist_after)
    known = np.flatnonzero(at < panel.n_bars)
    bar, asset = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if delist_after is not None:
        overdue = (last >= 0) & (bars[:, None] - last == delist_after + 1) & (bars[:, None] < at)
        bar, asset = np.nonzero(overdue)
    return Ended(
        np.concatenate([at[known], bar]),
        np.concatenate([known, asset]),
        np.concatenate([value[known], np.full(len(bar), assumed_return)]),
        np.arange(len(known) + len(bar)) >= len(known),
    )


def _must_come_in_time(panel: Panel, at: Int, last: Int, delist_after: int | None) -> None:
    """Refuse a delisting that is known only after the same asset was taken to be delisted."""
    if delist_after is None:
        return
    for n in np.flatnonzero(at < panel.n_bars).tolist():
        missing = int(at[n] - last[at[n], n])
        if missing > delist_after + 1:
            day = panel.timestamps[at[n]].astype("datetime64[D]")
            raise ConfigError(
                f"the delisting of {panel.symbols[n]} is known on {day}, {missing:,} bars after its last, but after "
                f"{delist_after} missing bars it is taken to be delisted; set execution.delist_after to "
                f"{missing:,} or more, or to never",
                ("execution", "delist_after"),
            )


def traded_prices(panel: Panel, fill: Fill, execution: ExecutionSpec, ended: Ended) -> Prices:
    """Prices at which a panel is traded, and what happens to its holders.

    Where dividends are paid in cash, prices are adjusted for splits alone.
    """
    fills, closes = fill_prices(panel, fill), panel.close
    scale = splits_alone(panel, execution)
    if fill != "next_close" and np.isnan(closes).any():
        fills = read_only(np.where(np.isnan(closes), np.nan, fills))  # a bar without a close is none
    bar, asset, pay = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    if scale is not None and panel.dividend is not None:
        closes = read_only(closes * scale)
        fills = closes if fill == "next_close" else read_only(fills * scale)
        bar, asset = np.nonzero(panel.dividend > 0.0)
        pay = panel.adjustment.shares[bar, asset] * panel.dividend[bar, asset]
    left = last_seen(closes)[ended.bar, ended.asset] * (1.0 + ended.value)
    happening = events_of(
        panel.n_bars,
        np.concatenate([bar, ended.bar]),
        np.concatenate([asset, ended.asset]),
        np.concatenate([pay, left]),
        np.arange(len(bar) + len(ended.bar)) >= len(bar),
    )
    return prices_of(fills, closes, happening)


def splits_alone(panel: Panel, execution: ExecutionSpec) -> Float | None:
    """What a panel's prices (T, N) are multiplied by to be adjusted for splits alone, where dividends are paid in cash.

    None where they are traded as they are.
    """
    if panel.dividend is None or execution.dividends != "cash":
        return None
    price, shares = panel.adjustment
    return shares / price


def traded_ranges(panel: Panel, execution: ExecutionSpec) -> Ranges:
    """Opens, highs and lows of bars as `traded_prices` has prices."""
    scale = splits_alone(panel, execution)

    def traded(values: Float) -> Float:
        known = np.where(np.isnan(panel.close), np.nan, values)  # a bar without a close is none
        return read_only(known if scale is None else known * scale)

    if panel.open is None or panel.high is None or panel.low is None:
        closes = traded(panel.close)
        return Ranges(closes, closes, closes, False)
    return Ranges(traded(panel.open), traded(panel.high), traded(panel.low), True)


def execution_terms(
    execution: ExecutionSpec, portfolio: PortfolioSpec, market: Market, prices: Prices, risk: RiskSpec
) -> Execution:
    """What fills cost and allow, per bar, and what closes positions; vetoes are of a run.

    Raises
    ------
    ConfigError
        Costs that equity cannot pay, or something that accounts of their own do not know.
    MissingDataError
        Participation or impact is asked for, and the data has no volumes.
    """
    gross = portfolio.constraints.max_gross
    if execution.proportional_cost * max(gross, 1.0) >= 1.0:
        raise ConfigError(
            f"costs of {execution.proportional_cost:.0%} of what is traded cannot be paid from equity where max_gross "
            f"is {gross:g}; lower commission_bps, slippage_bps, spread_bps or max_gross",
            ("execution",),
        )
    apart = execution.accounts == "per_asset"
    if apart and (risk.volatility_target is not None or risk.drawdown_brake is not None):
        name = "drawdown_brake" if risk.volatility_target is None else "volatility_target"
        raise ConfigError(
            f"risk.{name} is for a shared account; leave it out, or use execution.accounts: shared", ("risk", name)
        )
    ranges = traded_ranges(market.panel, execution) if risk.stop else NO_RANGES
    financing = execution.cash_rate if execution.financing_rate is None else execution.financing_rate
    return Execution(
        commission=tiers_of(execution.commission_bps)[0].bps * 1e-4,
        slippage=(execution.slippage_bps + 0.5 * execution.spread_bps) * 1e-4,
        cash_rate=interest(execution.cash_rate, market),
        borrow_rate=borrow_fees(execution.borrow_rate, market),
        delay=execution.delay,
        on_change=execution.sizing == "on_change",
        apart=apart,
        financing_rate=interest(financing, market),
        frictions=_frictions(execution, portfolio, market, prices),
        guards=risk.guards(ranges, at_open=execution.fill_on(market.panel) == "next_open"),
    )


def _frictions(execution: ExecutionSpec, portfolio: PortfolioSpec, market: Market, prices: Prices) -> Frictions:
    asked = [("execution", name) for name in execution.frictions] + [
        ("portfolio", name) for name in portfolio.frictions
    ]
    if not asked:
        return NO_FRICTIONS
    if execution.accounts == "per_asset":
        room, name = asked[0]
        said = f"{room}.{name}, in tiers," if name == "commission_bps" else f"{room}.{name}"
        raise ConfigError(f"{said} is for a shared account; leave it out, or use execution.accounts: shared", asked[0])
    panel, limit = market.panel, execution.max_participation
    adjustment = panel.adjustment
    in_cash = execution.dividends == "cash"
    units = adjustment.shares if in_cash else adjustment.price
    money, volatility = NONE, NONE
    if limit is not None or execution.impact > 0.0:
        if panel.volume is None:
            name = "impact" if limit is None else "max_participation"
            raise MissingDataError(f"execution.{name} needs volumes, and this data has none; leave it out")
        fill = prices.fill if in_cash else prices.fill * (adjustment.shares / adjustment.price)
        money = read_only(panel.volume * fill)
    if execution.impact > 0.0:
        volatility = read_only(market.volatility(VOLATILITY_BARS))
    return Frictions(
        per_order=execution.fee_per_order,
        per_share=execution.fee_per_share,
        min_fee=execution.min_fee_per_order,
        tiers=changes_of(execution.commission_bps),
        impact=execution.impact,
        participation=np.inf if limit is None else limit,
        carry=execution.on_excess == "carry",
        whole=execution.shares == "whole",
        min_value=execution.min_order_value,
        band=portfolio.no_trade_band,
        relative_band=portfolio.relative_band,
        step=portfolio.rebalance_fraction,
        units=read_only(np.ones((1, panel.n_assets)) if panel.split is None else units),
        money=money,
        volatility=volatility,
    )
