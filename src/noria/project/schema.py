"""The JSON Schema of noria.toml, made from the rooms' types; editors read it to complete and to check."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

__all__ = ["SHIPPED", "as_text", "json_schema"]

SHIPPED = Path(__file__).parent / "noria.schema.json"
"""The schema as shipped with the package; a test holds it to the types."""


@cache
def json_schema() -> dict[str, object]:
    """Give the JSON Schema (draft 2020-12) of the project file.

    Examples
    --------
    >>> json_schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    from noria.project.settings import Settings  # noqa: PLC0415 - imports pydantic, which reading the schema needs

    schema = Settings.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:noria:project-file:1",
        **schema,
    }


def as_text() -> str:
    """Give the schema as it ships."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
