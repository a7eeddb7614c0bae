"""What a run was worth: every metric's one definition, computed in one call.

Returns are simple returns per bar, the first one equity[start]/initial − 1, and the initial capital is the first
peak. Sums run forward in time. An undefined metric is NaN, never inf; `reason` says why. A bankruptcy is a return of
−1 and ends the record: equity below 0 counts as 0, and the bars after it count nowhere.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel
from regimefolio.kernels.ledger import Books, Ledger, ledger_of
from regimefolio.kernels.selection import smallest

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]

FLAT = 1e-14
"""A deviation per bar at or below this is the rounding of equity, not risk: ratios over it are undefined."""

Z95 = 1.959963984540054
"""97.5% quantile of the standard normal distribution."""

_TOO_SHORT = "fewer than 2 bars"
_NO_TRIP = "no round trip was closed"
_NO_BENCHMARK = "no benchmark, or fewer than 2 bars of it"

_REASONS = {
    "total_return": "no bar",
    "cagr": "no bar, or too few for the growth of a year to be a number",
    "volatility": _TOO_SHORT,
    "sharpe": "fewer than 2 bars, or the returns do not vary",
    "sharpe_low": "fewer than 2 bars, or the returns do not vary",
    "sharpe_high": "fewer than 2 bars, or the returns do not vary",
    "sortino": "fewer than 2 bars, or none fell below the risk-free rate",
    "calmar": "equity was never below its peak, or there is no cagr",
    "max_drawdown": "no bar",
    "max_drawdown_bars": "no bar",
    "var_95": "no bar",
    "cvar_95": "no bar",
    "skew": "fewer than 2 bars, or the returns do not vary",
    "kurtosis": "fewer than 2 bars, or the returns do not vary",
    "exposure": "no bar",
    "turnover": "no bar",
    "costs": "no bar",
    "cost_fraction": "no bar",
    "win_rate": _NO_TRIP,
    "profit_factor": "no round trip lost money",
    "average_win": "no round trip made money",
    "average_loss": "no round trip lost money",
    "average_holding_bars": _NO_TRIP,
    "round_trips": "no bar",
    "open_trips": "no bar",
    "alpha": _NO_BENCHMARK + ", or it does not vary",
    "beta": _NO_BENCHMARK + ", or it does not vary",
    "information_ratio": _NO_BENCHMARK + ", or the returns differ from it by a constant",
}

NAMES = tuple(_REASONS)
"""The metrics, in the order of the arrays that hold them.

total_return, cagr : (equity_T/initial) − 1, and that to the power ppy/bars.
volatility : standard deviation (ddof 1) of the returns · √ppy.
sharpe, sharpe_low, sharpe_high : mean(r − rf)/std(r, ddof 1)·√ppy and its 95% interval by the standard error of
    Mertens (2002), √((1 − skew·S + (kurtosis + 2)/4·S²)/bars) with S per bar and excess kurtosis.
sortino : mean(r − rf)/√mean(min(r − rf, 0)²)·√ppy.
calmar : cagr / |max_drawdown|.
max_drawdown, max_drawdown_bars : the worst equity/peak − 1, ≤ 0, and the bars from its peak to the first bar at or
    above that peak, or to the end.
var_95, cvar_95 : the linear 5% quantile of the returns, and the mean of those at or below it.
skew, kurtosis : m₃/m₂^1.5 and m₄/m₂² − 3 (excess: 0 for a normal distribution), population moments.
exposure : mean of |holdings|/equity at the close.
turnover : mean over all bars of half the traded value over equity · ppy, the first bar that trades left out of the
    sum.
costs, cost_fraction : what orders cost and borrow fees, in money and over the initial capital.
win_rate, profit_factor, average_win, average_loss, average_holding_bars : of closed round trips, in money after costs;
    losses are negative; profit_factor = Σ wins / |Σ losses|; a trip whose profit is dust is neither.
round_trips, open_trips : closed ones, and those still open at the end.
alpha, beta : β = cov(r, b)/var(b); ppy·mean(r − rf − β(b − rf)).
information_ratio : mean(r − b)/std(r − b, ddof 1)·√ppy. Bars without a benchmark return are left out of the three.
"""

_TOTAL, _CAGR, _VOLATILITY, _SHARPE, _LOW, _HIGH, _SORTINO, _CALMAR, _DRAWDOWN, _DRAWDOWN_BARS = range(10)
_VAR, _CVAR, _SKEW, _KURTOSIS, _EXPOSURE, _TURNOVER, _COSTS, _COST_FRACTION = range(10, 18)
_WIN_RATE, _PROFIT_FACTOR, _AVERAGE_WIN, _AVERAGE_LOSS, _HOLDING, _TRIPS, _OPEN = range(18, 25)
_ALPHA, _BETA, _INFORMATION = range(25, 28)

REGIME_NAMES = (
    "bars",
    "episodes",
    "mean_return",
    "volatility",
    "sharpe",
    "sortino",
    "total_return",
    "cagr",
    "calmar",
    "max_drawdown",
    "hit_rate",
)
"""Metrics of the decision returns of one regime, in the order of the columns of `regime_metrics`.

