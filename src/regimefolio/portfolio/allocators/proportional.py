"""Weights in proportion to positive alpha."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels.weights import PROPORTIONAL, allocate_row
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class Proportional(Allocator, kind="proportional"):
    """Long-only: w = alpha⁺ / Σ alpha⁺ where any alpha is positive, otherwise cash."""

    code: ClassVar[int] = PROPORTIONAL

    def weights(self, view: View) -> Float:
        """Target weights of shape (N,)."""
        out = np.zeros(view.alpha.size)
        allocate_row(view.alpha, view.tradable, self.code, 1.0, out)
        return out
