"""Times as texts: read at once where they are plain, and one by one elsewhere, to the same moments."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.market.sources.moments import read_moments


def moments(*texts: str | None) -> list[str | None]:
    found = read_moments(pl.Series(texts, dtype=pl.String))
    return [None if np.isnat(each) else str(each.astype("datetime64[us]")) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02T14:31", "2020-01-02T14:31:00.000000"),
        (" 2020-01-02 14:31:05 ", "2020-01-02T14:31:05.000000"),
        ("2020-01-02T14:31Z", "2020-01-02T14:31:00.000000"),
        ("2020-01-02T14:31:00-05:00", "2020-01-02T19:31:00.000000"),
        ("2020-01-02 01:31+09:30", "2020-01-01T16:01:00.000000"),
        ("2020-01-02T14:31:05.25", "2020-01-02T14:31:05.250000"),
        ("20200102T1431", "2020-01-02T14:31:00.000000"),
        ("1677-12-31T14:31", None),
        ("2262-01-01T14:31", None),
        ("2020-02-30T14:31", None),
        ("2020-01-02T24:00", None),
        ("2020-01-02T14:60", None),
        ("2020-01-02T14:31:60", None),
        ("1577975460", None),
        ("tomorrow", None),
        ("", None),
        (None, None),
    ],
)
def test_one_text(text: str | None, expected: str | None) -> None:
    assert moments(text, "2020-01-01T12:00") == [expected, "2020-01-01T12:00:00.000000"]


def test_sessions_keep_their_date() -> None:
    assert moments("2020-01-02 00:00:00-05:00", "2020-07-02 00:00:00-04:00", "2020-07-03") == [
        "2020-01-02T00:00:00.000000",
        "2020-07-02T00:00:00.000000",
        "2020-07-03T00:00:00.000000",
    ]
    assert moments("2020-01-02 00:00:00-05:00", "2020-07-02 00:01:00-04:00")[0] == "2020-01-02T05:00:00.000000"


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1678, 1, 2), datetime(2261, 12, 30)),
            st.one_of(st.none(), st.integers(-23 * 60, 23 * 60)),
            st.sampled_from(["minutes", "seconds", "milliseconds"]),
            st.sampled_from("T "),
        ),
        min_size=1,
    )
)
def test_they_are_what_python_reads(written: list[tuple[datetime, int | None, str, str]]) -> None:
    texts = [
        moment.replace(tzinfo=None if minutes is None else timezone(timedelta(minutes=minutes))).isoformat(mark, spec)
        for moment, minutes, spec, mark in written
    ]
    read = [datetime.fromisoformat(text) for text in texts]
    sessions = all(moment.time() == time() for moment in read)
    expected = [
        (moment.replace(tzinfo=UTC) if sessions or moment.tzinfo is None else moment).astimezone(UTC) for moment in read
    ]
    assert moments(*texts) == [moment.replace(tzinfo=None).isoformat(timespec="microseconds") for moment in expected]
