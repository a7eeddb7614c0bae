"""What all pages share: one file each, offline, in light and dark, with nothing in it that asks for more."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regimefolio.core.errors import WorkspaceError
from regimefolio.core.files import write_text
from regimefolio.report.figures.drawing import Figure
from regimefolio.report.words import count, counted, day, metric_name, probability

TEMPLATES = Path(__file__).parent / "templates"
MAX_BYTES = 3_000_000


def page(template: str, figures: Mapping[str, Figure], **parts: object) -> str:
    """A page as text, from its template, its figures by name, and what else the template speaks of."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=count, counted=counted, day=day, metric_name=metric_name, probability=probability)
    scripts = [template_text("plotly-cartesian.min.js"), template_text("report.js")]
    return environment.get_template(template).render(
        **parts,
        figures=figures,
        specs=_embedded({name: figure.spec for name, figure in figures.items()}),
        style=Markup(template_text("report.css")),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
    )


def write_page(path: Path, text: str) -> None:
    """Write a page of at most `MAX_BYTES`.

    Raises
    ------
    WorkspaceError
        It is larger, or cannot be written.
    """
    size = len(text.encode())
    if size > MAX_BYTES:
        raise WorkspaceError(f"{path}: would have {size:,} bytes, more than the {MAX_BYTES:,} that are allowed")
    write_text(path, text)


def template_text(name: str) -> str:
    """One of the files that pages are made of."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """Nothing may be fetched, and only our own scripts may run."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _embedded(value: Mapping[str, object]) -> Markup:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
