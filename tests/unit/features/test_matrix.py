"""The features matrix: it knows what it was made from, grows at its end alone, and is refused where it does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.core.code import code_version
from regimefolio.core.errors import (
    ConfigError,
    CorruptError,
    DataError,
    LockedError,
    LookAheadError,
    StaleError,
    WorkspaceError,
)
from regimefolio.core.files import lock
from regimefolio.core.types import Panel
from regimefolio.features import (
    Feature,
    History,
    MedianValue,
    RatingMeans,
    RatingVotes,
    RuleSet,
    build_matrix,
    features_of,
    matrix,
    own_returns,
    read_matrix,
)
from regimefolio.features.base import Columns
from regimefolio.features.building import RETURNS
from regimefolio.features.matrix import MATRIX, price_fingerprints
from regimefolio.testing import market_of, synthetic_market

PANEL = synthetic_market(120).panel
PARTS: tuple[Feature, ...] = (History(), MedianValue(window=5))


def built(folder: Path, panel: Panel = PANEL, parts: tuple[Feature, ...] = PARTS) -> Path:
    build_matrix(panel, parts, folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def changed(bar: int, asset: int = 0, column: str = "close") -> Panel:
    """The same prices but for one cell."""
    array = getattr(PANEL, column).copy()
    array[bar, asset] = not array[bar, asset] if array.dtype == np.bool_ else array[bar, asset] * 1.5
    return replace(PANEL, **{column: array})


class TestWhatIsWritten:
    def test_what_was_computed_is_read_back(self, tmp_path: Path) -> None:
        made, found = build_matrix(PANEL, PARTS, tmp_path), read_matrix(tmp_path)
        expected = features_of(PANEL, PARTS)
        assert found.features.values.tobytes() == made.matrix.features.values.tobytes() == expected.values.tobytes()
        assert found.features.timestamps.tolist() == PANEL.timestamps.tolist()
        assert (found.features.symbols, found.features.names) == (PANEL.symbols, ("history", "median_value(5)"))
        assert found.recipes == made.matrix.recipes
        assert [(each.name, each.columns) for each in found.recipes] == [
            ("history", ("history",)),
            ("median_value(5)", ("median_value(5)",)),
        ]
        assert {each.code for each in found.recipes} == {code_version()}
        assert made.added == PANEL.n_bars

    def test_it_has_a_row_a_bar_and_symbol_and_nulls_where_nothing_is_available(self, tmp_path: Path) -> None:
        frame = pl.read_parquet(built(tmp_path) / MATRIX)
        assert frame.columns == ["timestamp", "symbol", "history", "median_value(5)"]
        assert frame.height == PANEL.close.size
        assert frame["symbol"].cast(pl.String).to_list()[:13] == [*PANEL.symbols, PANEL.symbols[0]]
        assert frame["history"].is_null().to_list() == np.isnan(PANEL.close).ravel().tolist()
        assert not frame["history"].is_nan().any()

    def test_the_rule_set_stands_in_the_file(self, tmp_path: Path) -> None:
        panel = PANEL.until(60)
        build_matrix(panel, [History(), RatingMeans(rule_set="2020")], tmp_path)
        assert read_matrix(tmp_path).rule_set == "2020"
        assert '"rule_set": "2020"' in pl.read_parquet_metadata(tmp_path / MATRIX)["regimefolio"]
        assert read_matrix(built(tmp_path / "bare")).rule_set is None

    def test_returns_stand_beside_it(self, tmp_path: Path) -> None:
        frame = pl.read_parquet(built(tmp_path) / RETURNS)
        assert frame.columns == ["timestamp", *PANEL.symbols]
        found = frame.drop("timestamp").to_numpy()
        assert np.array_equal(found, own_returns(PANEL), equal_nan=True)

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ((), "a features matrix has at least one feature"),
            (
                (RatingMeans(rule_set="2020"), RatingVotes()),
                r"technical_rating\(2020\) and technical_votes\(2024\) follow two sets of rules; ",
            ),
        ],
    )
    def test_what_is_no_matrix(self, tmp_path: Path, parts: tuple[Feature, ...], message: str) -> None:
        with pytest.raises(ConfigError, match=f"^{message}"):
            built(tmp_path, parts=parts)

    @pytest.mark.parametrize(
        ("panel", "message"),
        [
            (PANEL.until(0), "these are 0 bars of "),
            (PANEL.only(np.zeros(0, np.int64)), "bars of 0 symbols"),
            (replace(PANEL, symbols=("timestamp", *PANEL.symbols[1:])), "a symbol is called 'timestamp'"),
        ],
    )
    def test_what_prices_make_no_matrix(self, tmp_path: Path, panel: Panel, message: str) -> None:
        with pytest.raises(DataError, match=message):
            build_matrix(panel, [History()], tmp_path)
        assert not list(tmp_path.iterdir())

    def test_nothing_else_is_left(self, tmp_path: Path) -> None:
        left = tmp_path / f".{MATRIX}.77.tmp"
        left.write_bytes(b"of a process that was killed")
        other = tmp_path / ".mine.tmp"
        other.write_bytes(b"of somebody else")
        assert set(files(built(tmp_path))) == {MATRIX, RETURNS, ".mine.tmp"}


def test_returns_run_from_an_assets_last_own_bar() -> None:
    nan = np.nan
    panel = market_of([[10.0, nan, 4.0], [11.0, 5.0, nan], [nan, 6.0, 2.0], [22.0, 3.0, nan]]).panel
    gone = replace(panel, delisted_at=np.array([-1, -1, 3]), delisting_return=np.array([nan, nan, -0.3]))
    expected = [[nan, nan, nan], [0.1, nan, nan], [nan, 0.2, -0.5], [1.0, -0.5, nan]]
    assert own_returns(panel) == pytest.approx(np.array(expected), abs=1e-15, nan_ok=True)
    expected[3][2] = -0.3
    assert own_returns(gone) == pytest.approx(np.array(expected), abs=1e-15, nan_ok=True)


class TestGrowing:
    @pytest.mark.parametrize("cuts", [(119,), (1, 2, 60), (30, 30, 90)])
    def test_bars_that_are_added_leave_the_file_of_a_build_at_once(self, tmp_path: Path, cuts: tuple[int, ...]) -> None:
        at_once = files(built(tmp_path / "once"))
        old: bytes = b""
        for cut in (*cuts, PANEL.n_bars):
            before = len(old)
            report = build_matrix(PANEL.until(cut), PARTS, tmp_path / "grown")
            values = read_matrix(tmp_path / "grown").features.values.tobytes()
            assert values[:before] == old, "old rows have changed"
            assert report.added * PANEL.n_assets * len(PARTS) * 4 == len(values) - before
            old = values
        assert files(tmp_path / "grown") == at_once

    def test_where_nothing_is_new_nothing_is_written(self, tmp_path: Path) -> None:
        paths = [built(tmp_path) / name for name in (MATRIX, RETURNS)]
        stamps = [path.stat().st_mtime_ns for path in paths]
        for panel in (PANEL, PANEL.until(50)):
            assert build_matrix(panel, PARTS, tmp_path).added == 0
        assert [path.stat().st_mtime_ns for path in paths] == stamps

    def test_the_order_of_the_features_is_the_matrixs(self, tmp_path: Path) -> None:
        built(tmp_path, PANEL.until(60))
        build_matrix(PANEL, PARTS[::-1], tmp_path)
        assert files(tmp_path) == files(built(tmp_path / "once"))

    def test_returns_that_were_taken_away_are_written_again(self, tmp_path: Path) -> None:
        whole = files(built(tmp_path))
        (tmp_path / RETURNS).unlink()
        build_matrix(PANEL, PARTS, tmp_path)
        assert files(tmp_path) == whole

    def test_symbols_that_are_listed_later_come_in(self, tmp_path: Path) -> None:
        """G and N are listed at bars 15 and 80: whoever loads earlier prices may not have heard of them."""
        first = np.isfinite(PANEL.close).argmax(axis=0)
        assert first[[8, 9]].tolist() == [15, 80]
        for cut in (12, 40, 120):
            panel = PANEL.until(cut)
            report = build_matrix(panel.only(np.flatnonzero(first < cut)), PARTS, tmp_path)
            assert report.listed == {12: (), 40: (PANEL.symbols[8],), 120: (PANEL.symbols[9],)}[cut]
        assert files(tmp_path) == files(built(tmp_path / "once"))

    def test_symbols_that_are_listed_later_are_told_to_who_looks_up(self, tmp_path: Path) -> None:
        known = PANEL.until(60).only(np.delete(np.arange(12), 9))
        message = "with 11 symbols, and the prices go on to 2001-03-23 with 12; `.*` adds what is behind it"
        with pytest.raises(StaleError, match=message):
            read_matrix(built(tmp_path, known)).known(PANEL.until(60), PARTS)

    def test_a_symbol_that_brings_its_past_makes_other_prices(self, tmp_path: Path) -> None:
        built(tmp_path, PANEL.until(60).only(np.arange(1, 12)))
        message = (
            "it has 11 symbols, and the prices 12; H is not among its own, and has bars before it ends; `.* --rebuild`"
        )
        with pytest.raises(StaleError, match=message):
            build_matrix(PANEL, PARTS, tmp_path)

    def test_a_feature_that_sees_the_future_is_found(self, tmp_path: Path) -> None:
        class Demeaned(Feature, kind="demeaned_of_a_test"):
            def columns(self, panel: Panel) -> Columns:
                return {self.name: panel.close - np.nanmean(panel.close)}

        built(tmp_path, PANEL.until(60), (*PARTS, Demeaned()))
        before = files(tmp_path)
        with pytest.raises(
            LookAheadError, match=r"^demeaned_of_a_test: the column 'demeaned_of_a_test' of H at 2001-01-01"
        ):
            build_matrix(PANEL, (*PARTS, Demeaned()), tmp_path)
        assert files(tmp_path) == before

    def test_two_builds_in_one_folder_exclude_each_other(self, tmp_path: Path) -> None:
        with lock(tmp_path / "lock"), pytest.raises(LockedError):
            built(tmp_path)


OTHER_PRICES: list[tuple[Panel, str]] = [
    (changed(40), "they differ from 2001-02-26 on"),
    (changed(119, column="volume"), "they differ from 2001-06-15 on"),
    (changed(70, column="member"), "they differ from 2001-04-09 on"),
    (
        replace(PANEL, symbols=("Z", *PANEL.symbols[1:])),
        "it has 12 symbols, and the prices 12; H is not among these",
    ),
    (replace(PANEL, symbols=PANEL.symbols[::-1]), "it has 12 symbols, and the prices 12, in another order"),
    (
        replace(PANEL, volume=None),
        "they differ from the first bar on, or in their members, sectors, columns or bars in a year",
    ),
    (
        replace(PANEL, sectors=None),
        "they differ from the first bar on, or in their members, sectors, columns or bars in a year",
    ),
    (
        replace(PANEL, timestamps=PANEL.timestamps + np.timedelta64(7, "D")),
        "it begins at 2001-01-01, and the prices at 2001-01-08",
    ),
]


class TestStaleness:
    @pytest.mark.parametrize(("panel", "where"), OTHER_PRICES)
    def test_other_prices_are_refused_with_the_place_and_the_command(
        self, tmp_path: Path, panel: Panel, where: str
    ) -> None:
        before = files(built(tmp_path))
        command = rf'regimefolio features build my\.yaml --into {tmp_path} --with "history" --with "median_value\(5\)" '
        message = rf"was made from other prices: {where}; `{command}--rebuild` builds it anew$"
        with pytest.raises(StaleError, match=message):
            read_matrix(tmp_path).known(panel, PARTS, "my.yaml")
        with pytest.raises(StaleError, match=message):
            build_matrix(panel, PARTS, tmp_path, source="my.yaml")
        assert files(tmp_path) == before

    def test_a_rebuild_writes_over_it(self, tmp_path: Path) -> None:
        built(tmp_path)
        build_matrix(changed(40), PARTS, tmp_path, rebuild=True)
        assert files(tmp_path) == files(built(tmp_path / "once", changed(40)))

    def test_prices_that_end_earlier_see_their_part(self, tmp_path: Path) -> None:
        found = read_matrix(built(tmp_path)).known(PANEL.until(50), [MedianValue(window=5)])
        assert found.values.tobytes() == features_of(PANEL.until(50), [MedianValue(window=5)]).values.tobytes()
        assert found.timestamps.tolist() == PANEL.timestamps[:50].tolist()

    def test_prices_that_go_on_are_refused_with_the_command_that_adds_bars(self, tmp_path: Path) -> None:
        message = (
            "ends at 2001-02-23 with 12 symbols, and the prices go on to 2001-06-15 with 12; "
            r'`regimefolio features build S --into .* --with "median_value\(5\)"` adds what is behind it'
        )
        with pytest.raises(StaleError, match=message):
            read_matrix(built(tmp_path, PANEL.until(40))).known(PANEL, PARTS, "S")

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            (
                MedianValue(window=6),
                r"holds history, median_value\(5\), and not median_value\(6\); `.*\"median_value\(6\)\"",
            ),
            (
                RatingMeans(rule_set="2020"),
                r"and not technical_rating\(2020\); `.* --with \"technical_rating\(2020\)\" --rebuild`",
            ),
        ],
    )
    def test_a_feature_that_it_has_not_is_refused(self, tmp_path: Path, asked: Feature, message: str) -> None:
        with pytest.raises(StaleError, match=message):
            read_matrix(built(tmp_path)).known(PANEL, [asked])
        with pytest.raises(StaleError, match=message):
            build_matrix(PANEL, [*PARTS, asked], tmp_path)

    @pytest.mark.parametrize(("held", "asked"), [("2020", "2024"), ("2024", "2020")])
    def test_the_command_takes_one_set_of_rules(self, tmp_path: Path, held: RuleSet, asked: RuleSet) -> None:
        built(tmp_path, PANEL.until(60), (RatingMeans(rule_set=held), RatingVotes(rule_set=held)))
        means = ' --with "technical_rating(2020)"' if asked == "2020" else ""  # the others are always there
        command = f'--into {tmp_path}{means} --with "technical_votes({asked})" --rebuild` builds it with that'
        with pytest.raises(StaleError, match=f"{re.escape(command)}$"):
            read_matrix(tmp_path).known(PANEL.until(60), [RatingMeans(rule_set=asked)])

    def test_a_feature_that_would_be_dropped_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(StaleError, match=r"holds median_value\(5\) too; `regimefolio features build"):
            build_matrix(PANEL, [History()], built(tmp_path))

    def test_other_code_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        built(tmp_path)
        monkeypatch.setattr(matrix, "code_of", lambda part: "9.9+later")
        message = r"history was made by other code \(.*\); `.* --rebuild` builds it anew"
        with pytest.raises(StaleError, match=message):
            read_matrix(tmp_path).known(PANEL, PARTS)
        with pytest.raises(StaleError, match=message):
            build_matrix(PANEL, PARTS, tmp_path)


class TestPriceFingerprints:
    @given(bar=st.integers(0, 119), asset=st.integers(0, 11), column=st.sampled_from(["close", "volume", "member"]))
    def test_they_differ_from_the_first_bar_on_that_differs(self, bar: int, asset: int, column: str) -> None:
        if np.isnan(getattr(PANEL, column)[bar, asset]):
            return
        pairs = zip(price_fingerprints(PANEL), price_fingerprints(changed(bar, asset, column)), strict=True)
        assert [one == other for one, other in pairs] == [True] * bar + [False] * (120 - bar)

    @given(bars=st.integers(1, 119))
    def test_those_of_a_prefix_are_a_prefix(self, bars: int) -> None:
        assert price_fingerprints(PANEL.until(bars)) == price_fingerprints(PANEL)[:bars]

    def test_a_delisting_counts_at_its_bar(self) -> None:
        at, paid = np.full(12, -1), np.full(12, np.nan)
        none = replace(PANEL, delisted_at=at.copy(), delisting_return=paid.copy())
        at[3], paid[3] = 80, -0.5
        one = replace(PANEL, delisted_at=at, delisting_return=paid)
        same = [a == b for a, b in zip(price_fingerprints(none), price_fingerprints(one), strict=True)]
        assert same == [True] * 80 + [False] * 40

    def test_a_nan_is_a_nan(self) -> None:
        negative = np.where(np.isnan(PANEL.close), -np.float64(np.nan), PANEL.close)
        assert negative.tobytes() != PANEL.close.tobytes()
        assert price_fingerprints(replace(PANEL, close=negative)) == price_fingerprints(PANEL)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def another_table(path: Path) -> None:
    pl.DataFrame({"a": [1.0]}).write_parquet(path)


def without_a_row(path: Path) -> None:
    about = pl.read_parquet_metadata(path)["regimefolio"]
    pl.read_parquet(path).head(-1).write_parquet(path, metadata={"regimefolio": about})


def one_value(path: Path) -> None:
    about = pl.read_parquet_metadata(path)["regimefolio"]
    frame = pl.read_parquet(path)
    frame = frame.with_columns(
        pl.when(pl.int_range(frame.height) == 40).then(7.0).otherwise("history").alias("history")
    )
    frame.cast({"history": pl.Float32}).write_parquet(path, metadata={"regimefolio": about})


def another_rule_set(path: Path) -> None:
    about = pl.read_parquet_metadata(path)["regimefolio"].replace('"rule_set": null', '"rule_set": "2024"')
    pl.read_parquet(path).write_parquet(path, metadata={"regimefolio": about})


@pytest.mark.parametrize("harm", [torn, another_table, without_a_row, one_value, another_rule_set])
def test_a_file_that_is_not_what_was_written_is_refused(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    harm(built(tmp_path) / MATRIX)
    message = rf"^{tmp_path}/{MATRIX}: .*; build it anew: `regimefolio features build SOURCE --into .* --rebuild`$"
    with pytest.raises(CorruptError, match=f"(?s){message}"):
        read_matrix(tmp_path)
    with pytest.raises(CorruptError):
        built(tmp_path)
    build_matrix(PANEL, PARTS, tmp_path, rebuild=True)
    assert read_matrix(tmp_path).features.names == ("history", "median_value(5)")


def test_where_there_is_no_matrix_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        WorkspaceError, match=f"there is no such file; `regimefolio features build SOURCE --into {tmp_path}`"
    ):
        read_matrix(tmp_path)


def test_returns_that_are_missing_are_not_made_of_prices_that_end_before(tmp_path: Path) -> None:
    folder = built(tmp_path)
    assert build_matrix(PANEL.until(100), PARTS, folder).added == 0
    (folder / RETURNS).unlink()
    with pytest.raises(StaleError, match=r"returns_matrix\.parquet: there is no such file.*features build SOURCE"):
        build_matrix(PANEL.until(100), PARTS, folder)
    build_matrix(PANEL, PARTS, folder)
    assert (folder / RETURNS).is_file()
