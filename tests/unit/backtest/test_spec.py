"""A backtest as a file says it, from its text to its result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, StrategyEntry, load_market, run_backtest
from regimefolio.core.component import fingerprint
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.portfolio import Ensemble, PortfolioSpec, RiskParity
from regimefolio.strategies import BollingerMeanReversion, MomentumRank, Overlaid, Smoothing, Strategy
from regimefolio.testing import synthetic_market
from tests.workflows import BARS, DAYS, SYMBOLS, closes, write_prices

FILE = """\
backtest:
  name: two_alphas
  data: {source: "file:prices.csv"}
  benchmark: equal_weight
  strategies:
    - {kind: bollinger_mean_reversion, lookback: 10, weight: 3}
    - momentum_rank
  portfolio: {constraints: {max_position: 0.5}, rebalance: weekly}
  execution: {commission_bps: 3, slippage_bps: 2}
  initial_capital: 5000
"""

ADAPTIVE = """\
  regime_detector: {kind: trend, on: equal_weight, average: 40, slope: 5, high: 60}
  adaptive:
    bull: {strategies: {momentum_rank: {lookback: 63}}, weights: {momentum_rank: 1.0}}
    bear: {weights: {bollinger_mean_reversion: 1.0}}
"""


def read(folder: Path, text: str) -> BacktestSpec:
    path = folder / "backtest.yaml"
    path.write_text(text)
    return read_document(path).parse(BacktestSpec, "backtest")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_prices(tmp_path)
    return tmp_path


# Entries

SMOOTH = Overlaid(strategy=MomentumRank(), overlays=(Smoothing(window=3),))


@pytest.mark.parametrize(
    ("text", "strategy", "weight"),
    [
        ("momentum_rank", MomentumRank(), 1.0),
        ({"kind": "momentum_rank"}, MomentumRank(), 1.0),
        ({"kind": "momentum_rank", "lookback": 63, "weight": 0}, MomentumRank(lookback=63), 0.0),
        (MomentumRank(skip=5), MomentumRank(skip=5), 1.0),
        ({"kind": "momentum_rank", "weight": 2, "overlays": [{"kind": "smoothing", "window": 3}]}, SMOOTH, 2.0),
        (SMOOTH, SMOOTH, 1.0),
    ],
)
def test_entries(text: object, strategy: Strategy, weight: float) -> None:
    entry = StrategyEntry.read(text)
    assert (entry.strategy, entry.weight) == (strategy, weight)
    assert StrategyEntry.read(entry) is entry
    assert StrategyEntry.read(entry.write()) == entry
    assert entry.write() == {**strategy.spec(), "weight": weight}


@pytest.mark.parametrize("weight", [-1, "much", None, float("nan")])
def test_weights_of_entries_are_checked(weight: object) -> None:
    with pytest.raises(ValidationError):
        StrategyEntry.read({"kind": "momentum_rank", "weight": weight})


def test_an_entry_does_not_change_what_it_reads() -> None:
    given = {"kind": "momentum_rank", "weight": 2}
    StrategyEntry.read(given)
    assert given == {"kind": "momentum_rank", "weight": 2}


# Files


def test_a_file_is_read_and_written(folder: Path) -> None:
    spec = read(folder, FILE)
    assert [entry.strategy for entry in spec.strategies] == [BollingerMeanReversion(lookback=10), MomentumRank()]
    assert [entry.weight for entry in spec.strategies] == [3.0, 1.0]
    assert spec.execution == ExecutionSpec(commission_bps=3, slippage_bps=2)
    assert BacktestSpec.model_validate(spec.plain()) == spec
    assert fingerprint(BacktestSpec.model_validate(spec.plain()).plain()) == fingerprint(spec.plain())
    adaptive = read(folder, FILE + ADAPTIVE)
    assert BacktestSpec.model_validate(adaptive.plain()) == adaptive


def test_the_ensemble_of_a_file(folder: Path) -> None:
    assert read(folder, FILE).ensemble().weights.tolist() == [[0.75, 0.25]]
    ensemble = read(folder, FILE + ADAPTIVE).ensemble()
    assert ensemble.regimes == ("bull", "neutral", "bear")
    assert ensemble.strategies[2] == MomentumRank(lookback=63)
    assert ensemble.weights.tolist() == [[0.75, 0.25, 0], [0, 0, 1], [0.75, 0.25, 0], [1, 0, 0]]


def test_overlays_in_a_file_and_in_a_regime(folder: Path) -> None:
    """A regime changes parameters under the overlays, takes them away, or puts others over the strategy."""
    text = (
        FILE.replace("- momentum_rank", "- {kind: momentum_rank, overlays: [{kind: smoothing, window: 3}]}") + ADAPTIVE
    )
    changed = "{momentum_rank: {overlays: []}, bollinger_mean_reversion: {overlays: [smoothing]}}"
    spec = read(folder, f"{text}    neutral: {{strategies: {changed}}}\n")
    assert BacktestSpec.model_validate(spec.plain()) == spec
    bollinger = BollingerMeanReversion(lookback=10)
    assert spec.ensemble().strategies == (
        bollinger,
        Overlaid(strategy=bollinger, overlays=(Smoothing(),)),
        SMOOTH,
        Overlaid(strategy=MomentumRank(lookback=63), overlays=(Smoothing(),)),
        Overlaid(strategy=MomentumRank(), overlays=()),
    )


@pytest.mark.parametrize(
    ("overlays", "message"),
    [
        ("[smothing]", ":7:40: unknown overlay 'smothing'; did you mean 'smoothing'?"),
        ("[smoothing, {kind: normalise, method: ranks}]", ":7:69: must be 'zscore', 'min_max', 'rank' or 'tanh', but"),
        ("[{kind: smoothing, widnow: 3}]", ":7:58: unknown key 'widnow'; did you mean 'window'?"),
        ("smoothing", ":7:29: a list belongs here, such as [a, b], but this is 'smoothing'"),
    ],
)
def test_mistakes_of_overlays_have_their_place(overlays: str, message: str, folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(folder, FILE.replace("- momentum_rank", f"- {{kind: momentum_rank, overlays: {overlays}}}"))
    assert message in str(caught.value)


def test_a_misspelled_key_beside_the_parameters_gets_a_hint(folder: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'overlay'; did you mean 'overlays'"):
        read(folder, FILE.replace("- momentum_rank", "- {kind: momentum_rank, overlay: [smoothing]}"))


def test_an_adaptive_run_needs_regimes(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"backtest\.yaml:1:1: `adaptive` needs a `regime_detector`"):
        read(folder, FILE + "  adaptive: {bull: {}}\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bull:", "bul:", ":12:3: unknown regime 'bul'; did you mean 'bull'?"),
        ("momentum_rank: 1.0", "momentum: 1.0", ":12:3: regime 'bull': unknown strategy 'momentum'; did you mean"),
        ("momentum_rank: 1.0", "momentum_rank: 0", ":12:3: regime 'bull': strategy weights must not be negative and"),
        ("lookback: 63", "lookback: 3", ":12:3: regime 'bull': momentum_rank refuses {'lookback': 3}: lookback: Input"),
        (
            "- momentum_rank",
            "- bollinger_mean_reversion",
            ":5:3: every strategy of an ensemble must be of another kind",
        ),
        ("weight: 3}\n    - momentum_rank", "weight: 0}", ":5:3: the ensemble: strategy weights must not be negative"),
    ],
)
def test_mistakes_of_an_ensemble_have_their_place(old: str, new: str, message: str, folder: Path) -> None:
    text = FILE + ADAPTIVE
    assert old in text
    with pytest.raises(ConfigError) as caught:
        read(folder, text.replace(old, new))
    assert str(caught.value).startswith(f"{folder / 'backtest.yaml'}{message}")


def test_the_fill_that_is_meant() -> None:
    whole = synthetic_market(10).panel
    bare = replace(whole, open=None, high=None, low=None)
    for panel, meant in ((whole, "next_open"), (bare, "next_close")):
        assert ExecutionSpec().fill_on(panel) == meant
        assert ExecutionSpec(fill="next_close").fill_on(panel) == "next_close"
    assert ExecutionSpec(fill="vwap").fill_on(whole) == "vwap"
    for fill in ("next_open", "vwap"):
        with pytest.raises(ConfigError, match=f"execution.fill is {fill}, but this data has closes only"):
            ExecutionSpec.model_validate({"fill": fill}).fill_on(bare)


def test_no_opens_to_fill_at(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_backtest(read(folder, FILE.replace("commission_bps: 3", "fill: next_open")), folder)
    assert str(caught.value) == "execution.fill is next_open, but this data has closes only; use next_close"


# Results


def test_a_file_is_run(folder: Path) -> None:
    spec = read(folder, FILE)
    dataset, outcome, run = run_backtest(spec, folder)
    assert run.simulation.start == MomentumRank().warmup + 1 == 274
    assert run.simulation.initial_capital == 5000.0
    assert outcome.status == "ok"
    assert outcome.parameters["data_fingerprint"] == dataset.fingerprint
    assert outcome.metrics["costs"] > 0
    assert np.isfinite(outcome.metrics["beta"])
    assert run.simulation.weights is not None
    assert run.simulation.weights.max() > 0.5 - 1e-9
    again = run_backtest(BacktestSpec.model_validate(spec.plain()), folder)[1]
    assert again == outcome


def test_an_adaptive_file_is_run(folder: Path) -> None:
    spec = read(folder, FILE + ADAPTIVE)
    _, outcome, run = run_backtest(spec, folder)
    assert list(outcome.regime_metrics) == ["bull", "neutral", "bear"]
    assert spec.regime_detector is not None
    market = load_market(spec.data, spec.benchmark, folder)[1]
    label = spec.regime_detector.detect(market).label
    changes = np.flatnonzero(label[1:] != label[:-1]) + 1
    changes = changes[changes >= run.simulation.start]
    assert changes.size > 5
    assert run.decide[changes].all()
    alone = Ensemble.static([MomentumRank(lookback=63)], [1.0])
    bull = BacktestRunner(market, spec.portfolio, spec.execution).run(alone, run.simulation.start)
    both = run.decide & bull.decide & (label == 0)
    assert both.sum() > 5
    assert run.target[both].tobytes() == bull.target[both].tobytes()


def test_too_few_bars_for_the_strategies(tmp_path: Path) -> None:
    write_prices(tmp_path, closes()[:275])
    with pytest.raises(ConfigError) as caught:
        run_backtest(read(tmp_path, FILE), tmp_path)
    assert str(caught.value) == (
        "the strategies and the allocator need 273 bars before they can say anything, but the data has 275; "
        "use more data, shorter windows or less delay"
    )
    write_prices(tmp_path, closes()[:276])
    assert run_backtest(read(tmp_path, FILE), tmp_path)[2].simulation.start == 274


def test_an_allocators_warm_up_passes_before_anything_trades(tmp_path: Path) -> None:
    write_prices(tmp_path, closes()[:300])
    patient = read(tmp_path, FILE).model_copy(update={"portfolio": PortfolioSpec(allocator=RiskParity(lookback=280))})
    simulation = run_backtest(patient, tmp_path)[2].simulation
    assert simulation.start == 281
    assert simulation.trades is not None
    assert simulation.trades["bar"][0] == 281


# Without strategies

PRICES_ALONE = """\
backtest:
  data: {source: "file:prices.csv"}
  portfolio: {allocator: {kind: inverse_volatility, lookback: 20}, constraints: {max_position: 0.4}}
