"""Messages of a real broker become rows, each once, whatever is killed when."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pulling import Wire, noria

from noria.errors import CorruptedBlob, SourceNotFound, StoreBusy, WorkFailed, WrongArgument
from noria.sources.collector import Collector, spool_of
from noria.sources.kind import Pull
from noria.sources.reference import parse
from noria.sources.source import read, token
from noria.sources.spool import Message, Spool


@pytest.fixture
def publish(broker: str) -> Iterator[Any]:
    """Publish JSON and wait until the broker has it."""
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    host, _, port = broker.partition(":")
    client.connect(host, int(port))
    client.loop_start()

    def send(topic: str, value: object, *, retain: bool = False) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        client.publish(topic, body, qos=1, retain=retain).wait_for_publish(10)

    yield send
    client.disconnect()
    client.loop_stop()


class Running:
    """A collector in a thread."""

    def __init__(self, source: str, store: Path, **more: Any) -> None:
        self.said: list[str] = []
        self.collector = Collector(parse(source), store=store, root=store, say=self.said.append, **more)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.collector.run, args=(self.stop,))

    def __enter__(self) -> Running:
        self.thread.start()
        wait(lambda: any("collecting" in text for text in self.said))
        time.sleep(0.2)  # until the subscription is confirmed
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def wait(condition: Any, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_messages_become_rows(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}/#"
    with pytest.raises(SourceNotFound, match="nothing has been collected"):
        token(source, root=tmp_path, cache=tmp_path / "cache")
    with Running(source, tmp_path, every_seconds=0.1) as running:
        publish(f"{topic}/a", {"v": 1, "when": "2026-05-01T12:00:00Z", "deep": {"x": [1]}})
        publish(f"{topic}/b", [{"v": 2.5}, {"v": None, "unit": "°C"}])
        publish(f"{topic}/b", 7)
        publish(f"{topic}/c", b"\xff\x00not json")
        wait(lambda: running.collector.spool.last == 4)
        first = token(source, root=tmp_path, cache=tmp_path / "cache")
        notes: list[str] = []
        table = read(source, root=tmp_path, store=tmp_path, note=notes.append)
        publish(f"{topic}/a", {"v": 3})
        wait(lambda: running.collector.spool.last == 5)
    assert token(source, root=tmp_path, cache=tmp_path / "cache") != first
    assert table["v"].to_pylist() == [1.0, 2.5, None, None]
    assert table["value"].to_pylist() == [None, None, None, 7]
    assert table["mqtt_topic"].to_pylist() == [f"{topic}/a", f"{topic}/b", f"{topic}/b", f"{topic}/b"]
    assert str(table.schema.field("mqtt_received").type) == str(table.schema.field("when").type) == "timestamp[us]"
    assert table["deep"][0].as_py() == '{"x": [1]}'
    assert "that are no JSON, and left out: 1: 4 of" in notes[0]


def test_what_came_while_nobody_collected_is_kept_by_the_broker(
    broker: str, topic: str, publish: Any, tmp_path: Path
) -> None:
    source = f"mqtt://{broker}/{topic}"
    with Running(source, tmp_path):
        publish(topic, {"n": 0})
    for number in range(1, 200):
        publish(topic, {"n": number})
    with Running(source, tmp_path) as running:
        wait(lambda: running.collector.received == 199)
    assert read(source, root=tmp_path, store=tmp_path)["n"].to_pylist() == list(range(200))
    assert not any("forgotten" in text for text in running.said)


def test_messages_that_are_alike_are_all_kept(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}"
    with Running(source, tmp_path, every_seconds=0.05) as running:
        for _ in range(30):
            publish(topic, {"v": 1})
        wait(lambda: running.collector.spool.last == 30)
    with Running(source, tmp_path) as again:
        publish(topic, {"v": 1})
        wait(lambda: again.collector.received == 1)
    assert read(source, root=tmp_path, store=tmp_path).num_rows == 31


def test_a_retained_message_comes_once(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}"
    publish(topic, {"v": 1}, retain=True)
    for _ in range(3):
        with Running(source, tmp_path, every_seconds=0.05):
            time.sleep(0.3)
    publish(topic, b"", retain=True)
    assert read(source, root=tmp_path, store=tmp_path).num_rows == 1


# Killed at once, the collector cannot clean up; where it is killed between the segment and the acknowledgement, the
# broker delivers what the spool holds already.
_KILLED_BEFORE_THE_ANSWER = """
import os, signal, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from noria.sources.collector import Collector, spool_of
from noria.sources.reference import parse
store = Path(sys.argv[2])
collector = Collector(parse(sys.argv[1]), store=store, root=store, every_seconds=0.05)
keep = collector.spool.append
def append(messages):
    keep(messages)
    if messages:
        os.kill(os.getpid(), signal.SIGKILL)
