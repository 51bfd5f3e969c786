"""Every key's line is found, however the TOML is written."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.project.lines import find_lines, line_of


def paths(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """List every path of a parsed file."""
    found = {path} if path else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found |= paths(item, (*path, key))
    return found


CASES = {
    "a key of a table": ('[project]\nname = "x"\n', ("project", "name"), 2),
    "a dotted key": ("[data]\nchecks.rows.min = 3\n", ("data", "checks", "rows", "min"), 2),
    "a dotted header": ("\n\n[data.checks]\nunique = []\n", ("data", "checks"), 3),
    "a quoted key": ('[data.columns]\n"odd \\" key" = { type = "int" }\n', ("data", "columns", 'odd " key', "type"), 2),
    "a literal key": ("[data.columns]\n'a b'.type = 1\n", ("data", "columns", "a b", "type"), 2),
    "the second of many tables": ("[[gates]]\nmin = 1\n[[gates]]\n\nmax = 2\n", ("gates", 1, "max"), 5),
    "a table inside the last of many": ("[[gates]]\na = 1\n[gates.more]\nb = 2\n", ("gates", 0, "more", "b"), 4),
    "an item of an array over lines": (
        "[model]\ncandidates = [\n  'a', # one\n  'b',\n]\n",
        ("model", "candidates", 1),
        4,
    ),
    "after a text over lines": ('[a]\nx = """\n[b]\ny = 1\n"""\nz = 2\n', ("a", "z"), 6),
    "after a bracket in a text": ('[a]\nx = ["]", "}"]\ny = 1\n', ("a", "y"), 3),
    "after a hash in a text": ('[a]\nx = "# no comment"\ny = 1\n', ("a", "y"), 3),
    "windows line ends": ("[a]\r\nx = 1\r\ny = 2\r\n", ("a", "y"), 3),
}


@pytest.mark.parametrize("case", CASES)
def test_each_way_to_write_a_key(case: str) -> None:
    text, path, line = CASES[case]
    tomllib.loads(text)
    assert find_lines(text)[path] == line


def test_a_key_that_is_not_written_is_told_at_its_section() -> None:
    lines = find_lines('[project]\nname = "x"\n\n[model]\nfolds = 3\n')
    assert line_of(lines, ("model", "metric")) == 4
    assert line_of(lines, ("split",)) == 1


key = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.sampled_from(["a.b", "x y", 'q"q', "#", "[z]", "ü"])
)
scalar = st.one_of(
    st.integers(-99, 99), st.booleans(), st.sampled_from(["", "]", "}", "# x", 'say "hi"', "a = 1", "\n[a]\n"])
)
tree = st.recursive(
    scalar, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=3)), max_leaves=8
)


def write(value: object) -> str:
    """Write a value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return json.dumps(value)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(key, st.one_of(tree, st.dictionaries(key, tree, max_size=3)), max_size=4))
def test_no_path_is_overlooked(data: dict[str, object]) -> None:
    tables = {name: value for name, value in data.items() if isinstance(value, dict)}
    plain = [f"{json.dumps(name)} = {write(value)}" for name, value in data.items() if name not in tables]
    for name, table in tables.items():
        plain.append(f"[{json.dumps(name)}]")
        plain += [f"{json.dumps(inner)} = {write(value)}" for inner, value in table.items()]
    text = "\n".join(plain) + "\n"
    parsed = tomllib.loads(text)
    assert parsed == data
    lines = find_lines(text)
    assert set(lines) == paths(parsed)
    for position, line in enumerate(text.splitlines(), start=1):
        head = line.partition(" = ")[0]
        if head == '["' or not head:
            continue
        for name in data:
            if line.startswith(f"[{json.dumps(name)}]") and isinstance(data[name], dict):
                assert lines[name,] == position
