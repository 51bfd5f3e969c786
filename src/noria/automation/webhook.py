"""Telling somebody over HTTP without being made to talk to somebody else."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from noria.errors import NotAllowed, WorkFailed, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from urllib.parse import SplitResult

__all__ = ["WebhookFailed", "send", "sign"]

_TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 64 * 1024
# Addresses that carry an IPv4 address inside: judged by what they carry.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")
# Never public, though ipaddress calls them so: RFC 4291 has done away with the first, which carry an IPv4 address as
# well; RFC 8215 leaves the second to a network's own translation, and only that network knows where they lead.
_LOCAL = (ipaddress.ip_network("::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class WebhookFailed(WorkFailed):
    """The other side could not be reached or did not take the message."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Give the HMAC-SHA256 of timestamp and body, so that a message cannot be forged nor sent again much later.

    Examples
    --------
    >>> sign("key", "2026-05-04T03:00:00+00:00", b"{}")[:16]
    'sha256=3e63c99ea'
    """
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send(
    url: str,
    payload: Mapping[str, object],
    *,
    key: str,
    secret: str = "",
    allow_private: bool = False,
    event: str = "",
    now: datetime,
) -> None:
    """Post a JSON message.

    The name is resolved once, every address it has is checked, and the connection goes to a checked one: a name that
    means something else a moment later leads nowhere. Redirects are not followed.

    Parameters
    ----------
    url : str
        http or https.
    payload : mapping
        JSON; ``text`` is what Slack and its like show.
    key : str
        The same for every attempt, sent as Idempotency-Key.
    secret : str
        Key of the signature; empty: unsigned.
    allow_private : bool
        Permit private and loopback addresses.
    event : str
        What it is about, for those who sort by it: the header X-Noria-Event.
    now : datetime
        Signed with the body.

    Raises
    ------
    WrongSetting
        The URL is none.
    NotAllowed
        It leads to a private address.
    WebhookFailed
        Nobody there, or the answer was not 2xx.
    """
    parts, port = _parts(url)
    body = json.dumps(payload, ensure_ascii=False).encode()
    timestamp = now.isoformat(timespec="seconds")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "noria",
        "Idempotency-Key": key,
        "X-Noria-Timestamp": timestamp,
    }
    if event:
        headers["X-Noria-Event"] = event
    if secret:
        headers["X-Noria-Signature"] = sign(secret, timestamp, body)
    host = str(parts.hostname)
    address = _checked(host, port, allow_private=allow_private)
    connection = _connection(parts.scheme, host, port, address)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # The time-out of a socket begins anew with every byte: an answer that trickles must not hold the loop up.
    end = threading.Timer(_TIMEOUT_SECONDS, _cut, (connection.sock,))
    end.daemon = True
    end.start()
    try:
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
        answer.read(_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _failed(host, f"{type(error).__name__}: {error}") from error
    finally:
        end.cancel()
        connection.close()
    if not 200 <= answer.status < 300:
        raise _failed(host, f"it answered {answer.status}")


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        sound = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        # What HTTP cannot say: a name that no name service knows, a path with letters that want percent signs.
        (parts.hostname or "").encode("idna")
        sound = sound and f"{parts.path}{parts.query}".isascii()
    except ValueError:
        sound = False
    if not sound:
        raise WrongSetting(
            "the webhook is no URL that can be posted to",
            mend='write [monitor.notify] webhook = "https://example.org/hook", or "env:NAME"',
            code="N-AUTOMATION-010",
        )
    return parts, port


def _cut(connected: socket.socket) -> None:
    # Not SSLSocket.shutdown: that takes the encryption away under the thread that reads.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _checked(host: str, port: int, *, allow_private: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _failed(host, f"its name leads nowhere: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    private = [address for address in addresses if not _public(address)]
    if private and not allow_private:
        raise NotAllowed(
            f"the webhook's host {host} leads to a private address",
            mend="use a public address, or permit private ones: [monitor.notify] allow_private = true, "
            "noria webhooks add --allow-private",
            code="N-AUTOMATION-011",
        )
    return addresses[0]


def _public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _public(str(address.ipv4_mapped))
        if any(address in network for network in _LOCAL):
            return False
        if address in _NAT64:
            return _public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address in _6TO4:
            return _public(str(ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast


def _connection(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    # http.client follows no redirects; the socket it gets here goes to the address that was checked.
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        raw = socket.create_connection((address, port), timeout=_TIMEOUT_SECONDS)
        if scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
    except OSError as error:
        raise _failed(host, f"{type(error).__name__}: {error}") from error
    connection.sock = raw
    return connection


def _failed(host: str, why: str) -> WebhookFailed:
    return WebhookFailed(f"the webhook at {host} did not take the message", why=why, code="N-AUTOMATION-012")
