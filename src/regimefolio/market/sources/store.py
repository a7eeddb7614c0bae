"""Prices that were imported before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.arrays import time_text
from regimefolio.core.component import FolderName, did_you_mean
from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.files import path_of
from regimefolio.core.types import Float
from regimefolio.market.sources.bars import panel_of
from regimefolio.market.sources.base import Dataset, OnBad, Source, data_fingerprint, first_mistake
from regimefolio.market.store import PriceStore, StoredDefect, store_folder, stores

VersionName = Annotated[str, Field(pattern=r"^[0-9a-f]{6,64}$")]


class Store(Source, kind="store"):
    """Prices of the local store, which `regimefolio data import` put there; `data list` names them.

    Without a version it is the one that the last import left. Every file is checked against its hash.
    """

    name: FolderName = Field(description="the store's name; with @VERSION behind it, that version")
    version: VersionName | None = Field(None, description="the first letters of a version's name, 6 or more")
    folder: Path | None = Field(
        None, description="where stores are; $REGIMEFOLIO_STORE or the user's data folder, if not said"
    )

    @model_validator(mode="before")
    @classmethod
    def _pinned(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("name"), str) and value.get("version") is None:
            name, at, version = value["name"].partition("@")
            return {**value, "name": name, "version": version} if at else value
        return value

    def __str__(self) -> str:
        pinned = f"@{self.version}" if self.version else ""
        return f"store:{self.name}{pinned}" + (f", folder {self.folder}" if self.folder else "")

    def within(self, folder: Path) -> Store:
        return self if self.folder is None else self.model_copy(update={"folder": folder / path_of(self.folder)})

    def load(self, on_bad: OnBad = "error") -> Dataset:
        store = PriceStore(store_folder(self.folder) / self.name)
        if not store.exists:
            names = [each.name for each in stores(self.folder)]
            hint = did_you_mean(self.name, names) if names else "there is none"
            raise MissingDataError(
                f"{self}: there is no such store in {store.root.parent}; {hint}\n"
                f"  `regimefolio data import FILE --name {self.name}` makes it"
            )
        version = store.version(self.version)
        label, stored = store.label(version), store.defects(version)
        if stored and on_bad == "error":
            raise _refusal(label, stored)
        grid = store.grid(version)
        panel = panel_of(grid.timestamps, grid.symbols, _without_gaps(grid.by_field()))
        about = (
            f"{label}: {panel.n_assets:,} symbols, {panel.n_bars:,} bars, "
            f"{time_text(panel.timestamps[0])} to {time_text(panel.timestamps[-1])}"
        )
        if stored:
            about += f"; defects masked or put in place: {len(stored):,}"
        return Dataset(
            panel=panel,
            index=None,
            about=about,
            defects=tuple(each.defect for each in stored),
            fingerprint=data_fingerprint(panel, None),
            unit=stored[0].unit if stored else "line",
            doubtful=version.doubtful,
            version=version.identity,
        )


def _without_gaps(fields: Mapping[str, Float]) -> dict[str, Float]:
    """The fields of a store, with no split and no dividend told where there is no bar."""
    none = {"split": 1.0, "dividend": 0.0}
    return {
        name: np.where(np.isnan(values), none[name], values) if name in none else values
        for name, values in fields.items()
    }


def _refusal(label: str, stored: tuple[StoredDefect, ...]) -> DataError:
    first = stored[0]
    mistake = first_mistake(first.unit, [each.defect for each in stored])
    return DataError(
        f"{label}: {first.file} {mistake}\n"
        "  Import a mended file with --revise, or set `on_bad: mask` to turn bad bars into missing ones; "
        f"`regimefolio data check {first.file}` shows them."
    )
