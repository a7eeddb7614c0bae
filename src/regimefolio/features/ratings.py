"""The technical rating of every asset at every bar: the votes of 26 indicators, and their means."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, DataError, must_be
from regimefolio.core.types import Float, Panel, Times, read_only
from regimefolio.features.grouping import side_by_side
from regimefolio.kernels import ratings as kernel

RuleSet: TypeAlias = Literal["2020", "2024"]
"""Which of two dated sets of rules the votes follow."""

AVERAGES = (
    *(f"sma_{span}" for span in kernel.SPANS),
    *(f"ema_{span}" for span in kernel.SPANS),
    "ichimoku",
    "vwma",
    "hull",
)
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
    shape = panel.close.shape
    rated = kernel.Rated(np.empty((len(INDICATORS), *shape), np.int8), *np.empty((3, *shape)))
    if panel.close.size:
        _rate(panel, rule_set, threads, rated)
    votes = np.moveaxis(rated.votes, 0, -1)
    return Ratings(panel.timestamps, panel.symbols, rule_set, votes, _unavailable(panel), *rated[1:])


def _rate(panel: Panel, rule_set: RuleSet, threads: int, out: kernel.Rated) -> None:
    close, ranges, volumes = panel.close, panel.high is not None and panel.low is not None, panel.volume is not None
    high, low, volume = (close if values is None else values for values in (panel.high, panel.low, panel.volume))
    present = np.isfinite(close)
    present.flags.writeable = False
    prices, rules = kernel.Prices(high, low, close, volume, present), kernel.Rules(rule_set == "2020", ranges, volumes)
    groups = side_by_side(panel.n_assets, threads)

    def rate_some(mine: list[tuple[int, int]]) -> None:
        rooms = _Rooms(panel.n_bars, max(width for _, width in mine))
        for first, width in mine:
            kernel.rate(prices, rules, first, rooms.of(width), out)

    if threads == 1:
        rate_some(groups)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(rate_some, (some for i in range(threads) if (some := groups[i::threads]))):
            pass


class _Rooms:
    """Memory for one group of assets after the other, which the system gives once, in large pages."""

    def __init__(self, bars: int, widest: int) -> None:
        self.bars, cells = bars, bars * widest
        self.numbers, self.rows = np.empty(kernel.N_NUMBERS * cells), np.empty(cells, np.int64)
        self.votes = np.empty(len(INDICATORS) * cells, np.int8)

    def of(self, width: int) -> kernel.Room:
        cells, shape = self.bars * width, (self.bars, width)
        return kernel.Room(
            self.numbers[: kernel.N_NUMBERS * cells].reshape(-1, *shape),
            self.votes[: len(INDICATORS) * cells].reshape(-1, *shape),
            self.rows[:cells].reshape(shape),
        )


def _unavailable(panel: Panel) -> tuple[str, ...]:
    lacking: set[str] = set()
    if panel.high is None or panel.low is None:
        lacking |= set(NEEDS_RANGE)
    if panel.volume is None:
        lacking |= set(NEEDS_VOLUME)
    return tuple(name for name in INDICATORS if name in lacking)
