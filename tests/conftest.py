"""What every test may ask for."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from regimefolio.core import component

SHARED = Path(__file__).resolve().parents[2] / "shared"

# No example has a deadline: the first one of a kernel compiles it.
settings.register_profile("regimefolio", deadline=None)
settings.load_profile("regimefolio")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say why; where it can, it must."""
    missing = {}
    if not SHARED.is_dir():
        missing["shared"] = "no folder ../shared beside the checkout"
    if not any(map(shutil.which, BROWSERS)):
        missing["browser"] = "no Chromium on PATH; scripts/setup-browser installs it"
    for item in items:
        for mark, reason in missing.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Path:
    """The folder of real data beside the checkout, for tests marked `shared`."""
    if request.node.get_closest_marker("shared") is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses the real data: mark it with pytest.mark.shared")
    return SHARED


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An own folder, which is the present one, and a process that forgets afterwards what was imported from it."""
    monkeypatch.chdir(tmp_path)
    modules, path = set(sys.modules), list(sys.path)
    registry = {family: dict(kinds) for family, kinds in component._REGISTRY.items()}
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path
    component._REGISTRY.clear()
    component._REGISTRY.update(registry)
