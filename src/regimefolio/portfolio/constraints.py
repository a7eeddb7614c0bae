"""Limits on weights, and which of them contradict each other."""

from __future__ import annotations

from collections import Counter
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.component import Model, placed_error
from regimefolio.core.errors import ConfigError, InfeasibleError
from regimefolio.core.types import Panel
from regimefolio.kernels.constraints import Limits

PLACE = ("portfolio", "constraints")

MOST_GROSS = 2.0
"""The 50% initial margin of US Regulation T: long and short positions of twice the equity."""

MOST_NET = 1.0
"""A net above 1 would overdraw cash, which is 1 − net."""


class Constraints(Model):
    """Limits on weights, as fractions of equity; what they leave over is cash."""

    max_position: float | None = Field(None, gt=0, description="largest |weight| of one asset")
    max_sector: float | None = Field(None, gt=0, description="largest sum of |weights| of one sector")
    max_gross: float = Field(1.0, gt=0, le=MOST_GROSS, description="largest sum of |weights|; above 1 needs shorts")
    min_positions: int | None = Field(None, ge=1, description="no |weight| above max_gross / min_positions")
    min_net: float | None = Field(
        None, ge=-MOST_GROSS, le=MOST_NET, description="least sum of weights, long less short"
    )
    max_net: float | None = Field(None, ge=-MOST_GROSS, le=MOST_NET, description="largest sum of weights")

    @model_validator(mode="after")
    def _net_limits_are_possible(self) -> Self:
        low, high, gross = self.min_net, self.max_net, self.max_gross
        if low is not None and high is not None and low > high:
            raise placed_error(
                ("min_net",), f"min_net {low:g} is above max_net {high:g}: no net is both; exchange them"
            )
        if low is not None and low > gross:
            text = (
                f"min_net {low:g} is above max_gross {gross:g}, which no net exceeds; lower min_net or raise max_gross"
            )
            raise placed_error(("min_net",), text)
        if high is not None and high < -gross:
            text = (
                f"max_net {high:g} asks for more shorts than max_gross {gross:g} allows; raise max_net to {-gross:g} "
                "or more, or raise max_gross"
            )
            raise placed_error(("max_net",), text)
        return self

    def limits(self, panel: Panel) -> Limits:
        """The limits on one panel, min_positions as a limit on positions.

        Raises
        ------
        ConfigError
            A sector limit where the data names no sectors.
        InfeasibleError
            More positions than assets, or a net that the other limits keep out of reach.
        """
        if self.max_sector is not None and panel.sectors is None:
            raise ConfigError(
                "max_sector needs data with sectors, and this data names none; name a file of them in data.sectors, or "
                "leave the limit out",
                (*PLACE, "max_sector"),
            )
        if self.min_positions is not None and self.min_positions > panel.n_assets:
            raise InfeasibleError(
                f"min_positions {self.min_positions} is more than the {panel.n_assets} assets of this data; lower it",
                (*PLACE, "min_positions"),
            )
        position = np.inf if self.max_position is None else self.max_position
        if self.min_positions is not None:
            position = min(position, self.max_gross / self.min_positions)
        sector = np.inf if self.max_sector is None else self.max_sector
        self._net_is_in_reach(panel, position, sector)
        highest = MOST_NET if self.max_gross > MOST_NET else np.inf  # a gross of 1 at most sees to it otherwise
        return Limits(
            position,
            sector,
            self.max_gross,
            -np.inf if self.min_net is None else self.min_net,
            highest if self.max_net is None else self.max_net,
        )

    def _net_is_in_reach(self, panel: Panel, position: float, sector: float) -> None:
        sizes = Counter(panel.sectors or ("",) * panel.n_assets)
        most = sum(min(count * position, sector) for count in sizes.values())
        for name, net, side in (("min_net", self.min_net, 1.0), ("max_net", self.max_net, -1.0)):
            if net is not None and side * net > most * (1.0 + 1e-12):
                given = [
                    f"{limit} {value:g}"
                    for limit in ("max_position", "max_sector", "min_positions")
                    for value in (getattr(self, limit),)
                    if value is not None
                ]
                raise InfeasibleError(
                    f"{name} {net:g} is out of reach: with {' and '.join(given)} the {panel.n_assets} assets of this "
                    f"data reach {side * most:g} at most; loosen them, or bring {name} nearer to 0",
                    (*PLACE, name),
                )
