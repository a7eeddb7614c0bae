"""Raw prices and corporate actions: hand-made bars, where each action takes effect, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Panel
from regimefolio.market import Dataset, DataSpec, File, check_file, load_data

HEADER = "date,symbol,open,high,low,close,volume"
RAW = f"""\
{HEADER}
2020-01-02,A,100,100,100,100,10
2020-01-03,A,50,50,50,50,20
2020-01-06,A,49,49,49,49,20
2020-01-07,A,49,49,49,49,20
2020-01-02,B,10,10,10,10,1
2020-01-07,B,10,10,10,10,1
"""
ACTIONS = """\
symbol,date,split,dividend
A,2020-01-03,2,
A,2020-01-06,,1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw.csv").write_text(RAW)
    return tmp_path


def load(folder: Path, actions: str, name: str = "raw.csv") -> Dataset:
    (folder / "actions.csv").write_text(actions)
    return load_data(DataSpec(source=f"file:{name}", actions=Path("actions.csv"), on_bad="mask"), folder)


def close(panel: Panel, asset: int = 0) -> list[float]:
    return [float(value) for value in panel.close[:, asset]]


def known(panel: Panel, asset: int = 0) -> list[tuple[float, float]]:
    """Split and dividend at every bar."""
    assert panel.split is not None
    assert panel.dividend is not None
    return list(zip(panel.split[:, asset].tolist(), panel.dividend[:, asset].tolist(), strict=True))


NONE = (1.0, 0.0)