collector.spool.append = append
collector.run(threading.Event())
"""


def test_killed_between_the_segment_and_the_answer(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}"
    with Running(source, tmp_path):
        pass
    for number in range(40):
        publish(topic, {"n": number // 2})
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", _KILLED_BEFORE_THE_ANSWER, source, str(tmp_path)], timeout=60)
        assert done.returncode == -signal.SIGKILL
        publish(topic, {"n": 100})
    with Running(source, tmp_path) as running:
        wait(lambda: running.collector.repeated + running.collector.received >= 1)
        time.sleep(0.5)
    assert running.collector.repeated > 0
    found = Counter(read(source, root=tmp_path, store=tmp_path)["n"].to_pylist())
    assert found == Counter({**dict.fromkeys(range(20), 2), 100: 3})


def test_connections_that_break(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    """What waits to be written when the connection goes is delivered again over the next one, and kept once."""
    with Wire(int(broker.rpartition(":")[2])) as wire:
        source = f"mqtt://127.0.0.1:{wire.port}/{topic}"
        with Running(source, tmp_path, batch=50, every_seconds=0.3) as running:
            for number in range(400):
                publish(topic, {"n": number // 2})
                if number % 80 == 40:
                    wire.drop()
            wait(lambda: running.collector.spool.last >= 400, 40)
            time.sleep(0.5)
    found = Counter(read(source, root=tmp_path, store=tmp_path)["n"].to_pylist())
    assert found == Counter(dict.fromkeys(range(200), 2))
    assert any("was lost" in text for text in running.said)
    assert running.collector.repeated > 0


PROJECT = """
[project]
name = "plant"
[data]
source = "{source}"
target = "hot"
[model]
candidates = ["logistic"]
"""


@pytest.mark.slow
def test_each_message_is_a_row_once_though_the_collector_is_killed_again_and_again(
    broker: str, topic: str, publish: Any, tmp_path: Path
) -> None:
    source = f"mqtt://{broker}/{topic}/#"
    (tmp_path / "noria.toml").write_text(PROJECT.format(source=source))
    command = [sys.executable, "-m", "noria", "collect", "--every", "20ms", "--batch", "50"]
    assert noria(tmp_path, "collect", "--until-idle", "500ms").returncode == 0  # the subscription stands
    total, sent = 1500, threading.Event()

    def send() -> None:
        for number in range(total):
            publish(f"{topic}/{number % 7}", {"n": number, "hot": number % 3})
            time.sleep(0.002)
        sent.set()

    publisher = threading.Thread(target=send)
    publisher.start()
    draw, kills = random.Random(7), 0
    while not sent.is_set() or kills < 6:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.6, 1.6))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    publisher.join()
    done = noria(tmp_path, "collect", "--until-idle", "2s")
    assert done.returncode == 0, done.stderr
    found = read(source, root=tmp_path, store=tmp_path / ".noria")["n"].to_pylist()
    assert len(found) == total
    assert sorted(found) == list(range(total))


def test_two_at_once_are_told(broker: str, topic: str, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}"
    with Running(source, tmp_path), pytest.raises(StoreBusy, match="being collected already"):
        Collector(parse(source), store=tmp_path, root=tmp_path).run(threading.Event())


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt")
    with pytest.raises(WorkFailed, match="does not answer"):
        Collector(parse("mqtt://127.0.0.1:1/x"), store=tmp_path, root=tmp_path).run(threading.Event())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("mqtt://host", "names no topic"),
        ("mqtt://host/", "names no topic"),
        ("mqtt://host/a#", "stands alone"),
        ("mqtt://host/#/a", "stands alone"),
        ("mqtt://host/a+/b", "stands alone"),
        ("mqtt://host:x/a", "is no port"),
        ("mqtt://me:secret@host/a", "password"),
        ("mqtts://host/a/##user=me&password=secret", "password"),
        ("mqtt://host/a/##user=me&password=env:PW", "not encrypted"),
        ("mqtt://host/a/##usr=me", "unknown hint 'usr'"),
    ],
)
def test_what_cannot_be_a_source(source: str, says: str) -> None:
    with pytest.raises(WrongArgument, match=says) as caught:
        parse(source)
    assert "secret" not in caught.value.render()


def test_wildcards_and_hints_are_told_apart() -> None:
    found = parse("mqtts://host/a/+/##user=me&password=env:PW")
    assert found.location == "mqtts://host/a/+/#"
    assert found.hints == {"user": "me", "password": "env:PW"}
    assert parse("mqtt://host/a/#").location == "mqtt://host/a/#"
    assert Pull(Path()).store is None


@pytest.mark.slow
def test_up_collects(broker: str, topic: str, publish: Any, tmp_path: Path) -> None:
    source = f"mqtt://{broker}/{topic}"
    (tmp_path / "noria.toml").write_text(PROJECT.format(source=source))
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "noria", "up", "--port", "0", "--scorer-port", "0", "--every", "5s"],
            cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait(lambda: "collecting" in (tmp_path / "up.log").read_text() or process.poll() is not None, 90)
        time.sleep(0.3)
        publish(topic, {"n": 1, "hot": 0})
        spool = spool_of(tmp_path / ".noria", parse(source))
        wait(lambda: spool.last == 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    assert "messages collected: 1" in (tmp_path / "up.log").read_text()


def test_small_segments_become_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for number in range(1, 131):
        spool.append([Message(number, number, "t", now, b"%d" % number)])
        spool.tidy()
    assert len(spool.segments()) < 64
    assert [int(message.body) for message in spool.messages()] == list(range(1, 131))
    assert [message.number for message in spool.tail(3)] == [128, 129, 130]
    # A crash between the wide segment and the end of those it was made of.
    spool.append([Message(129, 129, "t", now, b"129"), Message(130, 130, "t", now, b"130")])
    assert [int(message.body) for message in spool.messages()] == list(range(1, 131))
    damaged = spool.segments()[-1].path
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(CorruptedBlob, match="is damaged"):
        list(spool.messages())
