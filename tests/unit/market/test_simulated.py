"""Simulated prices are what their parameters say, and their regimes can be found again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float
from regimefolio.market import Dataset, DataSpec, Market, Simulated, Source, load_data, source_of
from regimefolio.market.quality import bar_problems
from regimefolio.regimes import GaussianHMM, Trend

FIELDS = ("timestamps", "open", "high", "low", "close", "volume", "member")
SHORT = Simulated(seed=7, bars=300, assets=4)


def returns_of(price: Float) -> Float:
    return np.diff(price, axis=0, prepend=np.full((1, *price.shape[1:]), 100.0)) / np.concatenate(
        [np.full((1, *price.shape[1:]), 100.0), price[:-1]]
    )


def index_of(data: Dataset) -> Float:
    assert data.index is not None
    return data.index


def fields_of(data: Dataset) -> dict[str, Float]:
    return {name: np.asarray(getattr(data.panel, name)) for name in ("open", "high", "low", "close", "volume")}


@pytest.fixture(scope="module")
def source() -> Simulated:
    return Simulated(seed=3, bars=25_000, assets=6, correlation=0.4, drifts=(0.0016, -0.0012))


@pytest.fixture(scope="module")
def data(source: Simulated) -> Dataset:
    return source.load()


@pytest.fixture(scope="module")
def market() -> Market:
    data = Simulated(seed=7, bars=2520, assets=3).load()
    return Market(data.panel, data.index, data.index)


class TestForm:
    def test_text_and_mapping(self) -> None:
        assert source_of("simulated:7") == Simulated(seed=7)
        described = Source.of({"kind": "simulated", "seed": 7, "bars": 300, "assets": 4, "start": "2000-01-03"})
        assert described == SHORT
        assert Source.of(SHORT.spec()) == SHORT

    def test_defaults(self) -> None:
        source = Simulated()
        assert (source.volatilities, source.drifts) == ((0.008, 0.018), (0.0006, -0.0008))
        assert source.transition.tolist() == [[0.98, pytest.approx(0.02)], [pytest.approx(0.02), 0.98]]

    def test_shape(self) -> None:
        data = SHORT.load()
        assert data.panel.close.shape == (300, 4)
        assert data.panel.symbols == ("S1", "S2", "S3", "S4")
        assert Simulated(bars=2, assets=10).load().panel.symbols[0] == "S01"
        assert data.panel.periods_per_year == 252
        assert data.panel.member.all()
        assert data.defects == ()
        assert index_of(data).shape == SHORT.states().shape == (300,)

    def test_business_days_from_the_first_one(self) -> None:
        days = Simulated(bars=7, start=date(2022, 1, 1)).load().panel.timestamps.astype("datetime64[D]")
        expected = ["2022-01-03", "2022-01-04", "2022-01-05", "2022-01-06", "2022-01-07", "2022-01-10", "2022-01-11"]
        assert days.astype(str).tolist() == expected

    def test_it_says_what_it_is(self) -> None:
        about = load_data(DataSpec(source="simulated:7")).about
        assert about.startswith("Simulated prices, no market's: 10 assets, 5,040 daily bars from 2000-01-03")
        assert "seed 7" in about
        assert "volatility 0.8% / 1.8% and drift +6 bp / -8 bp, persistence 0.98" in about

    def test_a_stretch_of_it(self) -> None:
        data = load_data(DataSpec(source="simulated:7", start=date(2001, 1, 1), end=date(2001, 12, 31)))
        assert str(data.panel.timestamps[0])[:10] == "2001-01-01"
        assert len(index_of(data)) == data.panel.n_bars == 261

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"volatilities": [0.01]}, "at least 2 items"),
            ({"volatilities": [0.01, 0.0]}, "greater than 0"),
            ({"volatilities": [0.01, 0.06]}, "less than or equal to 0.05"),
            ({"volatilities": [0.01, 0.02, 0.03]}, "there are 3 volatilities and 2 drifts"),
            ({"drifts": [0.001, 0.006]}, "less than or equal to 0.005"),
            ({"persistence": 1.0}, "less than 1"),
            ({"correlation": -0.1}, "greater than or equal to 0"),
            ({"correlation": 1.0}, "less than 1"),
            ({"bars": 1}, "greater than or equal to 2"),
            ({"bars": 25_201}, "less than or equal to 25200"),
            ({"assets": 0}, "greater than or equal to 1"),
            ({"seed": -1}, "greater than or equal to 0"),
            ({"start": "2200-01-01"}, "less than or equal to 2150-01-01"),
            ({"seeds": 1}, "did you mean 'seed'"),
        ],
    )
    def test_bounds(self, fields: Mapping[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            Simulated.model_validate(fields)

    def test_prices_beyond_what_prices_are(self) -> None:
        with pytest.raises(DataError, match="simulate fewer bars, or drifts nearer to 0"):
            Simulated(bars=20_000, assets=1, drifts=(-0.005, -0.005)).load()


class TestChance:
    def test_equal_parameters_give_equal_bytes(self) -> None:
        assert SHORT.load().fingerprint == Simulated(seed=7, bars=300, assets=4).load().fingerprint
        assert SHORT.states().tobytes() == Simulated(seed=7, bars=300, assets=4).states().tobytes()

    def test_another_seed_is_another_market(self) -> None:
        other = Simulated(seed=8, bars=300, assets=4)
        assert (other.load().panel.close != SHORT.load().panel.close).all()
        assert (other.states() != SHORT.states()).any()

    @pytest.mark.parametrize("bars", [2, 3, 17, 299])
    def test_a_longer_simulation_begins_with_the_shorter_one(self, bars: int) -> None:
        source = SHORT.model_copy(update={"bars": bars})
        short, long = source.load(), SHORT.load()
        for name in FIELDS:
            assert getattr(short.panel, name).tobytes() == getattr(long.panel, name)[:bars].tobytes(), name
        assert index_of(short).tobytes() == index_of(long)[:bars].tobytes()
        assert source.states().tobytes() == SHORT.states()[:bars].tobytes()

    def test_a_seed_keeps_its_prices(self) -> None:
        """Another number here is another market under every seed, and all results on simulated prices change."""
        found = SHORT.load().panel.close[[0, 299], 0]
        assert found.tolist() == pytest.approx([102.79056701978513, 123.51959638205985], rel=1e-12)


class TestLaws:
    """Over 25,000 bars; tolerances are four standard errors or more."""

    def test_bars_are_sound(self, data: Dataset) -> None:
        fields = {name: values.ravel() for name, values in fields_of(data).items()}
        assert [problem.text for problem in bar_problems(fields) if problem.rows.any()] == []
        assert (fields["high"] >= np.maximum(fields["open"], fields["close"])).all()
        assert (fields["low"] <= np.minimum(fields["open"], fields["close"])).all()
        assert (fields["high"] > fields["low"]).all()
        assert (fields["volume"] >= 500_000).all()
        assert fields["volume"].mean() == pytest.approx(1e6, rel=0.02)

    @pytest.mark.parametrize("state", [0, 1])
    def test_volatility_drift_and_correlation(self, source: Simulated, data: Dataset, state: int) -> None:
        here = source.states() == state
        volatility, drift, bars = source.volatilities[state], source.drifts[state], int(here.sum())
        assets, index = returns_of(data.panel.close)[here], returns_of(index_of(data))[here]
        for returns in (*assets.T, index):
            assert returns.std() == pytest.approx(volatility, rel=4 / np.sqrt(2 * bars))
            assert returns.mean() == pytest.approx(drift, abs=4 * volatility / np.sqrt(bars))
        found = np.corrcoef(assets.T)[np.triu_indices(6, 1)]
        np.testing.assert_allclose(found, 0.4, atol=4 * (1 - 0.4**2) / np.sqrt(bars))
        with_index = [np.corrcoef(index, own)[0, 1] for own in assets.T]
        np.testing.assert_allclose(with_index, np.sqrt(0.4), atol=4 * (1 - 0.4) / np.sqrt(bars))

    def test_chance_has_no_memory_but_the_state(self, source: Simulated, data: Dataset) -> None:
        scale = np.array(source.volatilities)[source.states()]
        shock = (returns_of(index_of(data)) - np.array(source.drifts)[source.states()]) / scale
        for series in (shock, np.abs(shock)):
            assert abs(np.corrcoef(series[1:], series[:-1])[0, 1]) < 4 / np.sqrt(25_000)

    def test_a_fifth_of_the_variance_is_overnight(self, source: Simulated, data: Dataset) -> None:
        fields, scale = fields_of(data), np.array(source.volatilities)[source.states()][1:, None]
        overnight = (fields["open"][1:] / fields["close"][:-1] - 1.0) / scale
        day = ((fields["close"][1:] - fields["open"][1:]) / fields["close"][:-1]) / scale
        assert overnight.var() == pytest.approx(0.2, rel=0.03)
        assert day.var() == pytest.approx(0.8, rel=0.03)
        assert abs(np.mean(overnight * day)) < 0.02

    def test_range_is_that_of_brownian_motion(self, source: Simulated, data: Dataset) -> None:
        """High over open and open over low are |Brownian motion| in law: deciles, and the square's mean.

        A drift moves the two apart by as much, so that their mean stays.
        """
        fields, scale = fields_of(data), np.array(source.volatilities)[source.states()][1:, None]
        above, below = (
            np.abs(fields[name][1:] - fields["open"][1:]) / fields["close"][:-1] / scale / np.sqrt(0.8)
            for name in ("high", "low")
        )
        assert (np.mean(above**2) + np.mean(below**2)) / 2 == pytest.approx(1.0, rel=0.03)
        for share, deviate in ((0.6827, 1.0), (0.9545, 2.0)):
            assert ((above < deviate).mean() + (below < deviate).mean()) / 2 == pytest.approx(share, abs=0.005)

    def test_states_move_as_the_transition_says(self, source: Simulated) -> None:
        states = source.states()
        assert (states == 0).mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 * 99 / 25_000))
        stays = (states[1:] == states[:-1]).mean()
        assert stays == pytest.approx(0.98, abs=4 * np.sqrt(0.98 * 0.02 / 25_000))

    @pytest.mark.parametrize("persistence", [0.0, 0.9])
    def test_four_states_move_to_each_other_alike(self, persistence: float) -> None:
        source = Simulated(
            seed=1, bars=25_000, assets=1, volatilities=(0.01,) * 4, drifts=(0.0,) * 4, persistence=persistence
        )
        states = source.states()
        counts = np.zeros((4, 4))
        np.add.at(counts, (states[:-1], states[1:]), 1)
        expected = source.transition
        np.testing.assert_allclose(expected.sum(axis=1), 1.0)
        rows = counts.sum(axis=1, keepdims=True)
        assert (np.abs(counts / rows - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / rows)).all()

    def test_every_state_may_be_the_first(self) -> None:
        first = [
            Simulated(seed=seed, bars=2, assets=1, volatilities=(0.01,) * 3, drifts=(0.0,) * 3).states()[0]
            for seed in range(300)
        ]
        assert np.bincount(first).min() > 65


class TestRegimesAreFound:
    def test_hidden_markov_model(self, market: Market) -> None:
        states = Simulated(seed=7, bars=2520, assets=3).states()
        path = GaussianHMM(states=2, on="index", features="returns", first_fit=504, restarts=2).detect(market)
        known = path.label >= 0
        hit = (path.label == states)[known]
        assert known.sum() == 2520 - 504 + 1
        assert min(hit[states[known] == state].mean() for state in (0, 1)) > 0.75

    @pytest.mark.parametrize("seed", [2, 7])
    def test_trend(self, seed: int) -> None:
        """It reads slow averages, so it is given regimes of a year and drifts that stand out."""
        source = Simulated(seed=seed, assets=1, drifts=(0.0012, -0.0012), persistence=0.996)
        data, states = source.load(), source.states()
        path = Trend(on="index").detect(Market(data.panel, data.index))
        for name, state in (("bull", 0), ("bear", 1)):
            found = path.label == path.names.index(name)
            assert found.sum() > 1000
            assert (states[found] == state).mean() > (states == state).mean() + 0.15
