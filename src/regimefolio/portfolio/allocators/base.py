"""What every allocator is: weights from what is known at one bar."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from regimefolio.core.component import Component
from regimefolio.core.types import Float
from regimefolio.market.view import View


class Allocator(Component, family="allocator"):
    """Turns the combined alpha at one bar into weights whose absolute sum is at most 1, before constraints."""

    code: ClassVar[int]
    """The rule's number in `kernels.weights.allocate_row`, which the whole-history form calls too."""

    @abstractmethod
    def weights(self, view: View) -> Float:
        """Target weights of shape (N,), fractions of equity; 0 for what cannot be traded at this bar."""
