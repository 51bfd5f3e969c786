"""A running endpoint asked in bulk, also where it fails in between."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from noria.errors import NotFound, WorkFailed, WrongArgument
from noria.scoring.bulk import Bulk
from noria.scoring.output import Parts
from noria.scoring.scorer import Scorer
from noria.serving.client import Client, unclipped

if TYPE_CHECKING:
    from tests.serving.conftest import House

    from noria.scoring.signature import Checked


def some(rows: int) -> pa.Table:
    rng = np.random.default_rng(4)
    grades = pa.array(rng.choice(["A", "B"], rows), mask=rng.random(rows) < 0.1)
    return pa.table({"id": pa.array(range(2**60, 2**60 + rows)), "age": rng.integers(10, 80, rows), "grade": grades})


def asking(client: Client, rows: int, parts: Parts | None = None) -> Bulk:
    asked = client.about()

    def ask(checked: Checked, along: pa.Table, first: int) -> pa.Table:
        ids = [f"work-{first}-{number}" for number in range(-(-checked.rows // rows))]
        return client.answer(asked, checked, along, ids=ids, rows=rows)

    return Bulk(unclipped(asked.signature), ask if parts is None else parts.keeping(ask))


def test_answers_are_those_of_the_version_and_each_is_logged_once(house: House) -> None:
    house.promote(1)
    table = some(500)
    with house.serving() as (server, _):
        client = Client(server.url, connections=3)
        (made,) = asking(client, 40).scored([table])
        client.close()
    expected = Scorer.load(house.registry, house.versions[0]).score_table(table)
    for name in ("prediction", "flags"):
        assert made[name].to_pylist() == expected[name].to_pylist(), name
    for name in ("score", "p.bad", "p.good"):
        np.testing.assert_allclose(made[name], expected[name], rtol=1e-12)
    assert set(made["version"].to_pylist()) == {1}
    logged = house.log.read("credit", columns=["prediction_id", "k.id"]).to_pydict()
    assert dict(zip(logged["prediction_id"], logged["k.id"], strict=True)) == dict(
        zip(made["id"].to_pylist(), table["id"].to_pylist(), strict=True)
    )
    assert len(logged["k.id"]) == 500


def test_a_work_begun_again_asks_only_for_what_has_no_answer(house: House, tmp_path: Path) -> None:
    house.promote(1)
    table = some(300)
    cut = [table.slice(first, 100) for first in (0, 100, 200)]
    with house.serving() as (server, _):
        client = Client(server.url)
        broken = Parts(tmp_path / "parts")
        for _ in zip(range(2), asking(client, 50, broken).scored(iter(cut))):  # noqa: B905 - broken off after two
            pass
        again = Parts(tmp_path / "parts")
        made = pa.concat_tables(list(asking(client, 50, again).scored(cut)))
        client.close()
    assert again.found >= 200
    assert made.num_rows == 300
    ids = house.log.read("credit", columns=["prediction_id"])["prediction_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 300
    again.remove()
    assert not (tmp_path / "parts").exists()


@contextmanager
def replying(*replies: tuple[int, dict[str, str], object] | None) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these replies in turn; None closes the connection without one."""
    waiting, asked = list(replies), []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            reply = waiting.pop(0)
            if reply is None:
                self.close_connection = True
                self.connection.close()
                return
            status, headers, value = reply
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ABOUT = {
    "endpoint": "e", "model": "m", "version": 3,
    "signature": {"version": 1, "task": "classification", "columns": [], "carried": []},
}  # fmt: skip


def test_what_passes_is_waited_for_as_long_as_the_server_says() -> None:
    waits: list[float] = []
    with replying((503, {"Retry-After": "7"}, {"error": "busy"}), None, (200, {}, ABOUT)) as (url, asked):
        client = Client(url, connections=1, wait=waits.append)
        assert client.about().version == 3
        client.close()
    assert waits[0] == 7.0
    assert len(asked) == 3
    assert len(waits) == 2


def test_what_does_not_pass_is_told_at_once() -> None:
    with replying((400, {}, {"error": "row 0 does not fit"})) as (url, asked):
        client = Client(url, wait=pytest.fail)
        with pytest.raises(WorkFailed, match="refuses with 400") as error:
            client.about()
        client.close()
    assert error.value.why == "row 0 does not fit"
    assert len(asked) == 1


def test_nobody_there() -> None:
    waits: list[float] = []
    client = Client("http://127.0.0.1:9", wait=waits.append)
    with pytest.raises(WorkFailed, match="no answer in 8 tries"):
        client.about()
    client.close()
    assert waits == sorted(waits)
    with pytest.raises(WrongArgument, match="no address"):
        Client("credit-risk")


def test_no_version_yet() -> None:
    with replying((200, {}, {"endpoint": "e", "version": None})) as (url, _):
        client = Client(url)
        with pytest.raises(NotFound, match="no version that answers"):
            client.about()
        client.close()
