"""Files through the proxy: what was sent comes back, or nothing does; no name leads anywhere else."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import NoriaError
from noria.server.mlflow.places import checked_path, place_of
from noria.store.blobs import Digest, digest_bytes

if TYPE_CHECKING:
    from protocol_client import Client

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def put(client: Client, run: str, name: str, data: bytes) -> httpx.Response:
    return client.ask("PUT", f"{PROXY}/0/{run}/artifacts/{quote(name)}", content=data)


def fetch(client: Client, run: str, name: str, **headers: str) -> httpx.Response:
    return client.ask("GET", f"{PROXY}/0/{run}/artifacts/{quote(name)}", headers=headers)


def raw(client: Client, method: str, path: bytes) -> int:
    """Ask for a path as it stands; client libraries tidy paths up."""
    found: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    from urllib.parse import unquote

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8765"), (b"content-length", b"1")],
    }
    asyncio.run(client.app(scope, receive, send))
    return found[0]


def objects(client: Client) -> list[str]:
    root = client.site.workspace.blobs.root
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_file_goes_and_comes(client: Client) -> None:
    run = client.run()
    for name, data in (("a.txt", b"one"), ("plots/roc curve é.png", b"\x89PNG"), ("empty", b""), ("a%20b", b"100%")):
        assert put(client, run, name, data).json() == {}
        got = fetch(client, run, name)
        assert (got.status_code, got.content) == (200, data)
        assert got.headers["etag"] == f'"{digest_bytes(data)}"'
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-disposition"].startswith("attachment")
        assert got.headers["content-security-policy"].startswith("sandbox")
    assert fetch(client, run, "plots/roc curve é.png").headers["content-disposition"] == (
        "attachment; filename*=UTF-8''roc%20curve%20%C3%A9.png"
    )
    # Under the other prefix, too, and a second time over the first.
    assert (
        client.ask("PUT", f"/ajax-api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a.txt", content=b"two").json()
        == {}
    )
    assert fetch(client, run, "a.txt").content == b"two"
    head = client.ask("HEAD", f"{PROXY}/0/{run}/artifacts/a.txt")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "3")


def test_folders_are_listed_one_level_at_a_time(client: Client) -> None:
    run = client.run()
    for name in ("a.txt", "model/MLmodel", "model/data/w.bin", "model/data/x.bin"):
        put(client, run, name, name.encode())
    root = f"mlflow-artifacts:/0/{run}/artifacts"
    assert client.read("artifacts/list", run_id=run) == {
        "root_uri": root,
        "files": [{"path": "a.txt", "is_dir": False, "file_size": 5}, {"path": "model", "is_dir": True}],
    }
    assert client.read("artifacts/list", run_id=run, path="model") == {
        "root_uri": root,
        "files": [
            {"path": "model/MLmodel", "is_dir": False, "file_size": 13},
            {"path": "model/data", "is_dir": True},
        ],
    }
    for nothing in ("a.txt", "none"):
        assert client.read("artifacts/list", run_id=run, path=nothing) == {"root_uri": root}

    def proxied(path: str) -> list[str]:
        response = client.ask("GET", PROXY, params={"path": path})
        assert response.status_code == 200
        return [one["path"] for one in response.json().get("files", [])]

    assert proxied(f"0/{run}/artifacts") == ["a.txt", "model"]
    assert proxied(f"0/{run}/artifacts/model/data") == ["w.bin", "x.bin"]
    assert [proxied(path) for path in ("", "0", f"0/{run}", "0/none/artifacts", f"0/{run}/artifacts/a.txt")] == [[]] * 5
    assert fetch(client, run, "model").status_code == 400
    assert fetch(client, run, "nothing").json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_files_and_folders_are_removed(client: Client) -> None:
    run = client.run()
    for name in ("a.txt", "model/MLmodel", "model/data/w.bin", "model2/x"):
        put(client, run, name, b"x")
    for name in ("model", "none", "a.txt"):
        assert client.ask("DELETE", f"{PROXY}/0/{run}/artifacts/{name}").json() == {}
    assert [one["path"] for one in client.read("artifacts/list", run_id=run)["files"]] == ["model2"]
    assert client.ask("DELETE", f"{PROXY}/0/{run}/artifacts").json() == {}
    assert "files" not in client.read("artifacts/list", run_id=run)


def test_files_belong_to_a_run_that_is_there(client: Client) -> None:
    run = client.run()
    for path, status in (
        (f"0/{'0' * 32}/artifacts/x", 404),
        (f"7/{run}/artifacts/x", 404),
        (f"0/models/m-{'0' * 32}/artifacts/x", 404),
        (f"0/{run}/x", 400),
        (f"0/{run}/artifacts", 400),
        ("x", 400),
        ("", 400),
    ):
        assert client.ask("PUT", f"{PROXY}/{path}", content=b"x").status_code == status, path
    put(client, run, "a", b"x")
    assert put(client, run, "a/b", b"x").status_code == 400
    put(client, run, "c/d", b"x")
    assert put(client, run, "c", b"x").status_code == 400
    client.done("runs/delete", run_id=run)
    assert put(client, run, "late", b"x").status_code == 400
    assert fetch(client, run, "a").content == b"x"


CLIMBS = (
    "../x", "a/../../x", "a/..", "..", ".", "./x", "a/./x", "a//x", "/etc/passwd", "//x", "C:/x", "c:x", "a\\..\\x",
    "\\\\host\\x", "a#b", "a\x00b", "a\nb", "%2e%2e/x", "a/%2e%2e/x", "a%2fx/../../y", "..%2fx", "%5c..%5cx", "a%00",
)  # fmt: skip


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_no_name_climbs_in_any_encoding(client: Client, times: int) -> None:
    run = client.run()
    before = f"{PROXY}/0/{run}/artifacts/".encode()
    for name in CLIMBS:
        encoded = name.encode()
        for _ in range(times):
            encoded = quote(encoded, safe="/" if times == 1 else "").replace(".", "%2e").encode()
        for method in ("PUT", "GET", "DELETE"):
            assert raw(client, method, before + encoded) == 400, (method, name)
        assert client.get("artifacts/list", run_id=run, path=name).status_code == 400, name
        assert client.ask("GET", PROXY, params={"path": f"0/{run}/artifacts/{name}"}).status_code == 400, name
    assert objects(client) == []


def test_a_name_that_is_no_text(client: Client) -> None:
    run = client.run()
    assert raw(client, "PUT", f"{PROXY}/0/{run}/artifacts/%ff%fe".encode()) == 400
    assert put(client, run, "n" * 1501, b"x").status_code == 400
    assert put(client, run, "é" * 700, b"x").status_code == 200


@given(st.text("ab/.%25e\\#:é\x00 ", max_size=12))
@settings(max_examples=500, deadline=None)
def test_what_is_accepted_is_a_plain_relative_name(name: str) -> None:
    from urllib.parse import unquote

    try:
        kept = checked_path(name)
    except NoriaError:
        return
    for _ in range(20):
        parts = kept.split("/") if kept else []
        assert not {"", ".", ".."} & set(parts)
        assert not set(kept) & set("\\#\x00")
        kept = unquote(kept)
    found = place_of(f"0/5f/artifacts/{name}" if name else "0/5f/artifacts")
    assert found is not None
    assert found.path == name.removesuffix("/")


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_parts_of_a_file(client: Client, size: int) -> None:
    run = client.run()
    data = os.urandom(size)
    put(client, run, "x.bin", data)
    for asked, first, last in (
        ("bytes=0-4", 0, 5),
        (f"bytes={size - 3}-", size - 3, size),
        ("bytes=-4", size - 4, size),
        (f"bytes=2-{size * 9}", 2, size),
    ):
        got = fetch(client, run, "x.bin", range=asked)
        assert (got.status_code, got.content) == (206, data[first:last])
        assert got.headers["content-range"] == f"bytes {first}-{last - 1}/{size}"
    assert fetch(client, run, "x.bin", range=f"bytes={size}-").status_code == 416
    assert fetch(client, run, "x.bin", range="bytes=-0").status_code == 416
    for heedless in ("bytes=5-2", "bytes=0-1,3-4", "rows=1-2", "bytes=-"):
        assert fetch(client, run, "x.bin", range=heedless).content == data
    etag = fetch(client, run, "x.bin").headers["etag"]
    assert fetch(client, run, "x.bin", **{"if-none-match": etag}).status_code == 304
    assert fetch(client, run, "x.bin", range="bytes=0-4", **{"if-range": '"other"'}).content == data
    assert fetch(client, run, "x.bin", range="bytes=0-4", **{"if-range": etag}).content == data[:5]


def damaged(client: Client, data: bytes) -> None:
    path = client.site.workspace.blobs.path(Digest(digest_bytes(data)))
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(len(data) // 2)
        file.write(bytes([data[len(data) // 2] ^ 1]))


@pytest.mark.parametrize("size", [1000, 5 << 20])
def test_a_damaged_file_never_arrives_whole(
    client: Client, port: int, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    run = client.run()
    data = os.urandom(size)
    put(client, run, "x.bin", data)
    damaged(client, data)
    url = f"http://127.0.0.1:{port}{PROXY}/0/{run}/artifacts/x.bin"
    part = httpx.get(url, headers={"range": "bytes=0-3"})
    assert (part.status_code, part.json()["error_code"]) == (500, "DATA_LOSS")
    got = b""
    if size < 1 << 20:
        whole = httpx.get(url)
        assert (whole.status_code, whole.json()["error_code"]) == (500, "DATA_LOSS")
    else:
        with httpx.stream("GET", url) as response, pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - as it comes
            for piece in response.iter_raw():
                got += piece
        assert len(got) < size
    assert "N-STORE-006" in caplog.text
    client.site.workspace.blobs._name(Digest(digest_bytes(data))).unlink()
    gone = httpx.get(url)
    assert (gone.status_code, gone.json()["error_code"]) == (500, "DATA_LOSS")


def test_an_upload_that_breaks_off_leaves_nothing(client: Client, port: int) -> None:
    run = client.run()
    head = f"PUT {PROXY}/0/{run}/artifacts/x.bin HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    for framing in ("Content-Length: 9000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2dc6c0\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall((head + framing).encode() + b"x" * 3_000_000)
            wait_for(lambda: [name for name in objects(client) if name.startswith(".tmp-")])
        wait_for(lambda: not objects(client))
    assert "files" not in client.read("artifacts/list", run_id=run)


def wait_for(happened: Any) -> None:
    for _ in range(500):
        if happened():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def test_many_uploads_at_once(client: Client, port: int) -> None:
    run = client.run()
    data = [os.urandom(1 << (10 + n)) * 3 for n in range(12)]

    def send(number: int) -> None:
        url = f"http://127.0.0.1:{port}{PROXY}/0/{run}/artifacts"
        assert httpx.put(f"{url}/own/{number}", content=data[number], timeout=60).status_code == 200
        assert httpx.put(f"{url}/same", content=data[number], timeout=60).status_code == 200

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(12):
        assert fetch(client, run, f"own/{number}").content == data[number]
    assert fetch(client, run, "same").content in data
    assert len(objects(client)) == 12


def test_memory_stays_flat_whatever_the_size(client: Client, port: int, tmp_path: Path) -> None:
    if "postgresql" in client.site.workspace.database_url:
        pytest.skip("the database sees no bytes")
    run = client.run()
    url = f"http://127.0.0.1:{port}{PROXY}/0/{run}/artifacts/x.bin"
    block = os.urandom(1 << 20)

    def grown() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    httpx.put(url, content=(block for _ in range(20)), timeout=60)
    before = grown()
    assert httpx.put(url, content=(block for _ in range(200)), timeout=60).status_code == 200
    size = 0
    with httpx.stream("GET", url, timeout=60) as response:
        for piece in response.iter_raw():
            size += len(piece)
    assert size == 200 << 20
    assert grown() - before < 60 << 20
