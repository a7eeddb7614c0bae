import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field, ValidationError, model_validator

from regimefolio.core.component import Component, Model
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError
from regimefolio.research import Axis, ParameterSpace, simplex, space


class Bands(Component):
    """A part with bounds of its own, and one that binds two parameters."""

    lookback: int = Field(20, ge=2)
    slow: int = Field(50, ge=2)
    width: float = Field(2.0, gt=0, le=4)
    side: Literal["long", "both"] = "long"

    @model_validator(mode="after")
    def _in_order(self) -> "Bands":
        if self.slow <= self.lookback:
            raise ValueError(f"slow must be above lookback, but they are {self.slow} and {self.lookback}")
        return self


Bands.kind = "bands"


def space_of(**axes: Any) -> ParameterSpace:
    return ParameterSpace.model_validate(axes)


def test_the_grid_is_in_the_order_of_the_file_and_its_last_key_is_fastest() -> None:
    found = space_of(width=[1.5, 2.0], lookback=[30, 10])
    assert found.grid() == [
        {"width": 1.5, "lookback": 30},
        {"width": 1.5, "lookback": 10},
        {"width": 2.0, "lookback": 30},
        {"width": 2.0, "lookback": 10},
    ]
    assert found.size == 4


def test_a_space_without_parameters_has_one_point() -> None:
    assert space_of().grid() == [{}]
    assert space_of().size == 1


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ([10, 20, 30], [10, 20, 30]),
        ([1, 2.0, True, "on", None], [1, 2.0, True, "on", None]),
        ({"int": [63, 252], "step": 63}, [63, 126, 189, 252]),
        ({"int": [1, 3]}, [1, 2, 3]),
        ({"int": [1, 6], "step": 2}, [1, 3, 5]),
        ({"int": [-2, 0], "step": 1}, [-2, -1, 0]),
        ({"float": [0.1, 0.5], "step": 0.1}, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"float": [1, 2], "step": 0.4}, [1.0, 1.4, 1.8]),
        ({"float": [0.5, 0.5], "step": 1e-9}, [0.5]),
        ({"choice": ["none", {"kind": "stop", "after": 3}]}, ["none", {"kind": "stop", "after": 3}]),
    ],
)
def test_values_of_an_axis(written: Any, values: list[Any]) -> None:
    axis = Axis.model_validate(written)
    found = list(axis.values)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
    assert axis.count == len(values)
    assert Axis.model_validate(axis.model_dump(mode="json")) == axis


