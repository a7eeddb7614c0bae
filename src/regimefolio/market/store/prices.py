"""The store of one name: its versions, its imports, and how a file of prices gets into it."""

from __future__ import annotations

import datetime
import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from regimefolio.core.component import FolderName
from regimefolio.core.errors import ConfigError, CorruptError, MissingDataError
from regimefolio.core.files import jsonable, lock, path_of, read_json, sha256_of, sweep_temporaries, write_json
from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.table import read_table
from regimefolio.market.store.grid import Grid, Revision, overlay
from regimefolio.market.store.merging import Delivery, first_version, next_version
from regimefolio.market.store.objects import Objects
from regimefolio.market.store.versions import StoredDefect, Version, read_block, read_defects, version_of

FOLDER_VARIABLE = "REGIMEFOLIO_STORE"

SHORT = 8
"""Letters of a version's name that are shown; any number that names one version will do."""


def store_folder(folder: Path | None = None) -> Path:
    """Where stores are: the folder given, or $REGIMEFOLIO_STORE, or `regimefolio/store` in the user's data folder."""
    if folder is not None:
        return path_of(folder)
    named, data = os.environ.get(FOLDER_VARIABLE), os.environ.get("XDG_DATA_HOME")
    return path_of(named) if named else path_of(data or "~/.local/share") / "regimefolio" / "store"


class Origin(NamedTuple):
    """Where bars come from: the file's whole path and the hash of its bytes, or the text of another source."""

    place: str
    sha256: str = ""


@dataclass(frozen=True)
class ImportRecord:
    """Who put which file into a store, when, and what came of it.

    Parameters
    ----------
    version, before : str
        Names of the version that the import left, and of the one that it found; empty where it was the first.
    at : str
        In UTC.
    by : str
        User and host.
    file, sha256 : str
        Its path, or what else it was, and the hash of its bytes; empty where it was no file.
    added, revised : int
        Bars.
    """

    version: str
    before: str
    at: str
    by: str
    file: str
    sha256: str
    added: int
    revised: int


@dataclass(frozen=True, eq=False)
class ImportReport:
    """What an import did.

    Parameters
    ----------
    store : str
        With the version that is the present one now.
    changed : bool
        Whether that is another one than before.
    bars : int
        Bars that were added.
    symbols : tuple of str
        Those that were not in the store before.
    revision : Revision or None
        Past bars that the file told otherwise, and that were replaced.
    defects : int
        Bars of this version that are missing, or were put in place, because something was wrong with them.
    apart : tuple of str
        Symbols whose bars were added behind stored ones without a bar in common: that both are adjusted alike is
        not checked.
    notes : tuple of str
        What was done to the file's bars, such as adjusting them for splits and dividends.
    """

    store: str
    changed: bool
    bars: int
    symbols: tuple[str, ...]
    revision: Revision | None
    defects: int
    apart: tuple[str, ...]
    notes: tuple[str, ...]


_RECORD = TypeAdapter(ImportRecord)


