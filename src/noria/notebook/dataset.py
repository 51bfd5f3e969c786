"""Datasets and their versions in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.notebook.listing import Listing
from noria.notebook.markup import heading, table, text

if TYPE_CHECKING:
    import pandas as pd

    from noria.datasets.profiled import ColumnProfile, Profile
    from noria.datasets.version import DatasetVersion
    from noria.plots.figure import Figure
    from noria.workspace import Workspace

__all__ = ["ShownDataset", "ShownProfile", "dataset_listing"]


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

    def profile(self) -> ShownProfile:
        """Give what each column holds, as it was measured when the version was committed."""
        return ShownProfile(self.workspace.datasets.profile(self.record), self.record)

    def __repr__(self) -> str:
        return f"{self.ref}: {text(self.record.rows)} rows from {self.record.source}, {text(self.record.created)}"

    def _repr_html_(self) -> str:
        note = f"{text(self.record.rows)} rows from {self.record.source}, {text(self.record.created)}"
        return heading(self.ref, note) + self.versions._repr_html_()


@dataclass(frozen=True, repr=False, eq=False)
class ShownProfile:
    """What a version holds; `record` has every figure, `figure` draws a column. Personal columns are never shown."""

    record: Profile
    version: DatasetVersion

    def __getitem__(self, name: str) -> ColumnProfile:
        return self.record[name]

    def figure(self, name: str) -> Figure | None:
        """Draw how a column is spread; None where it is personal or empty."""
        from noria.datasets.profile_drawings import column  # noqa: PLC0415 - drawn when asked for

        return column(self.record[name])

    def frame(self) -> pd.DataFrame:
        """Give a row for each column, as a pandas data frame."""
        import pandas as pd  # noqa: PLC0415 - as above

        return pd.DataFrame([self._row(column) for column in self.record.columns])

    def _row(self, column: ColumnProfile) -> dict[str, object]:
        return {
            "column": column.name, "type": column.type, "missing": column.missing, "distinct": column.distinct,
            "min": column.min, "median": (column.quantiles or {}).get("0.5"), "max": column.max, "mean": column.mean,
            "sd": column.sd, "outliers": column.outliers,
            "most": ", ".join(f"{value} {count:,}" for value, count in column.top[:3]) or None,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"profile of {self.version.ref}: {self.record.rows:,} rows, {len(self.record.columns)} columns"

    def _repr_html_(self) -> str:
        from noria.datasets.profile_page import odd  # noqa: PLC0415 - as above
        from noria.plots.binned import blocks  # noqa: PLC0415 - as above

        rows = []
        for column in self.record.columns:
            counts = column.histogram.counts if column.histogram else [count for _, count in column.top]
            rows.append([*self._row(column).values(), blocks(counts)])
        head = [*self.frame().columns, "spread"] if rows else ["column"]
        strange = list(odd(self.record, self.version.schema))
        noted = table(["worth a look", "what"], strange) if strange else ""
        note = f"{self.record.rows:,} rows, {len(self.record.columns)} columns"
        return heading(f"Profile of {self.version.ref}", note) + table(head, rows) + noted


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