def test_a_space_is_written_as_it_was_read() -> None:
    written = {"lookback": [10, 20], "slow": {"int": [30, 50], "step": 10}, "width": {"float": [1.0, 2.0]}}
    assert space_of(**written).model_dump(mode="json") == written


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (5, "a list, {int:"),
        ([], "at least 1 item"),
        ([1, 2, 1], "1 is listed twice"),
        ({}, "none of int, float and choice"),
        ({"int": [1, 2], "choice": [3]}, "there is int and choice"),
        ({"int": [3, 1]}, "low <= high must hold, but these are 3 and 1"),
        ({"int": [1, 2.5]}, "valid integer"),
        ({"int": [True, 3]}, "valid integer"),
        ({"int": [1, 9], "step": 0.5}, "must be an integer, but is 0.5"),
        ({"int": [1, 9], "step": 0}, "greater than 0"),
        ({"int": [1, 2, 3]}, "at most 2 items"),
        ({"float": ["a", 2]}, "valid number"),
        ({"float": [0, math.inf]}, "finite"),
        ({"choice": [1], "step": 1}, "`step` belongs to"),
        ({"flaot": [1, 2]}, "did you mean 'float'?"),
    ],
)
def test_mistakes_in_an_axis(written: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        space_of(lookback=written)
    assert message in str(caught.value)


class Job(Model):
    parameter_space: dict[str, ParameterSpace]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "job.yaml"


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("    lookback: {int: [10, x]}", "4:26", "whole number"),
        ("    lookback: {int: [10, 20], stpe: 5}", "4:31", "did you mean 'step'?"),
        ("    lookback: 20", "4:5", "but this is 20"),
    ],
)
def test_a_mistake_in_a_file_is_shown_at_its_place(file: Path, line: str, place: str, message: str) -> None:
    file.write_text(f"job:\n  parameter_space:\n   bands:\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_document(file).parse(Job, "job")
    assert f"job.yaml:{place}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_file_keeps_its_order(file: Path) -> None:
    file.write_text("job:\n  parameter_space:\n    bands: {width: [1.5, 2.0], lookback: {int: [5, 6]}}\n")
    found = read_document(file).parse(Job, "job").parameter_space["bands"]
    assert [list(point) for point in found.grid()] == [["width", "lookback"]] * 4
    assert [point["lookback"] for point in found.grid()] == [5, 6, 5, 6]


def test_a_space_that_the_part_takes() -> None:
    found = space_of(lookback=[10, 20], width={"float": [1, 2]}, side=["long", "both"])
    assert found.mistakes(Bands) == []


def test_an_unknown_parameter_gets_a_hint() -> None:
    (_, first), (_, second) = space_of(lokback=[10], width=[9.0]).mistakes(Bands)
    assert "bands has no parameter 'lokback'; did you mean 'lookback'" in first
    assert "refuses width = 9.0" in second


@pytest.mark.parametrize(
    ("axes", "place", "message"),
    [
        (
            {"lookback": [10, 1]},
            ("lookback",),
            "bands refuses lookback = 1: input should be greater than or equal to 2",
        ),
        ({"width": {"float": [1.0, 5.0]}}, ("width",), "bands refuses width = 5.0"),
        ({"lookback": {"int": [0, 9], "step": 3}}, ("lookback",), "bands refuses lookback = 0"),
        ({"side": ["long", "shrot"]}, ("side",), 'bands refuses side = "shrot"'),
    ],
)
def test_a_value_that_the_part_refuses(axes: Any, place: tuple[str, ...], message: str) -> None:
    ((found_place, found),) = space_of(**axes).mistakes(Bands)
    assert found_place == place
    assert found.startswith(message)


def test_a_point_that_the_part_refuses_as_a_whole() -> None:
    """No value is wrong by itself: 60 is above the default of `slow`, yet below 100."""
    assert space_of(lookback=[60], slow=[100]).mistakes(Bands) == []
    ((place, found),) = space_of(lookback=[10, 60], slow=[40, 100]).mistakes(Bands)
    assert place == ()
    assert found == ('bands refuses {"lookback": 60, "slow": 40}: slow must be above lookback, but they are 40 and 60')


def test_parameters_that_are_not_searched_count_too() -> None:
    assert space_of(lookback=[60]).mistakes(Bands, {"slow": 80}) == []
    assert "50 and 60" in space_of(lookback=[60]).mistakes(Bands)[0][1]


def test_a_range_without_a_step_has_no_grid() -> None:
    found = space_of(width={"float": [1.0, 3.0]})
    assert found.size is None
    with pytest.raises(ConfigError, match=r"\{float: \[1.0, 3.0\]\} needs a `step`"):
        found.grid()


def test_a_grid_too_large_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = space_of(a={"int": [1, 10**12]}, b={"float": [0, 1], "step": 1e-9})
    assert huge.size == 10**12 * (10**9 + 1)
    with pytest.raises(ConfigError, match="take larger steps"):
        huge.grid()
    monkeypatch.setattr(space, "MAX_POINTS", 5)
    with pytest.raises(ConfigError, match="make 6 vectors, more than 5"):
        simplex(3, 0.5)


def test_all_weights_in_quarters() -> None:
    assert simplex(2, 0.25).tolist() == [[0.0, 1.0], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [1.0, 0.0]]
    assert simplex(3, 0.5).tolist() == [
        [0.0, 0.0, 1.0],
        [0.0, 0.5, 0.5],
        [0.0, 1.0, 0.0],
        [0.5, 0.0, 0.5],
        [0.5, 0.5, 0.0],
        [1.0, 0.0, 0.0],
    ]
    assert simplex(1, 0.1).tolist() == [[1.0]]


@pytest.mark.parametrize(("n", "step"), [(3, 0.1), (4, 0.2), (5, 1 / 3), (2, 1.0)])
def test_the_simplex_is_complete_exact_and_in_order(n: int, step: float) -> None:
    units = round(1 / step)
    found = simplex(n, step)
    whole = np.rint(found * units).astype(int)
    assert len(found) == len({tuple(row) for row in whole}) == math.comb(units + n - 1, n - 1)
    assert (whole.sum(axis=1) == units).all()
    assert (found == whole / units).all()
    assert sorted(whole.tolist()) == whole.tolist()


def test_a_least_weight() -> None:
    assert simplex(3, 0.1, minimum=0.3).tolist() == [[0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.4, 0.3, 0.3]]
    assert simplex(2, 0.25, minimum=0.3).tolist() == [[0.5, 0.5]]
    assert simplex(2, 0.01, minimum=0.07)[0].tolist() == [0.07, 0.93]  # 0.07 / 0.01 is above 7 in binary
    assert simplex(4, 0.25, minimum=0.25).tolist() == [[0.25] * 4]


@pytest.mark.parametrize("given", [(3, 0.3), (3, 0.0), (3, 1.5), (3, -0.5), (0, 0.5), (3, 0.25, 0.5), (2, 0.5, -0.5)])
def test_weights_that_cannot_be(given: tuple[int, float]) -> None:
    with pytest.raises(ConfigError, match="step"):
        simplex(*given)
