"""The promises of every sampler, as tests that a user's own sampler inherits.

class TestMine(SamplerContract):
sampler = Mine(trials=8)
"""

from __future__ import annotations

import json
from typing import ClassVar

from regimefolio.core.types import Json
from regimefolio.research import ParameterSpace, Sampler

SPACE = ParameterSpace.model_validate({"lookback": {"int": [2, 9]}, "width": [0.5, 1.0, 2.0], "side": ["long", "both"]})
"""Forty-eight points."""


class SamplerContract:
    """Checks what is promised of any sampler; inherit it in a test file and set `sampler`."""

    sampler: ClassVar[Sampler]

    def test_points_lie_in_the_space(self) -> None:
        grid = {_text(point) for point in SPACE.grid()}
        assert {_text(point) for point in self._all(0)} <= grid

    def test_no_point_is_tried_twice(self) -> None:
        points = [_text(point) for point in self._all(0)]
        assert len(points) == len(set(points)) > 0

    def test_the_same_question_has_the_same_answer(self) -> None:
        told = [(point, 1.0) for point in self.sampler.ask(SPACE)[:3]]
        for known in ([], told):
            assert self.sampler.ask(SPACE, known, seed=5) == self.sampler.ask(SPACE, known, seed=5)

    def test_a_search_ends(self) -> None:
        assert len(self._all(3)) <= 48

    def test_the_description_gives_the_sampler_back(self) -> None:
        described = json.loads(json.dumps(self.sampler.spec(), allow_nan=False))
        assert type(self.sampler).of(described) == self.sampler

    def _all(self, seed: int) -> list[dict[str, Json]]:
        """Every point that a whole search tries, each batch told before the next is asked for."""
        tried: list[dict[str, Json]] = []
        while len(tried) <= 48:
            asked = self.sampler.ask(SPACE, [(point, float(n % 7)) for n, point in enumerate(tried)], seed)
            if not asked:
                break
            tried += asked
        return tried


def _text(point: Json) -> str:
    return json.dumps(point, sort_keys=True)
