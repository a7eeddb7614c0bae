"""Imports into the local store, its versions, and what is read from them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from regimefolio.backtest import BacktestSpec, run_backtest
from regimefolio.core.errors import ConfigError, CorruptError, DataError, LockedError, MissingDataError
from regimefolio.core.files import lock
from regimefolio.core.types import Panel
from regimefolio.market import (
    Dataset,
    DataSpec,
    File,
    ImportReport,
    PriceStore,
    import_file,
    load_data,
    source_of,
    stores,
)
from regimefolio.market.store.objects import content_hash

HEAD = "date,symbol,open,high,low,close,volume\n"
DAYS = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"]


def bar(day: int, symbol: str, close: float) -> str:
    return f"{DAYS[day]},{symbol},{close},{close + 1},{close - 1},{close},{100 * day}\n"


def bad(day: int, symbol: str) -> str:
    """A bar with one defect."""
    return f"{DAYS[day]},{symbol},10,11,9,50,{100 * day}\n"


BARS = [bar(day, symbol, 10 + day + (symbol == "B")) for symbol in "AB" for day in range(3)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGIMEFOLIO_STORE", str(tmp_path / "store"))


def write(*bars: str, name: str = "us.csv") -> Path:
    path = Path(name)
    path.write_text(HEAD + "".join(bars))
    return path


def take(*bars: str, revise: bool = False) -> ImportReport:
    return import_file(write(*bars, name="given.csv"), "us", revise=revise)


def load(source: str = "store:us", on_bad: str = "error") -> Dataset:
    return load_data(DataSpec.model_validate({"source": source, "on_bad": on_bad}))


def store() -> PriceStore:
    (only,) = stores()
    return only


def files() -> dict[str, bytes]:
    """Every file of the store but the lock."""
    root = Path("store")
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != "lock"}


class TestOneFile:
    def test_the_store_gives_what_the_file_gives(self) -> None:
        report = import_file(write(*BARS))
        assert (report.changed, report.bars, report.symbols, report.revision) == (True, 6, ("A", "B"), None)
        stored, read = load(), File(path=Path("us.csv")).load()
        assert stored.fingerprint == read.fingerprint
        assert stored.doubtful == read.doubtful == {"few bars": 2, "zero volume": 2, "coarse prices": 2}
        assert stored.about == f"store:us@{stored.version[:8]}: 2 symbols, 3 bars, 2020-01-02 to 2020-01-06"

    def test_every_array_of_a_panel_is_kept(self) -> None:
        """A field that a panel gains must be stored too, or the store would drop it silently."""
        import_file(write(*BARS))
        panel = load().panel
        arrays = {field.name for field in dataclasses.fields(Panel)} - {"symbols", "sectors", "periods_per_year"}
        assert {name for name in arrays if getattr(panel, name) is not None} == {
            name for name in arrays if getattr(File(path=Path("us.csv")).load().panel, name) is not None
        }

    @pytest.mark.parametrize("layout", ["wide", "adjusted", "intraday"])
    def test_other_kinds_of_files(self, layout: str) -> None:
        Path("us.csv").write_text(
            {
                "wide": "date,A,B\n2020-01-02,1,\n2020-01-03,2,3\n",
                "adjusted": "date,symbol,close,adj_close\n2020-01-02,A,10,5\n2020-01-03,A,11,11\n",
                "intraday": "timestamp,A\n2020-01-02T15:00+01:00,1\n2020-01-02T15:01+01:00,2\n",
            }[layout]
        )
        import_file(Path("us.csv"))
        assert load().fingerprint == File(path=Path("us.csv")).load().fingerprint

    def test_defects_stop_a_run_or_are_masked_as_those_of_a_file(self) -> None:
        write(*BARS, bar(3, "A", 10), bad(3, "B"))
        assert import_file(Path("us.csv")).defects == 1
        with pytest.raises(DataError) as caught:
            load()
        assert str(caught.value).splitlines() == [
            f"store:us@{load(on_bad='mask').version[:8]}: us.csv line 9, column close: close outside low to high, "
            "found '50 (low 9, high 11)' in the bar B 2020-01-07",
            "  Import a mended file with --revise, or set `on_bad: mask` to turn bad bars into missing ones; "
            "`regimefolio data check us.csv` shows them.",
        ]
        stored, read = load(on_bad="mask"), File(path=Path("us.csv")).load("mask")
        assert (stored.fingerprint, stored.defects, stored.unit) == (read.fingerprint, read.defects, read.unit)
        assert stored.about.endswith("; defects masked or put in place: 1")

    def test_what_is_named_does_not_depend_on_who_when_and_which_file(self, tmp_path: Path) -> None:
        one, other = (import_file(write(*BARS, name=f"{name}.csv"), "us", Path(name)) for name in ("one", "other"))
        assert one.store == other.store
        (record,) = PriceStore(Path("one/us")).imports()
        assert record.file == str(tmp_path / "one.csv")
        assert (record.added, record.revised, record.before) == (6, 0, "")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("us.csv", "a/b"), "a store cannot be called 'a/b': its name must be made of letters, digits"),
            (("none.csv", None), "none.csv: there is no such file"),
        ],
    )
    def test_mistakes(self, arguments: tuple[str, str | None], message: str) -> None:
        write(*BARS)
        with pytest.raises((ConfigError, MissingDataError), match=message):
            import_file(Path(arguments[0]), arguments[1])
        assert not Path("store").exists()

    def test_a_file_without_a_usable_bar_is_not_taken(self) -> None:
        with pytest.raises(DataError, match="holds no usable bar"):
            import_file(write(bar(0, "A", -5)))
        assert not stores()


class TestLaterFiles:
    def test_equal_content_changes_nothing(self) -> None:
        take(*BARS)
        before = files()
        report = take(*BARS)
        assert (report.changed, report.bars, report.symbols) == (False, 0, ())
        assert take(*BARS[:2]).changed is False
        assert files() == before

    def test_bars_behind_the_stored_ones_are_added(self) -> None:
        first = take(*BARS)
        second = take(BARS[2], bar(3, "A", 14), bar(3, "B", 15), bar(4, "A", 16))
        assert (second.bars, second.revision) == (3, None)
        whole = write(*BARS, bar(3, "A", 14), bar(3, "B", 15), bar(4, "A", 16))
        assert load().fingerprint == File(path=whole).load().fingerprint
        assert load(first.store).fingerprint == File(path=write(*BARS)).load().fingerprint
        assert [record.added for record in store().imports()] == [6, 3]

    def test_a_bar_that_comes_late_in_another_file_is_added(self) -> None:
        take(*BARS)
        take(bar(3, "A", 14))
        take(bar(3, "B", 15))
        whole = write(*BARS, bar(3, "A", 14), bar(3, "B", 15))
        assert load().fingerprint == File(path=whole).load().fingerprint

    def test_other_symbols_bring_their_whole_history(self) -> None:
        take(*BARS[3:])
        report = take(*BARS[:3])
        assert (report.bars, report.symbols) == (3, ("A",))
        assert load().fingerprint == File(path=write(*BARS)).load().fingerprint
        assert [block.symbols for block in store().version().blocks] == [("B",), ("A",)]

    def test_daily_imports_leave_few_blocks_and_little_to_write(self) -> None:
        days = [str(day) for day in np.busday_offset("2020-01-02", np.arange(40), roll="forward")]
        bars = [f"{day},A,1,2,0.5,{1 + number / 100},5\n" for number, day in enumerate(days)]
        for each in bars:
            take(each)
        assert [block.bars for block in store().version().blocks] == [32, 8]
        assert load().fingerprint == File(path=write(*bars)).load().fingerprint
        written = sum(path.stat().st_size for path in (store().root / "objects").glob("*.npy"))
        assert written < 80 * (128 + 8) + 48 * 5 * 8 * 7

    def test_bars_without_a_common_one_are_told(self) -> None:
        """A split between the two files would not be seen."""
        take(*BARS)
        assert take(bar(3, "A", 14), BARS[5], bar(3, "B", 15)).apart == ("A",)
        assert take(bar(3, "A", 14), bar(4, "A", 14)).apart == ()

    def test_adjusted_prices_must_hang_together(self) -> None:
        head, rows = "date,symbol,close,adj_close\n", [f"{day},A,10,{5 + n}\n" for n, day in enumerate(DAYS)]
        for name, part in (("one", rows[:3]), ("apart", rows[3:]), ("other", rows[2:])):
            Path(f"{name}.csv").write_text(head + "".join(part))
        import_file(Path("one.csv"), "us")
        with pytest.raises(DataError, match=r"apart\.csv: adjusts its prices, and has no bar in common .* of A:"):
            import_file(Path("apart.csv"), "us")
        assert import_file(Path("other.csv"), "us").bars == 2

    def test_splits_and_dividends_are_kept(self) -> None:
        """B lacks a bar, so that its fields are told in two blocks."""
        head = "date,symbol,close,split,dividend\n"
        rows = [f"{DAYS[0]},A,10,,", f"{DAYS[1]},A,5,2,", f"{DAYS[2]},A,4,,1", f"{DAYS[0]},B,7,,", f"{DAYS[2]},B,7,,"]
        later = [*rows[:3], f"{DAYS[3]},A,2,2,", *rows[3:], f"{DAYS[4]},B,3,,3"]
        for name, part in (("us", rows), ("more", later)):
            Path(f"{name}.csv").write_text(head + "".join(f"{row}\n" for row in part))
            report = import_file(Path(f"{name}.csv"), "us")
            assert (report.revision, load().fingerprint) == (None, File(path=Path(f"{name}.csv")).load().fingerprint)
        assert report.notes == ("adjusted for 2 splits and 2 dividends",)
        panel = load().panel
        assert panel.split is not None
        assert panel.split.tolist() == [[1, 1], [2, 1], [1, 1], [2, 1], [1, 1]]

    def test_adjusted_prices_are_revised_as_a_whole(self) -> None:
        """Bars before the file would stay on another footing."""
        head, closes = "date,symbol,close,split\n", ["8,", "4,2", "4,", "5,"]
        rows = [f"{day},A,{close}\n" for day, close in zip(DAYS, closes, strict=False)]
        mended = [*rows[:2], rows[2].replace("4", "4.5"), rows[3]]
        for name, part in (("us", rows[:3]), ("end", rows[1:]), ("start", mended[:2]), ("whole", mended)):
            Path(f"{name}.csv").write_text(head + "".join(part))
        import_file(Path("us.csv"), "us")
        with pytest.raises(DataError, match=r"end\.csv: differs from the past of store:us@\w{8} in 2 bars of A"):
            import_file(Path("end.csv"), "us")
        with pytest.raises(DataError, match=r"without reaching from the first to the last stored bar of A: "):
            import_file(Path("end.csv"), "us", revise=True)
        assert import_file(Path("start.csv"), "us", revise=True).changed is False
        import_file(Path("whole.csv"), "us", revise=True)
        assert load().panel.close[:, 0].tolist() == [8, 8, 9, 10]

    def test_of_a_bar_that_is_delivered_again_the_last_word_is_kept(self) -> None:
        rows = ["2020-01-02,A,1,2020-01-02\n", "2020-01-03,A,2,2020-01-03\n", "2020-01-03,A,3,2020-01-05\n"]
        Path("us.csv").write_text("date,symbol,close,delivered\n" + "".join(rows[:2]))
        first = import_file(Path("us.csv"))
        Path("us.csv").write_text("date,symbol,close,delivered\n" + "".join(rows))
        with pytest.raises(DataError, match=r"close 2\.0, now 3\.0"):
            import_file(Path("us.csv"))
        report = import_file(Path("us.csv"), revise=True)
        assert report.notes == ("1 row replaced by a later delivery of the bar",)
        assert load().panel.close.tolist() == [[1], [3]]
        assert load_data(DataSpec(source=first.store)).panel.close.tolist() == [[1], [2]]

    @pytest.mark.parametrize(("key", "value"), [("actions", "actions.csv"), ("as_of", "2020-01-05")])
    def test_what_is_said_of_files_is_not_said_of_a_store(self, key: str, value: str) -> None:
        take(*BARS)
        with pytest.raises(ConfigError, match=f"`{key}` belongs to a file of prices, and store:us is none"):
            load_data(DataSpec.model_validate({"source": "store:us", key: value}))

    def test_other_fields_are_refused(self) -> None:
        take(*BARS)
        Path("closes.csv").write_text("date,A\n2020-02-03,5\n")
        with pytest.raises(DataError, match=r"closes\.csv: has close, but store:us@\w{8} has open, high, low, close"):
            import_file(Path("closes.csv"), "us")

    def test_defects_are_listed_once(self) -> None:
        assert take(*BARS[:5], bad(2, "B")).defects == 1
        assert take(*BARS[:5], bad(2, "B"), bar(3, "B", 20)).defects == 1
        assert take(bad(2, "B"), bar(4, "B", 20)).defects == 1
        assert take(bad(4, "A"), bar(4, "C", 20)).defects == 2
        assert [each.row for each in load(on_bad="mask").defects] == [7, 2]


class TestRevision:
    def test_a_past_told_otherwise_is_refused_with_the_bars(self) -> None:
        take(*BARS)
        before = files()
        with pytest.raises(DataError) as caught:
            take(BARS[0], BARS[1].replace("11,12,10,11", "11,12,10,11.5"), bar(3, "A", 14), BARS[3], BARS[5])
        name = store().version().identity[:8]
        assert str(caught.value).splitlines() == [
            f"given.csv: differs from the past of store:us@{name} in 3 bars of A, B "
            "(1 with other values, 2 not in the file)",
            "    A 2020-01-03: close 11.0, now 11.5",
            "    B 2020-01-03: open 12.0, high 13.0, low 11.0, close 12.0, volume 100.0: not in the file",
            "    A 2020-01-06: open 12.0, high 13.0, low 11.0, close 12.0, volume 200.0: not in the file",
            f"  --revise stores them as another version, and store:us@{name} stays readable; prices that are "
            "adjusted for splits and dividends change with each of them",
        ]
        assert files() == before

    def test_revised_bars_make_a_version_and_the_old_one_stays(self) -> None:
        first = take(*BARS)
        report = take(BARS[1].replace("11,12,10,11", "11,12,10,11.5"), revise=True)
        assert report.revision is not None
        assert (report.revision.changed, report.revision.bars, report.revision.symbols) == (1, 1, ("A",))
        old, now = load(first.store), load()
        np.testing.assert_array_equal(old.panel.close[:, 0], [10, 11, 12])
        np.testing.assert_array_equal(now.panel.close, [[10, 11], [11.5, 12], [12, 13]])
        assert [record.revised for record in store().imports()] == [0, 1]

    def test_a_bar_before_the_last_one_is_a_revision(self) -> None:
        take(BARS[0], BARS[2])
        with pytest.raises(DataError, match=r"1 bar of A \(1 not stored\)"):
            take(BARS[1])
        take(BARS[1], revise=True)
        assert load().fingerprint == File(path=write(*BARS[:3])).load().fingerprint

    def test_a_file_that_covers_everything_leaves_what_it_holds_alone(self) -> None:
        """A day that a mended file has not is gone; so are the defects of the one before."""
        take(BARS[0], BARS[1], bad(2, "A"), bar(3, "A", 14))
        mended = (BARS[0], BARS[2], bar(3, "A", 14))
        take(*mended, revise=True)
        assert load().fingerprint == File(path=write(*mended)).load().fingerprint

    def test_a_mended_bar_is_no_defect_any_more(self) -> None:
        take(BARS[0], BARS[1], bad(2, "A"), bar(3, "A", 14), bad(3, "B"))
        assert take(BARS[2], revise=True).defects == 1
        assert {each.symbol for each in load(on_bad="mask").defects} == {"B"}

    def test_many_bars_are_counted_and_ten_shown(self) -> None:
        days = [str(day) for day in np.busday_offset("2020-01-02", np.arange(40), roll="forward")]
        take(*(f"{day},A,1,2,0.5,1,5\n" for day in days))
        with pytest.raises(DataError) as caught:
            take(*(f"{day},A,1,2,0.5,1.5,5\n" for day in days))
        lines = str(caught.value).splitlines()
        assert (len(lines), lines[11].strip()) == (13, "… 30 more")


class TestVersions:
    def test_they_are_named_by_their_first_letters(self) -> None:
        name = take(*BARS).store.partition("@")[2]
        whole = store().version().identity
        assert load(f"store:us@{whole}").version == load(f"store:us@{name[:6]}").version == whole
        assert str(source_of(f"store:us@{name}")) == f"store:us@{name}"
        assert source_of(f"store:us@{name}") == source_of({"kind": "store", "name": "us", "version": name})
        with pytest.raises(MissingDataError, match=f"'0123ab' is no version's name; known: {name}"):
            load("store:us@0123ab")

    def test_an_unknown_store_is_an_error_with_a_hint(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDataError, match=r"no such store in .*; there is none"):
            load()
        take(*BARS)
        with pytest.raises(MissingDataError, match=r"store:uss: .* did you mean 'us'\?"):
            load("store:uss")
        spec = DataSpec.model_validate({"source": {"kind": "store", "name": "us", "folder": "store"}})
        assert load_data(spec, tmp_path).version == load().version

    def test_the_folder_is_that_of_the_users_data(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("REGIMEFOLIO_STORE")
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        take(*BARS)
        assert store().root == tmp_path / "data" / "regimefolio" / "store" / "us"
        assert load().panel.n_bars == 3

    def test_a_result_names_the_bytes_that_it_used(self) -> None:
        days = [str(day) for day in np.busday_offset("2020-01-02", np.arange(300), roll="forward")]
        rng = np.random.default_rng(1)
        prices = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, (300, 2)), axis=0))
        Path("wide.csv").write_text(
            "date,A,B\n" + "".join(f"{day},{a},{b}\n" for day, (a, b) in zip(days, prices, strict=True))
        )
        import_file(Path("wide.csv"))
        Path("index.csv").write_text(
            "date,M\n" + "".join(f"{day},{a}\n" for day, a in zip(days, prices[:, 0], strict=True))
        )
        import_file(Path("index.csv"))
        spec = {"data": {"source": "store:wide"}, "strategies": ["momentum_rank"], "benchmark": "store:index"}
        dataset, outcome, _ = run_backtest(BacktestSpec.model_validate(spec))
        assert outcome.parameters["data_version"] == dataset.version == stores()[1].version().identity
        assert np.isfinite(outcome.metrics["beta"])


class TestHarm:
    @pytest.mark.parametrize("pattern", ["objects/*.npy", "objects/*.json", "versions/*.json"])
    @pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
    def test_a_flipped_bit_is_found(self, pattern: str, at: float) -> None:
        take(*BARS, bad(3, "A"))
        for path in store().root.glob(pattern):
            whole = path.read_bytes()
            data = bytearray(whole)
            data[int(at * len(data))] ^= 4
            path.write_bytes(data)
            with pytest.raises(CorruptError, match=path.name):
                load(on_bad="mask")
            path.write_bytes(whole)
        assert load(on_bad="mask").panel.n_bars == 4

    @pytest.mark.parametrize("pattern", ["objects/*.npy", "versions/*.json"])
    def test_a_missing_file_is_found(self, pattern: str) -> None:
        take(*BARS)
        path = next(store().root.glob(pattern))
        path.unlink()
        with pytest.raises(CorruptError, match=f"{path.name}: is missing; restore the store from a copy"):
            load()

    def test_the_second_importer_stops_with_the_first_ones_pid(self) -> None:
        take(*BARS)
        with lock(store().root / "lock"), pytest.raises(LockedError, match=r"us: process \d+ on .* works here"):
            take(*BARS, bar(3, "A", 14))
        assert load().panel.n_bars == 3

    def test_a_later_format_is_refused(self) -> None:
        take(*BARS)
        from regimefolio.market.store.versions import version_of

        path = next(store().root.glob("versions/*.json"))
        with pytest.raises(DataError, match="has format 2, and this regimefolio reads 1"):
            version_of({**json.loads(path.read_text()), "format": 2}, "x.json")


def test_names_follow_from_numbers_alone() -> None:
    """Pinned: another release of numpy or polars must not rename what is stored."""
    assert content_hash(np.array([[1.0, np.nan]])) == content_hash(np.asfortranarray([[1.0, np.nan]]))
    assert content_hash(np.arange(3.0)) == hashlib.sha256(b"<f8 (3,)\n" + struct.pack("<3d", 0, 1, 2)).hexdigest()
    assert content_hash(np.arange(3.0)) != content_hash(np.arange(3.0)[None])


@pytest.mark.shared
@pytest.mark.parametrize("name", ["us_stocks_300_2005_2017.csv.gz", "sp500_5yr_split_adjusted_2013_2018.csv.gz"])
def test_real_prices(name: str, shared: Path) -> None:
    path = shared / "data" / name
    report = import_file(path, "real")
    stored, read = load("store:real", "mask"), File(path=path).load("mask")
    assert stored.fingerprint == read.fingerprint
    assert (stored.defects, stored.doubtful) == (read.defects, read.doubtful)
    assert report.defects == len(read.defects) > 0
