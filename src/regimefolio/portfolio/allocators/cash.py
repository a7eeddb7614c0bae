"""Nothing at all."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class Cash(Allocator, kind="cash"):
    """No asset, ever: what the others have to beat, at the interest on cash."""

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    def weights(self, view: View) -> Float:
        return np.zeros(view.alpha.size)
