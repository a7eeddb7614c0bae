"""A small allocation run on built-in prices: two optimizers that are one, and one that fails now and then."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from regimefolio.backtest import AllocationRun, AllocationSpec, load_market, run_allocations
from regimefolio.core.types import Float
from regimefolio.market import Dataset
from regimefolio.market.view import View
from regimefolio.portfolio import Allocator

FAILS = "the covariance has no inverse"


class Unreliable(Allocator, kind="unreliable"):
    """All in the first asset; it fails at every third rebalance."""

    @property
    def uses_alpha(self) -> bool:
        return False

    def weights(self, view: View) -> Float:
        if len(view.past) % 3 == 2:
            raise ZeroDivisionError(FAILS)
        return np.eye(view.tradable.size)[0]


def allocation_spec(**settings: Any) -> AllocationSpec:
    """The run, with other settings where they are said."""
    return AllocationSpec.model_validate(
        {
            "name": "five_stocks",
            "data": {"source": "sample:us5", "start": "2010-01-01"},
            "benchmark": "AAPL",
            "orchestration_type": "equal",
            "optimizers": [
                "min_variance",
                "inverse_volatility",
                {"kind": "min_variance", "name": "its_twin"},
                "unreliable",
            ],
            "lookback": 60,
            **settings,
        }
    )


@cache
def allocation_run() -> tuple[AllocationSpec, Dataset, AllocationRun]:
    """The run, made once."""
    return made(allocation_spec())


def made(spec: AllocationSpec) -> tuple[AllocationSpec, Dataset, AllocationRun]:
    """A run of a specification, with the data that it was made of."""
    dataset, market = load_market(spec.data, spec.benchmark, execution=spec.execution, risk_free=spec.risk_free)
    return spec, dataset, run_allocations(spec, market)
