"""Parts of a user's own: found by module and by file, known before the file's parts are read, loud when broken."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from regimefolio.core import plugins
from regimefolio.core.component import Component, Model, Part, Plugins, registered
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError
from regimefolio.core.plugins import Origin, homes, load_origin, load_plugin, origins, parts_in, sources


class Tool(Component, family="test tool"):
    """A family that is empty but for what plugins bring."""


class Box(Tool, kind="box"):
    """Holds tools."""

    tools: tuple[Part[Tool], ...] = ()


class Bench(Model):
    """What a file describes."""

    plugins: Plugins = ()
    tool: Part[Tool]


TOOL = """
from tests.unit.core.test_plugins import Tool

class {name}(Tool, kind="{kind}"):
    size: int = {size}
"""


@pytest.fixture
def folder(forgetful: Path) -> Path:
    return forgetful


def write(path: Path, kind: str, size: int = 1, name: str = "Own", more: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(more + TOOL.format(name=name, kind=kind, size=size))


def bench(folder: Path, *named: str, tool: str) -> Bench:
    (folder / "bench.yaml").write_text(f"bench:\n  plugins: [{', '.join(named)}]\n  tool: {tool}\n")
    return read_document(folder / "bench.yaml").parse(Bench, "bench")


def test_a_part_in_a_file_is_known_when_the_file_that_names_it_is_read(folder: Path) -> None:
    write(folder / "mine" / "hammer.py", "hammer", 3)
    made = bench(folder, "mine/hammer.py", tool="hammer").tool
    assert (made.kind, made.plain()) == ("hammer", {"size": 3})


def test_a_part_in_a_module_of_the_working_folder(folder: Path) -> None:
    write(folder / "my_project" / "tools.py", "saw")
    assert bench(folder, "my_project.tools", tool="saw").tool.kind == "saw"


def test_what_the_system_file_names_is_known_to_every_file(folder: Path) -> None:
    write(folder / "mine.py", "plane")
    (folder / "config").mkdir()
    (folder / "config" / "system_config.yaml").write_text("system:\n  plugins: [mine.py]\n")
    assert bench(folder, tool="plane").tool.kind == "plane"
    (folder / "config" / "system_config.yaml").write_text("system:\n  pluguns: [mine.py]\n")
    with pytest.raises(ConfigError, match=r"system_config\.yaml:2:3: unknown key 'pluguns'; did you mean 'plugins'\?"):
        bench(folder, tool="plane")


def test_what_an_installed_package_offers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "package_of_tools.py", "file_tool")
    monkeypatch.syspath_prepend(folder)
    points = [EntryPoint("tools", "package_of_tools", plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == plugins.GROUP else [])
    assert bench(folder, tool="file_tool").tool.kind == "file_tool"
    points[:] = [EntryPoint("tools", "package_of_nothing", plugins.GROUP)]
    with pytest.raises(ConfigError, match=r"plugin 'tools' cannot be imported\n.*No module named 'package_of_nothing'"):
        bench(folder, tool="file_tool")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nboom(x)\n", ["mine.py:2: NameError: name 'boom' is not defined", "    boom(x)"]),
        ("x = (\n", ["mine.py:1: SyntaxError: '(' was never closed", "    x = ("]),
        ("import no_such_thing\n", ["mine.py:1: ModuleNotFoundError: No module named 'no_such_thing'"]),
        ("raise SystemExit(3)\n", ["mine.py:1: SystemExit: 3"]),
    ],
)
@pytest.mark.parametrize("name", ["mine.py", "mine"])
def test_a_broken_import_names_file_line_error_and_remedy(name: str, text: str, said: list[str], folder: Path) -> None:
    (folder / "mine.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        bench(folder, name, tool="box")
    message = str(caught.value)
    assert message.startswith(f"{folder / 'bench.yaml'}:2:13: plugin '{name}' cannot be imported\n")
    assert all(part in message for part in said), message
    assert "Mend it, or take the plugin out of the list." in message
    (folder / "mine.py").write_text("")
    bench(folder, name, tool="box")  # nothing of the failure is left


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nowhere.py",
            r"plugin 'nowhere\.py': there is no file .*nowhere\.py \(.*'other\.py'\?\); relative paths ",
        ),
        ("nowhere", r"plugin 'nowhere': there is no module 'nowhere', neither installed nor in .*named by its path"),
        ("no.where", r"plugin 'no\.where': there is no module 'no'"),
        ("mine/", r"mine cannot be read \(Is a directory\); name a \.py file"),
    ],
)
def test_what_is_not_there(name: str, message: str, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "other.py").touch()
    with pytest.raises(ConfigError, match=message):
        load_plugin(name)


@pytest.mark.parametrize("name", ["mine.py", "mine"])
def test_a_file_read_from_outside_its_project_says_where_its_plugins_are(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, away = folder / "project", folder / "away"
    write(project / "mine.py", f"outsider_of_{name[-2:]}")
    away.mkdir()
    monkeypatch.chdir(away)
    with pytest.raises(ConfigError) as caught:
        bench(project, name, tool="box")
    (note,) = caught.value.__notes__
    assert note == (
        f"  plugins are looked for in {away}, where the command runs; this file's own are in {project}: "
        "run the command there"
    )
    (project / "config").mkdir()
    (project / "config" / "system_config.yaml").write_text("system:\n  plugins: [mine.py]\n")
    with pytest.raises(ConfigError, match=f"unknown test tool 'outsider_of_{name[-2:]}'") as caught:
        bench(project, tool=f"outsider_of_{name[-2:]}")
    assert caught.value.__notes__ == [note]
    monkeypatch.chdir(project)
    assert bench(project, tool=f"outsider_of_{name[-2:]}").tool.kind == f"outsider_of_{name[-2:]}"


def test_the_same_file_read_twice_is_no_error_and_two_parts_of_one_kind_are(folder: Path) -> None:
    write(folder / "mine.py", "drill")
    once = bench(folder, "mine.py", tool="drill").tool
    assert type(bench(folder, "./mine.py", tool="drill").tool) is type(once)  # not executed again
    load_plugin("mine")  # and as a module
    write(folder / "other.py", "drill", name="Another")
    with pytest.raises(ConfigError, match=r"TypeError: Own in .*/mine\.py is already the test tool 'drill'"):
        bench(folder, "mine.py", "other.py", tool="drill")


def test_a_file_imported_elsewhere_is_the_same_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "imported_first.py", "lathe")
    monkeypatch.syspath_prepend(folder)
    import imported_first  # type: ignore[import-not-found]

    assert type(bench(folder, "imported_first.py", tool="lathe").tool) is imported_first.Own


def test_an_edited_file_is_read_again(folder: Path) -> None:
    write(folder / "mine.py", "rasp", 1)
    before = bench(folder, "mine.py", tool="rasp").tool
    text = sources(homes(before))
    write(folder / "mine.py", "rasp", 2)
    assert sources(homes(before)) == text  # the source is what was executed
    after = bench(folder, "mine.py", tool="rasp").tool
    assert (before.plain(), after.plain()) == ({"size": 1}, {"size": 2})
    assert sources(homes(after)) != text


def test_modules_beside_a_file_can_be_imported_and_count_as_its_source(folder: Path) -> None:
    (folder / "near").mkdir()
    (folder / "near" / "sizes_nearby.py").write_text("import json\nLARGE = 7\n\ndef large():\n    return LARGE\n")
    write(folder / "near" / "mine.py", "vice", more="from sizes_nearby import large\nimport numpy as np\n")
    made = bench(folder, "near/mine.py", tool="vice").tool
    found = dict(sources(homes(made)))
    assert {"sizes_nearby", "mine.py"} <= set(found)  # by its name, not its place: a project may be moved
    assert not {"numpy", "json"} & set(found)


def test_parts_inside_parts_are_found(folder: Path) -> None:
    write(folder / "mine.py", "nail")
    outer = bench(folder, "mine.py", tool="{kind: box, tools: [nail, {kind: box, tools: [nail]}]}")
    assert sorted(part.kind for part in parts_in(outer)) == ["box", "box", "nail", "nail"]
    assert any(name.startswith("mine_") for name in homes(outer))


def test_another_process_is_told_what_to_import(folder: Path) -> None:
    write(folder / "mine.py", "clamp")
    made = bench(folder, "mine.py", tool="clamp").tool
    found = origins(made)
    assert found is not None
    (origin,) = (each for each in found if each.file)
    file = folder / "mine.py"
    assert origin == Origin(type(made).__module__, str(file), file.read_text())
    file.write_text("edited_since = True")  # another process executes what this one did
    del sys.modules[origin.module]
    load_origin(origin)
    assert registered("test tool")["clamp"] is not type(made)
    typed = type("Typed", (Tool,), {"__module__": "__main__"}, kind="typed")
    assert origins(typed()) is None
