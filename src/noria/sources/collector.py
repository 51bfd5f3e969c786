"""Takes messages from an MQTT broker into a spool, each once, whatever is killed when.

The session at the broker is lasting, and a message is acknowledged only when the segment that holds it is durable. So
a crash before that has the broker deliver it again, marked as a repetition and under the same packet number. A crash
between the segment and the acknowledgement does so too: a repetition of what the newest part of the spool already
holds – same packet number, topic and content – is acknowledged and not kept again. Two messages that are alike but
were published apart have packet numbers of their own, or come without the mark.
"""

from __future__ import annotations

import json
import secrets
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.errors import MissingExtra, NoriaError, WorkFailed, WrongSetting
from noria.sources.credential import hidden, looked_up
from noria.sources.spool import Message, Spool
from noria.store.blobs import digest_bytes, digest_json
from noria.store.files import lock_file, write_atomic

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from noria.sources.kind import Reference

__all__ = ["Collector", "client_of", "spool_of"]

_UNANSWERED = 1000
"""Most messages the broker may send without an answer; a repetition is one of the last so many."""

_SESSION_SECONDS = 30 * 24 * 3600
_KEEPALIVE_SECONDS = 30
_LONGEST_PAUSE = 30.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}


def spool_of(store: Path, reference: Reference) -> Spool:
    """Give the spool of a source."""
    scheme, _, place = reference.location.partition("://")
    return Spool(store / "spool" / digest_json([scheme, place])[:16])


def client_of(spool: Spool, source: str) -> str:
    """Give the name this project has at the broker: drawn once, and kept beside the messages."""
    path = spool.folder / "client.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["client"])
    except (OSError, ValueError, KeyError):
        name = f"noria-{secrets.token_hex(8)}"
        write_atomic(path, json.dumps({"client": name, "source": hidden(source)}), mode=0o600)
        return name


@dataclass
class _Held:
    """What is known of the last message that came under a packet number."""

    topic: str
    content: str
    kept: bool
    connection: int