bars, episodes : those with a return; an episode is a maximal run of them under one label.
mean_return, volatility : per year: mean · ppy and standard deviation (ddof 1) · √ppy.
sharpe, sortino, cagr, calmar : as in `NAMES`, over the regime's bars.
total_return : compounded over them.
max_drawdown : the worst peak-to-trough inside one episode, its first value being 1.
hit_rate : share of bars that made money.
"""


def part_of(rf: Float, bars: slice) -> Float:
    """The risk-free returns of some bars; one for all bars, (1,), stays."""
    if rf.size == 1:
        return rf
    part = np.ascontiguousarray(rf[bars])
    part.flags.writeable = False
    return part


def reason(name: str) -> str:
    """Why the metric of this name is undefined where it is NaN."""
    return _REASONS[name]


def reasons(values: Float) -> dict[str, str]:
    """The reasons of the metrics that are NaN in an array of `len(NAMES)`."""
    return {name: _REASONS[name] for name, value in zip(NAMES, values, strict=True) if math.isnan(value)}


@kernel
def bar_returns(equity: Float, initial: float, start: int) -> Float:
    """Simple returns of the bars from `start` to the end, or to a bankruptcy."""
    out = np.empty(equity.size - start)
    before = initial
    for t in range(start, equity.size):
        after = max(equity[t], 0.0)
        out[t - start] = after / before - 1.0
        if after == 0.0:
            return out[: t - start + 1]
        before = after
    return out


@kernel
def quantile(values: Float, share: float) -> float:
    """The linearly interpolated quantile of at least one value, as numpy's default."""
    position = share * (values.size - 1)
    rank = int(position)
    work = values.copy()
    below = smallest(work, rank)
    above = below
    if rank + 1 < values.size:
        above = work[rank + 1]
        for i in range(rank + 2, values.size):
            above = min(above, work[i])
    return below + (position - rank) * (above - below)


@kernel
def _tail(returns: Float, out: Float) -> None:
    """VaR and CVaR at 95%."""
    value_at_risk = quantile(returns, 0.05)
    total, count = 0.0, 0
    for r in returns:
        if r <= value_at_risk:
            total += r
            count += 1
    out[_VAR] = value_at_risk
    out[_CVAR] = total / count


@kernel
def _shortfall(returns: Float, start: int, rf: Float) -> tuple[float, float]:
    """Mean of the risk-free returns from bar `start` on, and the summed squares of what the returns lack of them."""
    below = 0.0
    if rf.size == 1:
        for r in returns:
            loss = min(r - rf[0], 0.0)
            below += loss * loss
        return rf[0], below
    total = 0.0
    for i in range(returns.size):
        total += rf[start + i]
        loss = min(returns[i] - rf[start + i], 0.0)
        below += loss * loss
    return total / returns.size, below


@kernel
def _moments(returns: Float, start: int, ppy: float, rf: Float, out: Float) -> None:
    """Volatility, Sharpe with its interval, Sortino, skew and kurtosis of at least two returns, from bar `start` on."""
    n, total = returns.size, 0.0
    for r in returns:
        total += r
    mean = total / n
    m2, m3, m4 = 0.0, 0.0, 0.0
    for r in returns:
        d = r - mean
        m2 += d * d
        m3 += d * d * d
        m4 += d * d * d * d
    free, below = _shortfall(returns, start, rf)
    deviation, year = math.sqrt(m2 / (n - 1)), math.sqrt(ppy)
    out[_VOLATILITY] = deviation * year
    if deviation > FLAT:
        sharpe = (mean - free) / deviation
        m2 /= n
        skew, kurtosis = m3 / n / (m2 * math.sqrt(m2)), m4 / n / (m2 * m2) - 3.0
        error = math.sqrt(max(1.0 - skew * sharpe + 0.25 * (kurtosis + 2.0) * sharpe * sharpe, 0.0) / n)
        out[_SHARPE] = sharpe * year
        out[_LOW] = (sharpe - Z95 * error) * year
        out[_HIGH] = (sharpe + Z95 * error) * year
        out[_SKEW], out[_KURTOSIS] = skew, kurtosis
    downside = math.sqrt(below / n)
    if downside > FLAT:
        out[_SORTINO] = (mean - free) / downside * year


