"""What a broker takes of an order's value: one part, or less and less in tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, TypeAdapter

from regimefolio.core.component import Model, placed_error
from regimefolio.core.types import Float, read_only
from regimefolio.kernels.terms import NONE

BasisPoints: TypeAlias = Annotated[float, Field(ge=0, lt=5000)]


class Tier(Model):
    """The part of an order's value up to a sum of money, and what is paid of it."""

    up_to: float | None = Field(None, gt=0, description="money of the order's value; the last tier has no end")
    bps: BasisPoints = Field(description="basis points of what is above the tier before, and up to this one's end")


_ONE: TypeAdapter[float] = TypeAdapter(BasisPoints)
_TIERS: TypeAdapter[tuple[Tier, ...]] = TypeAdapter(Annotated[tuple[Tier, ...], Field(min_length=1)])


def _commission(value: Any) -> float | tuple[Tier, ...]:
    if isinstance(value, Mapping):
        raise ValueError("a commission is basis points such as 5, or tiers such as [{up_to: 10000, bps: 10}, {bps: 5}]")
    if not isinstance(value, list | tuple):
        return _ONE.validate_python(value)
    tiers = _TIERS.validate_python(value)
    ends = [tier.up_to for tier in tiers]
    for number, end in enumerate(ends[:-1]):
        if end is None:
            raise placed_error((number,), "only the last tier goes on without end; say `up_to`")
    if ends[-1] is not None:
        raise placed_error((len(ends) - 1, "up_to"), "the last tier goes on without end; leave `up_to` out")
    for number, (one, other) in enumerate(pairwise([end for end in ends if end is not None]), start=1):
        if other <= one:
            raise placed_error((number, "up_to"), f"tiers ascend, but {other:g} stands after {one:g}")
    return tiers


Commission: TypeAlias = Annotated[BasisPoints | tuple[Tier, ...], BeforeValidator(_commission)]
"""A field that takes basis points of traded value, or a list of tiers."""


def tiers_of(commission: float | Sequence[Tier]) -> tuple[Tier, ...]:
    """The tiers of a commission: one, where it is a number."""
    return (Tier(bps=commission),) if isinstance(commission, int | float) else tuple(commission)


def changes_of(commission: float | Sequence[Tier]) -> Float:
    """Ends of the tiers, and by how much the fraction of the next one differs: (2, K), or (0, 0) where there is one."""
    tiers = tiers_of(commission)
    changes = [(one.up_to, (other.bps - one.bps) * 1e-4) for one, other in pairwise(tiers)]
    return read_only(np.array(changes, dtype=np.float64).T) if changes else NONE


def in_words(commission: float | Sequence[Tier]) -> str:
    """Such as `5 bp`, or `10 bp up to 10,000 and 2 bp above`."""
    tiers = tiers_of(commission)
    parts = [f"{tier.bps:g} bp up to {tier.up_to:,.10g}" for tier in tiers if tier.up_to is not None]
    last = f"{tiers[-1].bps:g} bp"
    return f"{', '.join(parts)} and {last} above" if parts else last