class _Socket(ssl.SSLSocket):
    """Closes where it is not trusted; paho leaves it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Collector:
    """A subscription that writes what comes into a spool.

    Parameters
    ----------
    reference : Reference
        ``mqtt://host:port/topic/#``.
    store : Path
        The project's folder ``.noria``.
    root : Path
        Folder that a file of secrets is looked for from.
    batch : int
        Messages that are made durable together.
    every_seconds : float
        The longest a message waits for that.
    say : callable
        Takes a sentence for a person.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        store: Path,
        root: Path,
        batch: int = 500,
        every_seconds: float = 1.0,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.spool = spool_of(store, reference)
        self.received = 0
        self.repeated = 0
        self._reference = reference
        self._root = root
        self._batch = min(batch, _UNANSWERED)
        self._every = every_seconds
        self._say = say
        self._waiting: list[Message] = []
        self._since = 0.0
        self._seen: dict[int, _Held] = {}
        self._connection = 0
        self._refused: NoriaError | None = None
        self._next = 1

    def run(self, stop: threading.Event, *, idle_seconds: float | None = None) -> None:
        """Collect until told to stop.

        Parameters
        ----------
        stop : Event
            Set to end; what has come is made durable first.
        idle_seconds : float, optional
            End by itself when for so long nothing came.

        Raises
        ------
        StoreBusy
            Another process collects from this source into this project.
        WorkFailed
            The broker refuses, or is not there when it is first asked.
        StoreUnavailable
            The disk is full, or fails. The broker keeps what was not written.
        """
        with lock_file(self.spool.folder / "lock", busy=f"{hidden(self._reference.text)} is being collected already"):
            name = client_of(self.spool, self._reference.text)
            newest = self.spool.tail(_UNANSWERED)
            self._next = newest[-1].number + 1 if newest else 1
            for message in newest:
                if message.packet:
                    self._seen[message.packet] = _Held(message.topic, digest_bytes(message.body), True, 0)
            client = self._client(name, fresh=not newest)
            try:
                self._turn(client, stop, idle_seconds)
            finally:
                self._flush(client)
                client.disconnect()

    def _turn(self, client: Any, stop: threading.Event, idle_seconds: float | None) -> None:  # noqa: ANN401 - paho's
        failures, heard, count = 0, time.monotonic(), 0
        connected = False
        while not stop.is_set():
            if not connected:
                try:
                    self._connect(client)
                except OSError as error:
                    failures += 1
                    self._away(error, failures)
                    stop.wait(min(_LONGEST_PAUSE, 0.5 * 2 ** min(failures, 10)) * (0.5 + secrets.randbelow(100) / 100))
                    continue
                connected = True
            wrong = client.loop(timeout=min(0.2, self._every))
            if self._refused is not None:
                raise self._refused
            if wrong:
                connected = False
                self._say(f"the connection to {self._host()} was lost; it is made again")
                continue
            if self.received + self.repeated > count:
                count, heard, failures = self.received + self.repeated, time.monotonic(), 0
            if self._waiting and (len(self._waiting) >= self._batch or time.monotonic() - self._since >= self._every):
                self._flush(client)
                self.spool.tidy()
            if idle_seconds is not None and time.monotonic() - heard > idle_seconds:
                return

    def _away(self, error: OSError, failures: int) -> None:
        if isinstance(error, ssl.SSLError):
            distrusted = self._distrusted(error)
            if self._connection == 0:
                raise distrusted from error
            self._say(f"{distrusted.what}: {distrusted.why}; tried again")
            return
        text = f"{self._host()} does not answer: {error}"
        if failures == 1 and self._connection == 0:
            raise WorkFailed(text, mend="start the broker, or correct [data] source", code="N-SOURCE-091") from error
        self._say(f"{text}; tried again")

    def _distrusted(self, error: ssl.SSLError) -> WorkFailed:
        if isinstance(error, ssl.SSLCertVerificationError):
            return WorkFailed(
                f"the certificate of {self._host()} is not trusted, and nothing was sent",
                why=error.verify_message,
                mend="have the certificate renewed, or write the name it is for"
                if "expired" in error.verify_message or "match" in error.verify_message
                else "name the authority that signed it: #ca=certs/ca.pem",
                code="N-SOURCE-097",
            )
        return WorkFailed(
            f"{self._host()} does not speak TLS as it should",
            why=str(error.reason or error),
            mend="name the port of mqtts:, mostly 8883; or write mqtt: where it is not encrypted",
            code="N-SOURCE-098",
        )

    def _trust(self) -> ssl.SSLContext:
        """Say whose certificates are taken: the system's authorities, or the one that is named."""
        name = self._reference.hints.get("ca")
        try:
            context = ssl.create_default_context(cafile=None if name is None else self._root / Path(name).expanduser())
        except OSError as error:  # of ssl as well
            raise WrongSetting(
                f"source {hidden(self._reference.text)} names a certificate that cannot be read: {name}",
                why=str(getattr(error, "strerror", None) or "it holds no certificate in PEM"),
                mend="name the file of the authority, as in #ca=certs/ca.pem",
                code="N-SOURCE-099",
            ) from error
        context.sslsocket_class = _Socket
        return context

    def _client(self, name: str, *, fresh: bool) -> Any:  # noqa: ANN401 - paho's own type, an extra
        try:
            from paho.mqtt import client as mqtt  # noqa: PLC0415 - an extra
            from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415 - as above
            from paho.mqtt.subscribeoptions import SubscribeOptions  # noqa: PLC0415 - as above
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"collecting from {hidden(self._reference.text)} needs paho-mqtt, which is not installed",
                mend='pip install "noria[mqtt]"',
                code="N-SOURCE-092",
            ) from error
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5, manual_ack=True
        )  # fmt: skip
        hints = self._reference.hints
        if "password" in hints or "user" in hints:
            password = hints.get("password")
            client.username_pw_set(
                hints.get("user", ""),
                looked_up(password, root=self._root, whose=self._reference.text) if password else None,
            )
        if self._reference.location.startswith("mqtts"):
            client.tls_set_context(self._trust())

        def connected(client: Any, _data: object, flags: Any, code: Any, _more: object) -> None:  # noqa: ANN401 - paho's
            if code.is_failure:
                self._refused = self._refusal(code)
                return
            self._connection += 1
            if not flags.session_present and not (fresh and self._connection == 1):
                self._say(f"{self._host()} has forgotten this subscription: what it did not deliver before is missing")
            # Retained messages come once, not with every connection.
            client.subscribe(self._topic(), options=SubscribeOptions(qos=1, retainHandling=1))
            self._say(f"collecting {self._topic()} from {self._host()}")

        def subscribed(_client: object, _data: object, _mid: int, codes: Any, _more: object) -> None:  # noqa: ANN401 - paho's
            if any(code.is_failure for code in codes):
                self._refused = WorkFailed(
                    f"the broker {self._host()} refuses the topic {self._topic()}: {codes[0]}",
                    mend="ask for the right to read it, or correct [data] source",
                    code="N-SOURCE-093",
                )

        def came(client: Any, _data: object, message: Any) -> None:  # noqa: ANN401 - paho's
            self._take(client, message)

        client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, came
        return client

    def _refusal(self, code: Any) -> WorkFailed:  # noqa: ANN401 - paho's
        named = self._reference.hints.get("password")
        mend = "it has to speak MQTT 5, and to let this client in"
        if code.value in {134, 135}:  # bad name or password; not authorised
            mend = (
                f"look at user={self._reference.hints.get('user', '')} and at what {named} holds"
                if named
                else "name user and password: #user=…&password=env:NAME"
            )
        return WorkFailed(f"the broker {self._host()} refuses: {code}", mend=mend, code="N-SOURCE-093")

    def _connect(self, client: Any) -> None:  # noqa: ANN401 - paho's
        from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415 - an extra
        from paho.mqtt.properties import Properties  # noqa: PLC0415 - as above

        wishes: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.SessionExpiryInterval = _SESSION_SECONDS
        wishes.ReceiveMaximum = _UNANSWERED
        host, port = self._address()
        client.connect(host, port, keepalive=_KEEPALIVE_SECONDS, clean_start=False, properties=wishes)

    def _take(self, client: Any, message: Any) -> None:  # noqa: ANN401 - paho's
        content = digest_bytes(message.payload)
        known = self._seen.get(message.mid) if message.qos else None
        if message.dup and known is not None and (known.topic, known.content) == (message.topic, content):
            self.repeated += 1
            known.connection = self._connection
            if known.kept:
                client.ack(message.mid, message.qos)
            return
        if not self._waiting:
            self._since = time.monotonic()
        self.received += 1
        packet = message.mid if message.qos else 0
        if packet:
            self._seen[packet] = _Held(message.topic, content, False, self._connection)
        self._waiting.append(
            Message(self._next, packet, message.topic, datetime.now(UTC), bytes(message.payload))
        )  # fmt: skip
        self._next += 1

    def _flush(self, client: Any) -> None:  # noqa: ANN401 - paho's
        waiting = self._waiting
        self.spool.append(waiting)
        self._waiting = []
        for message in waiting:
            held = self._seen.get(message.packet)
            if message.packet and held is not None:
                held.kept = True
                # What came over a connection that is gone will come again over this one, and is answered then.
                if held.connection == self._connection:
                    client.ack(message.packet, 1)

    def _topic(self) -> str:
        return self._reference.location.partition("://")[2].partition("/")[2]

    def _address(self) -> tuple[str, int]:
        scheme, _, rest = self._reference.location.partition("://")
        host, _, port = rest.partition("/")[0].rpartition("@")[2].rpartition(":")
        return (host or port, int(port)) if host and port.isdigit() else (host + port, _PORTS[scheme.lower()])

    def _host(self) -> str:
        return ":".join(str(part) for part in self._address())
