"""The same weight for everything that trades."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.weights import EQUAL_WEIGHT, allocate_row
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class EqualWeight(Allocator, kind="equal_weight"):
    """1/n for each of the n members that have a bar; the alpha is ignored."""

    code: ClassVar[int] = EQUAL_WEIGHT

    def weights(self, view: View) -> Float:
        """Target weights of shape (N,)."""
        out = np.zeros(view.alpha.size)
        allocate_row(view.alpha, view.tradable, self.code, 1.0, out)
        return out