class TestWhatTheyDo:
    def test_a_split_and_a_dividend(self, folder: Path) -> None:
        data = load(folder, ACTIONS)
        panel = data.panel
        # 49 without its dividend of 1 is worth what 50 was, and 50 after the split what 100 was.
        assert close(panel) == [100, 100, pytest.approx(100, abs=1e-12), pytest.approx(100, abs=1e-12)]
        assert panel.volume is not None
        assert panel.volume[:, 0].tolist() == [10, 10, 10, 10]
        assert known(panel) == [NONE, (2, 0), (1, 1), NONE]
        assert known(panel, 1) == [NONE] * 4
        assert data.about.endswith("; actions.csv: 1 split and 1 dividend")

    def test_a_dividend_is_told_in_shares_of_its_date(self, folder: Path) -> None:
        panel = load(folder, "symbol,date,split,dividend\nA,2020-01-03,2,1\n").panel
        # 100 became two of 50, one of which is paid 1: (50 - 1) · 50/49 · 2
        assert close(panel)[1] == pytest.approx(100 / 49 * 50)

    def test_the_first_bar_at_or_after_its_date(self, folder: Path) -> None:
        # B has no bar on 3 and 6 January: 1 a share on the 3rd, then two for one on the 4th, then 0.25 on the 6th.
        text = "symbol,date,split,dividend\nB,2020-01-06,,0.25\nB,2020-01-03,,1\nB,2020-01-04,2,\n"
        panel = load(folder, text).panel
        assert known(panel, 1) == [NONE, NONE, NONE, (2.0, 1.0 / 2 + 0.25)]
        assert close(panel, 1)[3] == pytest.approx(10 * 2 / (1 - 2 * 0.75 / 10))

    def test_several_dividends_of_a_date_add_up(self, folder: Path) -> None:
        panel = load(folder, "symbol,date,dividend\nA,2020-01-03,1\nA,2020-01-03,0.5\n").panel
        assert known(panel)[1] == (1.0, 1.5)

    @pytest.mark.parametrize("day", ["2020-01-02", "2019-12-31", "2020-01-08"])
    def test_outside_an_assets_bars_they_are_ignored_and_counted(self, day: str, folder: Path) -> None:
        data = load(folder, f"symbol,date,split\nA,{day},2\nA,2020-01-03,2\nC,2020-01-03,2\nC,2020-01-04,2\n")
        assert close(data.panel) == [100, 100, 98, 98]
        assert data.about.endswith(
            "actions.csv: 4 splits and 0 dividends (ignored: 2 of symbols without prices, "
            "1 not between the first and the last bar of their symbol)"
        )

    def test_none_however_it_is_written(self, folder: Path) -> None:
        data = load(folder, "date,symbol,split,dividend\n2020-01-03,A,0,0\n2020-01-03,A,1,\n2020-01-06,A,,\n")
        assert close(data.panel) == [100, 50, 49, 49]
        assert data.about.endswith("actions.csv: 0 splits and 0 dividends")
        assert known(data.panel) == [NONE] * 4

    def test_a_reverse_split(self, folder: Path) -> None:
        assert close(load(folder, "symbol,date,split\nA,2020-01-06,0.1\n").panel)[2:] == pytest.approx([4.9, 4.9])

    def test_columns_say_the_same(self, folder: Path) -> None:
        rows = RAW.splitlines()
        given = {1: ",,0", 2: ",2,", 3: ",0,1"}
        text = [f"{HEADER},Split,Dividend", *(row + given.get(at, ",1,0") for at, row in enumerate(rows) if at)]
        (folder / "own.csv").write_text("\n".join(text) + "\n")
        own = File(path=folder / "own.csv").load()
        assert own.fingerprint == load(folder, ACTIONS).fingerprint
        assert own.about.endswith("(csv, long); adjusted for 1 split and 1 dividend")

    def test_a_row_with_an_action_alone_is_no_bar(self, folder: Path) -> None:
        (folder / "own.csv").write_text(
            "date,symbol,close,split\n2020-01-02,A,8,\n2020-01-03,A,,4\n2020-01-06,A,2,1\n2020-01-03,B,5,\n"
        )
        data = File(path=folder / "own.csv").load()
        np.testing.assert_array_equal(data.panel.close[:, 0], [8, np.nan, 8])
        assert known(data.panel) == [NONE, NONE, (4, 0)]

    def test_bars_of_a_day_follow_the_action_of_its_date(self, folder: Path) -> None:
        times = [f"2020-01-0{day}T{hour}:30Z" for day in (2, 3) for hour in (14, 20)]
        rows = [f"{time},A,{close}" for time, close in zip(times, (8, 8, 4, 4), strict=True)]
        (folder / "intraday.csv").write_text("\n".join(["timestamp,symbol,close", *rows]) + "\n")
        assert close(load(folder, "symbol,date,split\nA,2020-01-03,2\n", "intraday.csv").panel) == [8, 8, 8, 8]

    def test_a_wide_file_with_actions(self, folder: Path) -> None:
        (folder / "wide.csv").write_text("date,A,B\n2020-01-02,100,10\n2020-01-03,50,10\n2020-01-06,49,10\n")
        assert close(load(folder, ACTIONS, "wide.csv").panel) == [100, 100, pytest.approx(100)]


