"""Whole histories: at every bar that decides, what the functions of one bar say; and what becomes of the money.

`target_weights` decides alone. `replay` decides and trades many weightings of the same opinions in one pass over them:
a few bars at a time, so that their opinions stay near the processor while every run uses them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece
from regimefolio.kernels.guards import hold_back_pending, holds_back, write_levels
from regimefolio.kernels.ledger import (
    Account,
    Books,
    Ledger,
    Orders,
    Prices,
    account_of,
    close_ledger,
    ledger_of,
    open_accounts,
    open_ledger,
)
from regimefolio.kernels.simulate import advance
from regimefolio.kernels.terms import Execution
from regimefolio.kernels.volatility import scale_row
from regimefolio.kernels.weights import (
    GIVEN,
    NET,
    WEIGHTED,
    Settings,
    allocate_alone,
    allocate_row,
    combine_row,
    weights_row,
)

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

STRIDE = 32
"""Bars that are decided and traded for one run before the next run has its turn; no result depends on it."""


class Opinions(NamedTuple):
    """What is known at each bar.

    Attributes
    ----------
    alpha, confidence : ndarray of shape (T, S, N), float32
        Opinions of S strategies.
    tradable : ndarray of shape (T, N), bool
        Has a bar and is a member; an asset that is not gets weight 0.
    silent : ndarray of shape (T, N), bool, or (0, 0) where none is
        Members without a bar: they have no order.
    given : ndarray of shape (K, T, N), or (0, 0, 0) where the allocator is compiled
        The targets of each run.
    """

    alpha: Float32
    confidence: Float32
    tradable: Bool
    silent: Bool
    given: Float


class Schedule(NamedTuple):
    """When it is decided, and what of it is filled.

    Attributes
    ----------
    start : int
        The first bar that trades.
    decide, due : ndarray of shape (T,), bool
        Bars that decide, and those of them whose orders do not lapse.
    row : ndarray of shape (T,), int64
        The row of strategy weights that rules at each bar.
    """

    start: int
    decide: Bool
    due: Bool
    row: Int


@kernel
def target_weights(
    alpha: Float32,
    confidence: Float32,
    weights: Float32,
    row: Int,
    decide: Bool,
    tradable: Bool,
    settings: Settings,
    out: Float,
) -> None:
    """Target weights (T, N) at every bar that decides.

    Parameters
    ----------
    alpha, confidence : ndarray of shape (T, S, N), float32
        Opinions of S strategies.
    weights : ndarray of shape (R, S), float32
        Rows of strategy weights, one a regime.
    row : ndarray of shape (T,), int64
        Which row of `weights` holds at a bar, from 0 on.
    decide : ndarray of shape (T,), bool
        Bars that decide; the rows of the others are left as they are.
    tradable : ndarray of shape (T, N), bool
        Has a bar and is a member; an asset that is not gets weight 0.
    settings : Settings
    out : ndarray of shape (T, N)
    """
    for t in range(decide.size):
        if decide[t]:
            risk = settings.risk[min(t, settings.risk.shape[0] - 1)]
            weights_row(alpha[t], confidence[t], weights[row[t]], tradable[t], risk, settings, out[t])
            if settings.scaling.target > 0.0:
                scale_row(t, settings.sector, settings.limits, settings.scaling, out[t])


@piece
def is_plain(settings: Settings) -> bool:
    """Whether a row is combined and allocated, and at most each position capped: nothing else could bind."""
    limits = settings.limits
    limited = limits.max_sector < np.inf or limits.min_net > -np.inf or limits.max_net < np.inf
    return settings.on_conflict == NET and settings.top_n == 0 and settings.side > 0 and not limited


@piece
def _plain_row(
    alpha: Float32,
    confidence: Float32,
    weights: Float32,
    tradable: Bool,
    risk: Float,
    settings: Settings,
    combined: Float32,
    out: Float,
) -> None:
    """What `weights_row` says of a plain row, to the bit, without its memory for rankings and limits."""
    if settings.method == WEIGHTED and weights.size == 1 and weights[0] == np.float32(1.0):
        # What 0 + 1·alpha is, but for the sign of a zero, which no rule sees.
        _allocate_plain(alpha[0], tradable, risk, settings, out)
    else:
        combine_row(alpha, confidence, weights, tradable, settings.method, combined)
        _allocate_plain(combined, tradable, risk, settings, out)


@piece
def _allocate_plain(alpha: Float32, tradable: Bool, risk: Float, settings: Settings, out: Float) -> None:
    """Allocate combined alphas, and cap each position."""
    if settings.alone:
        allocate_alone(alpha, tradable, settings, out)
        return
    allocate_row(alpha, tradable, risk, settings.allocator, settings.tilt, settings.limits.max_gross, out)
    for n in range(out.size):
        size = min(abs(out[n]), settings.limits.max_position)
        out[n] = -size if out[n] < 0.0 and size > 0.0 else size


@lean
def _decide(
    opinions: Opinions,
    weights: Float32,
    schedule: Schedule,
    settings: Settings,
    first: int,
    combined: Float32,
    target: Float,
) -> None:
    """Write the targets (K, STRIDE, N) of all runs at the bars from `first` on that decide, bar by bar."""
    plain = is_plain(settings)
    for t in range(first, min(first + STRIDE, schedule.decide.size)):
        if not schedule.decide[t]:
            continue
        alpha, confidence, tradable = opinions.alpha[t], opinions.confidence[t], opinions.tradable[t]
        risk = settings.risk[min(t, settings.risk.shape[0] - 1)]
        for k in range(target.shape[0]):
            out, share = target[k, t - first], weights[k, schedule.row[t]]
            if settings.allocator == GIVEN:
                for n in range(out.size):
                    out[n] = opinions.given[k, t, n]
            elif plain:
                _plain_row(alpha, confidence, share, tradable, risk, settings, combined, out)
            else:
                weights_row(alpha, confidence, share, tradable, risk, settings, out)
            if opinions.silent.size > 0:
                for n in range(out.size):
                    out[n] = np.nan if opinions.silent[t, n] else out[n]
            if settings.scaling.target > 0.0 and settings.allocator != GIVEN:
                scale_row(t, settings.sector, settings.limits, settings.scaling, out)


@lean
def _leave_pending(terms: Execution, account: Account, out: Ledger, pending: Float) -> None:
    """Turn the targets of the last bar into what is to be ordered: shares of the whole, NaN where nothing is.

    A target that is that of the last order is none where shares move `on_change` alone.
    """
    if holds_back(terms.guards):
        hold_back_pending(out.equity.size - 1, terms, account, out, pending)
    total = 0.0
    for n in range(pending.size):
        if terms.on_change and pending[n] == account.ordered[n]:
            pending[n] = np.nan
        total += account.value[n] + (account.cash[n] if terms.apart else 0.0)
    if terms.apart and total > 0.0:
        for n in range(pending.size):
            pending[n] *= (account.cash[n] + account.value[n]) / total


@kernel
def replay(
    opinions: Opinions,
    weights: Float32,
    schedule: Schedule,
    settings: Settings,
    prices: Prices,
    initial: float,
    terms: Execution,
    out: Books,
) -> None:
    """Decide and trade K runs that differ in their strategy weights alone.

    Parameters
    ----------
    opinions : Opinions
    weights : ndarray of shape (K, R, S), float32
        Rows of strategy weights, one a regime, of each run.
    schedule : Schedule
        With start ≥ 1 + delay; the bar start − 1 − delay must decide, and earlier ones must not.
    settings : Settings
    prices : Prices
    initial : float
        Capital in money.
    terms : Execution
    out : Books
        Overwritten as a whole.
    """
    n_runs, lag = weights.shape[0], 1 + terms.delay
    n_bars, n_assets = prices.fill.shape
    accounts = open_accounts(n_runs, n_assets, initial, terms)
    alive = np.ones(n_runs, np.bool_)
    combined, memory = np.empty(n_assets, np.float32), np.empty((n_runs, STRIDE, n_assets))
    for k in range(n_runs):
        open_ledger(schedule.start, initial, ledger_of(out, k))
        out.target[k] = np.nan
    for first in range(schedule.start - lag, n_bars, STRIDE):  # the bars that decide; they trade `lag` later
        _decide(opinions, weights, schedule, settings, first, combined, memory)
        after = min(first + STRIDE, n_bars)
        for k in range(n_runs):
            if out.target.size > 0:
                for t in range(first, after):
                    if schedule.decide[t]:
                        out.target[k, t] = memory[k, t - first]
            out.pending[k] = memory[k, after - 1 - first]
            if alive[k]:
                orders = Orders(memory[k], first, schedule.due)
                account, ledger = account_of(accounts, k), ledger_of(out, k)
                alive[k] = advance(prices, orders, first + lag, min(after + lag, n_bars), terms, account, ledger)
    for k in range(n_runs):
        account, ledger = account_of(accounts, k), ledger_of(out, k)
        if alive[k]:
            _leave_pending(terms, account, ledger, out.pending[k])
            write_levels(terms, account, ledger)
            for i in range(out.late.shape[1]):
                t = n_bars - 1 - out.late.shape[1] + i
                if schedule.due[t]:
                    out.late[k, i] = out.target[k, t]
                    if holds_back(terms.guards):
                        hold_back_pending(t, terms, account, ledger, out.late[k, i])
        else:
            out.pending[k] = np.nan
        out.status[k] = close_ledger(alive[k], account, ledger)
