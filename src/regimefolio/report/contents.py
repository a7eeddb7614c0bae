"""What the files of a workspace hold, as far as the page speaks of it."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regimefolio.core.types import Json
from regimefolio.evaluation import NoBreakEven

Number = float | None
"""A number, or None where it is undefined."""


class Part(BaseModel):
    """A piece of a file; what else the file says is not the report's business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RunResult(Part):
    """One run on the test bars."""

    status: str
    metrics: dict[str, Number]
    reasons: dict[str, str]
    regime_metrics: dict[str, dict[str, Number]]


class Difference(Part):
    """The selected run's Sharpe ratio minus another's, with its interval."""

    point: Number
    low: Number
    high: Number
    level: float
    share_positive: Number


class Span(Part):
    """Some bars in a row."""

    first: datetime.datetime
    last: datetime.datetime
    bars: int


class Window(Part):
    """Which bars were used for what."""

    training: Span
    parameters_chosen_on: Span
    weights_chosen_on: Span
    embargo_bars: int
    test: Span
    first_test_bar: int
    periods_per_year: float
    risk_free: float


class Check(Part):
    """One thing that had to hold."""

    name: str
    passed: bool
    details: str


class Episode(Part):
    """Bars of one regime in a row, counted from the first test bar."""

    label: int
    first: int
    last: int

    @property
    def bars(self) -> int:
        return self.last - self.first + 1


class Regimes(Part):
    """What one classifier saw on the test bars."""

    names: list[str] = Field(min_length=1)
    episodes: list[Episode]
    transitions: list[list[int]]

    @model_validator(mode="after")
    def _of_one_size(self) -> Regimes:
        size = len(self.names)
        if [len(row) for row in self.transitions] != [size] * size:
            raise ValueError(f"transitions are not {size} x {size}")
        if any(not 0 <= each.label < size for each in self.episodes):
            raise ValueError(f"an episode's label is not one of {size}")
        return self


class Position(Part):
    """One symbol at the last bar, as fractions of equity; no target, no order."""

    symbol: str
    held: float
    target: Number


class InFlight(Part):
    """An order from before the last bar that is filled so many bars after it."""

    symbol: str
    decided_at: datetime.datetime
    target: float
    fills_in: int


class Resting(Part):
    """At what prices a position is closed without an order."""

    symbol: str
    stop: Number
    reason: str | None
    goal: Number

    @property
    def due(self) -> bool:
        """Whether it is closed at the next bar in any case."""
        return self.stop is None and self.goal is None


class Orders(Part):
    """What was decided at the last bar, what a delay has kept from being filled, and what stops wait for."""

    decided_at: datetime.datetime
    positions: list[Position]
    in_flight: list[InFlight]
    resting: list[Resting]


class Results(Part):
    """validation_results.json."""

    selected: str
    objective: str
    window: Window
    runs: dict[str, RunResult]
    selected_minus: dict[str, Difference]
    probabilistic_sharpe_ratio: Number
    checks: list[Check]
    regimes: dict[str, Regimes]
    orders: Orders
    benchmark: RunResult | None = None
    index: RunResult | None = None

    @property
    def held(self) -> dict[str, RunResult]:
        """What is bought and held beside the runs."""
        found = {"benchmark": self.benchmark, "index": self.index}
        return {name: each for name, each in found.items() if each is not None}


class Evidence(Part):
    """What a choice rests on; `fallback` says why it is not the regime's own, or is empty."""

    bars: int
    episodes: int
    score: Number
    score_all: Number
    shrunk: Number = None
    fallback: str


class Choice(Part):
    """The parameters of one strategy in one regime."""

    parameters: dict[str, Json]
    trial: int
    evidence: Evidence


class Shares(Part):
    """The strategy weights of one classifier, by regime."""

    weights: dict[str, dict[str, float]]
    evidence: dict[str, Evidence]


class EnsembleWeights(Part):
    """ensemble_weights.json."""

    objective: str
    selected: str
    classifiers: dict[str, Shares]


class Overfitting(Part):
    """overfitting.json."""

    bars: int
    trials: int
    trials_by_phase: dict[str, int]
    sharpe_per_bar: Number
    variance_of_trial_sharpes: Number
    expected_maximum_sharpe_per_bar: Number
    deflated_sharpe_ratio: Number


class DataOrigin(Part):
    """Where the prices came from."""

    source: str
    fingerprint: str
    about: str


class Workflow(Part):
    """workflow.json."""

    id: str
    created_at: str
    phases: list[str]
    configuration: str
    data: DataOrigin
    versions: dict[str, str]


class Axes(Part):
    """axes.json; sectors where they are known."""

    timestamps: list[str]
    symbols: list[str]
    sectors: list[str] | None = None


class Checkpoint(Part):
    """A file of checkpoints/: SHA-256 of what a phase read and wrote."""

    phase: str
    inputs: dict[str, str]
    outputs: dict[str, str]


class Placebo(Part):
    """The Sharpe ratio of the real regimes beside those of regimes shifted in time."""

    wanted: int
    counted: int
    nearest: int | None
    real: Number
    at_least_as_good: int
    p_value: Number
    scores: list[Number]


class UnderCosts(Part):
    """The selected strategy and equal weight with all costs multiplied."""

    multiple: float
    selected: dict[str, Number]
    equal_weight: dict[str, Number]


