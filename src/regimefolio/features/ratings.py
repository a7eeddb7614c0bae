"""The technical rating of every asset at every bar: the votes of 26 indicators, and their means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, DataError, must_be
from regimefolio.core.types import Bool, Float, Panel, Times, read_only

RuleSet: TypeAlias = Literal["2020", "2024"]
"""Which of two dated sets of rules the votes follow."""

SPANS = (10, 20, 30, 50, 100, 200)

AVERAGES = (*(f"sma_{n}" for n in SPANS), *(f"ema_{n}" for n in SPANS), "ichimoku", "vwma", "hull")
OSCILLATORS = (
    "rsi",
    "stochastic",
    "cci",
    "adx",
    "awesome",
    "momentum",
    "macd",
    "stochastic_rsi",
    "williams_r",
    "bull_bear_power",
    "ultimate",
)
INDICATORS = (*AVERAGES, *OSCILLATORS)
"""What votes, in the order of `Ratings.votes`."""

NEEDS_RANGE = ("ichimoku", "stochastic", "adx", "awesome", "williams_r", "bull_bear_power", "ultimate")
NEEDS_VOLUME = ("vwma",)

LABELS = ("strong sell", "sell", "neutral", "buy", "strong buy")

NO_VOTE = -128
"""Stands in `Ratings.votes` where an indicator is not available."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """What 26 indicators say of every asset at every bar, and the means of it.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
    symbols : tuple of N str
    rule_set : "2020" or "2024"
    votes : ndarray of shape (T, N, 26), int8
        -1 sell, 0 neutral, 1 buy, in the order of INDICATORS; NO_VOTE where an indicator is not available: in its
        warm-up, where the asset has no bar, and where the panel lacks what it needs.
    unavailable : tuple of str
        The indicators that the panel's columns cannot give at any bar.
    recommend_ma, recommend_other, recommend_all : ndarray of shape (T, N), float64
        Means of the available votes of the averages, and of the oscillators; the mean of these two, or the one that
        exists; NaN where there is no vote. Each is one division of whole numbers, correctly rounded: a mean that is a
        tenth compares equal to 0.1, in float64, and in float32 once both are rounded to it.

    Raises
    ------
    DataError
        Shapes or types.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    rule_set: RuleSet
    votes: NDArray[np.int8]
    unavailable: tuple[str, ...]
    recommend_ma: Float
    recommend_other: Float
    recommend_all: Float

    def __post_init__(self) -> None:
        shape = (len(self.timestamps), len(self.symbols))
        if self.votes.shape != (*shape, len(INDICATORS)) or self.votes.dtype != np.int8:
            expected = (*shape, len(INDICATORS))
            raise DataError(
                f"Ratings.votes must be int8 of shape {expected}, but is {self.votes.dtype} of {self.votes.shape}"
            )
        self.votes.flags.writeable = False
        for name in ("recommend_ma", "recommend_other", "recommend_all"):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float64:
                raise DataError(
                    f"Ratings.{name} must be float64 of shape {shape}, but is {array.dtype} of {array.shape}"
                )
            object.__setattr__(self, name, read_only(array))

    def vote(self, indicator: str) -> NDArray[np.int8]:
        """The votes (T, N) of one indicator.

        Raises
        ------
        ConfigError
            There is no such indicator.
        """
        if indicator not in INDICATORS:
            raise ConfigError(f"unknown indicator {indicator!r}; {did_you_mean(indicator, INDICATORS)}")
        return self.votes[..., INDICATORS.index(indicator)]


def rating_labels(mean: Float) -> NDArray[np.str_]:
    """The words for a mean of votes: strong sell < -0.5 ≤ sell < -0.1 ≤ neutral ≤ 0.1 < buy ≤ 0.5 < strong buy.

    Parameters
    ----------
    mean : ndarray, float64 or float32
        One of the three of `Ratings`.

    Returns
    -------
    ndarray of the same shape, str
        One of LABELS; empty where the mean is NaN.
    """
    conditions = [mean < -0.5, mean < -0.1, mean <= 0.1, mean <= 0.5, mean > 0.5]
    return np.select(conditions, LABELS, "")


