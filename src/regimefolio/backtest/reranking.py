"""A universe that is ranked again at every rebalance: the short form of a backtest whose portfolio selects."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from regimefolio.backtest.rates import Interest
from regimefolio.backtest.spec import BacktestSpec, ExecutionSpec, StrategyEntry, must_be_possible, rate_of_cash
from regimefolio.core.component import Part, Plugins, did_you_mean
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError
from regimefolio.core.files import path_of
from regimefolio.market import DataSpec, Rebalance
from regimefolio.portfolio import Allocator, Constraints, EqualWeight, PortfolioSpec, Selection
from regimefolio.strategies import TechnicalRating

PROFILES = Path(__file__).parent / "profiles"


def shipped_profiles() -> dict[str, Path]:
    """The profiles that come with the product, by name; good files to copy and change."""
    return {file.stem: file for file in sorted(PROFILES.glob("*.yaml"))}


class RerankSpec(Selection):
    """A re-ranking profile; the section `rerank:` of a file.

    Its keys are those of a selection, and those of a backtest around it. Allocators that look at alphas see the
    technical rating.
    """

    name: str = "rerank"
    plugins: Plugins = ()
    data: DataSpec
    benchmark: str | None = Field(None, description="equal_weight, index, a symbol, or a source of one")
    candidates: Path | None = Field(
        None, description="JSON file of the symbols to keep: a list of them, or of objects with `symbol`"
    )
    allocator: Part[Allocator] = EqualWeight()
    constraints: Constraints = Constraints()
    rebalance: Rebalance = "monthly"
    execution: ExecutionSpec = ExecutionSpec()
    initial_capital: float = Field(1_000_000.0, gt=0)
    risk_free: Interest = Field(default_factory=rate_of_cash, description="a year; execution.cash_rate if not said")

    @property
    def selection(self) -> Selection:
        """What it says of who may be held."""
        return Selection.model_construct(**{name: getattr(self, name) for name in Selection.model_fields})

    @model_validator(mode="after")
    def _its_backtest_is_possible(self) -> Self:
        must_be_possible(self.backtest)
        return self

    def backtest(self) -> BacktestSpec:
        """The backtest that it is short for."""
        rating = TechnicalRating(rule_set=self.ratings.rule_set, threshold=0.0)
        portfolio = PortfolioSpec(
            selection=self.selection,
            allocator=self.allocator,
            constraints=self.constraints,
            rebalance=self.rebalance,
        )
        return BacktestSpec(
            name=self.name,
            plugins=self.plugins,
            data=self.data,
            benchmark=self.benchmark,
            strategies=(StrategyEntry(strategy=rating),),
            portfolio=portfolio,
            execution=self.execution,
            initial_capital=self.initial_capital,
            risk_free=self.risk_free,
        )


def profile_file(profile: str | Path) -> Path:
    """The file of a re-ranking profile, which may be named as one that comes with the product.

    Raises
    ------
    ConfigError
        It is no file, and no name of a profile.
    """
    shipped = shipped_profiles()
    if isinstance(profile, Path) or Path(profile).suffix in (".yaml", ".yml"):
        return path_of(profile)
    if profile not in shipped:
        hint = did_you_mean(profile, shipped)
        raise ConfigError(f"unknown profile {profile!r}; {hint} One of your own is named by its file, as my.yaml")
    return shipped[profile]


def read_profile(profile: str | Path) -> RerankSpec:
    """The re-ranking profile in a file, or one that comes with the product, by its name.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(profile_file(profile)).parse(RerankSpec, "rerank")
