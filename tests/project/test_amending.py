"""Lines added to a project file change nothing that stood there."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import WrongSetting
from noria.project.amending import amended
from noria.project.begin import from_example
from noria.project.file import validate

ADDED = {"data.checks": {"unique": '["a]b"]'}, "data.columns": {"odd name": '{ type = "int" }', "x": "{ min = 1 }"}}
FILES = {
    "nothing but data": '[project]\nname = "x"\n[data]\nsource = "a.csv"',
    "a comment above the next table": '[data] # rows\nsource = "a"\n\n# how\n# to cut\n[split]\ntest = 0.2\n',
    "tables that are there":
    "[data]\n[data.columns]\ny = { max = 3 }  # why\n\n[data.checks]\nrows = { min = 2 }\n[model]\n",
    "arrays over lines":
    '[data]\n[data.checks]\nrules = [\n  "a", # [not a table]\n]\n# end\n[[gates]]\nmetric = "x"\n',
    "a table of each column": '[data]\nsource = "a"\n[data.columns.y]\nmax = 3\n',
    "windows": '[data]\r\nsource = "a"\r\n\r\n[split]\r\ntest = 0.2\r\n',
}  # fmt: skip


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_every_line_stays(text: str) -> None:
    made = amended(text, ADDED)
    before = tomllib.loads(text)
    after = tomllib.loads(made)
    assert after["data"]["checks"]["unique"] == ["a]b"]
    assert after["data"]["columns"]["odd name"] == {"type": "int"}
    old = [line for line in text.splitlines() if line.strip()]
    kept = iter(made.splitlines())
    assert all(line in kept for line in old)  # all of them, in their order
    after["data"]["checks"].pop("unique")
    for name in ("odd name", "x"):
        after["data"]["columns"].pop(name)
    for name in ("checks", "columns"):
        if not after["data"][name]:
            after["data"].pop(name)
    assert after == before


@pytest.mark.parametrize(
    "text",
    ['[data]\nchecks = { rows = { min = 1 } }\n', '[data]\nchecks.rows.min = 1\n', 'data = { source = "a" }\n',
     '[data.checks]\nunique = ["b"]\n', '[data]\nnote = """\n[data.checks]\n"""\n'],
)  # fmt: skip
def test_what_cannot_be_done_safely_is_refused(text: str) -> None:
    with pytest.raises(WrongSetting, match="cannot be added"):
        amended(text, {"data.checks": {"unique": '["a"]'}})


@pytest.mark.parametrize("name", ["credit", "diagnosis", "sensors"])
def test_the_examples_take_lines_in(name: str, tmp_path: object) -> None:
    from pathlib import Path

    from_example(Path(str(tmp_path)) / "mine", name)
    text = (Path(str(tmp_path)) / "mine" / "noria.toml").read_text()
    settings_, _ = validate(amended(text, {"data.columns": {"age": "{ min = 1 }"}}))[:2]
    assert settings_ is not None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), st.integers(), max_size=5))
def test_any_name_can_be_added(columns: dict[str, int]) -> None:
    entries = {name: json.dumps(value) for name, value in columns.items()}
    try:
        made = amended('[data]\nsource = "a"\n\n[split]\ntest = 0.2\n', {"data.columns": entries})
    except WrongSetting:
        return  # an integer that TOML does not hold
    assert tomllib.loads(made)["data"].get("columns", {}) == columns
