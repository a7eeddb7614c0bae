"""Daily page views of Wikipedia articles, from Wikimedia's page-views service into a file."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import numpy as np
from pydantic import TypeAdapter, ValidationError

from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.files import read_json, write_bytes, write_json
from regimefolio.core.progress import Progress
from regimefolio.market.notes import counted
from regimefolio.market.sources.dated import DatedTable

SERVER = "https://wikimedia.org/api/rest_v1"

FIRST_DAY = date(2015, 7, 1)
"""The service counts from this day on."""

PROJECT = "en.wikipedia"

PER_SECOND = 5.0
"""Requests a second, far below the 100 that the service allows."""

TRIES = 5
"""Times that a request is sent to a service that is busy."""

PATIENCE = 300.0
"""Seconds that are waited at most when the service says how long."""

BUSY = (429, 500, 502, 503, 504)

SETTLES = timedelta(days=2)
"""Time after which a day that has no count never gets one."""

SAVE_EVERY = 20
"""Articles between two times that what was fetched is put into the file."""


class Article(NamedTuple):
    """Whose page views stand for a symbol's public attention."""

    symbol: str
    title: str
    project: str = PROJECT


class Kept(NamedTuple):
    """What was asked of a symbol already: its article, and the first and last day that need not be asked again."""

    title: str
    project: str
    start: date
    end: date


class Fetched(NamedTuple):
    """What a call of `fetch_page_views` did: requests that it sent, days that they told, and days in the file."""

    path: Path
    articles: int
    requests: int
    days: int
    total: int


def read_articles(path: Path) -> tuple[Article, ...]:
    """The articles of a table with the columns symbol, article and perhaps project, `en.wikipedia` if it is not said.

    Raises
    ------
    MissingDataError, DataError
        It is no such file, a cell is empty, or a symbol is given twice.
    """
    table = DatedTable(path, ("symbol", "article"), ("project",))
    titles = table.texts("article")
    projects = table.texts("project", PROJECT) if "project" in table else (PROJECT,) * table.n_rows
    symbols = [table.symbols[code] for code in table.asset.tolist()]
    again = np.ones(table.n_rows, dtype=bool)
    again[np.unique(table.asset, return_index=True)[1]] = False
    table.refuse(again, "symbol", "a second article of this symbol")
    return tuple(Article(*each) for each in zip(symbols, titles, projects, strict=True))


