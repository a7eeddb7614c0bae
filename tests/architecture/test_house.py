"""The house rules that no other tool enforces: functions that return complaints, each shown to bite."""

import ast
import hashlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

MAX_FILE, MAX_FUNCTION, MAX_KERNEL, MAX_PARAMETERS = 500, 60, 150, 8
EMPTY_WORDS = {"v2", "new", "fixed", "enhanced", "utils", "helpers", "misc"}
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")
KERNEL_IMPORTS = {"__future__", "math", "typing", "numpy", "numba"}
GENERATED = re.compile(
    r"(\.(pyc|nbi|nbc|log)|~)$"
    r"|(^|/)(__pycache__|\.venv[^/]*|results|build|dist|\.[a-z]+_cache|\.hypothesis|[^/]+\.egg-info)/"
)
LISTED = re.compile(r"^File: +(\S+)\nSHA-256: +([0-9a-f]{64})$", re.MULTILINE)
PINNED = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Rule = Callable[[str, str], list[str]]


def inside(room: str, path: str) -> bool:
    return path.startswith(f"src/regimefolio/{room}/")


def functions(source: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def words(name: str) -> set[str]:
    """The parts of a snake_case, kebab-case or CamelCase name, in lower case."""
    return {word.lower() for word in WORD.findall(name)}


# Rules for one source file: its path from the root and its text.


def long_file(path: str, source: str) -> list[str]:
    lines = source.count("\n")
    return [f"{path}: {lines} lines, at most {MAX_FILE}"] if lines > MAX_FILE else []


def long_functions(path: str, source: str) -> list[str]:
    limit = MAX_KERNEL if inside("kernels", path) else MAX_FUNCTION
    length = {f: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions(source)}
    return [f"{path}:{f.lineno}: {f.name} has {n} lines, at most {limit}" for f, n in length.items() if n > limit]


def many_parameters(path: str, source: str) -> list[str]:
    count = {f: len(parameters(f)) for f in functions(source)}
    return [
        f"{path}:{f.lineno}: {f.name} takes {n} parameters, at most {MAX_PARAMETERS}"
        for f, n in count.items()
        if n > MAX_PARAMETERS
    ]


def parameters(function: Function) -> list[str]:
    a = function.args
    every = [*a.posonlyargs, *a.args, *filter(None, [a.vararg]), *a.kwonlyargs, *filter(None, [a.kwarg])]
    return [p.arg for i, p in enumerate(every) if i > 0 or p.arg not in ("self", "cls")]


def empty_names(path: str, source: str) -> list[str]:
    """Public names that say when or that something was made, not what it is."""
    return [
        f"{path}: the name {name} says nothing: it holds {', '.join(sorted(words(name) & EMPTY_WORDS))}"
        for name in sorted(public_names(ast.parse(source)))
        if words(name) & EMPTY_WORDS
    ]


def public_names(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, Function | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))
        if isinstance(node, ast.ClassDef):
            yield from public_names(node)


def silent_package(path: str, source: str) -> list[str]:
    silent = path.endswith("/__init__.py") and not ast.get_docstring(ast.parse(source))
    return [f"{path}: the docstring does not say what the room is for"] if silent else []


def foreign_imports(path: str, source: str) -> list[str]:
    """A kernel sees numbers alone: numpy, numba and its neighbours. How kernels are compiled also looks at files."""
    if not inside("kernels", path):
        return []
    allowed = KERNEL_IMPORTS | (
        {"hashlib", "os", "pathlib", "tempfile"} if path.endswith("/kernels/_compile.py") else set()
    )
    return [
        f"{path}:{node.lineno}: a kernel may not import {module}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
        if module.split(".")[0] not in allowed and not f"{module}.".startswith("regimefolio.kernels.")
    ]


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Absolute module names; of relative ones only the neighbours have one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return ["regimefolio.kernels" if node.level == 1 else "." * node.level + (node.module or "")]
    if node.module == "regimefolio":
        return [f"regimefolio.{alias.name}" for alias in node.names]
    return [node.module or ""]


def broad_excepts(path: str, source: str) -> list[str]:
    """Handlers that swallow what they do not know; a comment marks a door, and re-raising only tidies up."""
    if inside("cli", path) or inside("web", path):
        return []
    lines = source.splitlines()
    return [
        f"{path}:{node.lineno}: catches everything: name the errors, or say '# a door:' and why"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ExceptHandler)
        and catches_everything(node)
        and "# a door:" not in lines[node.lineno - 1]
    ]


def catches_everything(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds)


SOURCE_RULES: list[Rule] = [
    long_file,
    long_functions,
    many_parameters,
    empty_names,
    silent_package,
    foreign_imports,
    broad_excepts,
]


