"""The binary tensor extension of the Open Inference Protocol: numbers behind the JSON instead of inside it.

Triton's clients send tensors so unless told otherwise. Answers are JSON all the same, which they take as well.

Reference: Triton Inference Server, "Binary Tensor Data Extension".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from noria.errors import WrongData

if TYPE_CHECKING:
    from noria.security.guard import Scope

__all__ = ["HEADER", "header_length", "joined", "written"]

HEADER = b"inference-header-content-length"
_CODES = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip


def header_length(scope: Scope) -> int | None:
    """Give how many bytes of a body are JSON; None where all are.

    Raises
    ------
    WrongData
        The header holds no number.
    """
    found = [value for name, value in scope["headers"] if name == HEADER]
    if not found:
        return None
    if len(found) > 1 or not found[0].isdigit() or len(found[0]) > 12:
        raise _wrong("Inference-Header-Content-Length must be one number")
    return int(found[0])


def joined(request: object, rest: bytes) -> object:
    r"""Put what stands behind the JSON into the tensors it belongs to.

    Parameters
    ----------
    request : JSON value
        Its inputs say by ``parameters.binary_data_size`` how many bytes are theirs, in order.
    rest : bytes
        What stands behind.

    Examples
    --------
    >>> age = {"name": "age", "shape": [2], "datatype": "INT8", "parameters": {"binary_data_size": 2}}
    >>> joined({"inputs": [age]}, b"\x1e\x3c")["inputs"][0]["data"]
    [30, 60]
    """
    inputs = request.get("inputs") if isinstance(request, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(inputs, list):
        return request  # the reader of requests says what is wrong
    made, start = [], 0
    for tensor in inputs:
        size = _size(tensor)
        if size is None:
            made.append(tensor)
            continue
        if size > len(rest) - start:
            raise _wrong("the body ends before its tensors do")
        made.append({**tensor, "data": list(_values(str(tensor.get("datatype")), rest[start : start + size]))})
        start += size
    if start != len(rest):
        raise _wrong(f"{len(rest) - start} bytes behind the JSON belong to no tensor")
    return {**request, "inputs": made}


def _size(tensor: object) -> int | None:
    parameters = tensor.get("parameters") if isinstance(tensor, Mapping) else None
    if not isinstance(parameters, Mapping) or not isinstance(tensor, Mapping):
        return None
    if "binary_data_size" not in parameters:
        return None
    size = parameters["binary_data_size"]
    if type(size) is not int or size < 0 or "data" in tensor:
        raise _wrong("binary_data_size must be a number of bytes, and the tensor must hold no data beside it")
    return size


def _values(datatype: str, data: bytes) -> Iterator[object]:
    if datatype == "BYTES":
        return _texts(data)
    code = _CODES.get(datatype)
    if code is None or len(data) % struct.calcsize(f"<{code}"):
        raise _wrong(f"{len(data)} bytes are no {datatype}")
    return (value for (value,) in struct.iter_unpack(f"<{code}", data))


def _texts(data: bytes) -> Iterator[str]:
    start = 0
    while start < len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        if end > len(data) or start + 4 > len(data):
            raise _wrong("a text of a BYTES tensor goes beyond its end")
        try:
            yield data[start + 4 : end].decode()
        except UnicodeDecodeError as error:
            raise _wrong("a text of a BYTES tensor is not UTF-8") from error
        start = end


def written(datatype: str, data: Sequence[object]) -> bytes:
    r"""Write a tensor as bytes.

    Examples
    --------
    >>> written("INT16", [30, 60]), written("BYTES", ["A"])
    (b'\x1e\x00<\x00', b'\x01\x00\x00\x00A')
    """
    if datatype != "BYTES":
        return struct.pack(f"<{len(data)}{_CODES[datatype]}", *data)
    texts = [str(value).encode() for value in data]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _wrong(what: str) -> WrongData:
    return WrongData(what, code="N-SERVING-043")
