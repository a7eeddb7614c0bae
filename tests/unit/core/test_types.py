"""The types that flow between rooms: checked once, and never changed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from regimefolio.core import errors
from regimefolio.core.errors import DataError, RegimefolioError
from regimefolio.core.types import Outcome, Panel, RegimePath, Signals, Simulation

DAYS = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]").astype("datetime64[ns]")


def panel(**changes: Any) -> Panel:
    given: dict[str, Any] = {
        "timestamps": DAYS,
        "symbols": ("A", "B"),
        "close": np.arange(8.0).reshape(4, 2),
        "member": np.ones((4, 2), np.bool_),
        "periods_per_year": 252.0,
    }
    return Panel(**{**given, **changes})


def test_arrays_are_read_only_views() -> None:
    close = np.arange(8.0).reshape(4, 2)
    made = panel(close=close)
    with pytest.raises(ValueError, match="read-only"):
        made.close[0, 0] = 9.0
    assert close.flags.writeable  # the maker's own array is left alone
    with pytest.raises(FrozenInstanceError):
        made.close = close  # type: ignore[misc]


def test_arrays_are_c_ordered() -> None:
    made = panel(close=np.asfortranarray(np.arange(8.0).reshape(4, 2)))
    assert made.close.flags.c_contiguous
    assert made.close[1].tolist() == [2.0, 3.0]


def test_some_assets_of_a_panel() -> None:
    made = panel(
        volume=np.arange(8.0)[::-1].reshape(4, 2),
        sectors=("X", "Y"),
        delisted_at=np.array([-1, 3]),
        delisting_return=np.array([np.nan, -0.5]),
    )
    both, one = made.only(np.array([1, 0])), made.only(np.array([1]))
    assert (both.symbols, both.sectors) == (("B", "A"), ("Y", "X"))
    assert both.close.tolist() == made.close[:, ::-1].tolist()
    assert (one.symbols, one.sectors, one.delisted_at.tolist()) == (("B",), ("Y",), [3])  # type: ignore[union-attr]
    assert (one.volume, one.open) == (pytest.approx(made.volume[:, [1]]), None)  # type: ignore[index]
    assert one.timestamps.tolist() == made.timestamps.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"close": np.zeros((4, 2), np.float32)}, "Panel.close must be float64, but is float32"),
        ({"member": np.ones((4, 3), np.bool_)}, r"Panel.member must have shape \(4, 2\), but has \(4, 3\)"),
        ({"volume": np.zeros((3, 2))}, r"Panel.volume must have shape \(4, 2\), but has \(3, 2\)"),
        ({"timestamps": DAYS.astype("datetime64[s]")}, r"must be datetime64\[ns\], but is datetime64\[s\]"),
        ({"timestamps": DAYS[::-1]}, "Panel.timestamps must be strictly increasing"),
        ({"timestamps": DAYS[[0, 1, 1, 2]]}, "Panel.timestamps must be strictly increasing"),
        ({"symbols": ("A", "A")}, "Panel.symbols must be 2 different names"),
        ({"symbols": ("A",)}, "Panel.symbols must be 2 different names"),
        ({"sectors": ("X",)}, "Panel.sectors must name 2 sectors, but names 1"),
    ],
)
def test_what_a_panel_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel(**changes)


def test_a_panel_is_cut_on_the_right() -> None:
    made = panel(open=np.ones((4, 2)))
    cut = made.until(3)
    assert (cut.n_bars, cut.n_assets) == (3, 2)
    assert cut.timestamps.tolist() == DAYS[:3].tolist()
    assert cut.close.tolist() == made.close[:3].tolist()
    assert cut.open is not None
    assert cut.open.shape == (3, 2)
    assert cut.high is None
    assert (cut.symbols, cut.periods_per_year) == (made.symbols, made.periods_per_year)


def test_corporate_actions_are_cut_on_the_right_and_lead_back_to_raw_prices() -> None:
    close = np.array([[np.nan, 4.0], [10.0, 4.0], [np.nan, 4.0], [30.0, 4.0]])
    split, dividend = np.ones((4, 2)), np.zeros((4, 2))
    split[3, 0], dividend[3, 0] = 2.0, 1.0  # 10 became two of 5, which paid 1 each: 1 is worth 5/4 in two shares
    made = panel(close=close, split=split, dividend=dividend)
    assert made.adjustment.price[:, 0] == pytest.approx([1, 1, 1, 2 * 5 / 4])
    assert made.adjustment.shares[:, 0].tolist() == [1, 1, 1, 2]
    assert (made.adjustment.price[:, 1] == 1).all()
    cut = made.until(3)
    assert cut.split is not None
    assert cut.split.shape == (3, 2)
    assert (cut.adjustment.price == 1).all()
    with pytest.raises(DataError, match=r"Panel\.dividend must be float64"):
        panel(dividend=np.zeros((4, 2), np.float32))


def test_a_delisting_is_known_from_its_bar_on() -> None:
    made = panel(delisted_at=np.array([2, -1]), delisting_return=np.array([-0.3, np.nan]))
    for n_bars, bar, value in ((2, -1, np.nan), (3, 2, -0.3), (4, 2, -0.3)):
        cut = made.until(n_bars)
        assert cut.delisted_at is not None
        assert cut.delisting_return is not None
        assert cut.delisted_at.tolist() == [bar, -1]
        np.testing.assert_array_equal(cut.delisting_return, [value, np.nan])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": np.ones((4, 2))}, "split and Panel.dividend must be known together"),
        ({"delisted_at": np.array([1, -1])}, "delisted_at and Panel.delisting_return must be known together"),
        ({"bars_left": np.array([1, 0, 1, 0])}, "session and Panel.bars_left must be known together"),
        ({"delisted_at": np.array([4, -1]), "delisting_return": np.array([0, np.nan])}, "must lie in -1 … 3"),
        ({"delisted_at": np.array([1, -1]), "delisting_return": np.array([0.0, 0.0])}, "and NaN elsewhere"),
        ({"delisted_at": np.array([1, -1]), "delisting_return": np.array([np.nan] * 2)}, "at least -1 where there is"),
        (
            {"delisted_at": np.array([1, -1]), "delisting_return": np.array([-1.5, np.nan])},
            "at least -1 where there is",
        ),
    ],
)
def test_what_actions_and_delistings_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel(**changes)


def test_the_records_of_a_bar() -> None:
    alpha = np.array([[0.5, -1.0]] * 4, np.float32)
    signals = Signals(DAYS, ("A", "B"), "some", alpha, np.abs(alpha), horizon=5, volatility_adjusted=True)
    first, second = signals.records(2)
    assert first == (DAYS[2], "A", 0.5, 0.5, 5, True, {})
    assert (second.symbol, second.alpha_score, second.confidence) == ("B", -1.0, 1.0)
    with pytest.raises(DataError, match=r"Signals\.alpha must be float32, but is float64"):
        replace(signals, alpha=alpha.astype(np.float64))


def test_labels_lie_among_the_names() -> None:
    probability = np.full((4, 2), 0.5)
    path = RegimePath(DAYS, ("calm", "turbulent"), probability, np.array([-1, 0, 1, 1]))
    assert path.until(2).label.tolist() == [-1, 0]
    for wrong in (-2, 2):
        with pytest.raises(DataError, match=r"RegimePath\.label must lie in -1 … 1"):
            RegimePath(DAYS, ("calm", "turbulent"), probability, np.array([0, 0, 0, wrong]))


def simulation(equity: list[float], start: int) -> Simulation:
    bars, zero = np.array(equity, np.float64), np.zeros(4)
    return Simulation(DAYS, ("A",), start, 100.0, bars, bars, zero, zero, zero, np.zeros(1), np.zeros(1))


def test_returns_begin_with_the_initial_capital() -> None:
    assert simulation([100, 110, 99, 99], 1).returns == pytest.approx([0.1, -0.1, 0.0])
    assert simulation([100, 100, 90, 99], 2).returns == pytest.approx([-0.1, 0.1])


def test_nothing_has_no_return() -> None:
    returns = simulation([100, 50, 0, 0], 1).returns
    assert returns[:2] == pytest.approx([-0.5, -1.0])
    assert np.isnan(returns[2])


def test_an_outcome_never_changes() -> None:
    outcome = Outcome("f", "ok", {}, {})
    with pytest.raises(FrozenInstanceError):
        outcome.status = "failed"  # type: ignore[misc]


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = {line.strip("│├└─ ").split()[0] for line in TREE.splitlines() if line.strip()}
    defined = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, RegimefolioError)
    }
    assert drawn == defined
    assert errors.LockedError.__bases__ == (errors.WorkspaceError,)
    assert errors.MissingDataError.__bases__ == (errors.DataError,)


TREE = (errors.__doc__ or "").split("\n\n")[1]