class PriceStore:
    """Versions of prices in one folder.

    Parameters
    ----------
    root : Path
        The folder; its name is the store's.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name
        self.objects = Objects(root / "objects")
        self._versions = Objects(root / "versions")

    @property
    def exists(self) -> bool:
        """Whether anything was ever imported."""
        return bool(self._records())

    def imports(self) -> list[ImportRecord]:
        """All imports, the first one first.

        Raises
        ------
        CorruptError
            A record is not whole.
        """
        records = []
        for path in self._records():
            try:
                records.append(_RECORD.validate_python(read_json(path)))
            except ValidationError as error:
                raise CorruptError(
                    f"{path}: is not the record of an import ({error.errors()[0]['msg']}); restore it from a copy"
                ) from None
        return records

    def _records(self) -> list[Path]:
        return sorted((self.root / "imports").glob("*.json"))

    def version(self, wanted: str | None = None) -> Version:
        """The version whose name begins so, or the present one.

        Raises
        ------
        MissingDataError
            There is no such version, or none at all.
        CorruptError
            Its manifest is missing or is not what was written.
        """
        if wanted is None:
            imports = self.imports()
            if not imports:
                raise MissingDataError(f"{self.root}: holds no prices; put some in with `regimefolio data import FILE`")
            name = imports[-1].version
        else:
            known = sorted(path.stem for path in self._versions.folder.glob("*.json"))
            found = [name for name in known if name.startswith(wanted)]
            if len(found) != 1:
                why = "begins more than one version's name" if found else "is no version's name"
                hint = f"known: {', '.join(name[:SHORT] for name in found or known)}" if known else "there is none"
                raise MissingDataError(f"{self.root}: {wanted!r} {why}; {hint}")
            name = found[0]
        return version_of(self._versions.json(name), str(self._versions.folder / f"{name}.json"))

    def label(self, version: Version) -> str:
        """The text by which a configuration names a version of this store."""
        return f"store:{self.name}@{version.identity[:SHORT]}"

    def grid(self, version: Version) -> Grid:
        """All bars of a version.

        Raises
        ------
        CorruptError
            A file is missing or is not what was written.
        """
        return overlay([read_block(block, version.fields, self.objects) for block in version.blocks])

    def defects(self, version: Version) -> tuple[StoredDefect, ...]:
        """What was wrong with the files that made a version."""
        return read_defects(version, self.objects)

    def take(self, delivery: Delivery, origin: Origin, revise: bool = False) -> ImportReport:
        """Add what a file delivers, as a version that is the present one then, unless nothing differs.

        Objects come first, then the manifest, and the record of the import last: a process that is killed leaves
        the version that was there, or the one that is.

        Raises
        ------
        DataError
            As `next_version`.
        LockedError
            Another process imports into this store.
        """
        with lock(self.root / "lock"):
            sweep_temporaries(self.root)
            imports = self.imports()
            if imports:
                before = self.version()
                merge = next_version(before, self.label(before), delivery, self.objects, revise)
            else:
                before, merge = None, first_version(delivery, self.objects)
            changed = merge.version != before
            if changed:
                name = self._versions.put_json(jsonable(merge.version))
                record = ImportRecord(
                    version=name,
                    before=imports[-1].version if imports else "",
                    at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                    by=f"{_user()} on {socket.gethostname()}",
                    file=origin.place,
                    sha256=origin.sha256,
                    added=merge.added,
                    revised=0 if merge.revision is None else merge.revision.bars,
                )
                number = int(self._records()[-1].stem) + 1 if imports else 1
                write_json(self.root / "imports" / f"{number:06d}.json", record)
        known = () if before is None else before.symbols
        return ImportReport(
            store=self.label(merge.version),
            changed=changed,
            bars=merge.added,
            symbols=tuple(symbol for symbol in delivery.grid.symbols if symbol not in known),
            revision=merge.revision,
            defects=len(self.defects(merge.version)),
            apart=merge.apart,
            notes=delivery.notes,
        )


def stores(folder: Path | None = None) -> list[PriceStore]:
    """All stores of a folder that hold prices, by name."""
    roots = sorted(path.parent for path in store_folder(folder).glob("*/imports"))
    return [store for store in map(PriceStore, roots) if store.exists]


def import_file(file: Path, name: str | None = None, folder: Path | None = None, revise: bool = False) -> ImportReport:
    """Put a file of prices into the store of a name, which is the file's own if none is given.

    Bars with defects are kept as missing ones, and listed: a run on them does what `on_bad` says.

    Raises
    ------
    MissingDataError, DataError
        As `check_file`; the file holds no usable bar; or as `PriceStore.take`.
    ConfigError
        The name is none that a folder can have.
    LockedError
        Another process imports into this store.
    """
    path = path_of(file)
    bars = read_bars(read_table(path))
    return import_bars(bars, Origin(str(path.absolute()), sha256_of(path)), name, folder, revise)


def import_bars(
    bars: Bars, origin: Origin, name: str | None = None, folder: Path | None = None, revise: bool = False
) -> ImportReport:
    """Put the bars of a table into a store; otherwise as `import_file`."""
    bars.panel("mask")  # a table without a usable bar is refused
    called = name or bars.table.path.name.partition(".")[0]
    try:
        TypeAdapter(FolderName).validate_python(called)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"a store cannot be called {called!r}: its name {why}; give another --name") from None
    return PriceStore(store_folder(folder) / called).take(Delivery.of(bars), origin, revise)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"user {os.getuid()}"
