"""Every command and every python block of the documents does what it says; and the means of testing that bite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.documents import blocks, keep

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for pattern in ("README.md", "docs/**/*.md") for path in ROOT.glob(pattern))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document_is_kept(path: Path, tmp_path: Path) -> None:
    for done in keep(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), tmp_path):
        print(done)


SMALL = """
Look, but do not run `regimefolio demo`.

```console
$ regimefolio --version
regimefolio 0.0.0
$ ls
```

<!-- file: a/prices.csv -->
```text
date,symbol,close
2020-01-01,A,-1
```

<!-- exit: 1 -->

```bash
regimefolio data check \\
    a/prices.csv | tail -n 1
```

  ```python
  from regimefolio import api
  assert api.check_file(__import__("pathlib").Path("a/prices.csv")).rows == 1
  ```

<!-- not run: it takes an hour -->
```python
raise SystemExit("run")
```

```yaml
regimefolio: no
```
"""


def test_commands_files_and_python_are_found_in_order(tmp_path: Path) -> None:
    assert keep("a.md", SMALL, tmp_path) == [
        "regimefolio --version",
        "a/prices.csv",
        "regimefolio data check      a/prices.csv | tail -n 1",
        "python of line 24",
    ]
    assert (tmp_path / "a" / "prices.csv").read_text() == "date,symbol,close\n2020-01-01,A,-1\n"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            "```console\n$ regimefolio --version\n$ regimefolio dmo\n```",
            r"a\.md:2: left with 2, not 0: regimefolio dmo",
        ),
        ("\n```bash\nregimefolio nothing\n```", r"a\.md:3: .*No such command"),
        ("<!-- exit: 2 -->\n```bash\nregimefolio --version\n```", "left with 0, not 2"),
        ("```python\nfrom regimefolio.api import nothing\n```", "cannot import name 'nothing'"),
        ("<!-- exit: 1 -->\n```python\nraise SystemExit(1)\n```", "left with 1, not 0"),
    ],
)
def test_a_broken_promise_is_found(document: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        keep("a.md", document, tmp_path)


def test_a_longer_fence_holds_a_shorter_one() -> None:
    outer, after = blocks("````markdown\n```python\nraise\n```\n````\n~~~sh\nregimefolio\n~~~")
    assert (outer.language, outer.text) == ("markdown", "```python\nraise\n```\n")
    assert (after.language, after.line, after.commands) == ("sh", 7, ["regimefolio"])
