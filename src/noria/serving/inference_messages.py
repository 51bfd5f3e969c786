"""The messages of the Open Inference Protocol over gRPC, package ``inference``, made here field by field.

Reference: Open Inference Protocol, gRPC API, https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["METHODS", "SERVICE", "messages"]

SERVICE = "inference.GRPCInferenceService"
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")

_PARAMETERS = "map InferParameter parameters"
_TENSOR = "string name = 1, string datatype = 2, repeated int64 shape = 3"
_NAMED = "string name = 1, string version = 2"
_FIELDS: Mapping[str, str] = {
    "InferParameter": "bool bool_param = 1, int64 int64_param = 2, string string_param = 3, "
    "double double_param = 4, uint64 uint64_param = 5",
    "InferTensorContents": "repeated bool bool_contents = 1, repeated int32 int_contents = 2, "
    "repeated int64 int64_contents = 3, repeated uint32 uint_contents = 4, repeated uint64 uint64_contents = 5, "
    "repeated float fp32_contents = 6, repeated double fp64_contents = 7, repeated bytes bytes_contents = 8",
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live = 1",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready = 1",
    "ModelReadyRequest": _NAMED,
    "ModelReadyResponse": "bool ready = 1",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name = 1, string version = 2, repeated string extensions = 3",
    "ModelMetadataRequest": _NAMED,
    "ModelMetadataResponse.TensorMetadata": _TENSOR,
    "ModelMetadataResponse": "string name = 1, repeated string versions = 2, string platform = 3, "
    "repeated TensorMetadata inputs = 4, repeated TensorMetadata outputs = 5",
    "ModelInferRequest.InferInputTensor": f"{_TENSOR}, {_PARAMETERS} = 4, InferTensorContents contents = 5",
    "ModelInferRequest.InferRequestedOutputTensor": f"string name = 1, {_PARAMETERS} = 2",
    "ModelInferRequest": f"string model_name = 1, string model_version = 2, string id = 3, {_PARAMETERS} = 4, "
    "repeated InferInputTensor inputs = 5, repeated InferRequestedOutputTensor outputs = 6, "
    "repeated bytes raw_input_contents = 7",
    "ModelInferResponse.InferOutputTensor": f"{_TENSOR}, {_PARAMETERS} = 4, InferTensorContents contents = 5",
    "ModelInferResponse": f"string model_name = 1, string model_version = 2, string id = 3, {_PARAMETERS} = 4, "
    "repeated InferOutputTensor outputs = 5, repeated bytes raw_output_contents = 6",
}
"""Fields by message; a message inside another is written ``Outer.Inner``, and comes before it."""

_ONE_OF = {"InferParameter": "parameter_choice"}


@lru_cache(maxsize=1)
def messages() -> Mapping[str, Any]:
    """Make the classes of all messages, by name."""
    from google.protobuf import descriptor_pool, message_factory  # noqa: PLC0415 - an extra

    # A pool of its own: a process may as well hold the messages of a client, under the same names.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file().SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
        for name in _FIELDS
        if "." not in name
    }


def _file() -> Any:  # noqa: ANN401 - protobuf's own types are made at run time
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - an extra

    made = descriptor_pb2.FileDescriptorProto(name="noria/inference.proto", package="inference", syntax="proto3")
    outer: dict[str, Any] = {}
    for full, fields in _FIELDS.items():
        holder, _, name = full.rpartition(".")
        if holder and holder not in outer:
            outer[holder] = made.message_type.add(name=holder)
        if not holder and full not in outer:
            outer[full] = made.message_type.add(name=full)
        message = outer[holder].nested_type.add(name=name) if holder else outer[full]
        if full in _ONE_OF:
            message.oneof_decl.add(name=_ONE_OF[full])
        for field in filter(None, fields.split(", ")):
            _add(message, field.split(" "), full)
    return made


def _add(message: Any, words: list[str], full: str) -> None:  # noqa: ANN401 - as above
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field  # noqa: PLC0415 - an extra

    number, name = int(words[-1]), words[-3]
    kind = words[-4]
    label = Field.LABEL_REPEATED if words[0] in ("repeated", "map") else Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if words[0] == "map":
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=Field.LABEL_OPTIONAL, type=Field.TYPE_STRING)
        value = entry.field.add(name="value", number=2, label=Field.LABEL_OPTIONAL, type=Field.TYPE_MESSAGE)
        value.type_name = f".inference.{kind}"
        field.type, field.type_name = Field.TYPE_MESSAGE, f".inference.{full}.{entry.name}"
    elif kind[0].isupper():
        inner = f"{full}.{kind}"
        field.type, field.type_name = Field.TYPE_MESSAGE, f".inference.{inner if inner in _FIELDS else kind}"
    else:
        field.type = getattr(Field, f"TYPE_{kind.upper()}")
    if full in _ONE_OF:
        field.oneof_index = 0