# Rules for the repository.


def empty_path(path: str) -> list[str]:
    found = words(path) & EMPTY_WORDS
    return [f"{path}: a path may not hold {', '.join(sorted(found))}"] if found else []


def doorless_rooms(paths: list[str]) -> list[str]:
    """Folders of modules that are no package: import-linter would not see what is in them."""
    folders = {path.rpartition("/")[0] for path in paths if path.endswith(".py")}
    return [
        f"{folder}: has modules and no __init__.py"
        for folder in sorted(folders)
        if f"{folder}/__init__.py" not in paths
    ]


def generated_file(path: str) -> list[str]:
    return [f"{path}: generated, and tracked"] if GENERATED.search(path) else []


def addresses(path: str, lock: str) -> list[str]:
    """A lock says what, never from where: that is the reader's own setting."""
    where = re.compile(r"://|^\s*--(index-url|extra-index-url|find-links)", re.MULTILINE)
    return [f"{path}: holds an address: {m.group()}" for m in where.finditer(lock)]


def unlocked(path: str, lock: str, runtime_lock: str) -> list[str]:
    """What the tests ran with must be what a user installs."""
    runtime, here = (dict(PINNED.findall(text)) for text in (runtime_lock, lock))
    return [
        f"{path}: {name} is {here.get(name)}, but {version} in requirements.lock"
        for name, version in runtime.items()
        if here.get(name) != version
    ]


def unlisted(vendored: dict[str, bytes], notice: str) -> list[str]:
    """Files of others must stand in NOTICE with their checksum, and nothing else may stand there."""
    listed = dict(LISTED.findall(notice))
    actual = {path: hashlib.sha256(data).hexdigest() for path, data in vendored.items()}
    return [
        f"{path}: NOTICE says {listed.get(path)}, the file {actual.get(path)}"
        for path in sorted(listed.keys() | actual.keys())
        if listed.get(path) != actual.get(path)
    ]


def vendored_files() -> dict[str, bytes]:
    """Data and minified code inside the package: what nobody here wrote."""
    kinds = ("*.parquet", "*.csv*", "*.min.js", "*.min.css", "*.woff2")
    files = [path for kind in kinds for path in (ROOT / "src").rglob(kind)]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files}


