"""Which code did a piece of work: the product's own, and that of a user's parts."""

from __future__ import annotations

import hashlib
import importlib.metadata
import uuid
from functools import cache
from pathlib import Path

from regimefolio.core.plugins import homes, sources


@cache
def code_version() -> str:
    """The version of regimefolio and a digest of its source, so that a change of either is seen."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in ("cli", "web", "report", "testing"):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{importlib.metadata.version('regimefolio')}+{digest.hexdigest()[:12]}"


def code_of(work: object) -> str:
    """`code_version`, and a digest of the modules of all parts in some work that come from outside regimefolio.

    What those modules import of the user's counts too; installed packages do not.

    A part whose source cannot be found has a different digest every time: what it made is never used again.
    """
    texts = sources(homes(work))
    if not texts:
        return code_version()
    digest = hashlib.sha256()
    for name, text in texts:
        digest.update(name.encode() + b"\0" + (uuid.uuid4().hex if text is None else text).encode())
    return f"{code_version()}+{digest.hexdigest()[:12]}"
