"""Page views are fetched politely, once, and errors say what to do; against a server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.files import read_json, write_json
from regimefolio.market import wikimedia
from regimefolio.market.wikimedia import Article, PageViewService, fetch_page_views, read_articles
from tests.page_view_server import PageViewServer, counted_days

FIRST, LAST = date(2020, 1, 1), date(2020, 1, 10)
APPLE, ATT = Article("AAPL", "Apple Inc."), Article("T", "AT&T/Bell", "de.wikipedia")
OLD = {
    ("en.wikipedia", "Apple_Inc."): counted_days(date(2019, 12, 1), 60, 1000),
    ("de.wikipedia", "AT&T/Bell"): counted_days(date(2020, 1, 4), 30, 10),
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[PageViewServer]:
    with PageViewServer(OLD).running() as running:
        yield running


class Clock:
    """Remembers how long was waited, and does not."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


def service(server: PageViewServer, clock: Clock | None = None, per_second: float = 1e6) -> PageViewService:
    return PageViewService("me@example.org", server.url, per_second, clock or Clock())


def days(path: Path, symbol: str) -> list[date]:
    found: list[date] = pl.read_parquet(path).filter(pl.col("symbol") == symbol)["date"].to_list()
    return found


def test_views_are_asked_for_as_documented(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    found = fetch_page_views([APPLE, ATT], out, service(server), FIRST, LAST)
    assert server.asked == [
        "/api/metrics/pageviews/per-article/en.wikipedia/all-access/user/Apple_Inc./daily/20200101/20200110",
        "/api/metrics/pageviews/per-article/de.wikipedia/all-access/user/AT%26T%2FBell/daily/20200101/20200110",
    ]
    assert all(agent.startswith("regimefolio/") and "me@example.org" in agent for agent in server.agents)
    assert (found.requests, found.days, found.total) == (2, 17, 17)
    frame = pl.read_parquet(out)
    assert frame.columns == ["date", "symbol", "views"]
    assert frame.row(0) == (FIRST, "AAPL", 1031)
    assert days(out, "T") == [date(2020, 1, 4) + timedelta(days=k) for k in range(7)]


def test_a_second_run_asks_only_for_what_is_missing(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    fetch_page_views([APPLE, ATT], out, service(server), FIRST, LAST)
    server.asked.clear()
    again = fetch_page_views([APPLE, ATT], out, service(server), FIRST, LAST)
    assert (server.asked, again.requests, again.total) == ([], 0, 17)
    longer = fetch_page_views([APPLE, ATT], out, service(server), date(2019, 12, 30), date(2020, 1, 12))
    assert [path.split("/daily/")[1] for path in server.asked] == ["20191230/20191231", "20200111/20200112"] * 2
    assert longer.total == 17 + 4 + 2
    assert days(out, "AAPL") == [date(2019, 12, 30) + timedelta(days=k) for k in range(14)]


def test_days_that_may_still_get_a_count_are_asked_again(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=10)
    counts = {("en.wikipedia", "Apple_Inc."): counted_days(first, 6, 5)}
    with PageViewServer(counts).running() as server:
        out = tmp_path / "views.parquet"
        fetch_page_views([APPLE], out, service(server), first)
        fetch_page_views([APPLE], out, service(server), first)
    asked = [path.split("/daily/")[1] for path in server.asked]
    yesterday, unsettled = today - timedelta(days=1), today - timedelta(days=1)
    assert asked == [f"{first:%Y%m%d}/{yesterday:%Y%m%d}", f"{unsettled:%Y%m%d}/{yesterday:%Y%m%d}"]
    assert len(days(out, "AAPL")) == 6


def test_another_article_of_a_symbol_begins_anew(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    fetch_page_views([APPLE, ATT._replace(symbol="X")], out, service(server), FIRST, LAST)
    fetch_page_views([APPLE._replace(symbol="X")], out, service(server), FIRST, LAST)
    frame = pl.read_parquet(out)
    assert frame.filter(pl.col("symbol") == "X")["views"].to_list() == list(range(1031, 1041))
    assert len(days(out, "AAPL")) == 10
    assert read_json(tmp_path / "views.parquet.json")["X"]["title"] == "Apple Inc."


def test_unknown_articles_are_named_and_the_others_kept(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    articles = [Article("Q", "Aple Inc."), APPLE, Article("R", "Nothing", "xx.wikipedia")]
    with pytest.raises(MissingDataError) as caught:
        fetch_page_views(articles, out, service(server), FIRST, LAST)
    text = str(caught.value)
    assert "2 articles (Q: 'Aple Inc.' of en.wikipedia; R: 'Nothing' of xx.wikipedia)" in text
    assert f"what is known of the other 1 is in {out}" in text
    assert len(days(out, "AAPL")) == 10


def test_it_waits_as_long_as_the_service_says(server: PageViewServer, tmp_path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server.failures += [(429, {"Retry-After": "7"}), (429, {"Retry-After": later}), (503, {}), (502, {})]
    clock = Clock()
    found = fetch_page_views([APPLE], tmp_path / "views.parquet", service(server, clock), FIRST, LAST)
    pauses = [seconds for seconds in clock.waited if seconds > 0.5]
    assert pauses == [7.0, pytest.approx(40.0, abs=3.0), 8.0, 16.0]
    assert (found.requests, found.days) == (5, 10)


def test_it_never_asks_faster_than_it_may(server: PageViewServer, tmp_path: Path) -> None:
    clock = Clock()
    articles = [Article(f"S{number}", "Apple Inc.") for number in range(5)]
    fetch_page_views(articles, tmp_path / "views.parquet", service(server, clock, per_second=0.01), FIRST, LAST)
    assert clock.waited == [pytest.approx(100.0 * number, abs=30.0) for number in range(1, 5)]


@pytest.mark.parametrize(
    ("failures", "error", "message"),
    [
        ([(429, {})] * 5, MissingDataError, r"is busy \(429 at try 5, wants a pause of 32 s\); run it again later"),
        ([(429, {"Retry-After": "9000"})], MissingDataError, r"429 at try 1, wants a pause of 9000 s"),
        ([(403, {})], DataError, r"is refused with 403 \(.*as told"),
        ([(200, {"Content-Length": "99"})], MissingDataError, r"cannot be reached \(IncompleteRead.*; look at the net"),
        ([b"<html>"], DataError, "another shape than is documented"),
        ([b'{"items": [{"timestamp": "2020010100"}]}'], DataError, r"KeyError\('views'\)"),
    ],
)
def test_what_was_fetched_before_an_error_is_kept(
    server: PageViewServer,
    tmp_path: Path,
    failures: list[tuple[int, dict[str, str]] | bytes],
    error: type[Exception],
    message: str,
) -> None:
    out = tmp_path / "views.parquet"
    asked = service(server)
    given = iter([[], failures])

    def fail_at_the_second(article: Article, start: date, end: date) -> dict[date, int] | None:
        server.failures += next(given)
        return PageViewService.daily_views(asked, article, start, end)

    asked.daily_views = fail_at_the_second  # type: ignore[method-assign]
    with pytest.raises(error, match=message) as caught:
        fetch_page_views([APPLE, ATT], out, asked, FIRST, LAST)
    assert caught.value.__notes__ == [f"what was fetched is kept in {out}; the next run goes on from there"]
    server.failures.clear()
    assert len(days(out, "AAPL")) == 10
    server.asked.clear()
    fetch_page_views([APPLE, ATT], out, service(server), FIRST, LAST)
    assert len(server.asked) == 1


def test_no_network_is_said(tmp_path: Path) -> None:
    with PageViewServer({}).running() as server:
        pass
    with pytest.raises(MissingDataError, match=r"127\.0\.0\.1:\d+ cannot be reached \(.*refused.*\); look at the net"):
        fetch_page_views([APPLE], tmp_path / "views.parquet", service(server), FIRST, LAST)


def test_it_saves_from_time_to_time(server: PageViewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, saved = tmp_path / "views.parquet", list[int]()
    monkeypatch.setattr(wikimedia, "SAVE_EVERY", 2)

    def noted(path: Path, notes: dict[str, Any]) -> None:
        saved.append(len(notes))
        write_json(path, notes)

    monkeypatch.setattr(wikimedia, "write_json", noted)
    articles = [Article(f"S{number}", "Apple Inc.") for number in range(5)]
    fetch_page_views(articles, out, service(server), FIRST, LAST)
    assert saved == [2, 4, 5]
    assert len(pl.read_parquet(out)) == 50


def test_a_file_that_is_not_ours_is_left_alone(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    out.write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"without views\.parquet\.json beside it; name another file"):
        fetch_page_views([APPLE], out, service(server), FIRST, LAST)
    (tmp_path / "views.parquet.json").write_text("{}")
    with pytest.raises(DataError, match="is not a whole Parquet file"):
        fetch_page_views([APPLE], out, service(server), FIRST, LAST)
    assert out.read_bytes() == b"mine"
    with pytest.raises(ConfigError, match=r"must be named \.parquet"):
        fetch_page_views([APPLE], tmp_path / "views.csv", service(server), FIRST, LAST)
    with pytest.raises(ConfigError, match="start 2020-01-10 is after end 2020-01-01"):
        fetch_page_views([APPLE], tmp_path / "new.parquet", service(server), LAST, FIRST)


def test_notes_that_are_no_longer_ours_are_said(server: PageViewServer, tmp_path: Path) -> None:
    out = tmp_path / "views.parquet"
    fetch_page_views([APPLE], out, service(server), FIRST, LAST)
    harmed: list[Any] = [{"AAPL": 3}, {"AAPL": {"title": "Apple Inc."}}, []]
    for notes in harmed:
        write_json(tmp_path / "views.parquet.json", notes)
        with pytest.raises(DataError, match=r"views\.parquet\.json: is not what was noted .* take it and the file"):
            fetch_page_views([APPLE], out, service(server), FIRST, LAST)


def test_a_contact_is_needed() -> None:
    with pytest.raises(ConfigError, match="must be a mail address or a page"):
        PageViewService("me")
    with pytest.raises(ConfigError, match="server 'wikimedia' must begin with https://"):
        PageViewService("me@example.org", "wikimedia")
    with pytest.raises(ConfigError, match="per_second must be above 0"):
        PageViewService("me@example.org", per_second=0.0)


def test_articles_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "articles.csv"
    path.write_text("symbol,article,project\nT, AT&T ,\nAAPL,Apple Inc.,de.wikipedia\n")
    assert read_articles(path) == (Article("T", "AT&T"), Article("AAPL", "Apple Inc.", "de.wikipedia"))
    path.write_text("symbol,article\nT,AT&T\nT,Telekom\n")
    with pytest.raises(DataError, match="line 3, column symbol: a second article of this symbol, found 'T'"):
        read_articles(path)
    path.write_text("symbol,article\nT,\n")
    with pytest.raises(DataError, match="line 2, column article: missing article, found '' for T"):
        read_articles(path)
