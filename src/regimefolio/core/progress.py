"""How long work tells whoever started it how far it is."""

from __future__ import annotations


class Progress:
    """Receives the stages of a piece of work; this one is silent, the command line's draws bars.

    `advance` may be called from any thread.
    """

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins; the one before it has ended."""

    def advance(self, steps: int = 1) -> None:
        """Steps of the present stage are done."""

    def say(self, text: str) -> None:
        """A line that a person should read."""
