"""`regimefolio data views`: page views of Wikipedia articles, fetched into a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from regimefolio.cli.door import Debug, Json, door

EPILOG = """\b
regimefolio data views articles.csv --out views.parquet --contact me@example.org
regimefolio data views articles.csv --out views.parquet --contact me@example.org --start 2018-01-01

ARTICLES has the columns symbol, article and perhaps project (en.wikipedia, if not said). At most 5 requests a second
are sent, and fewer where the service says so. A second run asks only for what is missing. An allocator reads the file
as `page_views: file:views.parquet`."""

DATES = ["%Y-%m-%d"]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(epilog=EPILOG)(views)


@door
def views(
    articles: Annotated[Path, typer.Argument(metavar="ARTICLES", help="A table of symbols and their articles.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the views go: a .parquet file.")],
    contact: Annotated[
        str, typer.Option(metavar="MAIL", help="Your mail address or page; Wikimedia asks every program for one.")
    ],
    start: Annotated[
        datetime | None,
        typer.Option(formats=DATES, metavar="DATE", help="First day; 2015-07-01, the service's, if not said."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(formats=DATES, metavar="DATE", help="Last day; yesterday in UTC, if not said."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the service is; Wikimedia, if not said.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Fetch daily page views of Wikipedia articles."""
    from regimefolio.cli.display import console, display
    from regimefolio.cli.tables import counted
    from regimefolio.core.files import json_text
    from regimefolio.market.wikimedia import FIRST_DAY, SERVER, PageViewService, fetch_page_views, read_articles

    service = PageViewService(contact, (server or SERVER).rstrip("/"))
    first, last = FIRST_DAY if start is None else start.date(), None if end is None else end.date()
    with display(console(stderr=json), quiet=False) as progress:
        found = fetch_page_views(read_articles(articles), out, service, first, last, progress)
    if json:
        typer.echo(json_text({**found._asdict(), "path": str(found.path)}), nl=False)
        return
    typer.echo(
        f"{found.path}: {counted(found.days, 'day')} of {counted(found.articles, 'article')} fetched in "
        f"{counted(found.requests, 'request')}; {found.total:,} in all"
    )
