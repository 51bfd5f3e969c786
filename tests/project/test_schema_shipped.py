"""The schema that ships is the one the types make, and editors can use it."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest

from noria.project.example import EXAMPLES
from noria.project.schema import SHIPPED, as_text


def test_it_is_current() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == as_text(), "run: python tools/build_schema.py"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SHIPPED.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_keep_to_it(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SHIPPED.read_text(encoding="utf-8")))
    validator.validate(tomllib.loads((EXAMPLES[name].folder / "noria.toml").read_text(encoding="utf-8")))


def test_every_setting_is_explained() -> None:
    schema = json.loads(SHIPPED.read_text(encoding="utf-8"))
    silent = [
        f"{name}.{key}"
        for name, record in schema["$defs"].items()
        for key, field in record.get("properties", {}).items()
        if not field.get("description")
    ]
    assert silent == []