@kernel
def _drawdown(equity: Float, initial: float, start: int, n_bars: int, out: Float) -> None:
    """The worst drawdown, and the bars from its peak to its recovery or to the end."""
    peak, peak_bar = initial, start - 1
    worst, worst_peak, worst_bar, length, sunk = 0.0, initial, start - 1, 0, False
    for t in range(start, start + n_bars):
        value = max(equity[t], 0.0)
        if value >= peak:
            peak, peak_bar = value, t
        drawdown = value / peak - 1.0
        if drawdown < worst:
            worst, worst_peak, worst_bar, sunk = drawdown, peak, peak_bar, True
        if sunk:
            length = t - worst_bar
            sunk = value < worst_peak
    out[_DRAWDOWN] = worst
    out[_DRAWDOWN_BARS] = length


@kernel
def equity_metrics(equity: Float, initial: float, start: int, ppy: float, rf: Float, out: Float) -> None:
    """Fill in the metrics of an equity curve.

    Parameters
    ----------
    equity : ndarray of shape (T,)
        In money; bars before `start` belong to no result.
    initial : float
    start : int
        First bar that trades.
    ppy : float
        Bars in a year.
    rf : ndarray of shape (T,), or (1,) where it never changes
        Risk-free return of each bar.
    out : ndarray of shape (len(NAMES),)
        Its other entries are left as they are.
    """
    for i in range(_KURTOSIS + 1):
        out[i] = np.nan
    if equity.size <= start:
        return
    returns = bar_returns(equity, initial, start)
    n = returns.size
    growth = max(equity[-1] / initial, 0.0)
    out[_TOTAL] = growth - 1.0
    yearly = growth ** (ppy / n) - 1.0
    out[_CAGR] = yearly if yearly < np.inf else np.nan
    _drawdown(equity, initial, start, n, out)
    if out[_DRAWDOWN] < -FLAT:
        out[_CALMAR] = out[_CAGR] / -out[_DRAWDOWN]
    _tail(returns, out)
    if n > 1:
        _moments(returns, start, ppy, rf, out)


@kernel
def ledger_metrics(ledger: Ledger, initial: float, start: int, ppy: float, out: Float) -> None:
    """Fill in exposure, turnover, costs and round trips; `out` has shape (len(NAMES),)."""
    for i in range(_EXPOSURE, _OPEN + 1):
        out[i] = np.nan
    if ledger.equity.size <= start:
        return
    n, exposure, turnover, costs, built = 0, 0.0, 0.0, 0.0, False
    for t in range(start, ledger.equity.size):
        n += 1
        exposure += ledger.gross[t]
        costs += ledger.cost[t]
        if built:
            turnover += ledger.turnover[t]
        built = built or ledger.turnover[t] > 0.0
        if ledger.equity[t] <= 0.0:
            break
    out[_EXPOSURE] = exposure / n
    out[_TURNOVER] = turnover / n * ppy
    out[_COSTS] = costs
    out[_COST_FRACTION] = costs / initial
    closed, wins, gross_win, gross_loss, bars_held, still_open, losses = ledger.trips
    out[_TRIPS], out[_OPEN] = closed, still_open
    if closed > 0.0:
        out[_WIN_RATE] = wins / closed
        out[_HOLDING] = bars_held / closed
    if wins > 0.0:
        out[_AVERAGE_WIN] = gross_win / wins
    if losses > 0.0:
        out[_AVERAGE_LOSS] = gross_loss / losses
        out[_PROFIT_FACTOR] = gross_win / -gross_loss


