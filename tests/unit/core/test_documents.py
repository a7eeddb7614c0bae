"""Configuration files: YAML without its traps, and mistakes with their place."""

from __future__ import annotations

import datetime
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from regimefolio.backtest import BacktestSpec
from regimefolio.core.component import FolderName, Model, Rate
from regimefolio.core.documents import Document, read_document
from regimefolio.core.errors import ConfigError, DataError


def written(folder: Path, text: str | bytes, name: str = "file.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def data(folder: Path, text: str | bytes) -> dict[str, Any]:
    return read_document(written(folder, text)).data


def refusal(folder: Path, text: str | bytes) -> str:
    """The error's first line, without the path."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    return str(caught.value).splitlines()[0].removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("010", "010"),
        ("005930", "005930"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1:1", "1:1"),
        ("0", 0),
        ("-3", -3),
        ("+5", 5),
        ("10", 10),
        ("1e-6", 1e-6),
        ("1E6", 1e6),
        ("1.0e-6", 1e-6),
        (".5", 0.5),
        ("1.", 1.0),
        ("0.10", 0.1),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2020-01-31", datetime.date(2020, 1, 31)),
        ("2020-1-31", "2020-1-31"),
        ("2020-01-31 10:00:00", "2020-01-31 10:00:00"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"no"', "no"),
        ('"2020-01-31"', "2020-01-31"),
        ("|\n  12", "12\n"),
        ("=", "="),
    ],
)
def test_what_a_plain_word_means(text: str, value: object, tmp_path: Path) -> None:
    found = data(tmp_path, f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text(tmp_path: Path) -> None:
    assert data(tmp_path, "no: 1\n12: 2\nnull: 3\n2020-01-01: 4\n") == {"no": 1, "12": 2, "null": 3, "2020-01-01": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3:1: key 'a' was already given in line 1"),
        ("a: 1\n'a': 3\n", ":2:1: key 'a' was already given in line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", ":2:13: key 'c' was already given in line 2"),
        ("a: 2020-02-30\n", ":1:4: '2020-02-30' is not a date: day is out of range for month"),
        ("a: 1\nb: 1e999\n", ":2:4: the number is too large"),
        (f"a: {'9' * 5000}\n", ":1:4: the number is too large"),
        ("a: &x 1\n", ":1:4: anchors and aliases are not supported; write the value out"),
        ("b: 1\na: &x [*x]\n", ":2:4: anchors and aliases are not supported; write the value out"),
        ("a: *x\n", ":1:4: anchors and aliases are not supported; write the value out"),
        ("a: !!str 12\n", ":1:4: tags are not supported; write the value alone, in quotes where it is text"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            ":1:4: tags are not supported; write the value alone, in quotes where it is text",
        ),
        ("a:\n\tb: 1\n", ":2:1: not YAML: found character '\\t' that cannot start any token"),
        ("a: [1, 2\nb: 3\n", ":2:2: not YAML: expected ',' or ']', but got ':'"),
        ("a: b: c\n", ":1:5: not YAML: mapping values are not allowed here"),
        ("a: 1\nb: \x0b2\n", ":2:1: not YAML: the line holds the character '\\x0b'; take it out"),
        ("a: 1\n---\nb: 2\n", ":2:1: not YAML: but found another document"),
        ("? [a]\n: 1\n", ":1:3: a key must be plain text"),
        ("", ":1:1: the file must be a mapping of keys to values"),
        ("# nothing\n", ":1:1: the file must be a mapping of keys to values"),
        ("- a\n", ":1:1: the file must be a mapping of keys to values"),
        ("extends: 3\n", ":1:1: `extends` must name a file"),
    ],
)
def test_what_is_refused(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize("text", [b"a: \xe9", "a: 1".encode("utf-16")])
def test_other_encodings_are_named(text: bytes, tmp_path: Path) -> None:
    assert refusal(tmp_path, text).startswith(": cannot be read as UTF-8 text (")


def test_a_byte_order_mark_and_carriage_returns_change_nothing(tmp_path: Path) -> None:
    assert data(tmp_path, b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: text\r\n") == {"a": 1, "b": {"c": "text"}}
    assert refusal(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\na: 3\r\n") == ":3:1: key 'a' was already given in line 1"


def test_the_line_is_shown_with_a_pointer(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1\nb:\n  c: 2020-13-01  # late\n")
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    assert str(caught.value).splitlines()[1:] == ["    c: 2020-13-01  # late", "       ^"]


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 20_000, "a: " + "{" * 20_000, "a: " + "{a: " * 20_000, "a:\n" + "- " * 20_000, "? " * 20_000],
)
def test_deep_nesting_is_refused_at_once(text: str, tmp_path: Path) -> None:
    """In a process of its own: a stack that overflows ends it without an exception."""
    path = written(tmp_path, text)
    code = (
        "import sys, pathlib; from regimefolio.core.documents import read_document\n"
        "try: read_document(pathlib.Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"ConfigError {path}:")
    assert "nested deeper than 40 levels" in done.stdout
    assert len(done.stdout) < 500  # and the line of 20,000 characters is not repeated
    assert time.perf_counter() - begun < 10


def test_forty_levels_are_fine(tmp_path: Path) -> None:
    found: Any = data(tmp_path, "a: " + "[" * 39 + "1" + "]" * 39)["a"]
    for _ in range(39):
        (found,) = found
    assert found == 1


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
    )
    assert refusal(tmp_path, bomb).startswith(":1:4: anchors and aliases")


# Mistakes of a model, with their place

BACKTEST = """\
backtest:
  data: {source: "sample:us5"}
  strategies:
    - bolinger_mean_reversion
    - {kind: momentum_rank, lookbak: 3, skp: 1}
    - {kind: bollinger_mean_reversion, lookback: 1, width: -2}
    - {weight: 2}
    - {kind: momentum_rank, weight: wide}
    - kind: momentum_rank
      skip: 5
      horizon: 0
  portfolio: {allocator: proportionl, constraints: {max_position: 0}, rebalance: {every: 0}}
  execution: {fil: next_open}
  initial_capital: 0
  regime_detector:
    kind: trend
    average: 1
    shallow: 0.5
"""

MISTAKES = [
    "4:7: unknown strategy 'bolinger_mean_reversion'; did you mean 'bollinger_mean_reversion'?",
    "5:29: unknown key 'lookbak'; did you mean 'lookback'?",
    "5:41: unknown key 'skp'; did you mean 'skip'?",
    "6:40: must be at least 2, but this is 1",
    "6:53: must be more than 0, but this is -2",
    "7:7: a strategy is a name or a mapping with `kind`, but this is {}",
    "8:29: must be a number, but this is 'wide'",
    "11:7: must be at least 1, but this is 0",
    "12:15: unknown allocator 'proportionl'; did you mean 'proportional'?",
    "12:53: must be more than 0, but this is 0",
    "12:71: a rebalance is `daily`, `weekly`, `monthly`, `quarterly`, `yearly`, `{every: k}` with k ≥ 1 bars, or "
    "`{dates: […]}` with dates or file:PATH",
    "13:15: unknown key 'fil'; did you mean 'fill'?",
    "14:3: must be more than 0, but this is 0",
    "17:5: must be at least 2, but this is 1",
]


def mistakes(path: Path, section: str = "backtest", model: type[Model] = BacktestSpec) -> list[str]:
    """First lines of the error and of its notes."""
    with pytest.raises(ConfigError) as caught:
        read_document(path).parse(model, section)
    return [text.splitlines()[0] for text in (str(caught.value), *getattr(caught.value, "__notes__", []))]


def test_every_mistake_is_listed_with_its_line_and_column(tmp_path: Path) -> None:
    path = written(tmp_path, BACKTEST)
    assert mistakes(path) == [f"{path}:{mistake}" for mistake in MISTAKES]


def test_a_rule_between_two_parameters_stands_at_the_part(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "backtest:\n  data: {source: 'sample:us5'}\n  strategies: [momentum_rank]\n"
        "  regime_detector: {kind: trend, shallow: 0.5}\n",
    )
    (found,) = mistakes(path)
    assert found == f"{path}:4:3: shallow <= deep must hold, but got (shallow=0.5, deep=0.15)"


class Inner(Model):
    count: int = Field(gt=0)
    name: str


class Outer(Model):
    inner: Inner
    others: tuple[Inner, ...] = Field((), min_length=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("outer:\n  inner:\n    count: 1\n", ["2:3: `name` is missing"]),
        ("outer:\n  inner: {name: x}\n", ["2:3: `count` is missing"]),
        ("outer: {}\n", ["1:1: `inner` is missing"]),
        (
            "outer:\n  inner: {count: 0, name: 3}\n",
            [
                "2:11: must be more than 0, but this is 0",
                "2:21: must be text; put it in quotes, but this is 3",
            ],
        ),
        (
            "outer:\n  inner: {count: 1, name: x}\n  others: [{count: 1, name: x}, {count: 0, name: x}]\n",
            ["3:34: must be more than 0, but this is 0"],
        ),
        (
            "outer:\n  inner: {count: 1, name: x}\n  others: [{count: 1, name: x}]\n",
            ["3:3: must hold at least 2, but holds 1"],
        ),
    ],
)
def test_places_of_plain_models(text: str, expected: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, text)
    assert mistakes(path, "outer", Outer) == [f"{path}:{each}" for each in expected]


class Kinds(Model):
    flag: bool = True
    only: Literal[True] = True
    whole: int = 1
    number: float = Field(0.5, ge=0, le=0.9)
    day: datetime.date | None = None
    words: tuple[str, ...] = ("x",)
    rate: Rate = 0.0
    folder: FolderName = "x"
    table: dict[str, int] = Field({"a": 1}, min_length=1)
    either: Annotated[int, Field(ge=1)] | Literal["never", "always"] | None = None
    path: Path | None = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flag: perhaps", "must be true or false, but this is 'perhaps'"),
        ("only: false", "must be true, but this is False"),
        ("whole: 1.5", "must be a whole number, but this is 1.5"),
        ("whole: x", "must be a whole number, but this is 'x'"),
        ("whole:", "must be a whole number"),
        ("number: []", "must be a number"),
        ("number: 2", "must be at most 0.9, but this is 2"),
        ("number: -1", "must be at least 0, but this is -1"),
        ("day: 31.1.2015", "write a date as 2015-01-31, but this is '31.1.2015'"),
        ("day: 2015-1-31", "write a date as 2015-01-31, but this is '2015-1-31'"),
        ("day: 2015-01-31 10:30:00", "write a date as 2015-01-31, but this is '2015-01-31 10:30:00'"),
        ("words: x", "a list belongs here, such as [a, b], but this is 'x'"),
        ("words: [1]", "must be text; put it in quotes, but this is 1"),
        ("table: {}", "must hold at least 1, but holds 0"),
        ("either: soon", "must be a whole number or 'never' or 'always', but this is 'soon'"),
        ("either: 0", "must be at least 1 or 'never' or 'always', but this is 0"),
        ("path: 5", "must be the path of a file, but this is 5"),
        ("table: 1", "a mapping of keys to values belongs here; leave the key out to take the defaults"),
        ("rate: 2", "a rate is a fraction a year between -0.5 and 0.5: 0.02 is 2%, but this is 2"),
        ("rate: -200", "a rate is a fraction a year between -0.5 and 0.5: 0.02 is 2%, but this is -200"),
        (
            "folder: a/b",
            "must be made of letters, digits, `_`, `.` and `-`, and begin with a letter or a digit, but this is 'a/b'",
        ),
    ],
)
def test_mistakes_are_told_in_plain_words(text: str, expected: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"kinds:\n  {text}\n")
    (found,) = mistakes(path, "kinds", Kinds)
    assert found.split(": ", 1)[1] == expected


def test_the_command_for_another_section_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "workflow: {}\n")
    assert mistakes(path) == [f"{path}:1:1: unknown section 'workflow'; `regimefolio run` takes such a file"]
    path = written(tmp_path, BACKTEST)
    (found,) = mistakes(path, "workflow", Outer)
    assert found == f"{path}:1:1: unknown section 'backtest'; `regimefolio backtest` takes such a file"


def test_the_file_consists_of_one_section(tmp_path: Path) -> None:
    path = written(tmp_path, "outer: {inner: {count: 1, name: x}}\nextra: 1\n")
    assert mistakes(path, "outer", Outer) == [f"{path}:2:1: unknown section 'extra'; known: outer"]
    path = written(tmp_path, "backtets: {}\n")
    assert mistakes(path) == [f"{path}:1:1: unknown section 'backtets'; did you mean 'backtest'?"]
    path = written(tmp_path, "extends: base.yaml\n")
    written(tmp_path, "{}\n", "base.yaml")
    assert mistakes(path) == [f"{path}:1:1: the file must consist of one section `backtest:`"]


def test_any_value_can_be_blamed(tmp_path: Path) -> None:
    document = read_document(written(tmp_path, "a:\n  - {b: 1, c: 2}\n"))
    with pytest.raises(ConfigError) as caught, document.placing("a"):
        raise DataError("no", (0, "c"))
    assert str(caught.value) == f"{document.path}:2:12: no\n    - {{b: 1, c: 2}}\n             ^"
    with pytest.raises(ConfigError, match=r":2:5: no"), document.placing("a"):
        raise DataError("no", (0, "d"))
    with pytest.raises(DataError, match=r"^no$"), document.placing("a"):
        raise DataError("no")


# Files that extend others


def chain(folder: Path, **files: str) -> Document:
    """The document `child.yaml` among some files."""
    for name, text in files.items():
        written(folder, text, f"{name}.yaml")
    return read_document(folder / "child.yaml")


def test_a_file_may_extend_another(tmp_path: Path) -> None:
    document = chain(
        tmp_path,
        base="a: {x: 1, y: [1, 2, 3], z: {p: 1}}\nb: kept\n",
        middle="extends: base.yaml\na: {x: 2, z: {q: 2}}\n",
        child="extends: middle.yaml\na: {y: [4]}\nc: added\n",
    )
    assert document.data == {"a": {"x": 2, "y": [4], "z": {"p": 1, "q": 2}}, "b": "kept", "c": "added"}


def test_the_extended_file_is_sought_beside_the_one_that_names_it(tmp_path: Path) -> None:
    written(tmp_path, "extends: ../other/base.yaml\n", "configs/child.yaml")
    written(tmp_path, "extends: root.yaml\n", "other/base.yaml")
    written(tmp_path, "a: 1\n", "other/root.yaml")
    assert read_document(tmp_path / "configs" / "child.yaml").data == {"a": 1}


def test_a_mistake_stands_in_the_file_that_makes_it(tmp_path: Path) -> None:
    document = chain(
        tmp_path,
        base="outer:\n  inner: {count: 0, name: x}\n",
        child="extends: base.yaml\nouter:\n  others: [{count: 1}]\n",
    )
    with pytest.raises(ConfigError) as caught:
        document.parse(Outer, "outer")
    texts = [str(caught.value), *caught.value.__notes__]
    assert [text.splitlines()[0] for text in texts] == [
        f"{tmp_path / 'base.yaml'}:2:11: must be more than 0, but this is 0",
        f"{tmp_path / 'child.yaml'}:3:12: `name` is missing",
    ]
    assert texts[0].splitlines()[1] == "    inner: {count: 0, name: x}"


def test_what_was_replaced_is_not_blamed(tmp_path: Path) -> None:
    """The list of the child takes the place of the base's, whose first item had a name."""
    document = chain(
        tmp_path,
        base="outer:\n  inner: {count: 1, name: x}\n  others:\n    - {count: 1, name: x}\n",
        child="extends: base.yaml\nouter:\n  others:\n    - {count: 1}\n    - {count: 1, name: y}\n",
    )
    with pytest.raises(ConfigError, match=r"child\.yaml:4:7: `name` is missing"):
        document.parse(Outer, "outer")


@pytest.mark.parametrize("name", ["child.yaml", "./child.yaml", "sub/../child.yaml"])
def test_a_file_that_extends_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(ConfigError, match="extends itself through"):
        chain(tmp_path, child=f"extends: {name}\n")


def test_a_ring_of_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        chain(tmp_path, child="extends: b.yaml\n", b="extends: c.yaml\n", c="extends: child.yaml\n")
    ring = " → ".join(str(tmp_path / name) for name in ("child.yaml", "b.yaml", "c.yaml"))
    assert str(caught.value) == f"{tmp_path / 'child.yaml'}: extends itself through {ring}"


def test_errors_of_the_extended_file_name_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        chain(tmp_path, base="a: 1\na: 2\n", child="b: 1\nextends: base.yaml\n")
    assert str(caught.value).startswith(f"{tmp_path / 'base.yaml'}:2:1: key 'a' was already given in line 1")
    assert caught.value.__notes__ == [f"{tmp_path / 'child.yaml'}:2: it is extended here"]


def test_a_missing_file_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        chain(tmp_path, base="a: 1\n", child="extends: bsae.yaml\n")
    assert str(caught.value) == f"{tmp_path / 'bsae.yaml'}: there is no such file (did you mean 'base.yaml'?)"
    with pytest.raises(ConfigError, match=r"there is no such file$"):
        read_document(tmp_path / "nowhere" / "x.yaml")
    with pytest.raises(ConfigError, match=r": is a folder; name a configuration file in it, such as .*/my\.yaml$"):
        read_document(tmp_path)
    with pytest.raises(ConfigError, match=r": cannot be read \(Not a directory\); name a file that you may read$"):
        read_document(written(tmp_path, "a: 1\n") / "x.yaml")


def test_files_are_found_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    written(tmp_path / "home", "a: 1\n", "base.yaml")
    written(tmp_path / "home", "extends: ~/base.yaml\n", "child.yaml")
    assert read_document("~/child.yaml").data == {"a": 1}
