"""A server on this machine that answers as Wikimedia documents its page-views service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

NOT_FOUND = {
    "type": "https://mediawiki.org/wiki/HyperSwitch/errors/not_found",
    "title": "Not found.",
    "method": "get",
    "detail": "The date(s) you used are valid, but we either do not have data for those date(s), or the project you "
    "asked for is not loaded yet.",
}


class PageViewServer:
    """Counts of articles by project and title, and what was asked; `failures` are given before any answer.

    A failure is a status and its headers, or bytes that stand for an answer.
    """

    def __init__(self, counts: Mapping[tuple[str, str], Mapping[date, int]]) -> None:
        self.counts = counts
        self.failures: list[tuple[int, dict[str, str]] | bytes] = []
        self.asked: list[str] = []
        self.agents: list[str] = []
        self.url = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request."""
        self.asked.append(path)
        if self.failures:
            failure = self.failures.pop(0)
            return (200, {}, failure) if isinstance(failure, bytes) else (*failure, b'{"title": "as told"}')
        found = path.removeprefix("/api/metrics/pageviews/per-article/").split("/")
        project, access, agent, title, granularity, first, last = (unquote(part) for part in found)
        assert (access, agent, granularity) == ("all-access", "user", "daily")
        days = self.counts.get((project, title), {})
        start, end = (date.fromisoformat(text) for text in (first, last))
        items = [
            {
                "project": project,
                "article": title,
                "granularity": "daily",
                "timestamp": f"{day:%Y%m%d}00",
                "access": "all-access",
                "agent": "user",
                "views": count,
            }
            for day, count in days.items()
            if start <= day <= end
        ]
        if not items:
            return 404, {}, json.dumps(NOT_FOUND).encode()
        return 200, {}, json.dumps({"items": items}).encode()

    @contextmanager
    def running(self) -> Iterator[PageViewServer]:
        """Answer on a free port until the block is left."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.agents.append(self.headers["User-Agent"])
                status, headers, body = outer.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/api"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def counted_days(first: date, number: int, per_day: int) -> dict[date, int]:
    """As many days from the first one on, each with more views than the one before."""
    return {first + timedelta(days=day): per_day + day for day in range(number)}
