"""What a document promises: its fenced blocks, and how they are kept.

Every command line that begins with `regimefolio` in a `console` or `bash` block, and every `python` block, is run, in
the order of the document, in one folder that is empty at first. An HTML comment on the line before a block says more:

    <!-- not run: reason -->   the block is left alone
    <!-- exit: 1 -->           its commands leave with this code
    <!-- file: my.yaml -->     the block, of whatever language, is the text of this file
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,}) *(?P<language>[\w+-]*).*$")
COMMENT = re.compile(r"^ *<!-- *(?P<key>not run|exit|file): *(?P<value>.*\S) *-->$")
SHELLS = ("bash", "console", "sh", "shell")


@dataclass(frozen=True)
class Block:
    """One fenced block: the line of its first line of text, and what the comment before it says."""

    line: int
    language: str
    text: str
    key: str = ""
    value: str = ""

    @property
    def commands(self) -> list[str]:
        """Its lines that call the product; where some begin with the prompt `$`, the others are output.

        A backslash at its end joins a line to the next one.
        """
        lines = [line.strip() for line in self.text.replace("\\\n", " ").splitlines()]
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines
        return [line for line in typed if re.match(r"regimefolio\b", line)]


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order."""
    found: list[Block] = []
    lines = document.splitlines()
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        said = next((line for line in reversed(lines[:at]) if line.strip()), "")
        comment = COMMENT.match(said)
        begin = at = at + 1
        while at < len(lines) and lines[at].strip() != opening["ticks"]:
            at += 1
        text = "".join(line.removeprefix(opening["indent"]) + "\n" for line in lines[begin:at])
        key, value = (comment["key"], comment["value"]) if comment else ("", "")
        found.append(Block(begin + 1, opening["language"].lower(), text, key, value))
        at += 1
    return found


def keep(name: str, document: str, folder: Path) -> list[str]:
    """Do in a folder what a document says; what was done.

    Raises
    ------
    AssertionError
        A command or a python block does not do what the document says; the message names its place.
    """
    done: list[str] = []
    for block in blocks(document):
        place = f"{name}:{block.line}"
        if block.key == "not run":
            continue
        if block.key == "file":
            (folder / block.value).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.value).write_text(block.text, encoding="utf-8")
            done.append(block.value)
        elif block.language in SHELLS:
            expected = int(block.value) if block.key == "exit" else 0
            for command in block.commands:
                _run(place, ["bash", "-o", "pipefail", "-c", command], folder, expected)
                done.append(command)
        elif block.language == "python":
            _run(place, [sys.executable, "-W", "error", "-c", block.text], folder, 0)
            done.append(f"python of line {block.line}")
    return done


def _run(place: str, command: list[str], folder: Path, expected: int) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == expected, (
        f"{place}: left with {done.returncode}, not {expected}: {command[-1]}\n"
        f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
