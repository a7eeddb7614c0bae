"""Where the money came from: a run's profit and loss by asset, by side, by regime and by strategy.

The profit and loss is equity at the end less the initial capital. It is cut at the fills: what happens from the fill at
bar f to the fill at bar f + 1 is one piece, the last one ends at the last close. In one piece an asset earns

    shares held after the fill · (price at the next fill − price at this fill) − costs of this fill

and the dividends that are paid before the next fill; cash earns its interest, less what it costs to borrow for
shorts; the interest of the first bar, before its fill, is in the first piece. A price that is missing is the last
one seen. A stop closes at its own price, and what it closes before a fill is of the piece before. All pieces together
are the profit and loss, to rounding, and so is every way of adding them up. A bankruptcy ends the record with the
equity that was found there; an account of one asset that is closed ends that asset's last piece at the price at which
it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regimefolio.backtest import Run
from regimefolio.core.errors import DataError
from regimefolio.core.types import ORDER, REASONS, UNKNOWN, Bool, Float, Int, RegimePath, Simulation
from regimefolio.kernels.ledger import Events, Prices, event_bars
from regimefolio.portfolio import Ensemble, PortfolioSpec, Proportional, SignalStack

CASH = "cash"
UNATTRIBUTED = "unattributed"
NO_REGIME = "no regime known"
STOPPED = REASONS.index("stop_loss")
"""The first reason that is a stop."""

CANCELLED = 1e-6
"""Opinions whose sum is below this share of their absolute sum cancel: what they decided is nobody's."""

Contributions = Mapping[str, float]
"""Money by name; the values add up to the profit and loss."""


@dataclass(frozen=True, eq=False)
class ProfitAndLoss:
    """The pieces of a run's profit and loss, each at the bar of the fill that it begins with; 0 before the first.

    Parameters
    ----------
    symbols : tuple of N str
    start, end : int
        The first bar that trades, and the bar after the last one of the record.
    delay : int
        Bars by which a fill comes later than the bar after its decision.
    total : float
        Equity at the end of the record less the initial capital.
    asset : ndarray of shape (T, N)
        After costs, in money.
    cash : ndarray of shape (T,)
        Interest, less what borrowing for shorts costs.
    shares : ndarray of shape (T, N)
        Held from this fill to the next.
    ordered : ndarray of shape (T, N), bool
        Whether an order was filled.
    """

    symbols: tuple[str, ...]
    start: int
    end: int
    delay: int
    total: float
    asset: Float
    cash: Float
    shares: Float
    ordered: Bool


def profit_and_loss(simulation: Simulation, prices: Prices, delay: int = 0) -> ProfitAndLoss:
    """Cut a recorded run's profit and loss at the fills.

    Parameters
    ----------
    simulation : Simulation
        Recorded: with weights and trades.
    prices : Prices
        What it was traded at: `BacktestRunner.prices`.
    delay : int
        Bars by which a fill came later than the bar after its decision.

    Raises
    ------
    DataError
        The run was not recorded, or the prices are those of another market.
    """
    if simulation.weights is None or simulation.trades is None:
        raise DataError("contributions need a recorded run; run it with record=True")
    if simulation.weights.shape != prices.fill.shape:
        raise DataError(f"a run of {simulation.weights.shape} bars and assets is not of prices {prices.fill.shape}")
    start, trades = simulation.start, simulation.trades
    at_fill, at_close = prices.at_fill, prices.at_close
    traded, bought, cost = (np.zeros(prices.fill.shape) for _ in range(3))
    for into, column in ((traded, "shares"), (bought, "value"), (cost, "cost")):
        np.add.at(into, (trades["bar"], trades["asset"]), trades[column])
    value = simulation.weights * simulation.equity[:, np.newaxis]
    shares = np.divide(value, at_close, out=np.zeros_like(value), where=at_close > 0)
    after = np.concatenate([at_fill[1:], at_close[-1:]])
    paid = _dividends(prices.events, shares)
    closed = _close_accounts(simulation, shares, traded, bought + cost - paid, at_fill, at_close, after)
    cash, last = simulation.cash.copy(), at_close[-1]
    whole, before_fill = ending(simulation, delay)
    end, bar = whole, whole - 1
    if simulation.equity[bar] <= 0.0:
        shares[bar] = shares[bar - 1] + traded[bar]
        end, last = (bar, at_fill[bar]) if before_fill else (whole, at_close[bar])
        cash[bar] = simulation.equity[bar] - (shares[bar] * last).sum()
    earned = np.zeros(len(cash))
    earned[start:whole] = np.diff(cash[:whole], prepend=simulation.initial_capital)[start:]
    earned[start:whole] += (bought + cost - closed)[start:whole].sum(axis=1)
    asset, idle = np.zeros_like(shares), np.zeros(len(cash))
    after[end - 1] = last
    asset[start:end] = shares[start:end] * (after - at_fill)[start:end] - cost[start:end]
    idle[start : whole - 1] = earned[start + 1 : whole]
    idle[start] += earned[start]
    asset[start : whole - 1] += paid[start + 1 : whole]
    _add_exits(trades, at_fill, shares, asset)
    idle[start : whole - 1] -= paid[start + 1 : whole].sum(axis=1)
    shares[:start], shares[end:] = 0.0, 0.0
    ordered = np.zeros(shares.shape, dtype=np.bool_)
    orders = trades[trades["reason"] == ORDER]
    ordered[orders["bar"], orders["asset"]] = True
    total = float(simulation.equity[whole - 1]) - simulation.initial_capital
    return ProfitAndLoss(simulation.symbols, start, end, delay, total, asset, idle, shares, ordered)


