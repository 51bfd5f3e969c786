"""Which models saw which rows, and what a version of the data was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.governance.search import rows_meant

if TYPE_CHECKING:
    from pathlib import Path

    from noria.datasets.catalog import Datasets
    from noria.datasets.version import DatasetVersion
    from noria.registry.aliases import Aliases
    from noria.registry.catalog import Registry

__all__ = ["Use", "Used", "of_rows", "of_version"]


@dataclass(frozen=True)
class Use:
    """A model version that was trained and judged on a dataset version.

    Attributes
    ----------
    model : str
        Such as ``credit-risk@3``.
    run_id : str
        The run that made it.
    aliases : tuple of str
        What it is called now: ``champion`` answers.
    """

    model: str
    run_id: str
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Used:
    """A dataset version, and who saw it.

    Attributes
    ----------
    version : DatasetVersion
        With its source and the run that brought it.
    rows : int
        How many of its rows are meant.
    models : tuple of Use
        Newest first.
    """

    version: DatasetVersion
    rows: int
    models: tuple[Use, ...]

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "version": self.version.ref,
            "digest": self.version.digest,
            "source": self.version.source,
            "run": self.version.run_id,
            "rows": self.rows,
            "models": [{"version": use.model, "run": use.run_id, "aliases": list(use.aliases)} for use in self.models],
        }


def of_version(version: DatasetVersion, registry: Registry, aliases: Aliases) -> Used:
    """Say which models were trained and judged on a dataset version."""
    return Used(version, version.rows, tuple(_uses(version, registry, aliases)))


def of_rows(
    datasets: Datasets, registry: Registry, aliases: Aliases, store: Path, column: str, value: str
) -> tuple[Used, ...]:
    """Find the rows with a value in every version of every dataset, and who saw them.

    Parameters
    ----------
    store : Path
        The folder ``.noria``, with the key of pseudonyms: people are found by the name that the source gives them.
    column, value : str
        Which rows are meant, such as ``customer_id`` and ``C007``.
    """
    found = []
    for name in datasets.names():
        for version in datasets.versions(name):
            if column not in version.schema.names:
                continue
            rows = rows_meant(datasets.read(version)[column], value, store)
            if rows:
                found.append(Used(version, rows, tuple(_uses(version, registry, aliases))))
    return tuple(found)


def _uses(version: DatasetVersion, registry: Registry, aliases: Aliases) -> list[Use]:
    made = []
    for model in registry.models():
        called = aliases.all(model)
        for each in registry.versions(model):
            if each.dataset == version.ref:
                names = tuple(sorted(alias for alias, number in called.items() if number == each.number))
                made.append(Use(each.ref, each.run_id, names))
    return made
