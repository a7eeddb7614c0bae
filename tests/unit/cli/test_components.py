"""`components`: every part with what its class says of it, found by any spelling of its family."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from regimefolio import api
from regimefolio.cli.components import Parameter, describe, described, takes
from regimefolio.core.component import Component, Part
from tests.unit.cli.conftest import Call

KNOWN = (
    "known: allocator, blend, covariance, expected_return, feature, overlay, regime_detector, sampler, source, stop, "
    "strategy"
)


class Toy(Component, family="toy", kind="spinning_top"):
    """Spins about e.g. 1.5 times, or
    `turns` times. Then it falls.

    More of it.
    """

    whole: int = Field(3, ge=2, le=1_000, description="turns")
    real: float = Field(0.5, gt=0, lt=1)
    free: float = 2.0
    huge: int = Field(0, lt=2**63)
    pick: Literal[2, "three"] = 2
    must: str
    maybe: int | None = Field(None, ge=1)
    several: tuple[float, ...] = (0.1, 0.2)
    day: date = Field(date(2000, 1, 3), ge=date(1999, 1, 1))
    flag: bool = True
    path: Path = Path("a/b")
    marked: Annotated[int, Field(ge=7)] = Field(8, le=9)
    made: list[int] = Field(default_factory=lambda: [1])
    part: Part[api.Allocator] = Field(default_factory=lambda: api.Allocator.of("proportional"))


TOY = {each.name: each for each in describe(Toy).parameters}


@pytest.mark.parametrize(
    ("name", "words", "default"),
    [
        ("whole", "integer from 2 to 1,000", 3),
        ("real", "number above 0 below 1", 0.5),
        ("free", "number", 2.0),
        ("huge", "integer below 2^63", 0),
        ("pick", "2 or three", 2),
        ("must", "text", None),
        ("maybe", "integer or none from 1", None),
        ("several", "list of numbers", [0.1, 0.2]),
        ("day", "date from 1999-01-01", "2000-01-03"),
        ("flag", "true or false", True),
        ("path", "path", "a/b"),
        ("marked", "integer from 7 to 9", 8),
        ("made", "list of integers", [1]),
        ("part", "allocator", {"kind": "proportional", "long_short": False}),
    ],
)
def test_a_parameter_in_words(name: str, words: str, default: object) -> None:
    assert (takes(TOY[name]), TOY[name].default) == (words, default)
    assert TOY[name].required == (name == "must")


def test_bounds_say_whether_they_are_allowed_themselves() -> None:
    whole, real = TOY["whole"], TOY["real"]
    assert (whole.minimum, whole.minimum_excluded, whole.maximum, whole.maximum_excluded) == (2, False, 1000, False)
    assert (real.minimum, real.minimum_excluded, real.maximum, real.maximum_excluded) == (0, True, 1, True)
    assert TOY["pick"].choices == [2, "three"]


def test_the_summary_is_the_first_sentence() -> None:
    found = describe(Toy)
    assert (found.family, found.kind, found.summary) == (
        "toy",
        "spinning_top",
        "Spins about e.g. 1.5 times, or `turns` times.",
    )


def test_every_family_and_part_is_listed(call: Call) -> None:
    code, out, err = call("components")
    assert (code, err) == (0, "")
    titles = [line for line in out.splitlines() if line and not line.startswith((" ", "With"))]
    assert titles == [
        "Sources", "Features", "Strategies", "Overlays", "Regime detectors", "Allocators", "Blends", "Expected returns",
        "Covariances", "Samplers", "Stops",
    ]  # fmt: skip
    for family in api.FAMILIES:
        for kind in api.registered(family):
            assert f"\n  {kind} " in out
    assert max(map(len, out.splitlines())) <= 80


def test_what_takes_long_says_so(call: Call) -> None:
    found = {each.kind: each.slow for each in described("allocator")}
    assert (found["higher_moments"], found["min_variance"]) == (True, False)
    assert not any(each.slow for each in described("strategy"))  # some have a parameter of that name
    assert "(slow)" in call("components", "higher_moments")[1]
    assert "(slow)" not in call("components", "min_variance")[1]
    assert '"slow": true' in call("components", "higher_moments", "--json")[1]


def test_parts_in_a_list_are_written_as_parts() -> None:
    (found,) = [each for each in described("hrp")[0].parameters if each.name == "covariance_transformers"]
    assert found.default == [{"kind": "ledoit_wolf"}]


def test_a_kind_of_two_families_is_shown_with_them(call: Call) -> None:
    out = call("components", "technical_rating").out
    heads = [line.partition(":")[0] for line in out.splitlines() if "technical_rating:" in line]
    assert heads == ["feature technical_rating", "strategy technical_rating"]
    assert call("components", "feature", "technical_rating").out.startswith("technical_rating: ")


def test_every_shipped_part_is_explained() -> None:
    """Nobody can choose a part, or a value, that is not described."""
    shipped = [
        (family, kind, each)
        for family in api.FAMILIES
        for kind, part in api.registered(family).items()
        if part.__module__.startswith("regimefolio.")
        for each in described(family, kind)
    ]
    assert len(shipped) >= 9
    for _, kind, each in shipped:
        assert each.summary.endswith("."), kind
        for parameter in each.parameters:
            assert parameter.description, f"{kind}.{parameter.name}"


@pytest.mark.parametrize(
    "word", ["regime detector", "regime_detector", "regime-detector", "Regime Detectors", "regime_detectors"]
)
def test_a_family_in_any_spelling(word: str, call: Call) -> None:
    code, out, _ = call("components", word)
    assert code == 0
    heads = [line.partition(":")[0] for line in out.splitlines() if line.startswith(("gaussian_hmm:", "trend:"))]
    assert heads == ["gaussian_hmm", "trend"]
    assert "momentum_rank" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_plural_of_strategy(call: Call) -> None:
    assert call("components", "strategies") == call("components", "strategy")


def test_one_part_with_its_parameters(call: Call) -> None:
    code, out, _ = call("components", "strategy", "bollinger_mean_reversion")
    assert code == 0
    assert "momentum_rank" not in out
    rows = [line.split() for line in out.splitlines()]
    assert ["lookback", "20", "integer", "from", "2"] in rows
    assert ["width", "2.0", "number", "above", "0"] in rows
    assert "half the band's width, in deviations of the window" in " ".join(out.split())


def test_required_and_no_parameters(call: Call) -> None:
    assert ["path", "required", "path"] in [
        line.split() for line in call("components", "source", "file").out.splitlines()
    ]
    assert call("components", "allocator", "equal_weight").out.endswith("no parameters\n")


def test_a_part_is_found_by_its_own_name(call: Call) -> None:
    assert call("components", "trend") == call("components", "regime_detector", "trend")
    assert call("components", "momentum_rank", "--json") == call("components", "strategy", "momentum_rank", "--json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stratgy",), "unknown family 'stratgy'; did you mean 'strategy'?"),
        (("Regime-Detctor",), "unknown family 'Regime-Detctor'; did you mean 'regime_detector'?"),
        (
            ("xyz",),
            f"unknown family 'xyz'; {KNOWN}",
        ),
        (("strategy", "momentum_rnk"), "unknown strategy 'momentum_rnk'; did you mean 'momentum_rank'?"),
        (
            ("trend", "trend"),
            "unknown family 'trend'; did you mean 'blend'?",
        ),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_typo_leaves_with_2_and_a_hint(
    arguments: tuple[str, ...], message: str, options: tuple[str, ...], call: Call
) -> None:
    assert call("components", *arguments, *options) == (2, "", f"error: {message}\n")


def test_json(call: Call) -> None:
    code, out, err = call("components", "regime_detector", "gaussian_hmm", "--json")
    assert (code, err) == (0, "")
    (found,) = json.loads(out)
    assert (found["family"], found["kind"]) == ("regime detector", "gaussian_hmm")
    parameters: dict[str, Any] = {each["name"]: each for each in found["parameters"]}
    assert list(parameters) == list(api.GaussianHMM.model_fields)
    assert parameters["states"] == {
        "name": "states",
        "type": "choice",
        "required": False,
        "default": 3,
        "minimum": None,
        "minimum_excluded": False,
        "maximum": None,
        "maximum_excluded": False,
        "choices": [2, 3, 4],
        "description": api.GaussianHMM.model_fields["states"].description,
    }
    assert (parameters["first_fit"]["minimum"], parameters["first_fit"]["maximum"]) == (60, 100_000)


def test_json_of_all_holds_every_kind(call: Call) -> None:
    found = [(each["family"], each["kind"]) for each in json.loads(call("components", "--json").out)]
    assert found == [(family, kind) for family in api.FAMILIES for kind in sorted(api.registered(family))]


def test_kinds_are_in_order_whatever_was_imported_first(monkeypatch: pytest.MonkeyPatch) -> None:
    backwards = dict(sorted(api.registered("strategy").items(), reverse=True))
    monkeypatch.setattr(api, "registered", lambda family: backwards)
    kinds = [each.kind for each in described("strategy")]
    assert len(kinds) > 2
    assert kinds == sorted(kinds)


def test_every_default_is_one_that_the_part_takes() -> None:
    """What is shown can be typed into a file."""
    for family in api.FAMILIES:
        for part in api.registered(family).values():
            fields: list[Parameter] = describe(part).parameters
            if not any(field.required for field in fields):
                assert part.model_validate({field.name: field.default for field in fields}) == part()


def test_help_has_true_examples(call: Call) -> None:
    out = call("components", "--help").out
    examples = [line.split()[1:] for line in out.splitlines() if line.startswith("  regimefolio ")]
    assert len(examples) == 4
    for example in examples:
        assert call(*example).code == 0
