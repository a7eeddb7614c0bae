"""`regimefolio doctor`: whether this installation works; plain text, so that a broken one can be examined too."""

from __future__ import annotations

import hashlib
import json as json_format
import math
import os
import platform
import re
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from regimefolio.cli.door import Debug, Json, door

EPILOG = """\b
regimefolio doctor
regimefolio doctor --json

Exit codes: 0 all checks pass, 1 otherwise."""

PACKAGES = ("numpy", "numba", "polars", "pydantic", "scipy", "skfolio", "exchange-calendars")

COMPILED = ("kernels", "backtest")
"""Checks that run machine code."""

US5_SHA256 = "0a0c176d7736ef03a7590b57daf78976751fe17f85e3f2962b69be8204bab9ae"
"""Of the file of `sample:us5`; NOTICE says the same."""

BACKTEST: dict[str, Any] = {
    "data": {"source": "sample:us5"},
    "strategies": [{"kind": "bollinger_mean_reversion", "lookback": 20, "width": 2.0, "saturation": 1.0, "horizon": 5}],
    "portfolio": {
        "combination_method": "weighted",
        "allocator": "proportional",
        "constraints": {"max_position": 0.5, "max_gross": 1.0},
        "rebalance": "weekly",
    },
    "execution": {"fill": "next_open", "commission_bps": 5, "slippage_bps": 5, "cash_rate": 0.0},
    "initial_capital": 1_000_000,
}
"""A backtest of additions, multiplications, divisions and roots alone, which every IEEE machine rounds alike."""

EXPECTED = "0x1.23635507b0ecep+19"
"""The last equity of that backtest."""

SAME = 1e-12
"""Relative; equal bits are promised for one type of processor, and this much for all."""

LEAST_FREE = 200_000_000
"""Bytes; the demo writes about 30 million."""

UNSET = "unset NUMBA_* in your environment"