class BreakEven(Part):
    """The multiple of costs at which something is gone; None with the reason where there is none."""

    multiple: Number
    searched_to: float
    reason: NoBreakEven | None


class BreakEvens(Part):
    """Where the return is gone, and where the lead over equal weight is."""

    gain: BreakEven = Field(alias="return")
    advantage: BreakEven


class Costs(Part):
    """What costs do to the result."""

    multiples: list[UnderCosts]
    break_even: BreakEvens


class OneBarLater(Part):
    """The selected strategy and equal weight with every fill one bar later."""

    selected: dict[str, Number]
    equal_weight: dict[str, Number]


class Alone(Part):
    """One strategy by itself."""

    strategy: str
    parameters: dict[str, Json]
    metrics: dict[str, Number]


class Compared(Part):
    """The scores of trials in training and on the test; `best` is the best one's number, `best_afterwards` its rank."""

    training: list[Number]
    test: list[Number]
    trials: int
    rank_correlation: Number
    best: int | None
    best_afterwards: int | None
    chosen: int | None = None

    @model_validator(mode="after")
    def _of_one_length(self) -> Compared:
        if len(self.training) != len(self.test):
            raise ValueError(f"{len(self.training)} scores in training, but {len(self.test)} on the test")
        return self

    @property
    def pairs(self) -> list[tuple[int, float, float]]:
        """Number and both scores of the trials that have both."""
        both = enumerate(zip(self.training, self.test, strict=True))
        return [(n, x, y) for n, (x, y) in both if x is not None and y is not None]


class Trials(Part):
    """The trials of both searches."""

    parameter_discovery: Compared
    ensemble_optimization: Compared


class Surface(Part):
    """Scores over one or two parameters; the score stands last in a point."""

    parameters: list[str] = Field(min_length=1, max_length=2)
    points: list[list[Json]]
    chosen: list[Json]
    held: dict[str, Json]
    others_vary: bool


class Surfaces(Part):
    """The surface of each strategy's search."""

    objective: str
    strategies: dict[str, Surface]


class Robustness(Part):
    """robustness.json."""

    placebo: Placebo
    costs: Costs
    one_bar_later: OneBarLater
    alone: list[Alone]
    trials: Trials
    surface: Surfaces


class Contributions(Part):
    """contributions.json: money by name, in four ways of adding up to the same total."""

    total: float
    follows_alpha: bool
    allocator: str
    combination_method: str
    by_strategy: dict[str, float]
    by_side: dict[str, float]
    by_regime: dict[str, float]
    by_asset: dict[str, float]


class Trip(Part):
    """One round trip; `exit_at`, `exit_price` and `closed_by` are None while it is open."""

    symbol: str
    side: str
    entry_at: datetime.datetime
    exit_at: datetime.datetime | None
    bars: int
    entry_price: float
    exit_price: Number
    profit: float
    gain: float = Field(alias="return")
    mae: float
    mfe: float
    entry_regime: str | None
    closed_by: str | None
    result: str


class TripStatistics(Part):
    """What some closed round trips have in common."""

    trips: int
    won: int
    mean_profit: Number
    median_profit: Number
    profit_factor: Number
    expectancy: Number
    mean_bars: Number
    longest_losing_streak: int
    mean_mae_won: Number
    mean_mae_lost: Number


class RoundTrips(Part):
    """round_trips.json: a row a trip, and the statistics of the closed ones by what tells them apart."""

    trips: list[Trip]
    statistics: dict[str, dict[str, TripStatistics]]

    @model_validator(mode="before")
    @classmethod
    def _from_rows(cls, found: Any) -> Any:
        if not isinstance(found, dict) or not {"columns", "rows", "statistics"} <= found.keys():
            raise ValueError("columns, rows and statistics are expected")
        columns, rows = found["columns"], found["rows"]
        if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
            raise ValueError(f"a row has not the {len(columns)} fields of the columns")
        trips = [dict(zip(columns, row, strict=True)) for row in rows]
        return {"trips": trips, "statistics": found["statistics"]}

    @model_validator(mode="after")
    def _of_all(self) -> RoundTrips:
        told = self.statistics.get("all", {}).get("all")
        if told is None or told.trips != len(self.closed):
            raise ValueError(f"statistics / all / all is not about the {len(self.closed)} closed trips")
        return self

    @property
    def closed(self) -> list[Trip]:
        return [trip for trip in self.trips if trip.closed_by is not None]


class KindsOfCost(Part):
    """What the selected run paid, in money."""

    commission: float
    fees: float
    slippage: float
    impact: float
    borrow: float


class Braked(Part):
    """Decisions that a drawdown brake made smaller, and the part of their targets that it left."""

    decisions: int
    left: Number


class Scaled(Part):
    """Gross weights of decisions under a volatility target."""

    mean: Number
    least: Number
    most: Number


class Interventions(Part):
    """What had a say in the selected run; None is what was not asked for."""

    decisions: int
    stops: dict[str, int]
    drawdown_brake: Braked | None
    vetoed: int | None
    volatility_target: Scaled | None


class Happening(Part):
    """A stop that closed, or a delisting that is assumed."""

    symbol: str
    at: datetime.datetime


class Trading(Part):
    """trading.json: what trading cost the selected run, what had a say in it, and what to doubt."""

    costs: KindsOfCost
    interest: float
    interventions: Interventions
    doubtful_stops: list[Happening]
    assumed_delistings: list[Happening]
