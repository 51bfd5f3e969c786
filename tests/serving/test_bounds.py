"""What a server process does when it is asked for too much: whole processes, real sockets."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sklearn.ensemble import RandomForestClassifier
from tests.serving.conftest import COLUMNS, NOW, trained
from tests.serving.fleet import Asker, fleet

from noria.registry import format as formats
from noria.scoring.learning import learn
from noria.training.model import TabularModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.conftest import House, Wait

ROWS = 10_000


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)


def begin(url: str, path: str, length: int) -> socket.socket:
    """Send the head of a request and none of its body."""
    opened = connect(url)
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
    opened.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
    return opened


def heard(opened: socket.socket) -> tuple[int, dict[str, str]]:
    """Read an answer's status and heads."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = opened.recv(65536)
        if not got:
            return 0, {}
        data += got
    first, *lines = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
    heads = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in heads}


def in_flight(asker: Asker) -> int:
    return sum(map(int, re.findall(r"noria_requests_in_flight{[^}]*} (\d+)", asker.get("/metrics")[1])))


def test_beyond_the_bound_others_are_sent_away_and_health_is_told(house: House, wait: Wait) -> None:
    house.promote(1)
    body = json.dumps({"age": 30, "grade": "A"}).encode()
    with fleet(house.root, 1, max_in_flight=2) as (_, url), Asker(url) as asker:
        slow = [begin(url, "/predict/credit-risk", len(body)) for _ in range(2)]
        wait(lambda: in_flight(asker) == 3)  # the two, and whoever asks about them
        with begin(url, "/predict/credit-risk", len(body)) as third:
            status, heads = heard(third)
        assert (status, heads["retry-after"]) == (503, "1")
        for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready"):
            assert asker.get(path)[0] == 200
        for each in slow:
            each.sendall(body)
            assert heard(each)[0] == 200
            each.close()
        assert asker.predict(30)[0] == 200


def test_rows_bodies_heads_and_slowness_are_bounded(house: House) -> None:
    house.promote(1)
    netloc: Callable[[str], str] = lambda url: urlsplit(url).netloc  # noqa: E731 - shorter than its name
    with fleet(house.root, 1) as (_, url), Asker(url) as asker:
        many = json.dumps([{"age": 30, "grade": "A"}] * (ROWS + 1)).encode()
        with begin(url, "/predict/credit-risk", len(many)) as rows:
            rows.sendall(many)
            assert heard(rows)[0] == 413
        with begin(url, "/predict/credit-risk", 17 << 20) as large:
            assert heard(large)[0] == 413
        with connect(url) as long:
            long.sendall(f"GET /ping HTTP/1.1\r\nHost: {netloc(url)}\r\nX: {'y' * 70_000}".encode())
            assert heard(long)[0] == 431
        with begin(url, "/predict/credit-risk", 100) as slow, connect(url) as dribbling:
            slow.sendall(b"{")
            dribbling.sendall(b"GET /ping HT")
            assert asker.get("/ping")[0] == 200
            assert heard(slow)[0] == 408
            assert heard(dribbling)[0] == 408
        assert asker.predict(30)[0] == 200


def slow_model(house: House) -> None:
    """Register a forest that has no plan, and takes long for many rows."""
    model, table = trained(1)
    X = table.to_pandas()
    head = RandomForestClassifier(1500, max_depth=6, random_state=0).fit(
        model.preparation.transform(X), (X["age"].to_numpy() > 45).astype(int)
    )
    kinds = (("age", "number"), ("grade", "string"))
    forest = TabularModel("classification", "random_forest", kinds, model.preparation, head, ("bad", "good"))  # type: ignore[arg-type]
    house.registry.register(
        "credit", formats.save(forest), run_id="r", dataset="credit@1", data_digest="d", task="classification",
        family="random_forest", created=NOW,
        signature=learn(table, COLUMNS, target="status", positive="bad").to_json(),
    )  # fmt: skip


def test_health_is_told_while_a_model_computes_and_a_stop_waits_for_it(house: House, wait: Wait) -> None:
    slow_model(house)
    house.promote(4)
    body = json.dumps([{"age": 20 + number % 50, "grade": "A"} for number in range(ROWS)]).encode()
    with fleet(house.root, 1) as (child, url), Asker(url) as asker:
        assert '"engine":"sklearn"' in asker.get("/")[1]
        answered: list[int] = []

        def ask() -> None:
            with begin(url, "/predict/credit-risk", len(body)) as opened:
                opened.sendall(body)
                answered.append(heard(opened)[0])

        thread = threading.Thread(target=ask)
        thread.start()
        wait(lambda: in_flight(asker) == 2)  # the one, and whoever asks about it
        for path in ("/ping", "/v2/health/live", "/v2/health/ready"):
            assert asker.get(path)[0] == 200
        assert answered == [], "the model was not slow enough for this test"
        child.send_signal(signal.SIGTERM)
        thread.join()
        _, err = child.communicate(timeout=60)
    assert answered == [200]
    assert (child.returncode, err.strip()) == (0, "ended")
    assert house.log.read("credit").num_rows == ROWS


def test_a_stopping_server_takes_no_new_connection(house: House, wait: Wait) -> None:
    house.promote(1)
    body = json.dumps({"age": 30, "grade": "A"}).encode()
    with fleet(house.root, 2) as (child, url), Asker(url) as asker:
        running = begin(url, "/predict/credit-risk", len(body))
        wait(lambda: in_flight(asker) == 2)
        child.send_signal(signal.SIGTERM)

        def refused() -> bool:
            try:
                with connect(url):
                    return False
            except ConnectionError:
                return True

        wait(refused)
        assert child.poll() is None
        running.sendall(body)
        assert heard(running)[0] == 200
        running.close()
        child.communicate(timeout=60)
    assert child.returncode == 0
    assert house.log.read("credit").num_rows == 1
