"""Whatever stands in noria.toml: it is read, or refused with a line; it never breaks noria."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import WrongSetting
from noria.project.example import EXAMPLES
from noria.project.file import validate

TOLD = re.compile(r"noria\.toml(:\d+)?: ")
WORDS = [
    "project",
    "data",
    "model",
    "gates",
    "checks",
    "name",
    "source",
    "columns",
    "min",
    "steps",
    "params",
    "x",
    "prepare",
]
key = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
scalar = st.one_of(
    st.integers(-(2**70), 2**70), st.booleans(), st.floats(), st.text(max_size=6), st.sampled_from(["auto", "1d", "f1"])
)
tree = st.recursive(
    scalar, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=4)), max_leaves=12
)


def write(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value) if "e" not in repr(value) or "." in repr(value) else repr(value).replace("e", ".0e")
    return json.dumps(value)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(key, tree, max_size=5))
def test_any_values(data: dict[str, object]) -> None:
    text = "".join(f"{json.dumps(name)} = {write(value)}\n" for name, value in data.items())
    told = refusal(text)
    assert not told or (TOLD.search(told) and "mend: " in told)


def refusal(text: str) -> str:
    """Give how a text is refused, or nothing when it is sound."""
    try:
        validate(text)
    except WrongSetting as error:
        return error.render()
    return ""


EXAMPLE = (EXAMPLES["credit"].folder / "noria.toml").read_text()


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(EXAMPLE) - 1), st.integers(0, 12), st.text(max_size=3))
def test_any_slip_of_the_pen(at: int, cut: int, put: str) -> None:
    told = refusal(EXAMPLE[:at] + put + EXAMPLE[at + cut :])
    assert not told or TOLD.search(told)


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_any_text(text: str) -> None:
    told = refusal(text)
    assert not told or TOLD.search(told)
