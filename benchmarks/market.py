"""A seeded market of correlated assets whose volatility switches: the same for every peer."""

from __future__ import annotations

import numpy as np

from regimefolio.api import Market, Panel


def market(n_bars: int, n_assets: int, seed: int = 7) -> Market:
    """Closes of shape (n_bars, n_assets) on business days from 2005 on."""
    rng = np.random.default_rng(seed)
    turbulent = np.cumsum(rng.random(n_bars) < 0.02) % 2
    deviation = np.where(turbulent, 0.018, 0.008)[:, None]
    common, own = rng.standard_normal((n_bars, 1)), rng.standard_normal((n_bars, n_assets))
    returns = np.where(turbulent, -0.0008, 0.0006)[:, None] + deviation * (0.6 * common + 0.8 * own)
    close = rng.uniform(20, 200, n_assets) * np.exp(np.cumsum(returns, axis=0))
    days = np.busday_offset("2005-01-03", np.arange(n_bars)).astype("datetime64[ns]")
    symbols = tuple(f"A{n:03d}" for n in range(n_assets))
    return Market(Panel(days, symbols, close, np.ones(close.shape, dtype=bool), 252.0))
