"""The surface of a search: how a score depends on the two parameters that move it most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regimefolio.core.types import Json

BANDS = 4
"""Into so many parts the values of a random search are cut."""


@dataclass(frozen=True)
class Surface:
    """The scores of a strategy's trials over one or two of its parameters.

    `points` holds (value, score) or (value, value, score) of the trials that are shown, in their order; `held` are the
    parameters that were searched besides and their values, the same in all of these trials; empty where `others_vary`,
    which says that trials with any values of the rest are shown. `chosen` is where the search ended.
    """

    parameters: tuple[str, ...]
    points: tuple[tuple[Json, ...], ...]
    chosen: tuple[Json, ...]
    held: Mapping[str, Json]
    others_vary: bool


def influence(parameters: Sequence[Mapping[str, Json]], scores: Sequence[float], name: str) -> float:
    """How much a parameter moves a score: the variance of the mean score over its values, by how often each was tried.

    NaN scores are left out. Values that are hardly ever tried twice, as those that a random search draws, count by
    their rank in `BANDS` bands: with one trial a value, any parameter would seem to move the score by all it varies.
    """
    known = [(each.get(name), score) for each, score in zip(parameters, scores, strict=True) if score == score]
    if not known:
        return 0.0
    values = _banded([value for value, _ in known])
    groups: dict[str, list[float]] = {}
    for value, (_, score) in zip(values, known, strict=True):
        groups.setdefault(repr(value), []).append(score)
    sizes = np.array([len(group) for group in groups.values()], dtype=np.float64)
    means = np.array([np.mean(group) for group in groups.values()])
    middle = (sizes * means).sum() / sizes.sum()
    return float((sizes * (means - middle) ** 2).sum() / sizes.sum())


def _banded(values: Sequence[Json]) -> Sequence[Json]:
    """Numbers by the band of their rank, where they have more values than bands and fewer than two trials a value."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    different = sorted(set(numbers))
    if len(numbers) < len(values) or len(different) <= BANDS or 2 * len(different) <= len(values):
        return values
    return [BANDS * different.index(number) // len(different) for number in numbers]


def search_surface(
    parameters: Sequence[Mapping[str, Json]], scores: Sequence[float], names: Sequence[str], chosen: Mapping[str, Json]
) -> Surface | None:
    """The scores over the most influential one or two of the parameters that were searched.

    Further parameters are held at the chosen values; where too few trials have these, as in a random search, all trials
    are shown.

    Parameters
    ----------
    parameters, scores
        Of every trial of one strategy; a trial without a score has NaN, one without a parameter has None for it.
    names : sequence of str
        The parameters that were searched; of those with one value alone there is nothing to show.
    chosen : mapping
        Where the search ended.

    Returns
    -------
    Surface, or None where no parameter has two values.
    """
    varied = [name for name in names if len({repr(each.get(name)) for each in parameters}) > 1]
    if not varied:
        return None
    ordered = sorted(varied, key=lambda name: -influence(parameters, scores, name))  # stable: the first of equals
    shown = tuple(name for name in names if name in ordered[:2])
    rest = [name for name in varied if name not in shown]
    alike = [n for n, each in enumerate(parameters) if all(each.get(name) == chosen.get(name) for name in rest)]
    combinations = math.prod(len({repr(each.get(name)) for each in parameters}) for name in shown)
    others_vary = bool(rest) and len(alike) < combinations
    kept = range(len(parameters)) if others_vary else alike
    return Surface(
        shown,
        tuple((*(parameters[n].get(name) for name in shown), scores[n]) for n in kept),
        tuple(chosen.get(name) for name in shown),
        {} if others_vary else {name: chosen.get(name) for name in rest},
        others_vary,
    )
