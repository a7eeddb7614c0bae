"""Asking for prices by text, and cutting them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.backtest import BacktestSpec
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.files import read_json
from regimefolio.market import DataSpec, File, Sample, Simulated, load_data, source_of
from regimefolio.workflow import WorkflowSpec
from tests import workflows


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    days = ["2020-01-02T10:00", "2020-01-02T16:00", "2020-01-03T16:00", "2020-01-06T16:00"]
    path.write_text("timestamp,A\n" + "".join(f"{day},{number + 1}\n" for number, day in enumerate(days)))
    return path


def closes(spec: DataSpec, folder: Path) -> list[float]:
    values: list[float] = load_data(spec, folder).panel.close[:, 0].tolist()
    return values


def test_texts_name_sources() -> None:
    assert source_of("sample:us5") == Sample(name="us5")
    assert source_of("file:C:/prices.csv") == File(path=Path("C:/prices.csv"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smaple:us5", "unknown source 'smaple' in 'smaple:us5'; did you mean 'sample'?"),
        ("fil:prices.csv", "unknown source 'fil' in 'fil:prices.csv'; did you mean 'file'?"),
        ("prices.csv", "unknown source 'prices.csv' in 'prices.csv'; did you mean 'file:prices.csv'?"),
        ("us5", "unknown source 'us5' in 'us5'; did you mean 'sample:us5'?"),
        ("sp500", "unknown source 'sp500' in 'sp500'; did you mean 'sample:sp500_20'?"),
        ("quandl", "unknown source 'quandl' in 'quandl'; known: file, sample, simulated, store, yahoo"),
        ("yahoo", "source 'yahoo' must be `yahoo:` and what to read"),
        ("sample:us4", "source 'sample:us4': 'us4' is not a sample; did you mean 'us5'?"),
        (
            "simulated:x",
            "source 'simulated:x': 'x' is not a seed; input should be a valid integer, "
            "unable to parse string as an integer",
        ),
        (
            "simulated:-1",
            "source 'simulated:-1': '-1' is not a seed; input should be greater than or equal to 0",
        ),
        ("simulated", "source 'simulated' must be `simulated:` and what to read"),
        ("sample", "source 'sample' must be `sample:` and what to read"),
        ("file:", "source 'file:' must be `file:` and what to read"),
    ],
)
def test_mistakes_in_the_text(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        source_of(text)
    assert str(caught.value) == message
    file = tmp_path / "data.yaml"
    file.write_text(f"data:\n  source: {text!r}\n")
    with pytest.raises(ConfigError) as caught:
        read_document(file).parse(DataSpec, "data")
    assert str(caught.value).splitlines()[0] == f"{file}:2:3: {message}"


def test_fields_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("data: {source: 'sample:us5', start: 2001-01-01, end: 2002-12-31, on_bad: mask}\n")
    spec = read_document(file).parse(DataSpec, "data")
    assert spec == DataSpec(source="sample:us5", start=date(2001, 1, 1), end=date(2002, 12, 31), on_bad="mask")
    with pytest.raises(ValidationError, match="start 2002-01-01 is after end 2001-12-31"):
        DataSpec(source="sample:us5", start=date(2002, 1, 1), end=date(2001, 12, 31))


def test_relative_paths_belong_to_the_folder(prices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    spec = DataSpec(source="file:prices.csv")
    assert closes(spec, prices.parent) == [1, 2, 3, 4]
    assert closes(DataSpec(source=f"file:{prices}"), Path("elsewhere")) == [1, 2, 3, 4]
    with pytest.raises(MissingDataError):
        load_data(spec)


def test_start_and_end_are_included(prices: Path) -> None:
    cut = DataSpec(source="file:prices.csv", start=date(2020, 1, 2), end=date(2020, 1, 3))
    assert closes(cut, prices.parent) == [1, 2, 3]
    late = DataSpec(source="file:prices.csv", start=date(2020, 1, 3))
    assert closes(late, prices.parent) == [3, 4]
    wide = DataSpec(source="file:prices.csv", start=date(1, 1, 1), end=date(9999, 12, 31))
    assert load_data(wide, prices.parent).fingerprint == File(path=prices).load().fingerprint


def test_nothing_between_start_and_end(prices: Path) -> None:
    spec = DataSpec(source="file:prices.csv", start=date(2020, 1, 4), end=date(2020, 1, 5))
    with pytest.raises(MissingDataError, match=r"no bar from 2020-01-04 to 2020-01-05; .* 2020-01-02 to 2020-01-06"):
        load_data(spec, prices.parent)


def test_end_is_what_was_known_then() -> None:
    whole = load_data(DataSpec(source="sample:sp500_20"))
    cut = load_data(DataSpec(source="sample:sp500_20", end=date(2012, 12, 31)))
    known = whole.panel.until(cut.panel.n_bars)
    np.testing.assert_array_equal(cut.panel.close, known.close)
    np.testing.assert_array_equal(cut.panel.timestamps, known.timestamps)
    assert cut.panel.sectors == known.sectors
    assert str(cut.panel.timestamps[-1])[:10] == "2012-12-31"
    assert cut.index is not None
    assert whole.index is not None
    np.testing.assert_array_equal(cut.index, whole.index[: cut.panel.n_bars])
    assert cut.fingerprint != whole.fingerprint


def test_start_cuts_every_array() -> None:
    whole = load_data(DataSpec(source="sample:us5"))
    cut = load_data(DataSpec(source="sample:us5", start=date(2012, 5, 18)))
    for name in ("timestamps", "open", "high", "low", "close", "volume", "member"):
        array = getattr(cut.panel, name)
        assert len(array) == 196
        np.testing.assert_array_equal(array, getattr(whole.panel, name)[-196:], err_msg=name)


def test_bad_bars_by_choice(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("date,A\n2020-01-02,1\n2020-01-03,0\n")
    with pytest.raises(DataError, match="line 3, column A: zero or negative price"):
        load_data(DataSpec(source="file:bad.csv"), tmp_path)
    data = load_data(DataSpec(source="file:bad.csv", on_bad="mask"), tmp_path)
    np.testing.assert_array_equal(data.panel.close[:, 0], [1, np.nan])
    assert [defect.row for defect in data.defects] == [3]
    assert data.about.endswith("; defects masked or put in place: 1")


SIMULATED = {"kind": "simulated", "seed": 3, "assets": 4, "bars": 900, "start": "2010-01-04"}


class TestMapping:
    @pytest.mark.parametrize(
        ("text", "mapping"),
        [
            ("simulated:3", {"kind": "simulated", "seed": 3}),
            ("sample:us5", {"kind": "sample", "name": "us5"}),
            ("file:prices.csv", {"kind": "file", "path": "prices.csv"}),
        ],
    )
    def test_it_says_what_the_text_says(self, text: str, mapping: Mapping[str, object]) -> None:
        written, described = DataSpec(source=text), DataSpec.model_validate({"source": mapping})
        assert described == written
        assert described.plain() == written.plain()
        assert str(described.source) == text
        assert DataSpec.model_validate(written.plain()) == written

    def test_it_is_written_with_its_defaults(self) -> None:
        spec = DataSpec.model_validate({"source": SIMULATED})
        assert spec.source == Simulated(seed=3, assets=4, bars=900, start=date(2010, 1, 4))
        assert spec.plain()["source"] == {
            **SIMULATED,
            "volatilities": [0.008, 0.018],
            "drifts": [0.0006, -0.0008],
            "persistence": 0.98,
            "correlation": 0.5,
        }
        assert str(spec.source) == "simulated:3, bars 900, assets 4, start 2010-01-04"

    def test_the_same_prices_either_way(self) -> None:
        text, mapping = (DataSpec.model_validate({"source": each}) for each in ("simulated:3", {"kind": "simulated"}))
        assert load_data(text).fingerprint != load_data(mapping).fingerprint  # its seed is 0
        mapping = DataSpec.model_validate({"source": {"kind": "simulated", "seed": 3}})
        assert load_data(text).fingerprint == load_data(mapping).fingerprint
        assert load_data(text).panel.n_assets == 10

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("{kind: simulated, n_assets: 50}", ":2:29: unknown key 'n_assets'; did you mean 'assets'?"),
            ("{kind: simulatd}", ":2:3: unknown source 'simulatd'; did you mean 'simulated'?"),
            ("{kind: simulated, persistence: 1}", ":2:29: must be less than 1, but this is 1"),
            ("{kind: sample, name: us6}", ":2:26: must be 'sp500_20' or 'us5', but this is 'us6'"),
            ("{kind: file}", ":2:3: `path` is missing"),
            ("{seed: 3}", ":2:3: a source is a text such as `sample:us5`, or a mapping with `kind`, but this is"),
            ("7", ":2:3: a source is a text such as `sample:us5`, or a mapping with `kind`, but this is 7"),
        ],
    )
    def test_mistakes_have_a_place(self, source: str, message: str, tmp_path: Path) -> None:
        file = tmp_path / "data.yaml"
        file.write_text(f"data:\n  source: {source}\n")
        with pytest.raises(ConfigError) as caught:
            read_document(file).parse(DataSpec, "data")
        assert str(caught.value).splitlines()[0].startswith(f"{file}{message}")

    def test_a_workflow_on_it_writes_it_resolved(self, tmp_path: Path) -> None:
        made = workflows.coordinator(tmp_path, {("data", "source"): SIMULATED})
        made.run()
        root = made.workspace
        resolved = read_document(root.metadata / "workflow.yaml").parse(WorkflowSpec, "workflow")
        assert resolved == made.spec
        adaptive = read_document(root.analysis / "adaptive_strategy.yaml").parse(BacktestSpec, "backtest")
        assert adaptive.data.source == made.spec.data.source
        about = read_json(root.metadata / "workflow.json")
        assert isinstance(about, dict)
        assert isinstance(about["data"], dict)
        assert about["data"]["source"] == "simulated:3, bars 900, assets 4, start 2010-01-04"
