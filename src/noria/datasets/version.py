"""One version of a dataset: exact bytes, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from noria.datasets.schema import Schema
    from noria.store.blobs import Digest

__all__ = ["DatasetVersion"]


@dataclass(frozen=True)
class DatasetVersion:
    """A table as it was when it was committed; never changed afterwards.

    Parameters
    ----------
    name : str
        Dataset.
    number : int
        From 1.
    digest : str
        Of the Parquet file that holds the rows, as it was written when they were committed. Where only their changes
        are kept, the file is written again from them, and the same rows prove themselves by a digest of their values
        should another release of the writer give other bytes.
    fingerprint : str
        The same for the same rows in any order.
    rows, columns : int
        Size.
    schema : Schema
        What the columns are.
    profile : str
        Digest of the profile.
    created : datetime
        When, UTC.
    source : str
        Where the rows came from.
    token : str
        State of the source then.
    run_id : str, optional
        The run that committed it.
    parent : int, optional
        The version before.
    note : str
        For people.
    """

    name: str
    number: int
    digest: Digest
    fingerprint: str
    rows: int
    columns: int
    schema: Schema
    profile: Digest
    created: datetime
    source: str
    token: str = ""
    run_id: str | None = None
    parent: int | None = None
    note: str = ""

    @property
    def ref(self) -> str:
        """``name@number``."""
        return f"{self.name}@{self.number}"

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON, the schema as in `Schema.to_json`."""
        return {
            "name": self.name,
            "number": self.number,
            "ref": self.ref,
            "digest": self.digest,
            "fingerprint": self.fingerprint,
            "rows": self.rows,
            "columns": self.columns,
            "schema": self.schema.to_json(),
            "profile": self.profile,
            "created": self.created.isoformat(),
            "source": self.source,
            "token": self.token,
            "run_id": self.run_id,
            "parent": self.parent,
            "note": self.note,
        }