@kernel
def benchmark_metrics(
    equity: Float, initial: float, start: int, benchmark: Float, ppy: float, rf: Float, out: Float
) -> None:
    """Fill in alpha, beta and information ratio; `benchmark` (T,) holds returns per bar, or is empty; NaN = no bar."""
    out[_ALPHA], out[_BETA], out[_INFORMATION] = np.nan, np.nan, np.nan
    if benchmark.size <= start:
        return
    returns = bar_returns(equity, initial, start)
    n, sum_r, sum_b, sum_f = 0, 0.0, 0.0, 0.0
    for i in range(returns.size):
        b = benchmark[start + i]
        if b == b:
            n += 1
            sum_r += returns[i]
            sum_b += b
            sum_f += 0.0 if rf.size == 1 else rf[start + i]
    if n < 2:
        return
    mean_r, mean_b, free = sum_r / n, sum_b / n, rf[0] if rf.size == 1 else sum_f / n
    covariance, variance, tracking = 0.0, 0.0, 0.0
    for i in range(returns.size):
        b = benchmark[start + i]
        if b == b:
            dr, db = returns[i] - mean_r, b - mean_b
            covariance += dr * db
            variance += db * db
            tracking += (dr - db) * (dr - db)
    if math.sqrt(variance / (n - 1)) > FLAT:
        beta = covariance / variance
        out[_BETA] = beta
        out[_ALPHA] = ppy * (mean_r - free - beta * (mean_b - free))
    deviation = math.sqrt(tracking / (n - 1))
    if deviation > FLAT:
        out[_INFORMATION] = (mean_r - mean_b) / deviation * math.sqrt(ppy)


@kernel
def all_metrics(
    ledger: Ledger, initial: float, start: int, benchmark: Float, ppy: float, rf: Float, out: Float
) -> None:
    """Fill `out` (len(NAMES),) from a ledger and a benchmark's returns per bar (T,), which may be empty."""
    equity_metrics(ledger.equity, initial, start, ppy, rf, out)
    ledger_metrics(ledger, initial, start, ppy, out)
    benchmark_metrics(ledger.equity, initial, start, benchmark, ppy, rf, out)


@kernel
def metrics_of_books(
    books: Books, initial: float, start: int, benchmark: Float, ppy: float, rf: Float, out: Float
) -> None:
    """`all_metrics` of every run; `out` has shape (K, len(NAMES))."""
    for k in range(out.shape[0]):
        all_metrics(ledger_of(books, k), initial, start, benchmark, ppy, rf, out[k])


@kernel
def _regime_row(decision_return: Float, label: Int, k: int, ppy: float, rf: Float, out: Float) -> None:
    """The metrics of one regime, in the order of `REGIME_NAMES`."""
    n, episodes, hits, total, growth = 0, 0, 0, 0.0, 1.0
    value, peak, worst, inside = 1.0, 1.0, 0.0, False
    for t in range(label.size):
        r = decision_return[t]
        if label[t] != k or r != r:
            inside = False
            continue
        if not inside:
            inside, value, peak = True, 1.0, 1.0
            episodes += 1
        n += 1
        hits += r > 0.0
        total += r
        growth *= 1.0 + r
        value *= 1.0 + r
        peak = max(peak, value)
        worst = min(worst, value / peak - 1.0)
    out[0], out[1] = n, episodes
    if n == 0:
        return
    mean, free, m2, below, year = total / n, 0.0, 0.0, 0.0, math.sqrt(ppy)
    for t in range(label.size):
        r = decision_return[t]
        if label[t] == k and r == r:
            m2 += (r - mean) * (r - mean)
            safe = rf[min(t, rf.size - 1)]
            free += safe
            below += min(r - safe, 0.0) ** 2
    out[2] = mean * ppy
    out[6] = growth - 1.0
    yearly = max(growth, 0.0) ** (ppy / n) - 1.0
    out[7] = yearly if yearly < np.inf else np.nan
    out[9] = worst
    out[10] = hits / n
    if worst < -FLAT:
        out[8] = out[7] / -worst
    free = rf[0] if rf.size == 1 else free / n
    downside = math.sqrt(below / n)
    if downside > FLAT:
        out[5] = (mean - free) / downside * year
    if n > 1:
        deviation = math.sqrt(m2 / (n - 1))
        out[3] = deviation * year
        if deviation > FLAT:
            out[4] = (mean - free) / deviation * year


@kernel
def regime_metrics(decision_return: Float, label: Int, n_regimes: int, ppy: float, rf: Float, out: Float) -> None:
    """Fill in the metrics of every regime.

    Parameters
    ----------
    decision_return : ndarray of shape (T,)
        Return that follows from what was decided at t; NaN = none.
    label : ndarray of shape (T,), int64
        The regime known at t; a label outside 0 … n_regimes − 1 belongs to none.
    n_regimes : int
    ppy : float
        Bars in a year.
    rf : ndarray of shape (T,), or (1,) where it never changes
        Risk-free return over the bar that each decision return is of.
    out : ndarray of shape (n_regimes, len(REGIME_NAMES))
        NaN where undefined; a regime without a bar has 0 bars and 0 episodes.
    """
    out[:] = np.nan
    for k in range(n_regimes):
        _regime_row(decision_return, label, k, ppy, rf, out[k])
