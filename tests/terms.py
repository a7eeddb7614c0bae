"""Terms of an execution from plain numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels.terms import NO_FRICTIONS, Execution, Frictions

Float = NDArray[np.float64]


def rate(of_bars: ArrayLike) -> Float:
    """One rate for all bars, or one each."""
    return read_only(np.atleast_1d(np.array(of_bars, dtype=np.float64)))


def terms_of(
    commission: float = 0.0,
    slippage: float = 0.0,
    cash_rate: ArrayLike = 0.0,
    borrow_rate: ArrayLike = 0.0,
    delay: int = 0,
    on_change: bool = False,
    apart: bool = False,
    financing_rate: ArrayLike = 0.0,
    frictions: Frictions = NO_FRICTIONS,
) -> Execution:
    """The terms; the borrow rate is one for all, one row of assets, or a row a bar."""
    borrow = read_only(np.atleast_2d(np.array(borrow_rate, dtype=np.float64)))
    cash, financing = rate(cash_rate), rate(financing_rate)
    return Execution(commission, slippage, cash, borrow, delay, on_change, apart, financing, frictions)


def for_assets(terms: Execution, n_assets: int) -> Execution:
    """The same with a borrow rate for each of so many assets, or none where all are 0."""
    if not terms.borrow_rate.any():
        return terms._replace(borrow_rate=read_only(np.zeros((0, 0))))
    shape = (terms.borrow_rate.shape[0], n_assets)
    return terms._replace(borrow_rate=read_only(np.broadcast_to(terms.borrow_rate, shape).copy()))
