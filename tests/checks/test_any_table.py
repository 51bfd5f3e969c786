"""Whatever a table holds, it can be measured, drawn, proposed for, compared and looked over."""

from __future__ import annotations

import json
from datetime import datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.checks import suite
from noria.checks.settings import CheckSettings
from noria.checks.suggestion import suggest
from noria.datasets.diff_page import _spread
from noria.datasets.profile import from_json, profile
from noria.datasets.profile_page import document
from noria.datasets.schema import from_json as schema_from_json
from noria.datasets.schema import infer
from noria.datasets.spreads import spreads
from noria.exchange.pandera import from_yaml, to_python, to_yaml
from noria.plots.html_page import write

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
CELLS = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    pa.float64(): st.floats(-1e100, 1e100) | st.sampled_from([0.0, -0.0, 5e-324, float("inf"), float("nan")]),
    pa.string(): st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6) | st.sampled_from("ab"),
    pa.bool_(): st.booleans(),
    pa.timestamp("us"): st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    names = draw(st.lists(NAMES, min_size=len(kinds), max_size=len(kinds), unique_by=str.casefold))
    sides = []
    for rows in (draw(st.integers(0, 40)), draw(st.integers(0, 12))):
        cells = {
            name: pa.array(draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows)), kind)
            for name, kind in zip(names, kinds, strict=True)
        }
        sides.append(pa.table(cells))
    return sides[0], sides[1]


@settings(deadline=None, max_examples=100)
@given(tables(), st.data())
def test_any_table(pair: tuple[pa.Table, pa.Table], data: st.DataObject) -> None:
    table, other = pair
    target = data.draw(st.none() | st.sampled_from(table.column_names))
    schema = infer(table)
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema
    made = profile(table, schema=schema, target=target)
    assert from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made
    page = write(document(made, schema, title="t", subtitle=""))
    assert page.startswith("<!doctype html>")
    assert "<script" not in page.lower().replace("&lt;script", "")
    _spread(spreads(table, other), "a", "b")
    found = suggest(made, schema)
    assert set(found.columns) <= set(table.column_names)
    assert set(from_yaml(to_yaml(schema)).columns) == set(schema.names)
    compile(to_python(schema), "schema.py", "exec")
    said = CheckSettings.model_validate({"drift": {"against": "@1"}, "missing": {"max": 0.5}})
    report = suite.run(table, schema, said, target=target, other=suite.Other("t@1", other))
    assert report.rows == table.num_rows
