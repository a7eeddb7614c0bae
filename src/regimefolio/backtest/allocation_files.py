"""An allocation run on disk: one file a rebalance, so that a run which was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from regimefolio.backtest.allocating import AllocationRun, AllocationSpec, run_allocations
from regimefolio.backtest.runner import Run
from regimefolio.backtest.spec import inputs_fingerprint, load_market
from regimefolio.core.allocation import NUMBERS, WORDS
from regimefolio.core.arrays import time_text
from regimefolio.core.code import code_of
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import CorruptError, StaleError, must_be
from regimefolio.core.files import jsonable, lock, path_of, read_json, remove, sweep_temporaries, write_json
from regimefolio.core.progress import Progress
from regimefolio.core.types import OK, Allocation, Float, Json
from regimefolio.market import Dataset
from regimefolio.market.view import View

MANIFEST, DIGEST = "allocation.json", "sha256"

UNASKED = ("name", "output_dir", "seed", "leave_one_out")
"""Keys that change nothing of what is decided."""


class AllocationFolder:
    """The folder of one allocation run.

    `allocation.json` says what it was made from: the configuration, the data, the code. Beside it lie `allocations/`,
    one file a rebalance, each with the digest of its own content; `results.json`; and the page.

    Parameters
    ----------
    spec : AllocationSpec
    inputs : str
        Fingerprint of what was loaded, as `inputs_fingerprint` has it.
    folder : Path
        Where a relative `output_dir` starts.
    """

    def __init__(self, spec: AllocationSpec, inputs: str, folder: Path = Path()) -> None:
        self.root = folder / path_of(spec.output_dir) / spec.name
        self.results = self.root / "results.json"
        self.page = self.root / "report.html"
        self._allocations = self.root / "allocations"
        plain = spec.resolved.plain()
        asked = {key: value for key, value in plain.items() if key not in UNASKED}
        self._made_from: dict[str, Json] = {
            "configuration": fingerprint(asked),
            "data": inputs,
            "code": code_of(spec),
            "allocation": plain,
        }
        self.reused = 0
        """Rebalances that were known already."""

    @contextmanager
    def opened(self, force: bool = False) -> Iterator[None]:
        """Hold the folder for this process; with `force` what it holds of other runs is taken away.

        Raises
        ------
        StaleError
            It holds a run of another configuration, other data or other code.
        LockedError
            Another process works in it.
        """
        with lock(self.root / "lock"):
            sweep_temporaries(self.root)
            if differs := self._differs():
                if not force:
                    raise StaleError(
                        f"{self.root} holds a run of {' and '.join(differs)}; give this one another name, or say "
                        "--force to begin anew"
                    )
                self.clear()
            yield

    def clear(self) -> None:
        """Take away what was written."""
        for path in (*sorted(self._allocations.glob("*.json")), self.results, self.page, self.root / MANIFEST):
            remove(path)

    def kept(self, view: View, make: Callable[[], Allocation]) -> Allocation:
        """The allocation of a view: the one on disk, or one that is made and written.

        Raises
        ------
        CorruptError
            A file is not what was written.
        """
        path = self._allocations / f"{_stamp(view.market.timestamps[-1])}.json"
        if path.is_file():
            found = read_allocation_file(path, view.market.symbols)
            self.reused += 1
            return found
        allocation = make()
        if not (self.root / MANIFEST).is_file():  # a run that decides nothing leaves nothing
            write_json(self.root / MANIFEST, self._made_from)
        write_json(path, _sealed(described(allocation)))
        return allocation

    def _differs(self) -> list[str]:
        """In what the run that lies here was made from something else; nothing where none lies here."""
        path = self.root / MANIFEST
        if not path.is_file():
            return []
        there = read_json(path)
        known = there if isinstance(there, dict) else {}
        words = {"configuration": "another configuration", "data": "other data", "code": "other code"}
        differs = [text for key, text in words.items() if known.get(key) != self._made_from[key]]
        ours, theirs = self._made_from["allocation"], known.get("allocation")
        if words["configuration"] in differs and isinstance(ours, dict) and isinstance(theirs, dict):
            changed = [key for key in ours if key not in UNASKED and ours[key] != theirs.get(key)]
            differs[0] += f" ({', '.join(changed)})" if changed else ""
        return differs


def _stamp(timestamp: np.datetime64) -> str:
    """A name for a file, in order of time."""
    return time_text(timestamp).replace(":", "-")


def described(allocation: Allocation) -> dict[str, Any]:
    """An allocation as it is written to JSON: weights by symbol, those that are 0 left out; NaN is null."""
    optimizers = [
        {
            "name": name,
            **{key: getattr(allocation, key)[m] for key in (*WORDS, *NUMBERS)},
            "weights": _by_symbol(allocation, allocation.df_allocation[m]),
        }
        for m, name in enumerate(allocation.allocators)
    ]
    return {
        "timestamp": time_text(allocation.timestamp),
        "weights": _by_symbol(allocation, allocation.weights),
        "optimizers": optimizers,
    }


def _by_symbol(allocation: Allocation, weights: Float) -> dict[str, float] | None:
    if np.isnan(weights).any():
        return None
    return {symbol: value for symbol, value in zip(allocation.symbols, weights.tolist(), strict=True) if value}


def _sealed(document: dict[str, Any]) -> dict[str, Any]:
    plain = jsonable(document)
    assert isinstance(plain, dict)
    return {**plain, DIGEST: fingerprint(plain)}


_FORM = TypeAdapter(dict[str, Any])


def read_allocation_file(path: Path, symbols: tuple[str, ...]) -> Allocation:
    """The allocation in a file, of the symbols of its market.

    Raises
    ------
    CorruptError
        It is not what was written.
    """
    try:
        document = _FORM.validate_python(read_json(path))
        digest = document.pop(DIGEST, None)
        if digest != fingerprint(document):
            raise ValueError("its digest is another one")
        each = document["optimizers"]
        numbers: dict[str, Any] = {key: np.array([one[key] for one in each], dtype=np.float64) for key in NUMBERS}
        words: dict[str, Any] = {key: tuple(one[key] for one in each) for key in WORDS}
        table = [_of_symbols(one["weights"], symbols) for one in each]
        return Allocation(
            timestamp=np.datetime64(document["timestamp"], "ns"),
            symbols=symbols,
            weights=_of_symbols(document["weights"], symbols),
            allocators=tuple(one["name"] for one in each),
            df_allocation=np.array(table).reshape(len(each), len(symbols) if each else 0),
            **numbers,
            **words,
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise CorruptError(
            f"{path}: is not the allocation that was written ({error}); delete it and run again"
        ) from error


def _of_symbols(weights: dict[str, float] | None, symbols: tuple[str, ...]) -> Float:
    if weights is None:
        return np.full(len(symbols), np.nan)
    if strange := sorted(set(weights) - set(symbols)):
        raise ValueError(f"it holds {strange[0]}, which this market does not have")
    return np.array([weights.get(symbol, 0.0) for symbol in symbols])


class Allocated(NamedTuple):
    """A finished allocation run, what it was made from, and where it lies."""

    dataset: Dataset
    run: AllocationRun
    folder: AllocationFolder


def allocate(
    spec: AllocationSpec, folder: Path = Path(), force: bool = False, progress: Progress | None = None
) -> Allocated:
    """Run what an `allocation:` file describes, and keep it on disk; what was decided already is not asked again.

    Relative paths start at `folder`. `results.json` is written last.

    Raises
    ------
    StaleError
        Its folder holds a run of another configuration, other data or other code, and `force` does not take it away.
    ConfigError, DataError, InfeasibleError, ModelError
        Whatever is wrong with the file, the data, or both together.
    """
    must_be(AllocationSpec, spec, "spec", "read_allocation(file) reads one")
    portfolio = spec.backtest().portfolio
    dataset, market = load_market(spec.data, spec.benchmark, folder, spec.execution, spec.risk_free, portfolio)
    dataset = replace(dataset, cautions=dataset.cautions + spec.backtest().cautions)
    inputs = inputs_fingerprint(dataset, market)
    kept = AllocationFolder(spec, inputs, folder)
    with kept.opened(force):
        run = run_allocations(spec, market, kept.kept, progress)
        write_json(kept.results, results_document(spec, inputs, run))
    return Allocated(dataset, run, kept)


def results_document(spec: AllocationSpec, inputs: str, run: AllocationRun) -> dict[str, Any]:
    """Metrics of every run, and what was decided last, as they are written to JSON."""
    return {
        "name": spec.name,
        "parameters": {**spec.resolved.plain(), "inputs_fingerprint": inputs},
        "first_bar": time_text(run.bars[0]),
        "last_bar": time_text(run.bars[-1]),
        "rebalances": len(run.allocations),
        "failures": failures(run),
        "blend": _figures(run.blend),
        "equal_weight": _figures(run.equal_weight),
        "benchmark": {"name": spec.benchmark, "metrics": run.benchmark.metrics},
        "optimizers": {name: _figures(each) for name, each in run.optimizers.items()},
        "without": {name: _figures(each) for name, each in run.without.items()},
        "orders": run.blend.orders(),
        "last_allocation": described(run.allocations[-1]),
    }


def failures(run: AllocationRun) -> dict[str, int]:
    """At how many rebalances each optimizer failed."""
    return {
        name: sum(each.status[m] != OK for each in run.allocations)
        for m, name in enumerate(run.allocations[0].allocators)
    }


def _figures(run: Run) -> dict[str, object]:
    return {"status": run.simulation.status, "metrics": run.metrics, "reasons": run.reasons}
