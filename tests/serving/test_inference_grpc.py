"""The Open Inference Protocol over gRPC: the same answers as over HTTP, and statuses in place of its own."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from noria.errors import PortInUse
from noria.serving.bundle import Bundle
from noria.serving.inference_messages import METHODS, SERVICE, messages
from noria.serving.platform import Platform
from noria.serving.run import ScoringServer
from noria.serving.standalone import BundleServer

if TYPE_CHECKING:
    from tests.serving.conftest import House

grpc = pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")

MODEL = "credit"


class Client:
    """Calls by name, with the messages as they are written down."""

    def __init__(self, channel: Any) -> None:
        known = messages()
        self._calls = {
            name: channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=known[f"{name}Request"].SerializeToString,
                response_deserializer=known[f"{name}Response"].FromString,
            )
            for name in METHODS
        }

    def __call__(self, name: str, /, **fields: object) -> Any:
        return self._calls[name](messages()[f"{name}Request"](**fields), timeout=30)


@pytest.fixture(scope="module")
def both(promoted: House) -> Iterator[tuple[Client, httpx.Client]]:
    with promoted.serving(grpc_port=0) as (server, http):
        assert server.grpc is not None
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc.port}") as channel:
            yield Client(channel), http


def tensors(*, raw: bool) -> dict[str, object]:
    age = {"name": "age", "datatype": "INT64", "shape": [2]}
    grade = {"name": "grade", "datatype": "BYTES", "shape": [2, 1]}
    if raw:
        texts = b"".join(struct.pack("<I", 1) + letter for letter in (b"A", b"B"))
        return {"inputs": [age, grade], "raw_input_contents": [struct.pack("<qq", 30, 60), texts]}
    return {
        "inputs": [
            {**age, "contents": {"int64_contents": [30, 60]}},
            {**grade, "contents": {"bytes_contents": [b"A", b"B"]}},
        ]
    }


def test_what_the_server_says_of_itself(both: tuple[Client, httpx.Client]) -> None:
    ask, http = both
    assert ask("ServerLive").live
    assert ask("ServerReady").ready
    assert ask("ModelReady", name=MODEL).ready
    assert ask("ModelReady", name=MODEL, version="1").ready
    assert (ask("ServerMetadata").name, ask("ServerMetadata").version) == ("noria", http.get("/v2").json()["version"])
    told, written = ask("ModelMetadata", name=MODEL), http.get(f"/v2/models/{MODEL}").json()
    assert (told.name, list(told.versions), told.platform) == (MODEL, written["versions"], written["platform"])
    for tensor, same in zip([*told.inputs, *told.outputs], [*written["inputs"], *written["outputs"]], strict=True):
        assert (tensor.name, tensor.datatype, list(tensor.shape)) == (same["name"], same["datatype"], same["shape"])


@pytest.mark.parametrize("raw", [False, True], ids=["contents", "raw"])
def test_answers_are_those_over_http(both: tuple[Client, httpx.Client], raw: bool) -> None:
    ask, http = both
    inputs = [
        {"name": "age", "shape": [2], "datatype": "INT64", "data": [30, 60]},
        {"name": "grade", "shape": [2], "datatype": "BYTES", "data": ["A", "B"]},
    ]
    body = {"id": "q", "inputs": inputs, "parameters": {"explain": True}}
    written = {one["name"]: one for one in http.post(f"/v2/models/{MODEL}/infer", json=body).json()["outputs"]}
    parameters = {"explain": {"bool_param": True}}
    told = ask("ModelInfer", model_name=MODEL, model_version="1", id="q", parameters=parameters, **tensors(raw=raw))
    assert (told.model_name, told.model_version, told.id) == (MODEL, "1", "q")
    assert told.parameters["arm"].string_param == "live"
    assert {one.name for one in told.outputs} == set(written)
    assert len(told.raw_output_contents) == (len(told.outputs) if raw else 0)
    for place, one in enumerate(told.outputs):
        same = written[one.name]
        assert (one.datatype, list(one.shape)) == (same["datatype"], same["shape"])
        if not raw:
            assert (
                [each.decode() for each in one.contents.bytes_contents] or list(one.contents.fp64_contents)
            ) == same["data"]
        elif one.datatype == "FP64":
            size = len(same["data"])
            assert list(struct.unpack(f"<{size}d", told.raw_output_contents[place])) == same["data"]
        else:
            texts = b"".join(struct.pack("<I", len(text)) + text.encode() for text in same["data"])
            assert told.raw_output_contents[place] == texts
    wanted = ask("ModelInfer", model_name=MODEL, outputs=[{"name": "score"}], **tensors(raw=raw))
    assert [one.name for one in wanted.outputs] == ["score"]


AGE = {"name": "age", "datatype": "INT64", "shape": [1], "contents": {"int64_contents": [30]}}
GRADE = {"name": "grade", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"A"]}}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model_name": "other", "inputs": [AGE, GRADE]}, "NOT_FOUND"),
        ({"model_name": MODEL, "model_version": "9", "inputs": [AGE, GRADE]}, "NOT_FOUND"),
        ({"model_name": MODEL}, "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [AGE]}, "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [AGE, {**GRADE, "contents": {"bytes_contents": [b"\xff"]}}]},
         "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [AGE, GRADE], "raw_input_contents": [b"1"]}, "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [AGE, GRADE], "outputs": [{"name": "nothing"}]}, "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [{**AGE, "datatype": "INT7"}, GRADE]}, "INVALID_ARGUMENT"),
        ({"model_name": MODEL, "inputs": [
            {"name": "age", "datatype": "INT64", "shape": [10_001], "contents": {"int64_contents": [30] * 10_001}},
        ]}, "RESOURCE_EXHAUSTED"),
    ],
)  # fmt: skip
def test_refusals(both: tuple[Client, httpx.Client], fields: dict[str, object], status: str) -> None:
    ask, _ = both
    with pytest.raises(grpc.RpcError) as refused:
        ask("ModelInfer", **fields)
    assert refused.value.code().name == status  # type: ignore[attr-defined]
    assert refused.value.details()  # type: ignore[attr-defined]
    assert ask("ModelInfer", model_name=MODEL, inputs=[AGE, GRADE]).outputs


def test_without_a_version_it_is_not_there_yet(house: House) -> None:
    with house.serving(grpc_port=0) as (server, _):
        assert server.grpc is not None
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc.port}") as channel:
            ask = Client(channel)
            assert ask("ServerLive").live
            assert not ask("ServerReady").ready
            with pytest.raises(grpc.RpcError) as refused:
                ask("ModelInfer", model_name=MODEL, inputs=[AGE, GRADE])
            assert refused.value.code().name == "UNAVAILABLE"  # type: ignore[attr-defined]


def test_refusals_are_counted(both: tuple[Client, httpx.Client]) -> None:
    ask, http = both
    with pytest.raises(grpc.RpcError):
        ask("ModelInfer", model_name=MODEL)
    ask("ModelInfer", model_name=MODEL, inputs=[AGE, GRADE])
    page = http.get("/metrics").text
    for outcome in ("answered", "refused"):
        line = f'noria_requests_total{{endpoint="credit-risk",version="1",arm="live",outcome="{outcome}"}} 1'
        assert line in page


def test_a_bundle_answers_too(promoted: House, tmp_path: Path) -> None:
    bundle = Bundle.of(promoted.registry, promoted.versions[0], endpoint="risk", policies=None)
    bundle.write(tmp_path / "bundle")
    ready = threading.Event()
    told = Platform.told({"NORIA_GRPC_PORT": "0"}, bundle=str(tmp_path / "bundle"), port=0)
    server = BundleServer(told, on_ready=lambda _: ready.set())
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(120)
        assert server.grpc is not None
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc.port}") as channel:
            assert Client(channel)("ModelInfer", model_name="risk", inputs=[AGE, GRADE]).model_version == "1"
    finally:
        server.stop()
        thread.join()


def test_a_port_is_one_servers_alone(house: House) -> None:
    with house.serving(grpc_port=0) as (server, _):
        assert server.grpc is not None
        second = ScoringServer(
            database=house.database,
            blobs=house.registry.blobs,
            model="credit",
            endpoint="credit-risk",
            predictions=house.root / "more",
            port=0,
            grpc_port=server.grpc.port,
        )
        with pytest.raises(PortInUse):
            second.run()