"""


@pytest.mark.parametrize(
    "allocator", ["{kind: inverse_volatility, lookback: 20}", "{kind: min_variance, lookback: 20}"]
)
def test_what_looks_at_prices_alone_needs_no_strategies(allocator: str, folder: Path) -> None:
    text = PRICES_ALONE.replace("{kind: inverse_volatility, lookback: 20}", allocator)
    spec = read(folder, text)
    assert spec.strategies == ()
    assert BacktestSpec.model_validate(spec.plain()) == spec
    dataset, outcome, run = run_backtest(spec, folder)
    assert dataset.cautions == ()
    assert run.simulation.start == 21
    other = read(folder, f"{text}  strategies: [{{kind: moving_average_cross, fast: 2, slow: 4}}]\n")
    told, same, _ = run_backtest(other, folder)
    assert same.metrics == pytest.approx(outcome.metrics, rel=0, abs=0, nan_ok=True)
    kind = spec.portfolio.allocator.kind
    assert told.cautions == (
        f"portfolio.allocator {kind} looks at prices alone, so that the strategies have no say in the weights; leave "
        "`strategies` out, or take another allocator, as proportional",
    )


def test_regimes_without_strategies(folder: Path) -> None:
    detector = ADAPTIVE.splitlines()[0]
    outcome = run_backtest(read(folder, f"{PRICES_ALONE}{detector}\n"), folder)[1]
    assert list(outcome.regime_metrics) == ["bull", "neutral", "bear"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: inverse_volatility", "kind: risk_parity", ":1:1: portfolio.allocator risk_parity looks at alphas, and"),
        ("portfolio: {", "portfolio: {top_n: 2, ", ":1:1: portfolio.top_n looks at alphas, and no strategies give any"),
        ("  portfolio", "  strategies: []\n  top_n: 2\n  portfolio", ":4:3: unknown key 'top_n'"),
        (
            "allocator: {kind: inverse_volatility, lookback: 20}, ",
            "",
            ":1:1: portfolio.allocator proportional looks at",
        ),
        ("backtest:\n", f"backtest:\n{ADAPTIVE}", ":3:3: there are no strategies to adapt; name some, or leave"),
    ],
)
def test_what_looks_at_alphas_needs_strategies(old: str, new: str, message: str, folder: Path) -> None:
    assert old in PRICES_ALONE
    with pytest.raises(ConfigError) as caught:
        read(folder, PRICES_ALONE.replace(old, new))
    assert str(caught.value).startswith(f"{folder / 'backtest.yaml'}{message}")


# Benchmarks


def test_benchmarks(folder: Path) -> None:
    spec = read(folder, FILE)
    close = closes()
    for benchmark in SYMBOLS:
        market = load_market(spec.data, benchmark, folder)[1]
        assert market.benchmark is not None
        assert market.benchmark.tolist() == close[:, SYMBOLS.index(benchmark)].tolist()
    assert load_market(spec.data, None, folder)[1].benchmark is None
    equal = load_market(spec.data, "equal_weight", folder)[1].benchmark
    assert equal is not None
    assert equal[1] == pytest.approx((close[1] / close[0]).mean(), rel=1e-14)


def test_a_benchmark_from_a_file_stands_on_the_market_s_clock(folder: Path) -> None:
    lines = [f"{day},{number + 1}" for number, day in enumerate(DAYS) if number not in (0, 3, BARS - 1)]
    (folder / "bench.csv").write_text("\n".join(["date,X", "1999-12-31,7", *lines, "2099-01-02,9"]) + "\n")
    benchmark = load_market(read(folder, FILE).data, "file:bench.csv", folder)[1].benchmark
    assert benchmark is not None
    assert np.flatnonzero(np.isnan(benchmark)).tolist() == [0, 3, BARS - 1]
    assert benchmark[[1, 2, 4]].tolist() == [2.0, 3.0, 5.0]


def test_a_benchmark_of_another_time_is_refused(folder: Path) -> None:
    (folder / "old.csv").write_text("date,X\n1999-12-30,7\n1999-12-31,8\n")
    with pytest.raises(MissingDataError) as caught:
        load_market(read(folder, FILE).data, "file:old.csv", folder)
    assert str(caught.value) == (
        f"benchmark 'file:old.csv' goes from 1999-12-30 to 1999-12-31, and the data from {DAYS[0]} to {DAYS[-1]}, "
        "without a bar at the same time; give it the data's dates"
    )
    assert caught.value.place == ("benchmark",)


@pytest.mark.parametrize("rate", ["execution: {cash_rate: 2}", "execution: {cash_rate: -0.6}", "risk_free: 200"])
def test_rates_are_no_percentages(rate: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"a rate is a fraction a year between -0\.5 and 0\.5: 0\.02 is 2%"):
        read(folder, FILE.replace("execution: {commission_bps: 3, slippage_bps: 2}", rate))


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ("execution: {}", 0.0),
        ("execution: {cash_rate: 0.03}", 0.03),
        ("execution: {cash_rate: 0.03}\n  risk_free: 0.01", 0.01),
    ],
    ids=["nothing", "a cash rate", "both"],
)
def test_what_is_free_of_risk_is_what_cash_earns_unless_it_is_said(said: str, rate: float, folder: Path) -> None:
    spec = read(folder, FILE.replace("execution: {commission_bps: 3, slippage_bps: 2}", said))
    assert spec.risk_free == spec.plain()["risk_free"] == rate
    assert BacktestSpec.model_validate(spec.plain()) == spec


def test_a_mistake_in_the_execution_is_the_only_one(folder: Path) -> None:
    """The risk-free rate, which follows from it, is not blamed too."""
    with pytest.raises(ConfigError, match="cash_rate") as caught:
        read(folder, FILE.replace("commission_bps: 3, slippage_bps: 2", "cash_rate: much"))
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    ("benchmark", "error", "message"),
    [
        ("AAB", ConfigError, "unknown series 'AAB'; did you mean 'AAA'"),
        ("index", MissingDataError, "this data has no index; use `equal_weight` or one of its symbols"),
        ("file:prices.csv", ConfigError, "benchmark 'file:prices.csv' holds 4 symbols, but must hold one"),
        ("flie:prices.csv", (ConfigError, ValidationError), "unknown source 'flie' in 'flie:prices.csv'; did you mean"),
    ],
)
def test_benchmarks_that_are_not_there(
    benchmark: str, error: type[Exception] | tuple[type[Exception], ...], message: str, folder: Path
) -> None:
    with pytest.raises(error) as caught:
        load_market(read(folder, FILE).data, benchmark, folder)
    assert message in str(caught.value)


def test_how_orders_are_filled_can_be_said() -> None:
    said = {"sizing": "on_change", "accounts": "per_asset", "delay": 2, "borrow_rate": 0.01}
    assert ExecutionSpec.model_validate(said).plain() == {**ExecutionSpec().plain(), **said}


@pytest.mark.parametrize(
    ("key", "value"),
    [("sizing", "sometimes"), ("accounts", "three"), ("delay", -1), ("borrow_rate", -0.01), ("borrow_rate", 0.7)],
)
def test_what_cannot_be_filled_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        ExecutionSpec.model_validate({key: value})
