"""What the files about opinions and about regimes hold, as far as the page speaks of them."""

from __future__ import annotations

import numpy as np
from pydantic import Field, field_validator, model_validator

from regimefolio.core.types import Json
from regimefolio.report.contents import Number, Part


class Coefficient(Part):
    """An information coefficient; `reason` says why a number is undefined."""

    mean: Number
    t_value: Number
    bars: int
    reason: str


class Decay(Part):
    """Coefficients by lag with their standard errors, and the exponential through them."""

    lag: list[int]
    ic: list[Number]
    error: list[Number]
    half_life: Number
    low: Number
    high: Number
    initial: Number
    reason: str

    @model_validator(mode="after")
    def _of_one_length(self) -> Decay:
        if not len(self.lag) == len(self.ic) == len(self.error):
            raise ValueError("lag, ic and error differ in length")
        return self


class Histogram(Part):
    """Opinions by bins, which lie between two edges each."""

    edges: list[float]
    counts: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_one_size(self) -> Histogram:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{len(self.counts)} bins need {len(self.counts) + 1} edges")
        return self


class AlphaBin(Part):
    """What followed the opinions of one bin of alpha."""

    opinions: int
    mean_alpha: Number
    mean_return: Number
    error: Number


class ConfidenceBin(Part):
    """How often the opinions of one bin of confidence were right: `realised` is 2p - 1, with its 95% interval."""

    opinions: int
    mean_confidence: Number
    realised: Number
    interval_low: Number
    interval_high: Number


class Opinions(Part):
    """One parameter set of a strategy: its weight wherever it was chosen, and what its opinions were worth."""

    strategy: str
    parameters: dict[str, Json]
    weights: dict[str, float]
    horizon: int
    opinions: int
    ic: Coefficient
    decay: Decay
    alpha_histogram: Histogram
    confidence_histogram: Histogram
    by_alpha: list[AlphaBin]
    reliability: list[ConfidenceBin]


class SignalQuality(Part):
    """signal_quality.json."""

    bars: int
    asset_bars: int
    strategies: list[Opinions]


class Seen(Part):
    """What one classifier saw on the training bars, in regimes.json."""

    names: list[str]
    transition_matrix: list[list[Number]]
    expected_duration: dict[str, Number]

    @model_validator(mode="after")
    def _of_one_size(self) -> Seen:
        size = len(self.names)
        if [len(row) for row in self.transition_matrix] != [size] * size:
            raise ValueError(f"transition_matrix is not {size} x {size}")
        if list(self.expected_duration) != self.names:
            raise ValueError("expected_duration is not of the regimes that are named")
        return self


class RegimeEstimate(Part):
    """One regime under one fit; log returns and their deviation are per bar."""

    mean: float
    low: float
    high: float
    volatility: float
    share: float
    expected_duration: Number


class Agreement(Part):
    """The part of the bars that a fit and the one before label alike, and under the best order of its labels."""

    bars: int
    same: float
    best: float

    @property
    def permuted(self) -> bool:
        return self.best > self.same


class Fit(Part):
    """One fit of a classifier, made at a training bar."""

    timestamp: str
    bars: int
    transition: list[list[float]]
    regimes: list[RegimeEstimate]
    agreement: Agreement | None

    @field_validator("timestamp")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        np.datetime64(value)
        return value


class Fits(Part):
    """What one classifier learnt, in regime_fits.json; no fit where it learns nothing."""

    names: list[str]
    fits: list[Fit]

    @model_validator(mode="after")
    def _of_one_size(self) -> Fits:
        size = len(self.names)
        for fit in self.fits:
            if len(fit.regimes) != size or [len(row) for row in fit.transition] != [size] * size:
                raise ValueError(f"a fit is not of {size} regimes")
        return self

    @property
    def compared(self) -> list[tuple[str, Agreement]]:
        """When each refit was made, and how far it agrees with the fit before."""
        return [(fit.timestamp, fit.agreement) for fit in self.fits if fit.agreement is not None]
