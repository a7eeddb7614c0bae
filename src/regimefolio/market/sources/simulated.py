"""Prices that nobody has paid: drawn from regimes that are known, to see whether a method finds them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, Int, Panel, Times, read_only
from regimefolio.market.quality import LEAST, MOST
from regimefolio.market.sources.base import Dataset, OnBad, Source, data_fingerprint

FIRST_PRICE = 100.0
"""What every asset, and the market's factor, costs before the first bar."""

OVERNIGHT = 0.2
"""Share of a bar's variance that falls between the close before and its open."""

USUAL_VOLUME = 1_000_000

Volatility = Annotated[float, Field(gt=0, le=0.05)]
Drift = Annotated[float, Field(ge=-0.005, le=0.005)]


class _Draws(NamedTuple):
    """All chance of a simulation but its states; every array is a prefix of that of a longer one.

    Parameters
    ----------
    common : ndarray of shape (T, 1), standard normal
        The shock that all assets share.
    own, overnight : ndarray of shape (T, N), standard normal
        Each asset's own shock, and where its open lies beside the straight way from close to close.
    above, below, traded : ndarray of shape (T, N), standard exponential
        How far a bar reaches beyond its open and close, and its volume.
    """

    common: Float
    own: Float
    overnight: Float
    above: Float
    below: Float
    traded: Float


