"""What a simulation is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from tests.reference.twin.basics import deviation, linear_quantile, mean
from tests.reference.twin.money import Account, Bar


def ratio(above: float, below: float) -> float:
    """A quotient, undefined where its denominator is no more than rounding."""
    return above / below if below > 1e-14 else math.nan


def drawdown(values: Sequence[float]) -> tuple[float, int]:
    """The worst fall from a peak, and bars from that peak until it is reached again or the values end."""
    worst, length = 0.0, 0
    for i, value in enumerate(values):
        peak = max(values[: i + 1])
        if value / peak - 1.0 < worst:
            worst = value / peak - 1.0
            top = max(j for j in range(i) if values[j] == peak)
            recovery = [j for j in range(i, len(values)) if values[j] >= peak]
            length = (recovery[0] if recovery else len(values) - 1) - top
    return worst, length


def equity_metrics(equity: Sequence[float], initial: float, ppy: float, rf: Sequence[float]) -> dict[str, float]:
    """Metrics of at least two bars of equity, the capital before them being the first peak; `rf` is of each bar."""
    curve = [initial, *(max(e, 0.0) for e in equity)]
    r = [after / before - 1.0 for before, after in pairwise(curve)]
    n, year = len(r), math.sqrt(ppy)
    excess = [x - free for x, free in zip(r, rf, strict=True)]
    total, (worst, length) = curve[-1] / initial - 1.0, drawdown(curve)
    cagr = (1.0 + total) ** (ppy / n) - 1.0
    centred = [x - mean(r) for x in r]
    m2, m3, m4 = (mean([c**k for c in centred]) for k in (2, 3, 4))
    varies = deviation(r) > 1e-14
    skew = m3 / m2**1.5 if varies else math.nan
    kurtosis = m4 / m2**2 - 3.0 if varies else math.nan
    s = ratio(mean(excess), deviation(r))
    error = math.sqrt((1.0 + 0.5 * s**2 - skew * s + kurtosis / 4.0 * s**2) / n)
    value_at_risk = linear_quantile(r, 0.05)
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation(r) * year,
        "sharpe": s * year,
        "sharpe_low": (s - 1.959963984540054 * error) * year,
        "sharpe_high": (s + 1.959963984540054 * error) * year,
        "sortino": ratio(mean(excess), math.sqrt(mean([min(x, 0.0) ** 2 for x in excess]))) * year,
        "calmar": ratio(cagr, -worst),
        "max_drawdown": worst,
        "max_drawdown_bars": length,
        "var_95": value_at_risk,
        "cvar_95": mean([x for x in r if x <= value_at_risk]),
        "skew": skew,
        "kurtosis": kurtosis,
    }


def benchmark_metrics(
    equity: Sequence[float], initial: float, benchmark: Sequence[float], ppy: float, rf: Sequence[float]
) -> dict[str, float]:
    """Metrics against the returns per bar of a benchmark, over the bars where it has one (NaN = none)."""
    curve = [initial, *(max(e, 0.0) for e in equity)]
    r = [after / before - 1.0 for before, after in pairwise(curve)]
    above = [(x - free, b - free) for x, b, free in zip(r, benchmark, rf, strict=True) if not math.isnan(b)]
    pairs = [(x, b) for x, b in zip(r, benchmark, strict=True) if not math.isnan(b)]
    x, b = [p[0] for p in pairs], [p[1] for p in pairs]
    covariance = math.fsum((p - mean(x)) * (q - mean(b)) for p, q in pairs) / (len(pairs) - 1)
    beta = covariance / deviation(b) ** 2
    active = [p - q for p, q in pairs]
    return {
        "alpha": ppy * mean([p - beta * q for p, q in above]),
        "beta": beta,
        "information_ratio": ratio(mean(active), deviation(active)) * math.sqrt(ppy),
    }


def ledger_metrics(bars: Sequence[Bar], account: Account, initial: float, ppy: float) -> dict[str, float]:
    """Metrics of orders and round trips."""
    trading = [i for i, bar in enumerate(bars) if bar.turnover > 0]
    rebalancing = [bar.turnover for i, bar in enumerate(bars) if trading and i > trading[0]]
    costs = math.fsum(bar.cost for bar in bars)
    profits = [trip.profit for trip in account.closed_trips]
    wins = [trip.profit for trip in account.closed_trips if trip.profit >= trip.dust]
    losses = [trip.profit for trip in account.closed_trips if trip.profit <= -trip.dust]
    holding = [trip.closed - trip.opened for trip in account.closed_trips if trip.closed is not None]
    return {
        "exposure": mean([bar.gross for bar in bars]),
        "turnover": math.fsum(rebalancing) / len(bars) * ppy,
        "costs": costs,
        "cost_fraction": costs / initial,
        "win_rate": len(wins) / len(profits) if profits else math.nan,
        "profit_factor": math.fsum(wins) / -math.fsum(losses) if losses else math.nan,
        "average_win": mean(wins) if wins else math.nan,
        "average_loss": mean(losses) if losses else math.nan,
        "average_holding_bars": mean(holding) if holding else math.nan,
        "round_trips": len(profits),
        "open_trips": len(account.open_trips),
    }


def episodes(returns: Mapping[int, float], label: Sequence[int], regime: int) -> list[list[float]]:
    """Returns of each maximal run of bars that have this label and a return."""
    runs: list[list[float]] = []
    for t in range(len(label)):
        if label[t] != regime or t not in returns:
            continue
        continues = t > 0 and label[t - 1] == regime and t - 1 in returns
        if not continues:
            runs.append([])
        runs[-1].append(returns[t])
    return runs


def regime_metrics(
    returns: Mapping[int, float], label: Sequence[int], regime: int, ppy: float, rf: Sequence[float]
) -> dict[str, float]:
    """Metrics of the decision returns of a regime of at least two bars; `rf` is that of each decision's own bar."""
    runs = episodes(returns, label, regime)
    r = [x for run in runs for x in run]
    excess, year = [returns[t] - rf[t] for t in sorted(returns) if label[t] == regime], math.sqrt(ppy)
    total = math.prod(1.0 + x for x in r) - 1.0
    cagr = (1.0 + total) ** (ppy / len(r)) - 1.0
    curves = [[math.prod(1.0 + x for x in run[:i]) for i in range(len(run) + 1)] for run in runs]
    worst = min(drawdown(curve)[0] for curve in curves)
    return {
        "bars": len(r),
        "episodes": len(runs),
        "mean_return": mean(r) * ppy,
        "volatility": deviation(r) * year,
        "sharpe": ratio(mean(excess), deviation(r)) * year,
        "sortino": ratio(mean(excess), math.sqrt(mean([min(x, 0.0) ** 2 for x in excess]))) * year,
        "total_return": total,
        "cagr": cagr,
        "calmar": ratio(cagr, -worst),
        "max_drawdown": worst,
        "hit_rate": mean([1.0 if x > 0 else 0.0 for x in r]),
    }
