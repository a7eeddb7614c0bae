"""One complete backtest, as a configuration file says it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.backtest.commission import Commission, tiers_of
from regimefolio.backtest.rates import BorrowFee, Interest, is_file, with_borrow_fees, with_interest
from regimefolio.backtest.risk import RiskSpec
from regimefolio.core.arrays import time_texts
from regimefolio.core.component import Model, Part, Plugins, placed_error
from regimefolio.core.errors import ConfigError, MissingDataError, placed
from regimefolio.core.types import Float, Json, Panel, Times
from regimefolio.market import Dataset, DataSpec, Market, load_data
from regimefolio.market.fill import Fill
from regimefolio.market.traded import Dividends, patience
from regimefolio.portfolio import Ensemble, PortfolioSpec, RegimeSettings
from regimefolio.regimes import RegimeDetector
from regimefolio.strategies import Strategy


class ExecutionSpec(Model):
    """How orders are filled and what they cost."""

    fill: Fill | None = Field(
        None,
        description="where the next bar fills: its open, its close, or for vwap its typical price, "
        "(high + low + close)/3; next_open where the data has opens, if not said",
    )
    commission_bps: Commission = Field(5.0, description="basis points of traded value, or a list of tiers")
    slippage_bps: float = Field(5.0, ge=0, lt=5000, description="basis points of traded value")
    spread_bps: float = Field(0.0, ge=0, lt=5000, description="quoted spread in basis points; half of it is paid")
    fee_per_order: float = Field(0.0, ge=0, description="money for every order")
    fee_per_share: float = Field(0.0, ge=0, description="money for every traded share, as it trades before adjustment")
    min_fee_per_order: float = Field(0.0, ge=0, description="money that commission and fees of an order are at least")
    impact: float = Field(
        0.0,
        ge=0,
        le=10,
        description="coefficient of volatility · √(part of the bar's traded money) · value; 1 is usual",
    )
    max_participation: float | None = Field(
        None, gt=0, le=1, description="largest part of the money traded at a bar that an order may take; none: any"
    )
    on_excess: Literal["lapse", "carry"] = Field(
        "lapse", description="what becomes of the rest: nothing, or it goes on at the following bars"
    )
    shares: Literal["fractional", "whole"] = Field("fractional", description="whether orders are of whole shares")
    min_order_value: float = Field(
        0.0, ge=0, description="money below which there is no order, but to close a position"
    )
    cash_rate: Interest = Field(0.0, description="interest on cash, a year: 0.02 is 2%; or file:rates.csv")
    financing_rate: Interest | None = Field(None, description="on cash below 0, a year; the cash_rate, if not said")
    dividends: Dividends = Field(
        "cash", description="paid in cash, or put into the same asset at the close before; of data that tells dividends"
    )
    delist_after: Annotated[int, Field(ge=1)] | Literal["never"] | None = Field(
        None,
        description="missing bars in a row after which an asset is taken to be delisted, or never; not said, it is 21, "
        "and never where bars are intraday",
    )
    delisting_return: float = Field(
        0.0, ge=-1, le=10, description="on the last close, of a delisting that is assumed; -0.3 is a loss of 30%"
    )
    borrow_rate: BorrowFee = Field(
        0.0,
        description="fee on what is held short, a year: 0.02 is 2%; or {default: 0.005, GME: 0.3}, or file:borrow.csv",
    )
    sizing: Literal["target_weight", "on_change"] = Field(
        "target_weight", description="trade at every rebalance, or only where an asset's target changed"
    )
    accounts: Literal["shared", "per_asset"] = Field(
        "shared", description="one account, or one an asset, each with an equal part of the capital"
    )
    delay: int = Field(0, ge=0, description="bars by which fills come later than the next bar")
    overnight: Literal["fill", "lapse"] = Field(
        "fill", description="what becomes of an order of intraday bars that is due in another session than it is of"
    )
    flat_overnight: bool = Field(
        False, description="whether all is closed at a session's last bar, of intraday bars with a data.calendar"
    )

    @model_validator(mode="after")
    def _something_can_be_carried(self) -> Self:
        if self.on_excess == "carry" and self.max_participation is None:
            text = "nothing is cut that could be carried on; name max_participation, or leave on_excess out"
            raise placed_error(("on_excess",), text)
        return self

    @property
    def proportional_cost(self) -> float:
        """What a trade costs, as a fraction of its value: commission of the dearest tier, slippage, half the spread."""
        commission = max(tier.bps for tier in tiers_of(self.commission_bps))
        return (commission + self.slippage_bps + 0.5 * self.spread_bps) * 1e-4

    @property
    def frictions(self) -> list[str]:
        """The fields that make a fill more than a cost in proportion to its value."""
        names = ("fee_per_order", "fee_per_share", "min_fee_per_order", "impact", "max_participation", "shares")
        asked = [
            name for name in (*names, "min_order_value") if getattr(self, name) != type(self).model_fields[name].default
        ]
        return ["commission_bps", *asked] if len(tiers_of(self.commission_bps)) > 1 else asked

    def of_files(self, market: Market, folder: Path) -> tuple[Market, tuple[str, ...]]:
        """The market that also knows the rates whose files are named here, and cautions; paths start at `folder`.

        Raises
        ------
        MissingDataError, DataError
            A file is none of rates, or does not tell one where it is needed.
        """
        told: tuple[str, ...] = ()
        for name in ("cash_rate", "financing_rate", "borrow_rate"):
            source = getattr(self, name)
            if is_file(source):
                read = with_borrow_fees if name == "borrow_rate" else with_interest
                with placed("execution", name):
                    market, cautions = read(market, source, folder)
                told += cautions
        return market, tuple(dict.fromkeys(told))

    def patience(self, panel: Panel) -> int | None:
        """Missing bars in a row after which an asset of this data is taken to be delisted; None: never."""
        if self.delist_after is None:
            return patience(panel)
        return None if self.delist_after == "never" else self.delist_after

    def fill_on(self, panel: Panel) -> Fill:
        """The fill that is meant on this data.

        Raises
        ------
        ConfigError
            The data has not the prices for it.
        """
        lacks = {"next_open": panel.open is None, "vwap": panel.high is None or panel.low is None}
        if self.fill is not None and lacks.get(self.fill, False):
            raise ConfigError(
                f"execution.fill is {self.fill}, but this data has closes only; use next_close", ("execution", "fill")
            )
        return self.fill or ("next_open" if panel.open is not None else "next_close")


def rate_of_cash(known: Mapping[str, Any]) -> float | str:
    """The risk-free rate where a file names none: the `cash_rate` of its execution, which is read before it."""
    execution: ExecutionSpec = known["execution"]
    return execution.cash_rate


class StrategyEntry(Model):
    """A strategy and its weight in the ensemble; written `{kind: …, parameters, weight: 1}` or as a name."""

    strategy: Part[Strategy]
    weight: float = Field(1.0, ge=0)

    @classmethod
    def read(cls, value: Any) -> StrategyEntry:
        """The entry that a name or a mapping describes."""
        if isinstance(value, StrategyEntry):
            return value
        if isinstance(value, Mapping):
            rest = dict(value)
            weight = rest.pop("weight", 1.0)
            return cls(strategy=_strategy(rest), weight=weight)
        return cls(strategy=_strategy(value))

    def write(self) -> dict[str, Json]:
        """The mapping that `read` understands."""
        return {**self.strategy.spec(), "weight": self.weight}


def _strategy(value: Any) -> Strategy:
    try:
        return Strategy.of(value)
    except ConfigError as error:
        raise PydanticCustomError("part", "{text}", {"text": str(error)}) from None


class BacktestSpec(Model):
    """Everything that one backtest needs; the section `backtest:` of a file."""

    name: str = "backtest"
    plugins: Plugins = ()
    data: DataSpec
    benchmark: str | None = Field(None, description="equal_weight, index, a symbol, or a source of one")
    strategies: tuple[
        Annotated[StrategyEntry, PlainValidator(StrategyEntry.read), PlainSerializer(StrategyEntry.write)], ...
    ] = Field((), description="none where nothing in the portfolio looks at alphas")
    portfolio: PortfolioSpec = PortfolioSpec()
    execution: ExecutionSpec = ExecutionSpec()
    risk: RiskSpec = RiskSpec()
    initial_capital: float = Field(1_000_000.0, gt=0)
    risk_free: Interest = Field(default_factory=rate_of_cash, description="a year; execution.cash_rate if not said")
    regime_detector: Part[RegimeDetector] | None = None
    adaptive: dict[str, RegimeSettings] | None = None

    @model_validator(mode="after")
    def _alphas_come_from_somewhere(self) -> Self:
        if self.strategies:
            return self
        if self.portfolio.uses_alpha:
            what = "top_n" if self.portfolio.top_n is not None else f"allocator {self.portfolio.allocator.kind}"
            text = f"portfolio.{what} looks at alphas, and no strategies give any; name some, or take an allocator"
            raise placed_error(("strategies",), f"{text} that looks at prices alone, such as inverse_volatility")
        if self.adaptive is not None:
            raise placed_error(("adaptive",), "there are no strategies to adapt; name some, or leave it out")
        return self

    @model_validator(mode="after")
    def _adaptive_needs_regimes(self) -> Self:
        if self.adaptive is not None and self.regime_detector is None:
            raise ValueError("`adaptive` needs a `regime_detector`")
        return self

    @model_validator(mode="after")
    def _vetoes_are_known(self) -> Self:
        self.risk.must_be_known(self.regime_detector.names if self.regime_detector else (), "regime_detector")
        return self

    @model_validator(mode="after")
    def _ensemble_is_possible(self) -> Self:
        place = "strategies"
        try:
            Ensemble.static([entry.strategy for entry in self.strategies], [entry.weight for entry in self.strategies])
            place = "adaptive"
            self.ensemble()
        except ConfigError as error:
            raise placed_error((place,), str(error)) from None
        return self

    @property
    def cautions(self) -> tuple[str, ...]:
        """What is doubtful about it, whatever the data."""
        if not self.strategies or self.portfolio.uses_alpha:
            return ()
        text = f"portfolio.allocator {self.portfolio.allocator.kind} looks at prices alone, so that the strategies have"
        return (f"{text} no say in the weights; leave `strategies` out, or take another allocator, as proportional",)

    def ensemble(self) -> Ensemble:
        """The strategies with their weights, adaptive where the file says so."""
        strategies = [entry.strategy for entry in self.strategies]
        weights = [entry.weight for entry in self.strategies]
        if self.adaptive is None or self.regime_detector is None:
            return Ensemble.static(strategies, weights)
        return Ensemble.adaptive(strategies, weights, self.regime_detector.names, self.adaptive)


def market_of(dataset: Dataset, benchmark: str | None, folder: Path = Path()) -> Market:
    """The market that strategies and detectors are given, with the benchmark's closes.

    Parameters
    ----------
    benchmark : str or None
        `equal_weight`, `index`, a symbol, or a source of one symbol such as `file:spy.csv`.
    folder : Path
        Where a relative file starts.

    Raises
    ------
    ConfigError, MissingDataError
        The benchmark is not a series of this data, or its source holds more than one symbol.
    """
    market = Market(dataset.panel, index=dataset.index)
    if benchmark is None:
        return market
    with placed("benchmark"):
        closes = _closes_from(benchmark, market, folder) if ":" in benchmark else market.series(benchmark)
    return Market(dataset.panel, index=dataset.index, benchmark=closes)


def _closes_from(source: str, market: Market, folder: Path) -> Float:
    """The closes of a source's only symbol on the market's clock; NaN where it has no bar."""
    panel = load_data(DataSpec(source=source), folder).panel
    if panel.n_assets != 1:
        raise ConfigError(f"benchmark {source!r} holds {panel.n_assets} symbols, but must hold one; keep its rows only")
    position = np.searchsorted(panel.timestamps, market.timestamps).clip(max=panel.n_bars - 1)
    known = panel.timestamps[position] == market.timestamps
    if not known.any():
        raise MissingDataError(
            f"benchmark {source!r} goes from {_span(panel.timestamps)}, and the data from {_span(market.timestamps)}, "
            "without a bar at the same time; give it the data's dates"
        )
    return np.where(known, panel.close[position, 0], np.nan)


def _span(timestamps: Times) -> str:
    """First and last time, to the day where they are whole days."""
    first, last = time_texts(timestamps[[0, -1]])
    return f"{first} to {last}"


def must_be_possible(backtest: Callable[[], BacktestSpec]) -> None:
    """Refuse a specification that is short for a backtest which cannot be, at the same keys as the backtest's."""
    try:
        backtest()
    except ValidationError as error:
        first = error.errors()[0]
        raise placed_error((*first["loc"], *first.get("ctx", {}).get("place", ())), first["msg"]) from None


