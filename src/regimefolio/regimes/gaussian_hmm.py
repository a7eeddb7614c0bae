"""Calm, normal, turbulent: a hidden Markov model of return and volatility, refitted every quarter."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from regimefolio.core.arrays import time_text
from regimefolio.core.errors import DataError, MissingDataError, NotConvergedError
from regimefolio.core.types import Float, RegimePath
from regimefolio.kernels.regimes import returns_and_volatility
from regimefolio.market.calendar import quarter_starts
from regimefolio.market.view import Market
from regimefolio.regimes.base import RegimeDetector
from regimefolio.regimes.fit_reports import FitReport, agreement
from regimefolio.regimes.hidden_markov import FittedHMM, Training

NAMES: dict[int, tuple[str, ...]] = {
    2: ("calm", "turbulent"),
    3: ("calm", "normal", "turbulent"),
    4: ("calm", "normal", "turbulent", "crisis"),
}
VOLATILITY_WINDOW = 20
LEAST_VOLATILITY = 1e-5
"""Realised volatility per bar is not taken for less: a series that rests for a while has a logarithm too."""
LEAST_DEVIATION = 1e-8
"""A feature that deviates less than this from its mean is rounding noise."""
FEWEST_CLOSES = 60


class GaussianHMM(RegimeDetector, kind="gaussian_hmm"):
    """Regimes by volatility: Gaussian states of return and realised volatility, filtered, never smoothed.

    First fitted at the bar with `first_fit` closes, again at the first bar of each quarter, on all bars so far or
    the last `window` of them. Labels from a refit on come from the filter run again under the new model, from the
    first bar that it was fitted on; earlier ones stay.
    """

    states: Literal[2, 3, 4] = Field(
        3, description="calm and turbulent; or calm, normal and turbulent; or these three and crisis"
    )
    features: Literal["returns_and_volatility", "returns"] = Field(
        "returns_and_volatility",
        description="log return and log of 20-bar realised volatility, or the log return alone",
    )
    first_fit: int = Field(1008, ge=FEWEST_CLOSES, le=100_000, description="closes that the first fit waits for")
    window: int | None = Field(
        None, ge=FEWEST_CLOSES, le=100_000, description="bars that a fit looks back on; none for all of them"
    )
    restarts: int = Field(10, ge=1, le=100, description="seeded starts of every fit, beside the previous model")
    seed: int = Field(0, ge=0, lt=2**63, description="of the starts, together with the time of the fit")

    @property
    def names(self) -> tuple[str, ...]:
        """The regimes, in order of the return's fitted deviation."""
        return NAMES[self.states]

    def detect(self, market: Market) -> RegimePath:
        known, close = self.observed(market)
        features, _ = self._features(close)
        models = self.refits(market)
        row = np.cumsum(known) - 1
        bounds = [*(int(row[model.bar]) for model in models), len(close)]
        probability = np.full((len(close), self.states), np.nan)
        for model, begin, end in zip(models, bounds, bounds[1:], strict=False):
            start = begin + 1 - model.n_bars
            probability[begin:end] = model.probability(features[start:end])[begin - start :]
        return self.path(market, known, probability)

    def fit(self, market: Market) -> FittedHMM:
        """The model of all bars, or the last `window`, from the restarts alone, whatever `first_fit` and the quarter.

        Raises
        ------
        MissingDataError
            Fewer than 60 closes.
        DataError
            The series does not move, or has a close that is not above zero.
        NotConvergedError
            Every restart degenerated.
        """
        known, close = self.observed(market)
        if len(close) < FEWEST_CLOSES:
            raise MissingDataError(
                f"gaussian_hmm: the series {self.on!r} has {len(close)} closes, but a fit needs "
                f"{FEWEST_CLOSES}; load more bars"
            )
        features, first = self._features(close)
        return self._fit(market, self._seen(features[first:]), int(np.flatnonzero(known)[-1]), None)

    def refits(self, market: Market) -> tuple[FittedHMM, ...]:
        """The models that `detect` uses, in order of their bars; computed once for a market.

        Raises
        ------
        DataError, NotConvergedError
            As `fit`.
        """
        fields = (self.on, self.states, self.features, self.first_fit, self.window, self.restarts, self.seed)
        models: tuple[FittedHMM, ...] = tuple(
            market.memo((type(self), "refits", *fields), lambda: self._refits(market))
        )
        return models

    def fit_reports(self, market: Market) -> tuple[FitReport, ...]:
        """One report a refit; labels are compared as the filters give them, before they are debounced."""
        known, close = self.observed(market)
        features, _ = self._features(close)
        row = np.cumsum(known) - 1
        found: list[FitReport] = []
        previous: FittedHMM | None = None
        for model in self.refits(market):
            shared = None
            if previous is not None:
                end = int(row[model.bar])
                starts = [int(row[each.bar]) + 1 - each.n_bars for each in (previous, model)]
                before, after = (
                    each.probability(features[start:end]).argmax(axis=1)[max(starts) - start :]
                    for each, start in zip((previous, model), starts, strict=True)
                )
                shared = agreement(before, after, self.states)
            found.append(model.report(shared))
            previous = model
        return tuple(found)

    def _refits(self, market: Market) -> NDArray[Any]:
        """An array of FittedHMM."""
        known, close = self.observed(market)
        bars = np.flatnonzero(known)
        features, first = self._features(close)
        due = quarter_starts(market.timestamps[bars])
        due[: self.first_fit - 1] = False
        due[self.first_fit - 1 : self.first_fit] = True
        rows = np.flatnonzero(due)
        found: list[FittedHMM] = []
        for row in rows:
            previous = found[-1] if found else None
            try:
                found.append(self._fit(market, self._seen(features[first : row + 1]), int(bars[row]), previous))
            except NotConvergedError:
                if previous is None:
                    raise  # later on the model before rules for another quarter: a history must not end at a refit
        models = np.empty(len(found), dtype=object)
        models[:] = found
        return models

    def _features(self, close: Float) -> tuple[Float, int]:
        """Features (n, d) of n closes, and the first row that has them all."""
        rows = np.empty((2, len(close)))
        returns_and_volatility(close, VOLATILITY_WINDOW, LEAST_VOLATILITY, rows)
        if self.features == "returns":
            return np.ascontiguousarray(rows[:1].T), 1
        return np.ascontiguousarray(rows.T), VOLATILITY_WINDOW

    def _seen(self, features: Float) -> Float:
        """The rows that a fit at the last of them looks at."""
        return features if self.window is None else features[-self.window :]

    def _fit(self, market: Market, features: Float, bar: int, previous: FittedHMM | None) -> FittedHMM:
        """The model of features (n, d) that end at a bar of the panel."""
        timestamp = market.timestamps[bar]
        date = time_text(timestamp)
        place = f"the series {self.on!r} in the {len(features)} bars up to {date}"
        if not (features.std(axis=0) > LEAST_DEVIATION).all():
            raise DataError(
                f"gaussian_hmm: {place} does not move, or always moves alike; choose another series with `on:`"
            )
        found = Training(self.states, self.restarts, self.seed).best(features, timestamp, previous)
        if found is None:
            raise NotConvergedError(
                f"gaussian_hmm: no start led to a model of {self.states} states for {place}; "
                "use fewer states, a later `first_fit` or more `restarts`"
            )
        model, log_likelihood, iterations = found
        return FittedHMM(
            names=self.names,
            bar=bar,
            timestamp=timestamp,
            n_bars=len(features),
            **model._asdict(),
            log_likelihood=log_likelihood,
            iterations=iterations,
        )