class TestPanel:
    def test_back_to_raw(self, folder: Path) -> None:
        panel = load(folder, ACTIONS + "B,2020-01-05,4,0.3\n").panel
        price, shares = panel.adjustment
        assert price[0].tolist() == [1, 1]
        np.testing.assert_allclose((panel.close / price)[:, 0], [100, 50, 49, 49], rtol=1e-15)
        assert (panel.close / price)[[0, 3], 1] == pytest.approx([10, 10], rel=1e-15)
        assert panel.volume is not None
        assert (panel.volume * shares)[:, 0].tolist() == [10, 20, 20, 20]

    def test_without_actions_raw_it_is(self) -> None:
        panel = load_data(DataSpec(source="sample:us5")).panel
        assert panel.split is None
        for ones in panel.adjustment:
            assert (ones == 1.0).all()

    def test_what_was_known_never_changes(self, folder: Path) -> None:
        whole = load(folder, ACTIONS).panel
        for n_bars in range(1, 5):
            day = str(whole.timestamps[n_bars - 1])[:10]
            rows = [row for row in RAW.splitlines()[1:] if row[:10] <= day]
            dated = [row for row in ACTIONS.splitlines()[1:] if row.split(",")[1] <= day]
            (folder / "cut.csv").write_text("\n".join([HEADER, *rows]) + "\n")
            then = load(folder, "\n".join([ACTIONS.splitlines()[0], *dated, "A,1999-01-01,2,"]) + "\n", "cut.csv").panel
            now = whole.until(n_bars)
            for name in ("close", "open", "high", "low", "volume", "split", "dividend"):
                np.testing.assert_array_equal(getattr(now, name), getattr(then, name), err_msg=name)

    def test_the_fingerprint_knows_them(self, folder: Path) -> None:
        plain = load(folder, "symbol,date,split\nA,1999-01-01,2\n")
        moved = load(folder, "symbol,date,split\nB,2020-01-03,2\n")
        assert len({plain.fingerprint, moved.fingerprint, File(path=folder / "raw.csv").load().fingerprint}) == 3

    def test_the_fingerprint_knows_them_where_prices_are_equal(self, folder: Path) -> None:
        prints = []
        for second, action in (("100", "1,0"), ("50", "2,0"), ("50", "1,50")):
            text = f"date,symbol,close,split,dividend\n2020-01-02,A,100,1,0\n2020-01-03,A,{second},{action}\n"
            (folder / "own.csv").write_text(text)
            data = File(path=folder / "own.csv").load()
            assert close(data.panel) == [100, 100]
            prints.append(data.fingerprint)
        assert len(set(prints)) == 3

    def test_a_later_start_begins_anew(self, folder: Path) -> None:
        (folder / "actions.csv").write_text(ACTIONS + "B,2020-01-04,5,\n")
        spec = DataSpec(source="file:raw.csv", actions=Path("actions.csv"), start=date(2020, 1, 3))
        panel = load_data(spec, folder).panel
        assert close(panel) == [50, pytest.approx(50), pytest.approx(50)]
        assert panel.volume is not None
        assert panel.volume[:, 0].tolist() == [20, 20, 20]
        assert known(panel) == [NONE, (1, 1), NONE]
        assert panel.close[2, 1] == 10  # its first bar here, whatever was before
        assert known(panel, 1) == [NONE] * 3
        assert panel.adjustment.price[0].tolist() == [1, 1]


