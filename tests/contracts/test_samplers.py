"""Every sampler of ours keeps the public contract; and the contract bites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from regimefolio.core.component import registered
from regimefolio.research import Grid, Random, Sampler
from regimefolio.testing import SamplerContract


class TestGrid(SamplerContract):
    sampler: ClassVar[Sampler] = Grid()


class TestRandom(SamplerContract):
    sampler: ClassVar[Sampler] = Random(trials=12)


class TestRandomOfMoreThanThereIs(SamplerContract):
    sampler: ClassVar[Sampler] = Random(trials=1_000, seed=3)


def test_every_sampler_of_ours_is_under_contract() -> None:
    ours = {kind for kind, part in registered("sampler").items() if part.__module__.startswith("regimefolio.")}
    assert ours == {suite.sampler.kind for suite in (TestGrid, TestRandom)}


class Suspect(Sampler):
    """A sampler that does what its maker tells it."""

    _make: Callable[[Any, Sequence[Any]], list[Any]]

    def ask(self, space: Any, told: Sequence[Any] = (), seed: int = 0, stream: str = "") -> list[Any]:
        return self._make(space, told)


CALLS = iter(range(10**6))


@pytest.mark.parametrize(
    ("make", "failed"),
    [
        (lambda space, told: [] if told else [{"lookback": 77}], "test_points_lie_in_the_space"),
        (lambda space, told: [] if told else space.grid()[:1] * 2, "test_no_point_is_tried_twice"),
        (lambda space, told: space.grid()[:1], "test_a_search_ends"),
        (
            lambda space, told: [] if told else space.grid()[next(CALLS) % 40 :],
            "test_the_same_question_has_the_same_answer",
        ),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[Any, Sequence[Any]], list[Any]], failed: str) -> None:
    suspect = Suspect()
    suspect._make = make
    suite = type("Suite", (SamplerContract,), {"sampler": suspect})()
    with pytest.raises(AssertionError):
        getattr(suite, failed)()
