"""What every test may ask for."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

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
