"""Compile the kernels that most tests call: those that `trade`, or those that `observe`.

Tests that run at a time, and find them not compiled, do it each.
"""

from __future__ import annotations

import sys

from regimefolio.backtest import BacktestRunner, ExecutionSpec
from regimefolio.evaluation import round_trips
from regimefolio.features import RatingMeans, features_of
from regimefolio.portfolio import Ensemble, PortfolioSpec
from regimefolio.regimes import GaussianHMM
from regimefolio.strategies import BollingerMeanReversion, MomentumRank
from regimefolio.testing import synthetic_market


def trade() -> None:
    """What follows from opinions."""
    runner = BacktestRunner(synthetic_market(300), PortfolioSpec(), ExecutionSpec())
    ensemble = Ensemble.static((BollingerMeanReversion(), MomentumRank()), (0.5, 0.5))
    run = runner.run(ensemble, 250)
    round_trips(run)
    runner.manager.targets(runner.signals(ensemble), ensemble, run.row, run.decide)
    runner.simulate(run.target, 250)


def observe() -> None:
    """What opinions follow from."""
    market = synthetic_market(300)
    features_of(market.panel, [RatingMeans()])
    GaussianHMM(states=2, first_fit=150, restarts=1).detect(market)


if __name__ == "__main__":
    {"trade": trade, "observe": observe}[sys.argv[1]]()
