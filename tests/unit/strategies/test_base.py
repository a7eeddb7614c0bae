"""What every strategy shares: being found by name, adapting, and lent buffers."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.component import registered
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import SignalBuffer
from regimefolio.strategies import BollingerMeanReversion, MacdRsiConfluence, MomentumRank, Strategy
from regimefolio.testing import synthetic_market


def test_the_room_registers_its_strategies() -> None:
    for part in (BollingerMeanReversion, MacdRsiConfluence, MomentumRank):
        assert registered("strategy")[part.kind] is part
        assert Strategy.of(part.kind) == part()


def test_a_misspelled_strategy_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match="did you mean 'momentum_rank'"):
        Strategy.of("momentum_ranks")


def test_adapting_gives_another_strategy_and_leaves_this_one() -> None:
    calm = BollingerMeanReversion(lookback=30)
    turbulent = calm.adapt_to_regime("turbulent", {"width": 3.0})
    assert turbulent == BollingerMeanReversion(lookback=30, width=3.0)
    assert calm == BollingerMeanReversion(lookback=30)
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        calm.adapt_to_regime("turbulent", {"lookback": 1})
    with pytest.raises(ValidationError, match="did you mean 'width'"):
        calm.adapt_to_regime("turbulent", {"widht": 3.0})


@pytest.mark.parametrize(
    "panel",
    [
        np.empty((60, 11), np.float32),
        np.empty((59, 12), np.float32),
        np.empty((60, 12), np.float64),
        np.empty((12, 60), np.float32).T,
    ],
)
def test_a_lent_buffer_of_another_kind_is_refused(panel: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    fitting = np.empty((60, 12), np.float32)
    with pytest.raises(DataError, match=r"out.confidence must be a C-ordered float32 panel of shape \(60, 12\)"):
        BollingerMeanReversion().signals(synthetic_market(60), out=SignalBuffer(fitting, panel))