def ending(simulation: Simulation, delay: int) -> tuple[int, bool]:
    """The bar after the last one of the record, which a ruin ends, and whether that was found before the fill.

    Otherwise it was found at the close; a bar that is ruined before its fill trades nothing.
    """
    start = simulation.start
    ruined = np.flatnonzero(simulation.equity[start:] <= 0.0)
    if not ruined.size:
        return len(simulation.equity), False
    bar = start + int(ruined[0])
    return bar + 1, bar > start and not simulation.decision_return[bar - 2 - delay] > -1.0


def _add_exits(trades: NDArray[np.void], at_fill: Float, shares: Float, asset: Float) -> None:
    """Add what stops earned more, or less, than the fill prices that their bars were cut at, and whose they closed.

    What they closed before a fill belongs to the fill before it, its cost too.
    """
    exits = trades[trades["reason"] >= STOPPED]
    bar, n = exits["bar"], exits["asset"]
    late = exits["after_fill"]
    more = -exits["shares"] * (exits["price"] - at_fill[bar, n])
    np.add.at(asset, (bar - ~late, n), more)
    np.add.at(shares, (bar[late], n[late]), -exits["shares"][late])
    early = exits[~late]
    np.add.at(asset, (early["bar"], early["asset"]), early["cost"])
    np.add.at(asset, (early["bar"] - 1, early["asset"]), -early["cost"])


def _dividends(events: Events, shares: Float) -> Float:
    """What events paid for the shares held at the bar before, (T, N); what an asset's end pays is a price."""
    bar = event_bars(events)[~events.ends]
    asset = events.asset.astype(np.int64)[~events.ends]
    pay = np.zeros_like(shares)
    np.add.at(pay, (bar, asset), events.pay[~events.ends])
    before = np.concatenate([np.zeros_like(shares[:1]), shares[:-1]])
    return before * pay


def _close_accounts(
    simulation: Simulation, shares: Float, traded: Float, spent: Float, at_fill: Float, at_close: Float, after: Float
) -> Float:
    """Find the accounts of one asset that were closed; returns the money (T, N) that left the holdings for their cash.

    They are those whose holding is gone without a trade. Whether that was before a fill or at the close after it is
    told by the money of the account, interest and borrow fees apart; where it was at the close, the holding of that
    fill is put into `shares`, and the price at which it ended into `after`.
    """
    before = np.concatenate([np.zeros_like(shares[:1]), shares[:-1]])
    left = before + traded
    gone = (shares == 0.0) & (np.abs(left) > 1e-9 * (np.abs(before) + np.abs(traded)))
    money = np.zeros_like(shares)
    for bar, n in np.argwhere(gone):
        if simulation.equity[bar] <= 0.0:
            continue  # nothing is held after a bankruptcy
        own = simulation.initial_capital / shares.shape[1] - spent[: bar + 1, n].sum()
        at_the_fill = traded[bar, n] == 0.0 and own + left[bar, n] * at_fill[bar, n] <= 0.0
        if not at_the_fill:
            shares[bar, n], after[bar, n] = left[bar, n], at_close[bar, n]
        money[bar, n] = left[bar, n] * (at_fill if at_the_fill else at_close)[bar, n]
    return money


def by_asset(found: ProfitAndLoss) -> Contributions:
    """What each asset earned after its costs, and cash."""
    return {**dict(zip(found.symbols, found.asset.sum(axis=0).tolist(), strict=True)), CASH: _idle(found)}


