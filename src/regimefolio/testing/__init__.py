"""Contract suites for parts of your own: inherit one, name your part, and pytest checks its promises.

Nothing else of regimefolio imports this room.
"""

from regimefolio.testing.strategies import StrategyContract, market_of, synthetic_market

__all__ = ["StrategyContract", "market_of", "synthetic_market"]
