"""Run every benchmark and print a table."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import sweep


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Print one paragraph a benchmark."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "vectorbt"))
    print(f"{processor()}; python {platform.python_version()}, {versions}")
    found = sweep.run()
    print(f"sweep, {sweep.BARS} bars x {sweep.ASSETS} assets, 100 parameter sets, rebalanced at every bar:")
    print(f"  regimefolio, 2 threads, prices to all metrics  {found.ours * 1e3:8.2f} ms a trial")
    print(f"  vectorbt, 1 thread, weights given, 3 metrics   {found.peer * 1e3:8.2f} ms a trial")
    print(
        f"  ratio {found.ratio:.0f}; total return and drawdown differ by at most {found.difference:.1e} at zero costs;"
    )
    print(f"  peak memory before the peer ran: {found.megabytes:.0f} MB")


if __name__ == "__main__":
    main()