INSTALL_AGAIN = "install regimefolio again, with the versions that requirements.lock names"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found and, where that is not good, what to do."""

    name: str
    passed: bool
    found: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(doctor)


@door
def doctor(json: Json = False, debug: Debug = False) -> None:
    """Check this installation; say how to mend it."""
    done = []
    for check in checks():
        done.append(check)
        if not json:
            _show(check)
    failed = sum(not check.passed for check in done)
    if json:
        report = {"passed": not failed, "checks": [asdict(check) for check in done]}
        typer.echo(json_format.dumps(report, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"\n{failed} of {len(done)} checks failed" if failed else f"\nall {len(done)} checks pass")
    if failed:
        raise typer.Exit(1)


def checks() -> Iterator[Check]:
    """Every check, one after the other; what breaks while it is made has failed."""
    made: dict[str, Callable[[], Check]] = {
        "python": _python,
        **{package: partial(_package, package) for package in PACKAGES},
        "sample sp500_20": _sp500_20,
        "sample us5": _us5,
        "kernels": _kernels,
        "backtest": _backtest,
        "folder": _folder,
        "processors": _processors,
    }
    for name, check in made.items():
        try:
            yield check()
        except Exception as error:  # a door: one check
            found = " ".join(f"{type(error).__name__}: {error}".split())
            yield Check(name, False, found, f"{UNSET}, or {INSTALL_AGAIN}" if name in COMPILED else INSTALL_AGAIN)


def _python() -> Check:
    needed = metadata.metadata("regimefolio")["Requires-Python"]
    found = platform.python_version()
    return _version("python", found, needed, f"make an environment with Python {needed} and install there")


def _package(name: str) -> Check:
    """Its version against what regimefolio says it needs."""
    needed = next(
        (
            match[1]
            for text in metadata.requires("regimefolio") or ()
            if (match := re.match(rf"{name}\s*(>=[\d.]+)", text))
        ),
        "",
    )
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, f"not installed, needed {needed}", INSTALL_AGAIN)
    return _version(name, found, needed, INSTALL_AGAIN)


def _version(name: str, found: str, needed: str, remedy: str) -> Check:
    enough = _numbers(found) >= _numbers(needed)
    return Check(name, enough, f"{found}, needed {needed}", "" if enough else remedy)


def _numbers(version: str) -> list[int]:
    """The release that a version such as `2.1.0rc1` or `>=2.1` begins with."""
    match = re.search(r"\d+(\.\d+)*", version)
    return [int(number) for number in match[0].split(".")] if match else []


def _sp500_20() -> Check:
    from regimefolio import api

    panel = api.load_data(api.DataSpec(source="sample:sp500_20")).panel
    rows, stocks = panel.close.shape
    first, last = panel.timestamps[[0, -1]].astype("datetime64[D]")
    passed = stocks == 20 and rows > 0
    found = f"{stocks} stocks, {rows:,} rows, {first} to {last}"
    return Check("sample sp500_20", passed, found, "" if passed else INSTALL_AGAIN)


def _us5() -> Check:
    from regimefolio import api

    found = hashlib.sha256(api.us5_file().read_bytes()).hexdigest()
    if found == US5_SHA256:
        return Check("sample us5", True, f"SHA-256 {found[:16]}…, as shipped")
    return Check("sample us5", False, f"SHA-256 {found[:16]}…, shipped {US5_SHA256[:16]}…", INSTALL_AGAIN)


def _kernels() -> Check:
    from regimefolio import api

    kept = api.kernels_are_compiled()
    if not kept:
        typer.echo("compiling kernels, on the first run only: this takes a while", err=True)
    began = time.perf_counter()
    _last_equity()
    seconds = time.perf_counter() - began
    folder = api.kernel_cache()
    files = [] if folder is None else list(folder.glob("*.nbc"))
    if not files:
        remedy = "set XDG_CACHE_HOME to a folder that you may write"
        return Check("kernels", False, f"compiled in {seconds:.1f} s, and kept nowhere: each run compiles", remedy)
    size = sum(file.stat().st_size for file in files) / 1e6
    work = "read from the cache" if kept else "compiled"
    return Check("kernels", True, f"{work} in {seconds:.1f} s; {len(files)} files, {size:.1f} MB in {folder}")


def _backtest() -> Check:
    """The same work twice must give the same bits, and the number that other machines get."""
    found = [_last_equity() for _ in range(2)]
    if found[0] == found[1] and math.isclose(found[0], float.fromhex(EXPECTED), rel_tol=SAME):
        return Check("backtest", True, f"ends at {found[0]:,.2f} twice, to the bit ({found[0].hex()})")
    remedy = f"{UNSET}, remove the kernels' folder named above, and run `regimefolio doctor` again"
    shown = " and ".join(each.hex() for each in found)
    return Check("backtest", False, f"ends at {shown}, expected {EXPECTED} twice", remedy)


def _last_equity() -> float:
    from regimefolio import api

    _, _, run = api.run_backtest(api.BacktestSpec.model_validate(BACKTEST))
    return float(run.simulation.equity[-1])


def _folder() -> Check:
    """Where results would be written: the present folder."""
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    space = f"{here}: {free / 1e9:.1f} GB free"
    try:
        with tempfile.TemporaryFile(dir=here):
            pass
    except OSError as error:
        return Check("folder", False, f"{space}, not writable ({error.strerror})", "go to a folder that you may write")
    if free < LEAST_FREE:
        return Check("folder", False, f"{space}, needed {LEAST_FREE / 1e9:.1f}", "make room, or go to another disk")
    return Check("folder", True, f"{space}, writable")


def _processors() -> Check:
    count = os.cpu_count()
    if count is None:
        return Check("processors", False, "their number is not known", "say it: `regimefolio run --threads N`")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    return Check("processors", True, f"{count}, {usable} of them for this process")


def _show(check: Check) -> None:
    """One line, or a few where the terminal is narrow; the remedy below."""
    mark = typer.style("pass", fg=typer.colors.GREEN) if check.passed else typer.style("FAIL", fg="red", bold=True)
    width = max(40, shutil.get_terminal_size().columns)
    lines = [check.found, *([f"→ {check.remedy}"] if check.remedy else [])]
    wrap = partial(textwrap.wrap, width=width - 26, break_long_words=False, break_on_hyphens=False)  # paths stay whole
    body = [part for line in lines for part in wrap(line)]
    typer.echo(f"{mark}  {check.name:<20}" + f"\n{'':26}".join(body))
