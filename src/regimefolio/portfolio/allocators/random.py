"""Chance, as a control."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.arrays import time_seed
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class Random(Allocator, kind="random"):
    """Weights by chance, drawn anew at every bar: what skill has to beat.

    Uniform on the simplex of the tradable assets: exponential draws over their sum. Each draw depends on the seed, the
    bar's time and the asset's symbol alone.
    Source: Devroye (1986), Non-Uniform Random Variate Generation, chapter V, section 2.
    """

    seed: int = Field(0, ge=0, description="of the draws")

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    def weights(self, view: View) -> Float:
        market, out = view.market, np.zeros(view.alpha.size)
        when = time_seed(market.timestamps[-1])
        held = sorted(np.flatnonzero(view.tradable), key=lambda n: market.symbols[n])
        for n in held:
            out[n] = np.random.default_rng([self.seed, when, *market.symbols[n].encode()]).standard_exponential()
        return out / out[held].sum() if held else out
