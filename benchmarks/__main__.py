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
    """Print one row a benchmark."""
    print(
        f"{processor()}; python {platform.python_version()}, numba {version('numba')}, vectorbt {version('vectorbt')}"
    )
    found = sweep.run()
    print(
        f"sweep, {sweep.BARS} bars x {sweep.ASSETS} assets, 100 parameter sets, 2 threads: "
        f"{found.ours * 1e3:.2f} ms a trial; vectorbt {found.peer * 1e3:.1f} ms a trial, one thread, signals given; "
        f"ratio {found.ratio:.0f}; largest difference of total return and drawdown at zero costs {found.difference:.1e}; "
        f"peak memory before the peer ran {found.megabytes:.0f} MB"
    )


if __name__ == "__main__":
    main()
