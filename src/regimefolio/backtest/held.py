"""A price series that is bought and held, beside what is traded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Float, last_seen
from regimefolio.kernels.metrics import NAMES, equity_metrics, part_of


class Held(NamedTuple):
    """Equity (T,) at the close of each bar, and the metrics of `kernels.metrics` that do not ask what was traded."""

    equity: Float
    metrics: dict[str, float]


def bought_and_held(closes: Float, start: int, capital: float, per_year: float, risk_free: Float) -> Held:
    """A price series bought at the first bar from `start` on at which its price is known, and held, without costs.

    Parameters
    ----------
    closes : ndarray of shape (T,)
        NaN where there is no bar; one at or after `start` at least is not.
    risk_free : ndarray of shape (T,) or (1,)
        Per bar.
    """
    held = last_seen(closes[:, None])[start:, 0]
    held = np.where(np.isnan(held), held[np.isfinite(held).argmax()], held)
    equity = np.ascontiguousarray(capital * held / held[0])
    values = np.full(len(NAMES), np.nan)
    equity_metrics(equity, capital, 0, per_year, part_of(risk_free, slice(start, None)), values)
    found = {name: value for name, value in zip(NAMES, values.tolist(), strict=True) if not np.isnan(value)}
    return Held(equity, found)
