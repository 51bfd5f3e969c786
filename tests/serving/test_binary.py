"""Tensors behind the JSON, as Triton's clients write them."""

from __future__ import annotations

import json
import struct

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongData
from noria.serving.binary import joined

NUMBERS = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16,
    "UINT32": np.uint32, "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
    "BOOL": np.bool_,
}  # fmt: skip


def tensor(name: str, datatype: str, length: int, size: int) -> dict[str, object]:
    return {"name": name, "shape": [length, 1], "datatype": datatype, "parameters": {"binary_data_size": size}}


def texts(values: list[str]) -> bytes:
    """Write texts as Triton's client does: each behind its length."""
    return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in values)


@given(st.sampled_from(sorted(NUMBERS)), st.lists(st.integers(0, 1), max_size=9), st.lists(st.text(), max_size=4))
def test_numbers_and_texts_come_back(datatype: str, values: list[int], words: list[str]) -> None:
    data, written = np.array(values, dtype=NUMBERS[datatype]).tobytes(), texts(words)
    inputs = [tensor("a", datatype, len(values), len(data)), tensor("b", "BYTES", len(words), len(written))]
    first, second = joined({"inputs": inputs}, data + written)["inputs"]  # type: ignore[index]
    assert first["data"] == values
    assert second["data"] == words


@pytest.mark.parametrize(
    ("datatype", "size", "rest"),
    [
        ("INT32", 8, b"1234"), ("INT32", 3, b"123"), ("INT32", 0, b"1"), ("INT7", 1, b"1"), ("BYTES", 3, b"\1\0\0"),
        ("BYTES", 5, b"\2\0\0\0a"), ("BYTES", 5, b"\1\0\0\0\xff"), ("INT32", -4, b""), ("INT32", True, b"1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(datatype: str, size: int, rest: bytes) -> None:
    with pytest.raises(WrongData):
        joined({"inputs": [tensor("a", datatype, 1, size)]}, rest)


def test_a_server_reads_them(shared: httpx.Client) -> None:
    ages, grades = np.array([30, 60], dtype=np.int64).tobytes(), texts(["A", "B"])
    inputs = [tensor("age", "INT64", 2, len(ages)), tensor("grade", "BYTES", 2, len(grades))]
    head = json.dumps({"inputs": inputs}).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    answer = shared.post("/v2/models/credit/infer", content=head + ages + grades, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == ["bad", "good"]
    for length in ("x", "-1", str(len(head) + 99), ""):
        headers["inference-header-content-length"] = length
        assert shared.post("/v2/models/credit/infer", content=head + ages, headers=headers).status_code == 400