def git_files(*options: str) -> list[str]:
    """Paths from the root as git knows them."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    return [p for p in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0") if p]


# The house keeps them.


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_sources_keep_the_rule(rule: Rule) -> None:
    assert SOURCES
    paths = [(path.relative_to(ROOT).as_posix(), path) for path in SOURCES]
    assert [c for name, path in paths for c in rule(name, path.read_text("utf-8"))] == []


def test_paths_say_what_they_hold() -> None:
    files = git_files("--cached", "--others", "--exclude-standard")
    assert [c for path in files for c in empty_path(path)] == []


def test_every_room_has_a_door() -> None:
    assert doorless_rooms([path.relative_to(ROOT).as_posix() for path in SOURCES]) == []


def test_nothing_generated_is_tracked() -> None:
    assert [c for path in git_files() for c in generated_file(path)] == []


def test_locks_hold_no_address() -> None:
    locks = {path.name: path.read_text("utf-8") for path in ROOT.glob("requirements*.lock")}
    assert len(locks) == 3
    assert [c for name, lock in locks.items() for c in addresses(name, lock)] == []


def test_locks_agree() -> None:
    runtime = (ROOT / "requirements.lock").read_text("utf-8")
    others = ("requirements-test.lock", "requirements-bench.lock")
    assert [c for name in others for c in unlocked(name, (ROOT / name).read_text("utf-8"), runtime)] == []


def test_notice_lists_every_vendored_file() -> None:
    assert unlisted(vendored_files(), (ROOT / "NOTICE").read_text("utf-8")) == []


# And they bite.

PLAIN, KERNEL = "src/regimefolio/market/view.py", "src/regimefolio/kernels/rolling.py"
LONG = "def f():\n" + "    pass\n" * 60
LONG_KERNEL = "def f():\n" + "    pass\n" * 150


@pytest.mark.parametrize(
    ("rule", "path", "offence"),
    [
        (long_file, PLAIN, "pass\n" * 501),
        (long_functions, PLAIN, LONG),
        (long_functions, PLAIN, LONG.replace("def", "async def")),
        (long_functions, KERNEL, LONG_KERNEL),
        (many_parameters, PLAIN, "def f(a, b, c, d, e, f, g, h, i): ..."),
        (many_parameters, PLAIN, "class C:\n    def f(self, a, /, b, c, d, *e, f, g, h, **i): ..."),
        (many_parameters, KERNEL, "def f(a, b, c, d, e, f, g, h, i): ..."),
        (empty_names, PLAIN, "def make_utils(): ..."),
        (empty_names, PLAIN, "class EnhancedSignal: ..."),
        (empty_names, PLAIN, "class Signal:\n    def value_fixed(self): ..."),
        (empty_names, PLAIN, "class Signal:\n    new: int = 1"),
        (empty_names, PLAIN, "signalV2 = 1"),
        (silent_package, "src/regimefolio/market/__init__.py", "from os import path"),
        (foreign_imports, KERNEL, "import scipy.stats"),
        (foreign_imports, KERNEL, "def f():\n    from regimefolio.core.types import Panel"),
        (foreign_imports, KERNEL, "from regimefolio import core"),
        (foreign_imports, KERNEL, "from ..core import types"),
        (foreign_imports, KERNEL, "import hashlib"),
        (foreign_imports, "src/regimefolio/kernels/_compile.py", "import shutil"),
        (broad_excepts, PLAIN, "try:\n    f()\nexcept Exception as e:\n    print(e)"),
        (
            broad_excepts,
            PLAIN,
            "try:\n    f()\nexcept (OSError, BaseException):\n    raise OSError from None",
        ),
        (broad_excepts, PLAIN, "try:\n    f()\nexcept:\n    pass"),
    ],
)
def test_offence_is_found(rule: Rule, path: str, offence: str) -> None:
    assert len(rule(path, offence)) == 1


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (long_file, PLAIN, "pass\n" * 500),
        (long_functions, KERNEL, LONG),
        (many_parameters, PLAIN, "class C:\n    def f(self, a, b, c, d, e, f, g, h): ..."),
        (empty_names, PLAIN, "newest = renewed = 1\n_new = 2\ndef __new__(): ...\ndef prefixed(new): ..."),
        (silent_package, "src/regimefolio/market/__init__.py", '"""From the outside world to a Panel."""'),
        (foreign_imports, PLAIN, "import scipy.stats"),
        (
            foreign_imports,
            KERNEL,
            "import math\nimport numpy as np\nfrom numba import njit\nfrom .metrics import mean",
        ),
        (foreign_imports, KERNEL, "from regimefolio.kernels import metrics\nimport regimefolio.kernels.hmm"),
        (broad_excepts, PLAIN, "try:\n    f()\nexcept Exception as e:  # a door: one trial\n    print(e)"),
        (broad_excepts, PLAIN, "try:\n    f()\nexcept BaseException:\n    tidy()\n    raise"),
        (broad_excepts, PLAIN, "try:\n    f()\nexcept OSError:\n    pass"),
        (broad_excepts, "src/regimefolio/cli/run.py", "try:\n    f()\nexcept Exception:\n    pass"),
    ],
)
def test_what_is_allowed_passes(rule: Rule, path: str, source: str) -> None:
    assert rule(path, source) == []


@pytest.mark.parametrize("path", ["src/utils/a.py", "tests/test_misc.py", "docs/NewStart.md", "a-v2.yaml", "runFixed"])
def test_empty_path_is_found(path: str) -> None:
    assert empty_path(path)


def test_paths_with_longer_words_pass() -> None:
    assert [c for path in ("renewal/prefixed.py", "docs/newest.md", "miscount.py") for c in empty_path(path)] == []


@pytest.mark.parametrize(
    "path",
    ["a/b.pyc", "src/__pycache__/a.txt", ".venv/x", "results/demo/x", ".mypy_cache/x", "k.nbi", "a.py~"],
)
def test_generated_file_is_found(path: str) -> None:
    assert generated_file(path)


def test_address_in_a_lock_is_found() -> None:
    assert addresses("a.lock", "--extra-index-url somewhere\nnumpy @ https://example.org/numpy.whl")
    assert not addresses("a.lock", "numpy==2.0 \\\n    --hash=sha256:00\n")


def test_disagreeing_lock_is_found() -> None:
    assert unlocked("test.lock", "numpy==2.1 \\\n", "numpy==2.0 \\\n")
    assert unlocked("test.lock", "pytest==9.0 \\\n", "numpy==2.0 \\\n")
    assert not unlocked("test.lock", "numpy==2.0 \\\npytest==9.0 \\\n", "numpy==2.0 \\\n")


def test_unlisted_changed_and_missing_files_are_found() -> None:
    notice = f"File:     a.csv\nSHA-256:  {hashlib.sha256(b'1').hexdigest()}\n"
    assert not unlisted({"a.csv": b"1"}, notice)
    assert unlisted({"a.csv": b"2"}, notice)
    assert unlisted({"a.csv": b"1", "b.csv": b"1"}, notice)
    assert unlisted({}, notice)
