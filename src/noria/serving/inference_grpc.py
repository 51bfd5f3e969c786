"""The Open Inference Protocol over gRPC, beside HTTP in the same process: other bytes, the same answers."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from noria.errors import MissingExtra, NoriaError, PortInUse
from noria.serving import binary, inference
from noria.serving.address import answering
from noria.serving.endpoint import MOST_EXPLAINED, NoVersion
from noria.serving.http import Problem
from noria.serving.inference_messages import METHODS, SERVICE, messages

if TYPE_CHECKING:
    from noria.serving.endpoint import Endpoint
    from noria.serving.stats import Outcome

__all__ = ["InferenceService"]

_log = logging.getLogger("noria.serving")

_CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
_STATUSES = {404: "NOT_FOUND", 413: "RESOURCE_EXHAUSTED"}

_Message = Any
"""Classes of messages are made at run time."""


class InferenceService:
    """Answers for one endpoint over gRPC.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    max_rows : int
        Most rows of one request.
    max_body : int
        Bytes of the largest request.
    in_flight : int
        Requests at work at once; further ones are told RESOURCE_EXHAUSTED.

    Raises
    ------
    MissingExtra
        grpcio is not installed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        host: str,
        port: int,
        *,
        max_rows: int = 10_000,
        max_body: int = 16 << 20,
        in_flight: int = 256,
    ) -> None:
        try:
            import google.protobuf.message  # noqa: F401, PLC0415 - an extra
            import grpc.aio  # noqa: F401, PLC0415 - an extra
        except ImportError:
            raise MissingExtra(
                "gRPC is not installed", mend='pip install "noria[grpc]"', code="N-SERVING-090"
            ) from None
        self._endpoint = endpoint
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._names = (endpoint.name, endpoint.model)
        self._max_rows = max_rows
        self._max_body = max_body
        self._most = in_flight
        self._server: Any = None
        self.port = port
        """The one that was taken, once it runs."""

    async def start(self) -> None:
        """Listen, on the running event loop.

        Raises
        ------
        PortInUse
            Somebody listens there.
        """
        from grpc import aio, method_handlers_generic_handler  # noqa: PLC0415 - an extra

        # Else two servers would share the port, and each get half of the requests.
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", self._max_body)]
        self._server = aio.server(options=options, maximum_concurrent_rpcs=self._most)
        self._server.add_generic_rpc_handlers((method_handlers_generic_handler(SERVICE, self._handlers()),))
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError:
            raise PortInUse(
                f"port {self._address} is in use", mend="choose another with --grpc-port", code="N-SERVING-091"
            ) from None
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Take no more requests, and finish those at work."""
        if self._server is not None:
            await self._server.stop(grace_seconds)

    def _handlers(self) -> Mapping[str, object]:
        from grpc import unary_unary_rpc_method_handler  # noqa: PLC0415 - an extra

        answers: Mapping[str, Callable[[_Message], Awaitable[Mapping[str, object]]]] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._about,
            "ModelMetadata": self._model,
            "ModelInfer": self._infer,
        }
        known = messages()
        return {
            name: unary_unary_rpc_method_handler(
                self._told(answers[name], known[f"{name}Response"]),
                request_deserializer=known[f"{name}Request"].FromString,
                response_serializer=known[f"{name}Response"].SerializeToString,
            )
            for name in METHODS
        }

    def _told(
        self, answer: Callable[[_Message], Awaitable[Mapping[str, object]]], made: Callable[..., _Message]
    ) -> Callable[[_Message, Any], Awaitable[_Message]]:
        async def told(request: _Message, context: Any) -> _Message:  # noqa: ANN401 - grpc has no types
            started = time.perf_counter()
            try:
                return made(**await answer(request))
            except Exception as error:  # noqa: BLE001 - the outermost face: every error becomes an answer
                status, what = _refusal(error)
                if answer == self._infer:
                    outcome: Outcome = "failed" if status == "INTERNAL" else "refused"
                    live, took = self._endpoint.live, time.perf_counter() - started
                    number = live.number if live else 0
                    self._endpoint.stats.count(number, "live", outcome, 0, took, datetime.now(UTC))
            from grpc import StatusCode  # noqa: PLC0415 - an extra

            return await context.abort(StatusCode[status], what)

        return told

    async def _live(self, request: _Message) -> Mapping[str, object]:
        return {"live": True}

    async def _ready(self, request: _Message) -> Mapping[str, object]:
        return {"ready": self._endpoint.live is not None}

    async def _model_ready(self, request: _Message) -> Mapping[str, object]:
        ready = self._endpoint.live is not None
        self._named(request.name, request.version if ready else "")
        return {"ready": ready}

    async def _about(self, request: _Message) -> Mapping[str, object]:
        return {"name": "noria", "version": version("noria"), "extensions": []}

    async def _model(self, request: _Message) -> Mapping[str, object]:
        number = self._named(request.name, request.version)
        known = ("name", "versions", "platform", "inputs", "outputs")  # these messages have no parameters
        about = inference.metadata(request.name, self._endpoint.current(number))
        return {field: _described(about[field]) for field in known}

    async def _infer(self, request: _Message) -> Mapping[str, object]:
        number = self._named(request.model_name, request.model_version)
        asked = inference.parse(_request(request), self._endpoint.current(number))
        most = MOST_EXPLAINED if asked.explain else self._max_rows
        if len(asked.records) > most:
            raise Problem(413, f"{len(asked.records)} rows are more than {most}", code="N-SERVING-054")
        reply = await self._endpoint.answer(
            asked.records, request=asked.identity or None, version=number, explain=asked.explain
        )
        answer = inference.render(reply, asked, request.model_name)
        return _response(answer, raw=bool(request.raw_input_contents))

    def _named(self, name: str, number: str) -> int | None:
        if name not in self._names:
            raise Problem(404, f"there is no model {name[:80]!r}; here is {self._names[0]!r}", code="N-SERVING-052")
        return answering(self._endpoint, name, number or None)


def _described(value: object) -> object:
    """Leave out of a tensor what its message has no field for."""
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return [{name: each[name] for name in ("name", "datatype", "shape")} for each in value]
    return value


def _refusal(error: Exception) -> tuple[str, str]:
    if isinstance(error, Problem):
        return _STATUSES.get(error.status, "INVALID_ARGUMENT"), error.what
    if isinstance(error, NoVersion):
        return "UNAVAILABLE", error.what
    if isinstance(error, NoriaError) and error.exit_status in (2, 3):
        return "INVALID_ARGUMENT", error.what
    # What went wrong inside is for the log, not for strangers.
    identity = uuid.uuid4().hex[:12]
    _log.error("error %s", identity, exc_info=error)
    return "INTERNAL", f"the model could not answer; the server's log tells why under {identity}"


def _request(request: _Message) -> object:
    """Give a request as `noria.serving.inference.parse` reads it."""
    raw = list(request.raw_input_contents)
    inputs = []
    for place, tensor in enumerate(request.inputs):
        made = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if place < len(raw):
            made["parameters"] = {**_parameters(tensor), "binary_data_size": len(raw[place])}
        else:
            made |= {"parameters": _parameters(tensor), "data": _data(tensor)}
        inputs.append(made)
    asked: dict[str, object] = {"inputs": inputs, "parameters": _parameters(request)}
    if request.id:
        asked["id"] = request.id
    if request.outputs:
        asked["outputs"] = [{"name": one.name, "parameters": _parameters(one)} for one in request.outputs]
    return binary.joined(asked, b"".join(raw))


def _parameters(holder: _Message) -> dict[str, object]:
    found = {}
    for name, value in holder.parameters.items():
        chosen = value.WhichOneof("parameter_choice")
        if chosen is not None:
            found[name] = getattr(value, chosen)
    return found


def _data(tensor: _Message) -> list[object]:
    field = _CONTENTS.get(tensor.datatype)
    values = [] if field is None else list(getattr(tensor.contents, field))
    # What is not UTF-8 is refused as bytes, which no column takes.
    return [_text(value) for value in values] if field == "bytes_contents" else values


def _text(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _response(answer: Mapping[str, object], *, raw: bool) -> dict[str, object]:
    """Give an answer in the form of the question: tensors as bytes, or as lists of their type."""
    outputs = cast("Sequence[Mapping[str, Any]]", answer["outputs"])
    made = {**answer, "parameters": _chosen(answer), "outputs": [_tensor(one, raw=raw) for one in outputs]}
    if raw:
        made["raw_output_contents"] = [binary.written(one["datatype"], one["data"]) for one in outputs]
    return made


def _tensor(output: Mapping[str, Any], *, raw: bool) -> dict[str, object]:
    made = {name: output[name] for name in ("name", "datatype", "shape")} | {"parameters": _chosen(output)}
    if raw:
        return made
    field, data = _CONTENTS[output["datatype"]], output["data"]
    if field == "bytes_contents":
        data = [str(value).encode() for value in data]
    return made | {"contents": {field: data}}


def _chosen(holder: Mapping[str, Any]) -> dict[str, object]:
    return {name: {"string_param": value} for name, value in holder.get("parameters", {}).items()}