def by_side(found: ProfitAndLoss) -> Contributions:
    """What was earned long and short, and by cash; the costs of closing belong to what is closed.

    A fill that turns a position over belongs to the side that it turns to.
    """
    before = np.concatenate([np.zeros((1, found.shares.shape[1])), found.shares[:-1]])
    side = np.where(found.shares != 0.0, np.sign(found.shares), np.sign(before))
    return {
        "long": float(found.asset[side > 0].sum()),
        "short": float(found.asset[side < 0].sum()),
        CASH: _idle(found) + float(found.asset[side == 0].sum()),
    }


def by_regime(found: ProfitAndLoss, regimes: RegimePath) -> Contributions:
    """What was earned, cash included, under the regime that was known when it was decided."""
    fills = np.arange(found.start, found.end)
    label = regimes.label[fills - 1 - found.delay]
    earned = (found.asset.sum(axis=1) + found.cash)[fills]
    rows = {name: float(earned[label == k].sum()) for k, name in enumerate(regimes.names)}
    unknown = label == UNKNOWN
    return {**rows, NO_REGIME: float(earned[unknown].sum())} if unknown.any() else rows


def by_strategy(
    found: ProfitAndLoss, run: Run, stack: SignalStack, ensemble: Ensemble, portfolio: PortfolioSpec
) -> Contributions:
    """What each strategy's opinions earned, by its share of the combined alpha that decided a holding.

    The share of strategy s in an asset is w_s·alpha_s / Σ w·alpha under `weighted`, and w_s·c_s·alpha_s / Σ w·c·alpha
    under `confidence_weighted`, with the weights w and confidences c of the bar that decided; shares add up to 1, and
    one is negative where a strategy was against the holding. A holding is decided at the last decision with a
    target other than 0 for it that was filled by an order; closing it, and what that costs, is of the same decision.

    What an allocator does that does not follow alpha in proportion is nobody's, nor what was decided by opinions that
    cancel (`CANCELLED`): it stands under `unattributed`.

    Returns
    -------
    Contributions
        By kind of strategy in the ensemble's order, its variants together; then `unattributed`, then cash.
    """
    kinds = list(dict.fromkeys(strategy.kind for strategy in ensemble.strategies))
    money = dict.fromkeys(kinds, 0.0)
    left = float(found.asset.sum())
    if follows_alpha(portfolio):
        fills = np.arange(found.start, found.end)
        bar = _deciding_bars(found, run, fills)
        at = np.maximum(bar, 0)
        ruling = ensemble.weights[run.row[at]].astype(np.float64)

        def opinion(s: int) -> Float:
            alpha = stack.alpha[at, s, np.arange(at.shape[1])].astype(np.float64)
            if portfolio.combination_method == "confidence_weighted":
                alpha *= stack.confidence[at, s, np.arange(at.shape[1])]
            return ruling[..., s] * alpha

        total, size = np.zeros(at.shape), np.zeros(at.shape)
        for s in range(len(ensemble.strategies)):
            total += opinion(s)
            size += np.abs(opinion(s))
        known = (bar >= 0) & (np.abs(total) > CANCELLED * size)
        earned = np.divide(found.asset[fills], total, out=np.zeros_like(total), where=known)
        for s, strategy in enumerate(ensemble.strategies):
            money[strategy.kind] += float((opinion(s) * earned).sum())
        left = float(found.asset[fills][~known].sum())
    return {**money, UNATTRIBUTED: left, CASH: _idle(found)}


def follows_alpha(portfolio: PortfolioSpec) -> bool:
    """Whether weights are in proportion to a sum of the strategies' alphas, so that each has a share in them.

    They are not where the best strategy alone decides a conflict, nor in proportion to ranks, nor sold short.
    """
    return (
        isinstance(portfolio.allocator, Proportional)
        and not portfolio.sells_short
        and portfolio.combination_method in ("weighted", "confidence_weighted")
        and portfolio.on_conflict in ("net", "flat")
    )


def _deciding_bars(found: ProfitAndLoss, run: Run, fills: Int) -> Int:
    """The bar that decided what is held after each fill, (fills, N); −1 where nothing did."""
    bars = fills - 1 - found.delay
    ordered = np.isfinite(run.target[bars]) & (run.target[bars] != 0.0) & run.decide[bars][:, np.newaxis]
    ordered &= found.ordered[fills]
    at: Int = np.maximum.accumulate(np.where(ordered, bars[:, np.newaxis], -1), axis=0)
    return at


def _idle(found: ProfitAndLoss) -> float:
    return float(found.cash.sum())