class Simulated(Source, kind="simulated"):
    """Daily bars of correlated assets under regimes that are known; no market ever had these prices.

    The state s of a bar stays with probability `persistence`, and else moves to each other state alike; at
    the first bar all are as likely. In it an asset returns drift_s + volatility_s · (√ρ · z + √(1 - ρ) · e),
    z the shock that all share, e its own, both standard normal, ρ the `correlation`. The index is the common
    factor: it returns drift_s + volatility_s · z. Within a bar prices move like Brownian motion: a fifth of
    the variance falls before the open, high and low are extremes of the way from open to close, each with its
    exact law. Volume knows nothing of states.

    Equal parameters give equal bytes, and more bars leave the first ones as they were. Only additions,
    products and roots follow the draws, so that processors do not differ.

    Source: Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the
    Business Cycle; the extremes of a Brownian bridge as in Karatzas and Shreve (1991), Brownian Motion and
    Stochastic Calculus, section 4.3.
    """

    seed: int = Field(0, ge=0, le=2**32 - 1, description="another seed, another market of the same kind")
    bars: int = Field(5040, ge=2, le=25_200, description="business days, holidays among them")
    assets: int = Field(10, ge=1, le=1000, description="how many")
    volatilities: tuple[Volatility, ...] = Field(
        (0.008, 0.018), min_length=2, max_length=6, description="of one-bar returns, one a state, at most 0.05"
    )
    drifts: tuple[Drift, ...] = Field(
        (0.0006, -0.0008), description="mean one-bar return, one a state, from -0.005 to 0.005"
    )
    persistence: float = Field(0.98, ge=0, lt=1, description="probability that the next bar has the same state")
    correlation: float = Field(0.5, ge=0, lt=1, description="of any two assets' returns within a state")
    start: date = Field(
        date(2000, 1, 3), ge=date(1700, 1, 1), le=date(2150, 1, 1), description="first day, or the next business day"
    )

    @model_validator(mode="after")
    def _one_a_state(self) -> Self:
        if len(self.drifts) != len(self.volatilities):
            raise ValueError(
                f"each state has one volatility and one drift, but there are {len(self.volatilities)} "
                f"volatilities and {len(self.drifts)} drifts"
            )
        return self

    @property
    def transition(self) -> Float:
        """Probability of each state (column) at the bar after a state (row), of shape (K, K)."""
        states = len(self.volatilities)
        matrix = np.full((states, states), (1.0 - self.persistence) / (states - 1))
        np.fill_diagonal(matrix, self.persistence)
        return read_only(matrix)

    def states(self) -> Int:
        """The true state of every bar, of shape (T,): its place in `volatilities` and `drifts`."""
        return read_only(self._walk(self._streams()[0].random(self.bars)))

    def load(self, on_bad: OnBad = "error") -> Dataset:
        """The simulated bars; none of them is ever bad.

        Raises
        ------
        DataError
            The drifts carry a price below 1e-15 or above 1e15.
        """
        states, draws = self.states(), self._draws()
        volatility, drift = (np.array(of)[states][:, None] for of in (self.volatilities, self.drifts))
        shock = np.sqrt(self.correlation) * draws.common + np.sqrt(1.0 - self.correlation) * draws.own
        close = drift + volatility * shock  # all four as growth since the close before
        open_ = OVERNIGHT * close + volatility * np.sqrt(OVERNIGHT * (1.0 - OVERNIGHT)) * draws.overnight
        reach = 2.0 * (1.0 - OVERNIGHT) * volatility**2
        high = 0.5 * (open_ + close + np.sqrt((close - open_) ** 2 + reach * draws.above))
        low = 0.5 * (open_ + close - np.sqrt((close - open_) ** 2 + reach * draws.below))
        price = _grown(close)
        before = np.vstack([np.full((1, self.assets), FIRST_PRICE), price[:-1]])
        first = before * (1.0 + open_)
        panel = Panel(
            timestamps=self._business_days(),
            symbols=tuple(f"S{number:0{len(str(self.assets))}d}" for number in range(1, self.assets + 1)),
            close=price,
            member=np.ones(price.shape, dtype=bool),
            periods_per_year=252.0,
            open=first,
            high=np.maximum(before * (1.0 + high), np.maximum(first, price)),  # but for rounding it is that
            low=np.minimum(before * (1.0 + low), np.minimum(first, price)),
            volume=np.floor(USUAL_VOLUME * (0.5 + 0.5 * draws.traded)),
        )
        index: Float = _grown(drift + volatility * draws.common)[:, 0]
        for array in (panel.low, panel.high, index):
            if array is not None and (array.min() < LEAST or array.max() > MOST):
                raise DataError(
                    f"simulated prices run from {array.min():.3g} to {array.max():.3g}, beyond what prices are; "
                    "simulate fewer bars, or drifts nearer to 0"
                )
        return Dataset(panel, index, self._about(panel.timestamps), (), data_fingerprint(panel, index))

    def _streams(self) -> list[np.random.Generator]:
        """One stream of chance for each law, to be filled bar by bar: its start knows nothing of its length."""
        return [np.random.default_rng(seed) for seed in np.random.SeedSequence(self.seed).spawn(3)]

    def _draws(self) -> _Draws:
        _, normal, exponential = self._streams()
        n = self.assets
        normals = normal.standard_normal((self.bars, 1 + 2 * n))
        exponentials = exponential.standard_exponential((self.bars, 3 * n))
        return _Draws(normals[:, :1], normals[:, 1 : 1 + n], normals[:, 1 + n :], *np.split(exponentials, 3, axis=1))

    def _walk(self, chance: Float) -> Int:
        """States from uniform draws: a bar steps 0 states on, or 1 … K - 1, around the circle of states."""
        states = len(self.volatilities)
        moved = (chance - self.persistence) / (1.0 - self.persistence)  # uniform in 0 … 1 where it moves
        steps = np.where(moved < 0.0, 0, 1 + np.minimum(np.floor(moved * (states - 1)), states - 2))
        steps[0] = np.floor(chance[0] * states)
        walk: Int = np.cumsum(steps.astype(np.int64)) % states
        return walk

    def _business_days(self) -> Times:
        days = np.busday_offset(np.datetime64(self.start), np.arange(self.bars), roll="forward")
        return days.astype("datetime64[ns]")

    def _about(self, days: Times) -> str:
        volatilities = " / ".join(f"{100 * value:g}%" for value in self.volatilities)
        drifts = " / ".join(f"{1e4 * value:+g} bp" for value in self.drifts)
        return (
            f"Simulated prices, no market's: {self.assets:,} assets, {self.bars:,} daily bars from "
            f"{days[0].astype('datetime64[D]')}, drawn with seed {self.seed} from {len(self.volatilities)} known "
            f"regimes of daily volatility {volatilities} and drift {drifts}, persistence {self.persistence:g}, "
            f"correlation {self.correlation:g}. The index is their common factor. Results on them show whether a "
            "method finds what was put in, and nothing about what it would have earned."
        )


def _grown(returns: Float) -> Float:
    """Prices that grew by these returns from the first price on, of the same shape."""
    grown: Float = np.multiply.accumulate(1.0 + returns, axis=0)
    return FIRST_PRICE * grown
