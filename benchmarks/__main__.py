"""Run every benchmark, or those that are named: `python -m benchmarks [sweep] [weights] [replay] …`."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NAMES = ("sweep", "replay", "hmm", "capture", "loading", "weights", "ratings", "rerank", "optimizers", "orchestrator")
PEERS = ("numpy", "numba", "polars", "pandas", "vectorbt", "hmmlearn", "ta-lib", "pandas-ta-classic", "skfolio")


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def installed(name: str) -> str:
    """A package with its version, or without one."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} not installed"


def main(names: list[str]) -> None:
    """Print one paragraph a benchmark."""
    if unknown := set(names) - set(NAMES):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(f"{processor()}; python {platform.python_version()}, {', '.join(map(installed, PEERS))}")
    for name in names or NAMES:
        importlib.import_module(f"benchmarks.{name}").run()


if __name__ == "__main__":
    main(sys.argv[1:])
