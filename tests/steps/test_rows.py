"""A step in a standard one's place may give a table or a data frame; anything else is told with the place."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from loans import FILE, start, turn

from noria.errors import WrongData
from noria.steps.rows import rows_of


def test_a_frame_becomes_a_table_of_the_types_the_rooms_know() -> None:
    frame = pd.DataFrame({"age": [31, 40], "grade": pd.Categorical(["A", None])}, index=[7, 9])
    made = rows_of(frame, "clean")
    assert made.to_pylist() == [{"age": 31, "grade": "A"}, {"age": 40, "grade": None}]
    assert made.schema.types == [pa.int64(), pa.string()]


@pytest.mark.parametrize(("given", "said"), [(None, "gives nothing"), ({"a": 1}, "gives a dict")])
def test_what_is_no_table_is_told(given: object, said: str) -> None:
    with pytest.raises(WrongData, match=said):
        rows_of(given, "clean")


@pytest.mark.parametrize(
    ("gives", "code"),
    [("clean.to_pandas().assign(double=lambda rows: rows.income * 2)", ""), ("None", "N-STEPS-003")],
)
def test_a_step_that_replaces_clean(gives: str, code: str, tmp_path: Path) -> None:
    root = start(tmp_path / "own", FILE)
    (root / "pipeline.py").write_text(
        f'import noria\n\n\n@noria.step(replaces="clean")\ndef mine(clean):\n    return {gives}\n'
    )
    done = turn(root).run()
    assert (done.error.code if done.error else "") == code, done.error and done.error.render()
