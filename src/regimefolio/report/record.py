"""What a finished workspace says: its files, checked, with the SHA-256 of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError

from regimefolio.core.errors import CorruptError, StaleError
from regimefolio.core.files import read_json, read_npy, sha256_of
from regimefolio.core.types import Float, Int, Times
from regimefolio.kernels.metrics import part_of
from regimefolio.report.contents import (
    Axes,
    Checkpoint,
    Choice,
    Contributions,
    EnsembleWeights,
    Overfitting,
    Results,
    Robustness,
    RoundTrips,
    RunResult,
    Trading,
    Workflow,
)
from regimefolio.report.edits import edited_files
from regimefolio.report.measured import Fits, Seen, SignalQuality
from regimefolio.report.settings import Settings
from regimefolio.report.words import percent

STATIC, BEST_TRIAL, EQUAL_WEIGHT, ALL_BARS = "static", "best_trial", "equal_weight", "all"
BENCHMARK, INDEX = "benchmark", "index"

WORKFLOW = "metadata/workflow.json"
CONFIGURATION = "metadata/workflow.yaml"
AXES = "metadata/axes.json"
RESULTS = "performance/validation_results.json"
EQUITY = "performance/validation_equity.npy"
WEIGHTS = "performance/validation_weights.npy"
LABELS = "performance/validation_labels.npy"
ROLLING = "performance/validation_rolling.npy"
RISK_FREE = "performance/risk_free.npy"
TRIAL_RETURNS = "performance/returns.npy"
ENSEMBLE_RETURNS = "performance/ensemble_returns.npy"
CHOICES = "analysis/regime_optimal_params.json"
SHARES = "analysis/ensemble_weights.json"
OVERFITTING = "analysis/overfitting.json"
ROBUSTNESS = "analysis/robustness.json"
CONTRIBUTIONS = "analysis/contributions.json"
ROUND_TRIPS = "analysis/round_trips.json"
TRADING = "analysis/trading.json"
SIGNAL_QUALITY = "analysis/signal_quality.json"
REGIMES = "analysis/regimes.json"
REGIME_FITS = "analysis/regime_fits.json"


@dataclass(frozen=True)
class Source:
    """One file that the page rests on; `phase` wrote it, and `edited` says that a person changed it since."""

    path: str
    sha256: str
    phase: str
    edited: bool

    @property
    def digits(self) -> str:
        return self.sha256[:12]


@dataclass(frozen=True, eq=False)
class Record:
    """Everything that the page shows.

    Parameters
    ----------
    seen, fits : mapping of classifier to Seen, to Fits
        What it saw on the training bars, and what it learnt from them.
    timestamps : ndarray of shape (B,)
        The test bars; `equity` has them as columns, `weights` and `labels` as rows and columns.
    equity : mapping of run to ndarray of shape (B,)
        In the order of the page; a benchmark of its own and the index come last where there are such.
    weights : ndarray of shape (B, N)
        Of the selected run, fractions of equity at the close.
    labels : mapping of classifier to ndarray of shape (B,)
    rolling : mapping of run to ndarray of shape (2, B)
        Sharpe ratio and volatility a year of the last year of bars; NaN where there is none yet.
    trial_returns : mapping of phase to ndarray of shape (trials, bars)
        From the first bar that traded; NaN for failed trials.
    risk_free : ndarray of shape (T,), or (1,) where it never changes
        The risk-free return of every bar of the data.
    sources : mapping of path to Source
    """

    workflow: Workflow
    configuration: str
    settings: Settings
    results: Results
    choices: dict[str, dict[str, dict[str, Choice]]]
    shares: EnsembleWeights
    overfitting: Overfitting
    robustness: Robustness
    contributions: Contributions
    round_trips: RoundTrips
    trading: Trading
    signal_quality: SignalQuality
    seen: dict[str, Seen]
    fits: dict[str, Fits]
    timestamps: Times
    symbols: list[str]
    sectors: list[str] | None
    equity: dict[str, Float]
    rolling: dict[str, Float]
    weights: Float
    labels: dict[str, Int]
    trial_returns: dict[str, Float]
    risk_free: Float
    sources: dict[str, Source]

    @property
    def selected(self) -> str:
        return self.results.selected

    @property
    def edited(self) -> list[str]:
        """The files that a person edited since their phases wrote them."""
        return [source.path for source in self.sources.values() if source.edited]

    @property
    def others(self) -> list[str]:
        """The classifiers that were not selected."""
        return [name for name in self.results.regimes if name != self.selected]

    @property
    def runs(self) -> dict[str, RunResult]:
        """All runs in the order of the page, what is bought and held last."""
        return {**self.results.runs, **self.results.held}

    def risk_free_of(self, last: int, bars: int) -> Float:
        """The risk-free returns of so many bars, the last of which is the bar before `last`; or one for all, (1,)."""
        return part_of(self.risk_free, slice(last - bars, last))

    @property
    def free_rate(self) -> str:
        """The risk-free rate on the test bars, in words."""
        said, mean = self.settings.risk_free, percent(self.results.window.risk_free, 2)
        return f"{said}, mean {mean}" if isinstance(said, str) else mean

    def title(self, run: str) -> str:
        """What a run is called on the page."""
        if run in self.results.regimes:
            return f"Adaptive ({run})"
        if run == BENCHMARK:
            return f"Benchmark ({self.settings.benchmark})"
        return {STATIC: "Static", BEST_TRIAL: "Best single trial", EQUAL_WEIGHT: "Equal weight", INDEX: "Index"}.get(
            run, run
        )


T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_AGAIN = "run the phase that writes it again"


class _Reader:
    """Reads the files of one workspace and remembers which."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.used: list[str] = []

    def json(self, name: str, model: type[M]) -> M:
        return self._checked(name, TypeAdapter(model), read_json(self._path(name)))

    def by_classifier(self, name: str, model: type[M], classifiers: Iterable[str]) -> dict[str, M]:
        found = self._checked(name, TypeAdapter(dict[str, model]), read_json(self._path(name)))  # type: ignore[valid-type]
        _must_hold(self.root / name, found, *classifiers)
        return found

    def choices(self) -> dict[str, dict[str, dict[str, Choice]]]:
        adapter = TypeAdapter(dict[str, dict[str, dict[str, Choice]]])
        return self._checked(CHOICES, adapter, read_json(self._path(CHOICES)))

    def settings(self) -> tuple[str, Settings]:
        try:
            text = self._path(CONFIGURATION).read_text(encoding="utf-8")
            data = yaml.safe_load(text)["workflow"]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise CorruptError(f"{self.root / CONFIGURATION}: is not a workflow ({error}); run it again") from None
        return text, self._checked(CONFIGURATION, TypeAdapter(Settings), data)

    def npy(self, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        array = read_npy(self._path(name))
        fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits:
            expected = " x ".join("any" if n is None else str(n) for n in shape)
            raise CorruptError(f"{self.root / name}: has shape {array.shape}, but {expected} is expected; {_AGAIN}")
        return array

    def _path(self, name: str) -> Path:
        if name not in self.used:
            self.used.append(name)
        return self.root / name

    def _checked(self, name: str, adapter: TypeAdapter[T], value: Any) -> T:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = " / ".join(map(str, first["loc"])) or "the file"
            raise CorruptError(f"{self.root / name}: {place}: {first['msg'].lower()}; {_AGAIN}") from None


def read_record(root: Path) -> Record:
    """Read a finished workspace.

    Parameters
    ----------
    root : Path
        The workflow's folder, `<output_dir>/<name>`.

    Raises
    ------
    CorruptError
        A phase is not finished, or a file is missing or not what its phase writes.
    StaleError
        A phase was run again and those after it were not.
    """
    reader = _Reader(root)
    workflow = reader.json(WORKFLOW, Workflow)
    checkpoints = _checkpoints(root, workflow.phases)
    text, settings = reader.settings()
    axes = reader.json(AXES, Axes)
    results = reader.json(RESULTS, Results)
    names = [*results.runs, *results.held]
    bars = results.window.test.bars
    choices, shares = reader.choices(), reader.json(SHARES, EnsembleWeights)
    _must_fit(root, results, choices, shares)
    timestamps = np.array(axes.timestamps, dtype="datetime64[ns]")[results.window.first_test_bar :]
    if len(timestamps) != bars:
        raise CorruptError(f"{root / AXES}: has {len(timestamps)} test bars, but {RESULTS} has {bars}; {_AGAIN}")
    equity = reader.npy(EQUITY, (len(names), bars))
    rolling = reader.npy(ROLLING, (2, len(names), bars))
    labels = reader.npy(LABELS, (len(results.regimes), bars))
    return Record(
        workflow=workflow,
        configuration=text,
        settings=settings,
        results=results,
        choices=choices,
        shares=shares,
        overfitting=reader.json(OVERFITTING, Overfitting),
        robustness=reader.json(ROBUSTNESS, Robustness),
        contributions=reader.json(CONTRIBUTIONS, Contributions),
        round_trips=reader.json(ROUND_TRIPS, RoundTrips),
        trading=reader.json(TRADING, Trading),
        signal_quality=reader.json(SIGNAL_QUALITY, SignalQuality),
        seen=reader.by_classifier(REGIMES, Seen, results.regimes),
        fits=reader.by_classifier(REGIME_FITS, Fits, results.regimes),
        timestamps=timestamps,
        symbols=axes.symbols,
        sectors=axes.sectors,
        equity=dict(zip(names, equity, strict=True)),
        rolling=dict(zip(names, rolling.swapaxes(0, 1), strict=True)),
        weights=reader.npy(WEIGHTS, (bars, len(axes.symbols))),
        labels=dict(zip(results.regimes, labels, strict=True)),
        trial_returns={
            "parameter_discovery": reader.npy(TRIAL_RETURNS, (None, None)),
            "ensemble_optimization": reader.npy(ENSEMBLE_RETURNS, (None, None)),
        },
        risk_free=_risk_free(root, reader, len(axes.timestamps)),
        sources=_sources(root, reader.used, checkpoints),
    )


def _risk_free(root: Path, reader: _Reader, bars: int) -> Float:
    found: Float = reader.npy(RISK_FREE, (None,))
    if found.size not in (1, bars):
        raise CorruptError(f"{root / RISK_FREE}: has {found.size} values, but 1 or {bars} are expected; {_AGAIN}")
    return found


def _checkpoints(root: Path, phases: list[str]) -> list[Checkpoint]:
    """The checkpoints of all phases; each must have been made from what the ones before it wrote."""
    found: list[Checkpoint] = []
    written: dict[str, str] = {}
    for phase in phases:
        path = root / "checkpoints" / f"{phase}.json"
        if not path.is_file():
            raise CorruptError(f"{path}: is missing: {phase} is not finished; run the workflow, it resumes by itself")
        try:
            checkpoint = Checkpoint.model_validate(read_json(path))
        except ValidationError:
            raise CorruptError(f"{path}: is not a checkpoint; delete it and run the workflow again") from None
        for name, digest in checkpoint.inputs.items():
            if written.get(name) != digest:
                raise StaleError(f"{root}: {phase} was made from another {name} than is there now; run the workflow")
        written.update(checkpoint.outputs)
        found.append(checkpoint)
    return found


def _must_fit(
    root: Path, results: Results, choices: Mapping[str, Mapping[str, object]], shares: EnsembleWeights
) -> None:
    """Refuse files that lack a run or a classifier that others speak of."""
    _must_hold(root / RESULTS, results.runs, STATIC, EQUAL_WEIGHT, *results.regimes)
    _must_hold(root / RESULTS, results.regimes, results.selected)
    _must_hold(root / RESULTS, results.selected_minus, STATIC, EQUAL_WEIGHT)
    _must_hold(root / CHOICES, choices, STATIC, *results.regimes)
    _must_hold(root / CHOICES, choices[STATIC], ALL_BARS)
    _must_hold(root / SHARES, shares.classifiers, STATIC, *results.regimes)


def _must_hold(path: Path, found: Mapping[str, object], *names: str) -> None:
    for name in names:
        if name not in found:
            raise CorruptError(f"{path}: holds nothing about {name!r}; {_AGAIN}")


def _sources(root: Path, names: list[str], checkpoints: list[Checkpoint]) -> dict[str, Source]:
    """The files that were read, and those that a person edited and later phases may have read."""
    edited = edited_files(root)
    sources = {}
    for name in dict.fromkeys((*names, *(each for each in edited if (root / each).is_file()))):
        writer = next((each.phase for each in checkpoints if name in each.outputs), "")
        sources[name] = Source(name, sha256_of(root / name), writer, name in edited)
    return sources
