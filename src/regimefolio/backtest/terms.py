"""From what a file says of execution to what the simulator is given: costs and limits of a fill, and ranges of bars."""

from __future__ import annotations

import numpy as np

from regimefolio.backtest.commission import changes_of, tiers_of
from regimefolio.backtest.rates import borrow_fees, interest
from regimefolio.backtest.risk import NO_RANGES, Ranges, RiskSpec
from regimefolio.backtest.spec import ExecutionSpec
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Float, Panel, read_only
from regimefolio.kernels.ledger import Prices
from regimefolio.kernels.terms import NO_FRICTIONS, NONE, Execution, Frictions
from regimefolio.market import Market
from regimefolio.market.traded import splits_alone
from regimefolio.portfolio import PortfolioSpec

VOLATILITY_BARS = 21
"""One-bar returns whose deviation scales the market impact."""


def traded_ranges(panel: Panel, execution: ExecutionSpec) -> Ranges:
    """Opens, highs and lows of bars as `traded_prices` has prices."""
    scale = splits_alone(panel, execution.dividends)

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
