"""A frame of a notebook becomes a dataset version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import noria
from noria.errors import NoriaError, WrongArgument, WrongData


@pytest.fixture
def project(tmp_path: Path) -> Iterator[noria.Project]:
    (tmp_path / "rows.csv").write_text("id,age,y\n1,31,0\n2,40,1\n")
    (tmp_path / "noria.toml").write_text(
        '[project]\nname = "credit"\n[data]\nsource = "rows.csv"\ntarget = "y"\nkey = ["id"]\n'
        "[data.columns]\nage = { pii = true }\n"
    )
    with noria.open(tmp_path) as opened:
        yield opened


FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "age": [31.0, np.nan, 52.0],
        "when": pd.to_datetime(["2026-05-01", None, "2026-05-03"]),
        "grade": pd.Categorical(["A", "B", None]),
        "y": [True, False, True],
    },
    index=[7, 8, 9],
)


def test_frames_of_every_make_are_the_same_rows(project: noria.Project) -> None:
    arrow = pa.Table.from_pandas(FRAME, preserve_index=False)
    frames: list[object] = [FRAME, arrow, arrow.to_reader(), arrow.to_pylist(), arrow.to_pydict()]
    try:
        import polars
    except ModuleNotFoundError:
        pass
    else:
        frames.append(polars.from_arrow(arrow))
    put = [project.put(frame, "customers", note="by hand") for frame in frames]
    assert {one.ref for one in put} == {"customers@1"}
    assert put[0].record.note == "by hand"
    assert put[0].frame()["age"].tolist()[0] == 31.0
    assert [column.type for column in put[0].record.schema.columns] == ["int", "float", "timestamp", "category", "bool"]
    more = project.put(pd.concat([FRAME, FRAME.iloc[:1]]), "customers")
    assert (more.ref, more.record.rows) == ("customers@2", 4)
    assert project.datasets["customers"].ref == "customers@2"


def test_the_projects_own_dataset_keeps_its_rules(project: noria.Project) -> None:
    version = project.put(FRAME)
    assert version.ref == "credit@1"
    assert version.record.schema["age"].pii


def test_a_column_of_mixed_values_is_text(project: noria.Project) -> None:
    assert project.put(pd.DataFrame({"a": [1, "x", None, np.nan]}), "odd").frame()["a"].tolist()[:2] == ["1", "x"]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (7, "int is no frame"),
        (pd.DataFrame({"a": []}), "no rows"),
        ({"a": [1, 2], "b": [1]}, "cannot be read as a table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than once"),
        (pd.DataFrame({"a": [[1], [2]]}), "not one value a cell"),
        ([1, 2], "list is no frame"),
    ],
)
def test_what_is_no_frame_is_told(project: noria.Project, frame: object, says: str) -> None:
    with pytest.raises(WrongData, match=says) as caught:
        project.put(frame, "odd")
    assert caught.value.mend
    with pytest.raises(NoriaError):
        _ = project.datasets["odd"]


def test_a_name_that_cannot_be(project: noria.Project) -> None:
    with pytest.raises(WrongArgument):
        project.put(FRAME, "../x")
