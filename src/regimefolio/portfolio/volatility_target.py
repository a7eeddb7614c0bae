"""Weights scaled so that they would have had a given volatility."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from regimefolio.core.component import Model
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import read_only
from regimefolio.kernels.volatility import Scaling
from regimefolio.market import Market
from regimefolio.portfolio.constraints import Constraints


class VolatilityTarget(Model):
    """Every decision is scaled to the volatility that its weights would have had of late."""

    annual: float = Field(gt=0, le=2, description="volatility a year, a fraction: 0.1 is 10%")
    lookback: int = Field(63, ge=2, le=2520, description="one-bar returns that it is measured on")

    def scaling(self, market: Market, limits: Constraints) -> Scaling:
        """What the kernel scales a decision to.

        Raises
        ------
        ConfigError
            A limit asks for a net position that scaling down would leave.
        """
        for name, bound, sign in (("min_net", limits.min_net, 1.0), ("max_net", limits.max_net, -1.0)):
            if bound is not None and sign * bound > 0.0:
                raise ConfigError(
                    f"portfolio.constraints.{name} {bound:g} asks for a net position at all times, which a "
                    "volatility_target would scale down; leave one of them out",
                    ("risk", "volatility_target"),
                )
        close = market.panel.close
        returns = np.zeros(close.shape)
        np.divide(close[1:], close[:-1], out=returns[1:], where=np.isfinite(close[1:]) & np.isfinite(close[:-1]))
        returns[1:][returns[1:] != 0.0] -= 1.0
        return Scaling(self.annual / math.sqrt(market.panel.periods_per_year), self.lookback, read_only(returns))
