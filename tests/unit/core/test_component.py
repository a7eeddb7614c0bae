"""Parts: one class is registration, validation, description and identity."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import abstractmethod

import pytest
from pydantic import Field, ValidationError

from regimefolio.core.component import Component, Model, Part, did_you_mean, fingerprint, registered
from regimefolio.core.errors import ConfigError


class Shape(Component, family="test shape"):
    """A family of two, for these tests."""

    @abstractmethod
    def area(self) -> float: ...


class Square(Shape, kind="square"):
    """Has a side."""

    side: float = Field(1.0, gt=0)

    def area(self) -> float:
        return self.side**2


class Disc(Shape, kind="disc"):
    """Has a radius and a colour."""

    radius: float = Field(1.0, gt=0)
    colour: str = "red"

    def area(self) -> float:
        return 3.0 * self.radius**2


class Drawing(Model):
    """Holds shapes."""

    name: str = ""
    shapes: tuple[Part[Shape], ...] = ()


def test_the_class_keyword_registers_a_part() -> None:
    assert registered("test shape") == {"square": Square, "disc": Disc}
    assert (Disc.kind, Disc.family) == ("disc", "test shape")


def test_what_is_handed_out_is_not_the_registry_itself() -> None:
    handed_out = registered("test shape")
    assert isinstance(handed_out, dict)
    handed_out.clear()
    assert "square" in registered("test shape")


def test_a_second_part_of_the_same_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Square in .*test_component\.py is already the test shape 'square'"):

        class Other(Shape, kind="square"):
            def area(self) -> float:
                return 0.0

    assert registered("test shape")["square"] is Square


def test_a_class_that_is_read_again_takes_its_own_place() -> None:
    """As when a module is reloaded."""

    class Curve(Component, family="test curve"):
        pass

    def read() -> type[Curve]:
        class Oval(Curve, kind="oval"):
            pass

        return Oval

    first, second = read(), read()
    assert first is not second
    assert registered("test curve") == {"oval": second}


def test_a_part_must_do_its_familys_work() -> None:
    with pytest.raises(TypeError, match="Lazy must define area"):

        class Lazy(Shape, kind="lazy"):
            pass

    assert "lazy" not in registered("test shape")


def test_a_kind_needs_a_family() -> None:
    with pytest.raises(TypeError, match="Orphan names a kind but belongs to no family"):

        class Orphan(Component, kind="orphan"):
            pass


def test_a_name_a_mapping_or_an_instance_describes_a_part() -> None:
    disc = Disc(radius=2.0)
    assert Shape.of("disc") == Disc()
    assert Shape.of({"kind": "disc", "radius": 2}) == disc
    assert Shape.of(disc) is disc


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("dics", "unknown test shape 'dics'; did you mean 'disc'?"),
        (
            "hexagon",
            "unknown test shape 'hexagon'; known: disc, square; "
            "one of your own is found if its module stands under `plugins`",
        ),
        ({"radius": 2}, "a test shape is a name or a mapping with `kind`, but this is {'radius': 2}"),
        ({"kind": 3}, "a test shape is a name or a mapping with `kind`, but this is {'kind': 3}"),
        (7, "a test shape is a name or a mapping with `kind`, but this is 7"),
    ],
)
def test_what_describes_no_part(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Shape.of(value)
    assert str(caught.value) == message


def test_a_part_of_another_class_is_not_taken_for_this_one() -> None:
    with pytest.raises(ConfigError, match="'disc' is a Disc, not a Square"):
        Square.of("disc")


def test_the_mapping_that_describes_a_part_is_left_alone() -> None:
    described = {"kind": "disc", "radius": 2}
    Shape.of(described)
    assert described == {"kind": "disc", "radius": 2}


def test_the_description_gives_the_part_back_through_json() -> None:
    for part in (Square(side=0.1 + 0.2), Disc(radius=1e-9, colour="grün")):
        again = Shape.of(json.loads(json.dumps(part.spec())))
        assert again == part
        assert again.fingerprint == part.fingerprint


def test_parts_inside_a_model_are_read_and_written() -> None:
    drawing = Drawing.model_validate({"shapes": ["square", {"kind": "disc", "radius": 2}, Square(side=3)]})
    assert drawing.shapes == (Square(), Disc(radius=2), Square(side=3))
    assert drawing.plain() == {
        "name": "",
        "shapes": [
            {"kind": "square", "side": 1.0},
            {"kind": "disc", "radius": 2.0, "colour": "red"},
            {"kind": "square", "side": 3.0},
        ],
    }
    assert Drawing.model_validate(drawing.plain()) == drawing


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "wide", None])
def test_parameters_are_checked(value: object) -> None:
    with pytest.raises(ValidationError):
        Shape.of({"kind": "disc", "radius": value})


def test_a_part_never_changes() -> None:
    disc = Disc()
    with pytest.raises(ValidationError, match="frozen"):
        disc.radius = 2.0  # type: ignore[misc]


def test_an_unknown_key_is_refused_with_a_hint() -> None:
    with pytest.raises(ValidationError) as caught:
        Disc.model_validate({"radios": 2})
    assert "unknown key 'radios'; did you mean 'radius'?" in str(caught.value)


def test_every_unknown_key_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Disc.model_validate({"radios": 2, "color": "blue"})
    assert "'radios'; did you mean 'radius'?" in str(caught.value)
    assert "'color'; did you mean 'colour'?" in str(caught.value)


def test_hints() -> None:
    assert did_you_mean("sharp", ["sortino", "sharpe"]) == "did you mean 'sharpe'?"
    assert did_you_mean("x", ["sortino", "sharpe"]) == "known: sharpe, sortino"
    assert did_you_mean("x", []) == "nothing is known here"


# Identity


def test_a_fingerprint_is_the_sha_256_of_canonical_json() -> None:
    # printf '{"a":[1,2.5,null,true],"b":"ü"}' | sha256sum
    expected = "e5cd2d2fe58cd066597352247cfe0e1eadd4970bc99b3879be2a6a8a73cc3f22"
    assert fingerprint({"b": "ü", "a": [1, 2.5, None, True]}) == expected


def test_a_fingerprint_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        fingerprint({"a": float("nan")})


def test_a_fingerprint_tells_kinds_and_parameters_apart() -> None:
    parts = [Square(), Square(side=2), Disc(), Disc(colour="blue"), Disc(radius=1.0000000000000002)]
    assert len({part.fingerprint for part in parts}) == len(parts)
    assert Disc(radius=1).fingerprint == Disc(radius=1.0).fingerprint


def test_a_fingerprint_does_not_depend_on_the_process_or_the_order_of_keys() -> None:
    source = (
        "from regimefolio.strategies import Strategy; import sys, json; "
        "print(Strategy.of(json.loads(sys.argv[1])).fingerprint)"
    )
    texts = [
        '{"kind": "bollinger_mean_reversion", "lookback": 10, "width": 1.5}',
        '{"width": 1.5, "lookback": 10, "kind": "bollinger_mean_reversion"}',
    ]
    found = {
        subprocess.run(
            [sys.executable, "-c", source, text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for text, seed in zip(texts, ("1", "2"), strict=True)
    }
    from regimefolio.strategies import BollingerMeanReversion

    assert found == {BollingerMeanReversion(lookback=10, width=1.5).fingerprint}
