"""Datasets and their versions in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.notebook.listing import Listing
from noria.notebook.markup import heading, text

if TYPE_CHECKING:
    import pandas as pd

    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["ShownDataset", "dataset_listing"]


@dataclass(frozen=True, repr=False, eq=False)
class ShownDataset:
    """One version of a dataset; `record` holds every field."""

    record: DatasetVersion
    workspace: Workspace

    @property
    def ref(self) -> str:
        """How people write it: ``credit@3``."""
        return f"{self.record.name}@{self.record.number}"

    @property
    def versions(self) -> Listing[ShownDataset]:
        """All versions, newest first."""
        found = sorted(self.workspace.datasets.versions(self.record.name), key=lambda one: -one.number)
        shown = tuple(ShownDataset(one, self.workspace) for one in found)
        columns = {
            "version": lambda one: one.record.number,
            "rows": lambda one: one.record.rows,
            "committed": lambda one: one.record.created,
            "source": lambda one: one.record.source,
        }
        return Listing(self.record.name, shown, columns, lambda number: self[int(number)])

    def __getitem__(self, number: int | str) -> ShownDataset:
        return ShownDataset(self.workspace.datasets.get(self.record.name, number), self.workspace)

    def frame(self) -> pd.DataFrame:
        """Give the rows as a pandas data frame."""
        rows: pd.DataFrame = self.workspace.datasets.read(self.record).to_pandas()
        return rows

    def __repr__(self) -> str:
        return f"{self.ref}: {text(self.record.rows)} rows from {self.record.source}, {text(self.record.created)}"

    def _repr_html_(self) -> str:
        note = f"{text(self.record.rows)} rows from {self.record.source}, {text(self.record.created)}"
        return heading(self.ref, note) + self.versions._repr_html_()


def dataset_listing(workspace: Workspace) -> Listing[ShownDataset]:
    """Give the newest version of every dataset."""

    def newest(name: str) -> ShownDataset:
        return ShownDataset(workspace.datasets.get(name, "latest"), workspace)

    columns = {
        "dataset": lambda one: one.record.name,
        "version": lambda one: one.record.number,
        "rows": lambda one: one.record.rows,
        "committed": lambda one: one.record.created,
        "source": lambda one: one.record.source,
    }
    return Listing("Datasets", tuple(newest(name) for name in workspace.datasets.names()), columns, newest)
