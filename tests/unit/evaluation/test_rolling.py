from __future__ import annotations

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.evaluation.rolling import rolling_risk

RETURNS = 0.01 * np.random.default_rng(0).standard_normal(400)


def test_every_window_is_a_sharpe_ratio_of_its_own() -> None:
    found = rolling_risk(RETURNS, 63, 252.0, 0.0001)
    assert np.isnan(found.sharpe[:62]).all()
    assert np.isnan(found.volatility[:62]).all()
    for t in (62, 100, 399):
        window = RETURNS[t - 62 : t + 1]
        deviation = window.std(ddof=1)
        assert found.volatility[t] == pytest.approx(deviation * 252**0.5, rel=1e-9)
        assert found.sharpe[t] == pytest.approx((window.mean() - 0.0001) / deviation * 252**0.5, rel=1e-8)


def test_a_window_has_the_risk_free_rates_of_its_own_bars() -> None:
    free = 0.001 * np.cos(np.arange(400))
    found = rolling_risk(RETURNS, 63, 252.0, free)
    for t in (62, 100, 399):
        window = slice(t - 62, t + 1)
        ratio = (RETURNS[window] - free[window]).mean() / RETURNS[window].std(ddof=1)
        assert found.sharpe[t] == pytest.approx(ratio * 252**0.5, rel=1e-8)


def test_nothing_after_a_bar_is_seen() -> None:
    whole = rolling_risk(RETURNS, 63, 252.0)
    for bars in (10, 63, 200, 399):
        part = rolling_risk(RETURNS[:bars], 63, 252.0)
        assert part.sharpe.tobytes() == whole.sharpe[:bars].tobytes()
        assert part.volatility.tobytes() == whole.volatility[:bars].tobytes()


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    found = rolling_risk(np.concatenate([RETURNS[:50], np.zeros(30)]), 20, 252.0)
    assert np.isnan(found.sharpe[-1])
    assert found.volatility[-1] == 0.0


def test_the_record_ends_with_what_is_no_return() -> None:
    broken = RETURNS.copy()
    broken[200:] = np.nan
    found = rolling_risk(broken, 63, 252.0)
    assert np.isfinite(found.sharpe[62:200]).all()
    assert np.isnan(found.sharpe[200:]).all()


def test_a_window_of_one_bar_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2 bars"):
        rolling_risk(RETURNS, 1, 252.0)