class TestMistakes:
    def refusal(self, folder: Path, actions: str, name: str = "raw.csv") -> str:
        with pytest.raises(DataError) as caught:
            load(folder, actions, name)
        return str(caught.value).removeprefix(f"{folder}/")

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ("A,2020-01-03,-2,", "line 2, column split: negative split, found '-2' for A; mend the file"),
            ("A,2020-01-03,,-1", "line 2, column dividend: negative dividend, found '-1' for A; mend the file"),
            ("A,2020-01-03,1e7,", "line 2, column split: not a split, found '1e7' for A; mend the file"),
            ("A,2020-01-03,1e-7,", "line 2, column split: not a split, found '1e-7' for A; mend the file"),
            ("A,2020-01-03,inf,", "line 2, column split: not a finite number, found 'inf' for A; mend the file"),
            ("A,2020-01-03,2:1,", "line 2, column split: not a number, found '2:1' for A; mend the file"),
            ("A,9.6.2014,2,", "line 2, column date: not an ISO date or time (write dates as 2015-01-31)"),
            ("A,,2,", "line 2, column date: missing date, found '' for A; mend the file"),
            ("A,2020-01-03,2,\n,2020-01-03,2,", "line 3, column symbol: missing symbol, found ''; mend the file"),
            ("A,2020-01-03,2,\nA,2020-01-03,3,", "line 3, column split: a second split of this symbol and date"),
            ("A,2020-01-03,,100", "line 2, column dividend: not below the close before it, found '100' for A"),
            ("A,2020-01-03,2,50", "line 2, column dividend: not below the close before it, found '50' for A"),
            ("A,2020-01-03,2", "line 2: 3 cells where the header has 4, found 'A,2020-01-03,2'; mend the file"),
            ("C,2020-01-03,2,\nD,2020-01-03,2,", "the prices have none of its symbols (C, D)"),
        ],
    )  # fmt: skip
    def test_a_row_of_a_file_of_actions(self, rows: str, message: str, folder: Path) -> None:
        assert self.refusal(folder, f"symbol,date,split,dividend\n{rows}\n").startswith(f"actions.csv: {message}")

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("symbol,date", "there is neither a column `split` nor a column `dividend`"),
            ("ticker,date,split", "there is no column `symbol`; unknown column 'ticker'; did you mean 'symbol'?"),
            ("symbol,date,ratio", "unknown column 'ratio'; did you mean 'split'?"),
            ("symbol,date,split,split", "column `split` is given twice"),
        ],
    )
    def test_its_columns(self, header: str, message: str, folder: Path) -> None:
        row = ",".join(["A", "2020-01-03", "2", "2"][: header.count(",") + 1])
        assert self.refusal(folder, f"{header}\n{row}\n").startswith(f"actions.csv: {message}")

    def test_adjusted_twice(self, folder: Path) -> None:
        rows = [f"{row},{extra}" for row, extra in zip(RAW.splitlines(), ["adj_close", *"111111"], strict=True)]
        (folder / "adjusted.csv").write_text("\n".join(rows) + "\n")
        assert self.refusal(folder, ACTIONS, "adjusted.csv") == (
            f"adjusted.csv: prices are adjusted by the column `adj_close`, and {folder}/actions.csv would adjust them "
            "again; drop one of the two"
        )
        (folder / "both.csv").write_text("date,symbol,close,adj_close,split\n2020-01-02,A,1,1,\n")
        with pytest.raises(
            DataError, match=r"both `adj_close` and `split`.*: drop `adj_close` where `close` is raw, and"
        ):
            File(path=folder / "both.csv").load()
        (folder / "own.csv").write_text("date,symbol,close,split\n2020-01-02,A,1,\n")
        assert "by the column `split`" in self.refusal(folder, ACTIONS, "own.csv")

    def test_prices_carried_beyond_what_prices_are(self, folder: Path) -> None:
        rows = "".join(f"A,2020-01-{day:02},1e6,\n" for day in (3, 4, 5))
        assert self.refusal(folder, f"symbol,date,split,dividend\n{rows}") == (
            "raw.csv: splits and dividends of A up to 2020-01-06 carry its price to 4.9e+19, beyond what prices are; "
            "look at its actions"
        )

    def test_prices_that_are_no_file(self, folder: Path) -> None:
        (folder / "actions.csv").write_text(ACTIONS)
        with pytest.raises(ConfigError, match="`actions` belongs to a file of prices, and sample:us5 is none"):
            load_data(DataSpec(source="sample:us5", actions=Path("actions.csv")), folder)

    def test_columns_with_mistakes_are_defects_of_the_action_alone(self, folder: Path) -> None:
        text = (
            "date,symbol,close,split,dividend\n2020-01-02,A,8,x,\n2020-01-03,A,4,-2,\n2020-01-06,A,2,,4\n"
            "2020-01-07,A,1,2,0\n2020-01-07,A,1,2,0\n"
        )
        path = folder / "own.csv"
        path.write_text(text)
        found = [(defect.row, defect.column, defect.problem) for defect in check_file(path).defects]
        assert found == [
            (2, "split", "not a number"),
            (3, "split", "negative split"),
            (4, "dividend", "not below the close before it"),
            (6, "date", "duplicate bar"),
        ]
        with pytest.raises(DataError, match="line 2, column split: not a number"):
            File(path=path).load()
        panel = File(path=path).load("mask").panel
        assert close(panel) == [8, 4, 2, 2]
        assert known(panel) == [NONE, NONE, NONE, (2, 0)]


@pytest.mark.parametrize("header", ["symbol,date,split", "symbol,date,split,dividend", "symbol,date,dividend"])
def test_a_file_with_the_names_of_its_columns_alone_holds_none(header: str, folder: Path) -> None:
    found = load(folder, f"{header}\n")
    raw = load_data(DataSpec(source="file:raw.csv"), folder)
    np.testing.assert_array_equal(found.panel.close, raw.panel.close)
    assert found.about.endswith("; actions.csv: 0 splits and 0 dividends")
