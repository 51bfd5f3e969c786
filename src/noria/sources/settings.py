"""How a source is written in noria.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from noria.duration import checked_duration
from noria.errors import NoriaError
from noria.sources.reference import parse

__all__ = ["IncrementalSettings", "SourceRef"]


def _readable(source: str) -> str:
    try:
        parse(source)
    except NoriaError as error:
        raise ValueError(f"{error.what}; {error.mend}" if error.mend else error.what) from error
    return source


SourceRef = Annotated[
    str,
    AfterValidator(_readable),
    Field(
        min_length=1,
        description="Where rows come from: a file or glob (csv, tsv, parquet, json, jsonl, xlsx; also .gz .bz2 .zst), "
        "sql:URL?table=NAME, https://…, s3://bucket/key-or-glob, gs://…, az://…, mqtt://host/topic, "
        "package:NAME/path/in/it.csv, python:module.function, or a prefix that another package brings. "
        "Hints follow a #: data.csv#encoding=cp1252&delimiter=; or book.xlsx#sheet=2025.",
    ),
]
"""A source as text; what it names is looked for when it is read."""


class IncrementalSettings(BaseModel):
    """``incremental = { column = "updated_at" }``: only rows that are new or changed are fetched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(
        min_length=1,
        description="Column, as the source calls it, that grows with each change: a time of change, a counter. Rows "
        "from the greatest value seen on are fetched and merged by key into those of the last version.",
    )
    lag: Annotated[str, AfterValidator(checked_duration)] | None = Field(
        default=None,
        description='How far to go back before that value, as in "1h", for rows that are committed late; for times.',
    )
