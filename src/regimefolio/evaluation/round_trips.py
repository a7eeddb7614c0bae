"""Every round trip of a recorded run: when, at what prices, what it made, and how far it went against its holder.

docs/accounting.md defines each number. What trips made, open ones at the last price, is the run's profit and loss but
for the interest on its cash.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from regimefolio.backtest import Run, Traded
from regimefolio.core.errors import DataError, must_be
from regimefolio.core.types import ORDER, REASONS, UNKNOWN, Float, Int, Json, Panel, Simulation, Times, read_only
from regimefolio.evaluation.contributions import STOPPED, ending
from regimefolio.kernels.trips import NO_FILL, Fills, History, Trips, empty_trips, walk_trips
from regimefolio.market import doubtful_bars

if TYPE_CHECKING:
    import polars as pl

OPEN = -1
"""The exit bar and the reason of a trip that is open."""

RESULTS = {1: "won", -1: "lost", 0: "even"}
SIDES = {1: "long", -1: "short"}


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """The M round trips of a run, in the order of their entries; bars are those of the data, counted from 0.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
    symbols : tuple of N str
    regimes : tuple of K str
        Names of regimes; none where the run knew of none.
    asset, side : ndarray of shape (M,), int64
        Place in `symbols`; 1 long, −1 short.
    entry_bar, exit_bar, bars : ndarray of int64
        `OPEN` is the exit bar of an open one; bars are those from the entry to the exit, or to the last bar.
    entry_price, exit_price : ndarray of float64
        Money for a unit; NaN is the exit price of an open one.
    units, invested : ndarray
        The largest number of units, and their largest value at the entry price, in money.
    costs, dividends, borrow_fees, profit : ndarray
        Money; a short position's dividends are negative.
    mae, mfe : ndarray
        Worst and best move as fractions of the entry price, at most and at least 0.
    entry_regime, exit_regime : ndarray of int64
        Place in `regimes`, or `UNKNOWN`; the exit's, where it is open, too.
    reason : ndarray of int64
        Place in `REASONS`, or `OPEN`.
    result : ndarray of int64
        1 won, −1 lost, 0 neither, which an open one is too.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    regimes: tuple[str, ...]
    asset: Int
    side: Int
    entry_bar: Int
    exit_bar: Int
    bars: Int
    entry_price: Float
    exit_price: Float
    units: Float
    invested: Float
    costs: Float
    dividends: Float
    borrow_fees: Float
    profit: Float
    mae: Float
    mfe: Float
    entry_regime: Int
    exit_regime: Int
    reason: Int
    result: Int

    def __post_init__(self) -> None:
        for item in fields(self):
            if isinstance(array := getattr(self, item.name), np.ndarray):
                object.__setattr__(self, item.name, read_only(array))

    def __len__(self) -> int:
        return self.asset.size

    @property
    def closed(self) -> Int:
        """The numbers of those that are closed, in the order in which they were."""
        which = np.flatnonzero(self.exit_bar != OPEN)
        order: Int = which[np.argsort(self.exit_bar[which], kind="stable")]
        return order

    @property
    def returns(self) -> Float:
        """Profit as a fraction of what was invested."""
        returns: Float = self.profit / self.invested
        return returns

    def columns(self) -> dict[str, list[Json]]:
        """A list a column, as they are written: None is what does not exist."""
        stamps = np.datetime_as_string(self.timestamps, unit="s").tolist()
        regimes = [*self.regimes, None]  # the last place is `UNKNOWN`
        ended = [bar != OPEN for bar in self.exit_bar.tolist()]
        return {
            "symbol": [self.symbols[n] for n in self.asset.tolist()],
            "side": [SIDES[side] for side in self.side.tolist()],
            "entry_bar": self.entry_bar.tolist(),
            "entry_at": [stamps[bar] for bar in self.entry_bar.tolist()],
            "exit_bar": [bar if bar != OPEN else None for bar in self.exit_bar.tolist()],
            "exit_at": [stamps[bar] if bar != OPEN else None for bar in self.exit_bar.tolist()],
            "bars": self.bars.tolist(),
            "entry_price": self.entry_price.tolist(),
            "exit_price": [
                price if known else None for price, known in zip(self.exit_price.tolist(), ended, strict=True)
            ],
            "units": self.units.tolist(),
            "invested": self.invested.tolist(),
            "costs": self.costs.tolist(),
            "dividends": self.dividends.tolist(),
            "borrow_fees": self.borrow_fees.tolist(),
            "profit": self.profit.tolist(),
            "return": self.returns.tolist(),
            "mae": self.mae.tolist(),
            "mfe": self.mfe.tolist(),
            "entry_regime": [regimes[label] for label in self.entry_regime.tolist()],
            "exit_regime": [regimes[label] for label in self.exit_regime.tolist()],
            "closed_by": [REASONS[reason] if reason != OPEN else None for reason in self.reason.tolist()],
            "result": [RESULTS[n] if known else "open" for n, known in zip(self.result.tolist(), ended, strict=True)],
        }

    def frame(self) -> pl.DataFrame:
        """The columns as a table, times as such."""
        import polars as pl

        columns = self.columns()
        types = {name: pl.String if name in _WORDS else pl.Int64 if name in _COUNTS else pl.Float64 for name in columns}
        made = pl.DataFrame(columns, schema=types)
        return made.with_columns(pl.col("entry_at", "exit_at").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ns"))


_WORDS = ("symbol", "side", "entry_at", "exit_at", "entry_regime", "exit_regime", "closed_by", "result")
_COUNTS = ("entry_bar", "exit_bar", "bars")


def round_trips(run: Run) -> RoundTrips:
    """Every round trip of a run, those that are open at its end with what they made so far.

    Parameters
    ----------
    run : Run
        Recorded: `BacktestRunner.run` records, and so does `run_backtest`.

    Raises
    ------
    DataError
        It was not recorded.
    """
    must_be(Run, run, "run", "run_backtest(spec) gives one, and so does BacktestRunner.run")
    if run.traded is None or run.simulation.trades is None:
        raise DataError("round trips need a recorded run; run it with record=True")
    simulation, trades, delay = run.simulation, run.simulation.trades, run.traded.terms.delay
    found = walk(simulation, run.traded)
    opened, closed = trades["bar"][found.opened_by], trades["bar"][found.closed_by]
    ended = found.closed_by != NO_FILL
    reason = np.where(ended, trades["reason"][found.closed_by], OPEN)
    bars = np.arange(len(simulation.timestamps))
    decided = np.maximum.accumulate(np.where(run.decide, bars, 0))  # what was cut may be filled bars after its decision
    label = np.full(len(bars), UNKNOWN) if run.regimes is None else run.regimes.label
    before = np.where(reason == ORDER, decided[closed - 1 - delay], closed - 1)
    return RoundTrips(
        timestamps=simulation.timestamps,
        symbols=simulation.symbols,
        regimes=() if run.regimes is None else run.regimes.names,
        asset=trades["asset"][found.opened_by],
        side=found.side,
        entry_bar=opened,
        exit_bar=np.where(ended, closed, OPEN),
        bars=found.last_bar - opened,
        entry_price=found.entry_price,
        exit_price=found.exit_price,
        units=found.size,
        invested=found.invested,
        costs=found.costs,
        dividends=found.dividends,
        borrow_fees=found.borrow_fees,
        profit=found.profit,
        mae=found.mae,
        mfe=found.mfe,
        entry_regime=label[decided[opened - 1 - delay]],
        exit_regime=np.where(ended, label[before], UNKNOWN),
        reason=reason,
        result=found.result,
    )


def doubtful_stops(trips: RoundTrips, panel: Panel) -> Int:
    """The numbers of the trips that a stop closed at a bar that `data check` calls doubtful.

    Where the data has no opens, highs and lows, the close at which a stop was seen counts too.

    Parameters
    ----------
    panel : Panel
        What was traded.
    """
    stopped: Int = np.flatnonzero(trips.reason >= STOPPED)
    assets, column = np.unique(trips.asset[stopped], return_inverse=True)
    doubtful = doubtful_bars(panel, assets)
    at = trips.exit_bar[stopped]
    found = doubtful[at, column]
    if panel.open is None or panel.high is None or panel.low is None:
        bars = np.where(np.isfinite(panel.close[:, assets]), np.arange(panel.n_bars)[:, None], 0)
        seen = np.maximum.accumulate(bars, axis=0)
        found |= doubtful[seen[at - 1, column], column]
    return stopped[found]


def walk(simulation: Simulation, traded: Traded) -> Trips:
    """The round trips of a recorded simulation as the kernel has them: fills are numbered as its trades."""
    trades = simulation.trades
    assert trades is not None
    assert simulation.weights is not None
    prices = traded.prices
    value = simulation.weights * simulation.equity[:, np.newaxis]
    end, early = ending(simulation, traded.terms.delay)
    history = History(
        start=simulation.start,
        end=end,
        early=early,
        initial=float(simulation.initial_capital),
        equity=simulation.equity,
        shares=np.divide(value, prices.at_close, out=np.zeros_like(value), where=prices.at_close > 0),
        low=traded.low,
        high=traded.high,
        at_open=traded.at_open,
    )
    bar, asset, shares, price, cost = (
        np.ascontiguousarray(trades[name]) for name in ("bar", "asset", "shares", "price", "cost")
    )
    fills = Fills(bar, asset, shares, price, cost, trades["reason"] != ORDER)
    out = empty_trips(len(trades))
    count = walk_trips(fills, history, prices, traded.terms, out)
    return Trips._make(read_only(column[:count]) for column in out)
