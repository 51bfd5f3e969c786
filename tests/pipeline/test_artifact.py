"""Outputs come back as they went in, equal ones as equal bytes, and nothing that could run code is kept."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import CorruptedBlob, WrongArgument
from noria.pipeline.artifact import ArtifactRef, Files, decode, encode
from noria.store.blobs import Blobs

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(value=json_values)
def test_json_values_round_trip(value: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "json-objects")
    ref = encode(value, blobs)
    assert decode(ref, blobs) == value
    assert ref.kind == ("text" if isinstance(value, str) else "json")


def test_other_kinds_round_trip(blobs: Blobs) -> None:
    table = pa.table({"a": [1, None, 3], "b": ["x", "y", None]})
    array = np.arange(6.0).reshape(2, 3)
    files = Files({"model/meta.json": b"{}", "a.bin": b"\x00"})
    value = {"table": table, "array": array, "files": files, "text": "é", "raw": b"\xff", "n": 3, "deep": {"a": array}}
    ref = encode(value, blobs)
    back = decode(ref, blobs)
    assert isinstance(back, dict)
    assert ref.kind == "bundle"
    assert back["table"] == table
    assert np.array_equal(back["array"], array)
    assert back["files"] == files
    assert np.array_equal(back["deep"]["a"], array)
    assert (back["text"], back["raw"], back["n"]) == ("é", b"\xff", 3)
    assert all(blobs.has(digest) for digest in ref.objects)
    assert len(ref.objects) == 10


def test_a_reference_survives_json() -> None:
    ref = ArtifactRef.from_json({"kind": "json", "digest": "a" * 64, "objects": ["a" * 64]})
    assert ArtifactRef.from_json(ref.to_json()) == ref


def test_equal_tables_give_equal_bytes_however_chunked(blobs: Blobs) -> None:
    whole = pa.table({"a": list(range(1000))})
    pieces = pa.concat_tables([whole.slice(0, 300), whole.slice(300)])
    assert encode(whole, blobs) == encode(pieces, blobs)


def test_frames_become_tables(blobs: Blobs) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", None]}, index=pd.Index([7, 8], name="id"))
    table = decode(encode(frame, blobs), blobs)
    assert isinstance(table, pa.Table)
    assert table.to_pydict() == {"id": [7, 8], "a": [1.5, 2.5], "b": ["x", None]}
    assert table.schema.metadata is None
    assert encode(frame.reset_index(), blobs) == encode(frame, blobs)


def test_numpy_numbers_are_the_numbers_they_hold(blobs: Blobs) -> None:
    ref = encode({"n": np.int64(3), "x": np.float32(0.5), "ok": np.bool_(True)}, blobs)
    assert decode(ref, blobs) == {"n": 3, "x": 0.5, "ok": True}


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, [1, b"x"], lambda: 1, {"t": [pa.table({"a": [1]})]}])
def test_other_things_are_refused_by_name(blobs: Blobs, value: object) -> None:
    with pytest.raises(WrongArgument, match="step 'train' gives back") as caught:
        encode(value, blobs, step="train")
    assert "noria does not keep" in caught.value.what


def test_objects_in_arrays_are_refused(blobs: Blobs) -> None:
    with pytest.raises(WrongArgument, match="array of Python objects"):
        encode(np.array([object()]), blobs, step="s")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(blobs: Blobs, number: float) -> None:
    with pytest.raises(WrongArgument, match=r"its output\['a'\]\[1\]"):
        encode({"a": [1, number]}, blobs, step="s")


def test_endless_nesting_is_refused(blobs: Blobs) -> None:
    value: list[object] = []
    value.append([])
    for _ in range(60):
        value = [value]
    with pytest.raises(WrongArgument, match="nested deeper"):
        encode(value, blobs, step="s")


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", ""])
def test_files_stay_in_their_folder(path: str) -> None:
    with pytest.raises(WrongArgument):
        Files({path: b""})


@pytest.mark.parametrize("value", ["text", b"raw", {"a": 1}, np.arange(3), pa.table({"a": [1]})])
def test_a_flipped_bit_is_found(blobs: Blobs, value: object) -> None:
    ref = encode(value, blobs)
    damage(blobs, ref)
    with pytest.raises(CorruptedBlob):
        decode(ref, blobs)


def damage(blobs: Blobs, ref: ArtifactRef) -> Path:
    path = blobs.root / ref.digest[:2] / ref.digest
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def test_an_array_of_no_dimension_stays_one(blobs: Blobs) -> None:
    back = decode(encode(np.array(3.0), blobs), blobs)
    assert isinstance(back, np.ndarray)
    assert back.shape == ()


_LEAVING = """
import os, sys
from pathlib import Path
import pandas, pyarrow as pa, pyarrow.dataset, pyarrow.parquet
from noria.pipeline import artifact
from noria.store.blobs import Blobs
blobs = Blobs(Path(sys.argv[1]))
ref = artifact.encode(pa.table({f"c{i}": list(range(300)) for i in range(6)}), blobs)
for _ in range(30):
    child = os.fork()
    if child == 0:
        artifact.decode(ref, blobs)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_leaves_right_after_reading_leaves_well(tmp_path: Path) -> None:
    # One in twelve did not, while Arrow's threads held bytes of Python's.
    done = subprocess.run([sys.executable, "-c", _LEAVING, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
