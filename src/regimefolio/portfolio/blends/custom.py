"""Parts that somebody chose."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.component import did_you_mean, placed_error
from regimefolio.core.errors import ConfigError, ModelError
from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class CustomBlend(Blend, kind="custom"):
    """The mean of the allocators' weights, each with a part of its own: `{hrp: 2, min_variance: 1}`.

    The parts are in proportion to what is said. That of an allocator that failed, and in whose place nothing came, goes
    to the others in proportion to theirs.
    """

    weights: dict[str, Annotated[float, Field(ge=0, le=1e6)]] = Field(
        description="the part of each allocator, by its name, in proportion; 0 asks it, but holds nothing of it"
    )

    @model_validator(mode="after")
    def _someone_has_a_part(self) -> Self:
        if not any(self.weights.values()):
            raise placed_error(("weights",), "at least one allocator needs a weight above 0")
        return self

    def must_fit(self, names: tuple[str, ...]) -> None:
        for name in self.weights:
            if name not in names:
                raise ConfigError(
                    f"no allocator here is called {name!r}; {did_you_mean(name, names)}", ("weights", name)
                )
        missing = [name for name in names if name not in self.weights]
        if missing:
            raise ConfigError(
                f"there is no weight for {', '.join(missing)}; name each allocator, with 0 for one without a part",
                ("weights",),
            )

    def blend(self, proposals: Proposals, view: View) -> Blended:
        parts = np.array([self.weights[name] for name in proposals.names])
        if not parts.sum() > 0.0:
            raise ModelError(
                f"all allocators with a custom weight failed; {', '.join(proposals.names)} answered, with weight 0"
            )
        return Blended.of(parts / parts.sum(), proposals)
