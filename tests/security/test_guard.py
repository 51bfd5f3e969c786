"""The door, tried over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from noria.security import patience
from noria.security.bind import allowed_hosts, listen
from noria.security.guard import Guard, Receive, Scope, Send

MAX_BODY = 1000
RELEASED = threading.Event()
GUARDS: list[Guard] = []


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body; at /slow only when released."""
    size = 0
    if scope["method"] == "POST":
        more = True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
    while scope["path"] == "/slow" and not RELEASED.is_set():
        await asyncio.sleep(0.01)
    body = json.dumps(size).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    original, patience.HEADER_SECONDS = patience.HEADER_SECONDS, 1.0
    bound = listen("127.0.0.1", 0)
    guard = Guard(
        echo, hosts=allowed_hosts(bound), max_body=MAX_BODY, body_seconds=1.0, in_flight=2, always=frozenset({"/ping"})
    )
    GUARDS.append(guard)
    config = uvicorn.Config(
        guard, http=patience.PatientProtocol, ws="none", loop="uvloop", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join()
    bound.close()
    patience.HEADER_SECONDS = original


def ask(port: int, request: str, *, body: bytes = b"") -> tuple[int, str]:
    """Send bytes as they are; give the status and the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.replace("\n", "\r\n").replace("PORT", str(port)).encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR) if "close" in request else None
        return answer(connection)


def answer(connection: socket.socket) -> tuple[int, str]:
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        if not got:
            return (0, "")
        data += got
    head, _, rest = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head.split()[1]), rest.decode()


def test_our_own_requests_pass(port: int) -> None:
    assert ask(port, "GET / HTTP/1.1\nHost: 127.0.0.1:PORT\n\n") == (200, "0")
    assert ask(port, "GET / HTTP/1.1\nHost: LOCALHOST:PORT\n\n")[0] == 200
    assert ask(port, "POST / HTTP/1.1\nHost: localhost:PORT\nContent-Length: 3\n\n", body=b"abc") == (200, "3")
    own = "Origin: http://localhost:PORT\nSec-Fetch-Site: same-origin\nContent-Length: 0"
    assert ask(port, f"POST / HTTP/1.1\nHost: localhost:PORT\n{own}\n\n") == (200, "0")
    chunked = "POST / HTTP/1.1\nHost: localhost:PORT\nTransfer-Encoding: chunked\n\n"
    assert ask(port, chunked, body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") == (200, "5")


@pytest.mark.parametrize(
    "host",
    ["Host: evil.example", "Host: 127.0.0.1", "Host: 127.0.0.1:1", "Host: 127.0.0.1:PORT.evil.example",
     "Host: evil.example:PORT", "Host: localhost:PORT@evil", "Host: "],
)  # fmt: skip
def test_another_host_is_misdirected(port: int, host: str) -> None:
    status, body = ask(port, f"GET / HTTP/1.1\n{host}\n\n")
    assert status == 421
    assert "error" in json.loads(body)


def test_no_host_and_two_hosts(port: int) -> None:
    assert ask(port, "GET / HTTP/1.1\n\n")[0] == 400
    assert ask(port, "GET / HTTP/1.1\nHost: localhost:PORT\nHost: localhost:PORT\n\n")[0] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "header",
    ["Origin: http://evil.example", "Origin: null", "Origin: http://localhost:1", "Origin: https://localhost:PORT",
     "Origin: http://localhost:PORT.evil", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"],
)  # fmt: skip
def test_other_origins_change_nothing(port: int, method: str, header: str) -> None:
    request = f"{method} / HTTP/1.1\nHost: localhost:PORT\n{header}\nContent-Length: 0\n\n"
    assert ask(port, request)[0] == 403


def test_preflights_get_no_permission(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = f"OPTIONS / HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://evil.example\r\n"
        connection.sendall(head.encode() + b"Access-Control-Request-Method: POST\r\n\r\n")
        assert b"access-control" not in connection.recv(65536).lower()


def test_bodies_are_bounded_however_they_are_sent(port: int) -> None:
    long = f"POST / HTTP/1.1\nHost: localhost:PORT\nContent-Length: {MAX_BODY + 1}\n\n"
    assert ask(port, long)[0] == 413
    at_the_limit = f"POST / HTTP/1.1\nHost: localhost:PORT\nContent-Length: {MAX_BODY}\n\n"
    assert ask(port, at_the_limit, body=b"x" * MAX_BODY) == (200, str(MAX_BODY))
    chunked = "POST / HTTP/1.1\nHost: localhost:PORT\nTransfer-Encoding: chunked\n\n"
    assert ask(port, chunked, body=b"300\r\n" + b"x" * 0x300 + b"\r\n300\r\n" + b"x" * 0x300 + b"\r\n")[0] == 413
    for wrong in ("-1", "1, 1", "9" * 30, "x"):
        assert ask(port, f"POST / HTTP/1.1\nHost: localhost:PORT\nContent-Length: {wrong}\n\n")[0] in (400, 413)


def test_a_slow_body_is_given_up(port: int) -> None:
    assert ask(port, "POST / HTTP/1.1\nHost: localhost:PORT\nContent-Length: 10\n\n", body=b"abc")[0] == 408


def test_a_slow_head_is_cut_off_and_others_do_not_wait(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert ask(port, "GET / HTTP/1.1\nHost: localhost:PORT\n\n")[0] == 200
        assert answer(slow) == (408, '{"error":"request timeout"}')
    with socket.create_connection(("127.0.0.1", port), timeout=10) as second:
        second.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        assert answer(second)[0] == 200
        second.sendall(b"GET / HTTP/1.1\r\n")
        assert answer(second)[0] == 408
        assert second.recv(1) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
        assert silent.recv(1) == b""


def test_an_endless_head_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000)
        assert answer(connection)[0] == 431
        assert connection.recv(1) == b""


def test_too_many_at_once_are_told_to_come_back(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(2)]
    for connection in slow:
        connection.sendall(f"GET /slow HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
    until = time.monotonic() + 10
    while GUARDS[-1].active < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert ask(port, "GET / HTTP/1.1\nHost: localhost:PORT\n\n")[0] == 503
    assert ask(port, "GET /ping HTTP/1.1\nHost: localhost:PORT\n\n")[0] == 200
    RELEASED.set()
    for connection in slow:
        assert answer(connection)[0] == 200
        connection.close()
    assert ask(port, "GET / HTTP/1.1\nHost: localhost:PORT\n\n")[0] == 200