@dataclass(eq=False)
class PageViewService:
    """The page-views service, asked politely: never faster than it should be, and later where it says so.

    Parameters
    ----------
    contact : str
        Your mail address or page, which Wikimedia's User-Agent policy asks for.
    server : str
        Where the service is.
    per_second : float
        Requests a second at most.
    wait : callable
        Waits for seconds.

    Source
    ------
    wikimedia.org/api/rest_v1, pageviews per article; foundation.wikimedia.org, User-Agent policy.
    """

    contact: str
    server: str = SERVER
    per_second: float = PER_SECOND
    wait: Callable[[float], None] = time.sleep
    requests: int = field(default=0, init=False)
    _next: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if "@" not in self.contact and "." not in self.contact:
            raise ConfigError(f"contact {self.contact!r} must be a mail address or a page: Wikimedia asks for one")
        if not self.server.startswith(("https://", "http://")):
            raise ConfigError(f"server {self.server!r} must begin with https:// or http://, such as {SERVER}")
        if not self.per_second > 0.0:
            raise ConfigError(f"per_second must be above 0, but is {self.per_second}")

    def daily_views(self, article: Article, start: date, end: date) -> dict[date, int] | None:
        """Views by people on the days from start to end that have a count; None where nothing is known of any.

        Raises
        ------
        MissingDataError
            The service cannot be reached, or stays busy.
        DataError
            It refuses, or answers in another shape than is documented.
        """
        title = quote(article.title.strip().replace(" ", "_"), safe="")
        place = f"{quote(article.project, safe='')}/all-access/user/{title}/daily/{start:%Y%m%d}/{end:%Y%m%d}"
        url = f"{self.server}/metrics/pageviews/per-article/{place}"
        body = self._answer(url)
        if body is None:
            return None
        try:
            items = json.loads(body)["items"]
            return {date.fromisoformat(item["timestamp"][:8]): int(item["views"]) for item in items}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{url}: answers in another shape than is documented ({error!r}): {body[:80]!r}") from error

    def _answer(self, url: str) -> bytes | None:
        """The body of an answer, asked for again while the service is busy; None where it says 404."""
        agent = f"regimefolio/{version('regimefolio')} ({self.contact})"
        request = urllib.request.Request(url, headers={"User-Agent": agent, "Accept": "application/json"})
        for attempt in range(1, TRIES + 1):
            self._take_turn()
            try:
                with urllib.request.urlopen(request, timeout=60.0) as answer:
                    body: bytes = answer.read()
                    return body
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 404:
                        return None
                    if error.code not in BUSY:
                        said = error.read(200).decode(errors="replace")
                        raise DataError(f"{url}: is refused with {error.code} ({said})") from error
                    pause = _pause(error.headers.get("Retry-After"), attempt)
                if attempt == TRIES or pause > PATIENCE:
                    raise MissingDataError(
                        f"{urlsplit(url).netloc} is busy ({error.code} at try {attempt}, wants a pause of "
                        f"{pause:.0f} s); run it again later, perhaps with fewer requests a second"
                    ) from error
                self.wait(pause)
            except (OSError, HTTPException) as error:  # no network, no such host, a broken connection, a time-out
                reason = getattr(error, "reason", error)
                raise MissingDataError(
                    f"{urlsplit(url).netloc} cannot be reached ({reason}); look at the network, and run it again"
                ) from error
        raise AssertionError("every try ends in an answer or an error")

    def _take_turn(self) -> None:
        """Wait until a request may be sent, and count it."""
        now = time.monotonic()
        if now < self._next:
            self.wait(self._next - now)
        self._next = max(now, self._next) + 1.0 / self.per_second
        self.requests += 1


def _pause(said: str | None, attempt: int) -> float:
    """Seconds that the service asks to wait, as a number or as a date; longer at every try where it does not."""
    if said is None:
        return float(2**attempt)
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return float(2**attempt)