def technical_ratings(panel: Panel, rule_set: RuleSet = "2024", threads: int = 2) -> Ratings:
    """Rate every asset at every bar from its own bars up to that one.

    Parameters
    ----------
    panel : Panel
        Without high and low, or without volume, the indicators that need them are not available, and the means are over
        the rest. A bar whose high or low is missing, or inside the close, has the close for it; a volume that is
        missing is none.
    rule_set : "2020" or "2024"
    threads : int
        How many work at once; the result does not depend on it.

    Returns
    -------
    Ratings
        Prefix-invariant to the bit. Each asset lives on its own bars: one that is missing is as if it had never been.

    Raises
    ------
    ConfigError
        Another rule set, or a number of threads below 1.

    Source: TradingView, Technical Ratings, as published in 2020 and in 2024.
    """
    must_be(Panel, panel, "panel", "a market has one: market.panel")
    if rule_set not in get_args(RuleSet):
        raise ConfigError(f"unknown rule set {rule_set!r}; {did_you_mean(str(rule_set), get_args(RuleSet))}")
    if threads < 1:
        raise ConfigError(f"threads must be at least 1, but is {threads}")
    votes = _votes(panel, rule_set)
    averages, others = votes[..., : len(AVERAGES)], votes[..., len(AVERAGES) :]
    sum_ma, count_ma, sum_other, count_other = (*_counted(averages), *_counted(others))
    both = (count_ma > 0) & (count_other > 0)
    recommend_ma, recommend_other = _divided(sum_ma, count_ma), _divided(sum_other, count_other)
    total = _divided(sum_ma * count_other + sum_other * count_ma, 2 * count_ma * count_other)
    recommend_all = np.where(both, total, np.where(count_ma > 0, recommend_ma, recommend_other))
    return Ratings(
        panel.timestamps,
        panel.symbols,
        rule_set,
        votes,
        _unavailable(panel),
        recommend_ma,
        recommend_other,
        recommend_all,
    )


def _unavailable(panel: Panel) -> tuple[str, ...]:
    lacking: set[str] = set()
    if panel.high is None or panel.low is None:
        lacking |= set(NEEDS_RANGE)
    if panel.volume is None:
        lacking |= set(NEEDS_VOLUME)
    return tuple(name for name in INDICATORS if name in lacking)


def _counted(votes: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    there: Bool = votes != NO_VOTE
    return np.where(there, votes, 0).sum(axis=-1), there.sum(axis=-1)


def _divided(total: NDArray[np.int64], count: NDArray[np.int64]) -> Float:
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _votes(panel: Panel, rule_set: RuleSet) -> NDArray[np.int8]:
    from regimefolio.features import slow

    votes = np.full((*panel.close.shape, len(INDICATORS)), NO_VOTE, np.int8)
    high = panel.close if panel.high is None or panel.low is None else np.fmax(panel.high, panel.close)
    low = panel.close if panel.high is None or panel.low is None else np.fmin(panel.low, panel.close)
    volume = np.zeros(high.shape) if panel.volume is None else np.nan_to_num(panel.volume)
    gone = [INDICATORS.index(name) for name in _unavailable(panel)]
    for n in range(panel.n_assets):
        present = np.flatnonzero(np.isfinite(panel.close[:, n]))
        columns = (x[present, n].tolist() for x in (high, low, panel.close, volume))
        bars = [slow.Bar(*bar) for bar in zip(*columns, strict=True)]
        told = slow.votes(bars, rule_set)
        if told:
            votes[present, n] = [[NO_VOTE if v is None else v for v in row] for row in told]
    votes[..., gone] = NO_VOTE
    return votes
