"""What every regime detector is: a causal reading of one price series."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from pydantic import Field

from regimefolio.core.component import Component
from regimefolio.core.errors import DataError
from regimefolio.core.types import UNKNOWN, Bool, Float, RegimePath
from regimefolio.kernels.regimes import debounce
from regimefolio.market.view import Market
from regimefolio.regimes.fit_reports import FitReport


class RegimeDetector(Component, family="regime detector"):
    """Turns a market into a regime at every bar, market-wide.

    Paths are prefix-invariant: `detect(market.until(t))` is the first t rows of `detect(market)`, to the bit.
    A subclass reads the series with `observed`, makes a probability of each regime, and returns `path` of it. What
    it learns from the data it returns too (`GaussianHMM.fit`): a detector never changes.
    """

    on: str = Field("benchmark", description="the series that is read: benchmark, index, equal_weight or a symbol")
    min_duration: int = Field(
        1,
        ge=1,
        le=252,
        description="bars in a row of a new label before the regime changes; 1 changes at once",
    )

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The regimes that this detector tells apart, in its order; known before any data is seen."""

    @abstractmethod
    def detect(self, market: Market) -> RegimePath:
        """The regime at every bar, as it was known at that bar; before the first, NaN and label -1."""

    def fit_reports(self, market: Market) -> tuple[FitReport, ...]:
        """What `detect` has fitted, in order of its bars; nothing for a detector that learns nothing."""
        return ()

    def observed(self, market: Market) -> tuple[Bool, Float]:
        """Which bars have a close, shape (T,), and those closes; to a detector the others do not exist.

        Raises
        ------
        DataError
            A close that is not above zero.
        """
        series = market.series(self.on)
        known = np.isfinite(series)
        if not (series[known] > 0.0).all():
            t = np.flatnonzero(known & ~(series > 0.0))[0]
            date = np.datetime_as_string(market.timestamps[t], unit="D")
            raise DataError(
                f"the series {self.on!r} is {series[t]} at {date}, but regimes need prices above zero; "
                "mask that bar or choose another series with `on:`"
            )
        return known, np.ascontiguousarray(series[known])

    def path(self, market: Market, known: Bool, probability: Float) -> RegimePath:
        """The path of the most probable regime, debounced; a bar without a close keeps the bar before's.

        Parameters
        ----------
        known : ndarray of shape (T,), bool
            The bars that have a close.
        probability : ndarray of shape (known.sum(), K), float64
            At those bars; NaN where nothing is known yet. Handed on as it is: only the label is debounced.
        """
        raw = np.nan_to_num(probability).argmax(axis=1)
        raw[np.isnan(probability[:, 0])] = UNKNOWN
        label = np.empty(len(raw), np.int64)
        debounce(raw, self.min_duration, label)
        last = np.cumsum(known)  # row 0 below stands for the bars before the first close
        nothing = np.full((1, len(self.names)), np.nan)
        return RegimePath(
            market.timestamps,
            self.names,
            np.concatenate([nothing, probability])[last],
            np.concatenate([[UNKNOWN], label])[last],
        )