def fetch_page_views(
    articles: Sequence[Article],
    path: Path,
    service: PageViewService,
    start: date = FIRST_DAY,
    end: date | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Put the daily views of articles into a Parquet file with the columns date, symbol and views.

    What the file has already is not asked again; what was asked is noted beside it, in `<name>.json`. What was fetched
    when it is stopped, or meets an error, is kept.

    Parameters
    ----------
    start : date
        `FIRST_DAY` at the earliest.
    end : date, optional
        Yesterday in UTC, if not said.

    Raises
    ------
    ConfigError
        The file was not made by this function, or start is after end.
    MissingDataError
        The service cannot be reached or stays busy, or knows nothing of some articles; these are named.
    """
    today = datetime.now(UTC).date()
    start, end = max(start, FIRST_DAY), end or today - timedelta(days=1)
    if start > end:
        raise ConfigError(f"start {start} is after end {end}")
    file = _File(path, articles)
    unknown: list[Article] = []
    sent, progress = service.requests, progress or Progress()
    progress.stage("articles", len(articles))
    try:
        for number, article in enumerate(articles, 1):
            if not _extend(file, article, service, (start, end), today - SETTLES):
                unknown.append(article)
            if number % SAVE_EVERY == 0:
                file.save()
            progress.advance()
    except (MissingDataError, DataError, KeyboardInterrupt) as error:
        if file.kept:
            error.add_note(f"what was fetched is kept in {path}; the next run goes on from there")
        raise
    finally:
        file.save()
    if unknown:
        named = "; ".join(f"{each.symbol}: {each.title!r} of {each.project}" for each in unknown)
        raise MissingDataError(
            f"nothing is known from {start} to {end} of {counted(len(unknown), 'article')} ({named}): look at how the "
            f"titles and projects are written; what is known of the other {len(articles) - len(unknown):,} is in {path}"
        )
    return Fetched(path, len(articles), service.requests - sent, file.fresh, file.days)


def _extend(file: _File, article: Article, service: PageViewService, wanted: tuple[date, date], settled: date) -> bool:
    """Fetch what is missing of an article; False where nothing is known of it."""
    kept = file.kept.get(article.symbol)
    if kept is None:
        missing = [wanted]
    else:
        day = timedelta(days=1)
        missing = [(wanted[0], kept.start - day), (kept.end + day, wanted[1])]
    for start, end in missing:
        if start > end:
            continue
        views = service.daily_views(article, start, end)
        if views is None and kept is None:
            return False
        last = max([*(views or {}), min(end, settled)])
        whole = Kept(article.title, article.project, start, last)
        kept = whole if kept is None else kept._replace(start=min(start, kept.start), end=max(last, kept.end))
        file.add(article.symbol, views or {}, kept)
    return True


class _File:
    """The file of views, and the notes beside it on what was asked; a symbol with another article begins anew."""

    def __init__(self, path: Path, articles: Sequence[Article]) -> None:
        import polars as pl

        if path.suffix != ".parquet":
            raise ConfigError(f"{path}: the file must be named .parquet")
        self.path, self.notes = path, path.with_name(f"{path.name}.json")
        schema = {"date": pl.Date, "symbol": pl.String, "views": pl.Int64}
        self._frame, self._more = pl.DataFrame(schema=schema), list[pl.DataFrame]()
        self.kept: dict[str, Kept] = {}
        self.fresh = 0
        if not path.exists():
            return
        if not self.notes.exists():
            raise ConfigError(f"{path}: is there already, without {self.notes.name} beside it; name another file")
        try:
            self._frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path}: is not a whole Parquet file ({error}); take it away, and run again") from error
        of = {article.symbol: article for article in articles}
        for symbol, kept in _kept(self.notes).items():
            if symbol not in of or (kept.title, kept.project) == of[symbol][1:]:
                self.kept[symbol] = kept
        self._frame = self._frame.filter(pl.col("symbol").is_in(list(self.kept)))

    @property
    def days(self) -> int:
        """Days of all symbols that it holds."""
        return len(self._frame)

    def add(self, symbol: str, views: Mapping[date, int], kept: Kept) -> None:
        """Add a symbol's days, and what need not be asked of it again."""
        import polars as pl

        columns: dict[str, Any] = {"date": list(views), "symbol": [symbol] * len(views), "views": list(views.values())}
        self._more.append(pl.DataFrame(columns, schema=self._frame.schema))
        self.kept[symbol] = kept
        self.fresh += len(views)

    def save(self) -> None:
        """Write what is not written yet; the notes last, so that they never say more than is there."""
        import polars as pl

        if not self._more:
            return
        whole = pl.concat([self._frame, *self._more]).unique(["symbol", "date"], keep="last").sort("symbol", "date")
        buffer = io.BytesIO()
        whole.write_parquet(buffer)
        write_bytes(self.path, buffer.getvalue())
        write_json(self.notes, {symbol: kept._asdict() for symbol, kept in sorted(self.kept.items())})
        self._frame, self._more = whole, []


_NOTES = TypeAdapter(dict[str, Kept])


def _kept(notes: Path) -> dict[str, Kept]:
    """What was asked already, by symbol."""
    try:
        return _NOTES.validate_python(read_json(notes))
    except ValidationError as error:
        text = f"{notes}: is not what was noted ({error.errors()[0]['msg']}); take it and the file beside it away"
        raise DataError(f"{text}, and run again") from error
