"""What is written is read back by two foreign readers, of YAML 1.1 and 1.2."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from noria.deployment.yaml import dumps

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["yes", "No", "on", "~", "null", "1", "1.5", "1e3", "0x1f", "0o7", "1_000", "12:30", "2026-03-01", "", " a", "a ",
     "a: b", "- a", "#a", "a #b", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "{a}", "[a]", "a,b", "?", ":", "-",
     "---", "...", "a\nb", "\ta", "\x7f", "\x85", "\u2028", "\ufeff",
     "😀", ".5", "+1", ".inf", ".nan", "=", "<<", "y", "N"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_pyyaml_reads_it_back(value: dict[str, Any]) -> None:
    assert yaml.safe_load(dumps(value)) == value


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_a_reader_of_version_1_2_reads_it_back(value: dict[str, Any]) -> None:
    ruamel = pytest.importorskip("ruamel.yaml")
    assert ruamel.YAML(typ="safe", pure=True).load(io.StringIO(dumps(value))) == value


def test_documents_and_comment() -> None:
    text = dumps({"a": 1}, {"b": [{"c": 2, "d": {}}]}, comment="one\n\ntwo: x")
    assert text == "# one\n#\n# two: x\na: 1\n---\nb:\n  - c: 2\n    d: {}\n"
    assert list(yaml.safe_load_all(text)) == [{"a": 1}, {"b": [{"c": 2, "d": {}}]}]