def load_market(
    data: DataSpec,
    benchmark: str | None,
    folder: Path = Path(),
    execution: ExecutionSpec | None = None,
    risk_free: float | str | None = None,
    portfolio: PortfolioSpec | None = None,
) -> tuple[Dataset, Market]:
    """Read the data of a backtest or a workflow, and the files that its execution, `risk_free` and portfolio name.

    Relative paths start at `folder`.
    """
    dataset = load_data(data, folder)
    market = market_of(dataset, benchmark, folder)
    told = dataset.cautions
    if execution is not None:
        market, cautions = execution.of_files(market, folder)
        told += cautions
    if isinstance(risk_free, str) and risk_free not in market.files:
        with placed("risk_free"):
            market, cautions = with_interest(market, risk_free, folder)
        told += cautions
    if portfolio is not None:
        market, cautions = portfolio.of_files(market, folder)
        told += cautions
    return replace(dataset, cautions=told), market


def inputs_fingerprint(dataset: Dataset, market: Market) -> str:
    """SHA-256 of everything that was loaded: the data's own, the benchmark's bytes, and what files tell."""
    benchmark = b"" if market.benchmark is None else market.benchmark.tobytes()
    files = market.files_fingerprint.encode() if market.files else b""
    return hashlib.sha256(dataset.fingerprint.encode() + benchmark + files).hexdigest()
