"""The folder of one workflow: where everything lies, and what is known of its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from regimefolio.core.errors import CorruptError
from regimefolio.core.files import lock, read_json, remove, sha256_of, sweep_temporaries, write_json
from regimefolio.workflow.audit import Audit


@dataclass(frozen=True)
class Checkpoint:
    """What a finished phase was made from, and what it made: SHA-256 by path inside the workspace."""

    phase: str
    configuration: str
    data: str
    code: str
    inputs: dict[str, str]
    outputs: dict[str, str]


_CHECKPOINT = TypeAdapter(Checkpoint)


class Workspace:
    """Explicit paths in one folder; knows no trading.

    Parameters
    ----------
    root : Path
        `<output_dir>/<workflow name>`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.metadata = root / "metadata"
        self.signals = root / "signals"
        self.performance = root / "performance"
        self.analysis = root / "analysis"
        self.checkpoints = root / "checkpoints"
        self.audit = Audit(self.metadata / "audit.jsonl")

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for this process, and clear away what a killed one left half written."""
        with lock(self.metadata / "lock"):
            sweep_temporaries(self.root)
            yield

    def signal_file(self, trial: int) -> Path:
        return self.signals / f"trial_{trial}.npy"

    def trial_file(self, trial: int) -> Path:
        return self.performance / f"trial_{trial}.json"

    def ensemble_file(self, trial: int) -> Path:
        return self.performance / f"ensemble_trial_{trial}.json"

    def labels_file(self, classifier: str) -> Path:
        return self.analysis / f"regime_labels_{classifier}.npy"

    def probability_file(self, classifier: str) -> Path:
        return self.analysis / f"regime_probability_{classifier}.npy"

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def hashes(self, paths: Iterable[Path]) -> dict[str, str]:
        """SHA-256 of each file by its path inside the workspace.

        Raises
        ------
        CorruptError
            A file is missing.
        """
        found = {}
        for path in sorted(paths):
            if not path.is_file():
                raise CorruptError(f"{path}: is missing; run the phase that writes it again (--from PHASE)")
            found[self.relative(path)] = sha256_of(path)
        return found

    def checkpoint(self, phase: str) -> Checkpoint | None:
        """What is known of a finished phase, or None."""
        path = self.checkpoints / f"{phase}.json"
        if not path.is_file():
            return None
        try:
            return _CHECKPOINT.validate_python(read_json(path))
        except CorruptError:
            raise CorruptError(f"{path}: is not whole; run with --from {phase} to make it again") from None
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"])) or "its form"
            raise CorruptError(
                f"{path}: is not a checkpoint (see {where}); run with --from {phase} to make it again"
            ) from None

    def finish(self, checkpoint: Checkpoint) -> None:
        """Write a phase's checkpoint: the last thing that it does."""
        write_json(self.checkpoints / f"{checkpoint.phase}.json", checkpoint)

    def clear(self, phase: str, patterns: Iterable[str]) -> None:
        """Take away whatever a phase wrote, finished or not; its checkpoint last."""
        for pattern in patterns:
            for path in sorted(self.root.glob(pattern)):
                remove(path)
        remove(self.checkpoints / f"{phase}.json")
