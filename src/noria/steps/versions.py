"""What the plan asks the records: who is champion, and which rows have come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.catalog import Datasets
from noria.registry.aliases import Aliases

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["champion_of", "collected_digest"]


COLLECTED_SUFFIX = "-collected"
"""Of the dataset that holds the rows production brought back with their labels."""


def collected_digest(database: Database, blobs: Blobs, project: str) -> str | None:
    """Name the object that holds the rows that production brought back, or None while there are none."""
    datasets = Datasets(database, blobs)
    versions = datasets.versions(project + COLLECTED_SUFFIX)
    return datasets.held(max(versions, key=lambda version: version.number)) if versions else None


def champion_of(database: Database, model: str) -> int | None:
    """Give the number of the version in production, or None."""
    return Aliases(database).current(model, "champion")
