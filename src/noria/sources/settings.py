"""How a source is written in noria.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from noria.errors import NoriaError
from noria.sources.reference import parse

__all__ = ["SourceRef"]


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
        "sql:URL?table=NAME, https://…, package:NAME/path/in/it.csv or python:module.function. "
        "Hints follow a #: data.csv#encoding=cp1252&delimiter=; or book.xlsx#sheet=2025.",
    ),
]
"""A source as text; what it names is looked for when it is read."""
