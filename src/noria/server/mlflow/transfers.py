"""The bytes of files, in and out, a piece at a time: memory stays flat, and nothing arrives that was not sent."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import re
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from noria.errors import NoriaError, WrongArgument
from noria.runs.recording import open_run
from noria.server.mlflow.artifacts import entries_at, file_at
from noria.server.mlflow.places import Place, file_not_found, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.runs.artifacts import RunArtifact
    from noria.security.guard import Receive, Scope, Send
    from noria.server.mlflow.desk import Desk
    from noria.store.blobs import BlobWriter

__all__ = ["download", "upload"]

T = TypeVar("T")

_PIECE = 1 << 20
_SEND_SECONDS = 60.0
_RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")
_SANDBOX = b"sandbox; default-src 'none'; frame-ancestors 'none'"
_log = logging.getLogger("noria.server")


class InThread(Protocol):
    """Runs a function that waits for disk or database in a thread."""

    async def __call__(self, work: Callable[..., T], /, *given: object) -> T:
        """Give its result."""


async def upload(desk: Desk, in_thread: InThread, scope: Scope, receive: Receive, send: Send, path: str) -> None:
    """Take a file in: hashed while it is written, named only when it is whole and safe on the disk."""
    place = await in_thread(_place_for, desk, path)
    writer = await in_thread(desk.blobs.writer)
    with writer:
        if not await _take(in_thread, writer, receive):
            return  # whoever sent it has gone, and what came goes with him
        digest = await in_thread(writer.finish)
    media_type = mimetypes.guess_type(place.path)[0] or "application/octet-stream"
    await in_thread(desk.artifacts.add, place.owner, place.path, digest, writer.size, media_type)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def download(desk: Desk, in_thread: InThread, scope: Scope, receive: Receive, send: Send, path: str) -> None:
    """Give a file out, or a part of it, as it was taken in or not at all."""
    found = await in_thread(_file_at, desk, path)
    asked = {name: value for name, value in scope["headers"] if name in (b"range", b"if-none-match", b"if-range")}
    etag = f'"{found.digest}"'.encode()
    headers = [*_head_of(found), (b"etag", etag)]
    if etag in asked.get(b"if-none-match", b""):
        await _send_whole(send, 304, headers, b"")
        return
    part = None
    if b"range" in asked and asked.get(b"if-range", etag) == etag:
        part = _part(asked[b"range"], found.size)
    if part is not None and part.start >= part.stop:
        await _send_whole(send, 416, [*headers, (b"content-range", f"bytes */{found.size}".encode())], b"")
    elif scope["method"] == "HEAD":
        await _send_whole(send, 200, [*headers, (b"content-length", str(found.size).encode())], b"")
    elif part is not None:
        await _send_part(desk, in_thread, send, headers, found, part)
    elif found.size <= _PIECE:
        data = await in_thread(desk.blobs.get, found.digest)
        await _send_whole(send, 200, [*headers, (b"content-length", str(len(data)).encode())], data)
    else:
        await _send_checked(desk, in_thread, send, headers, found)


async def _take(in_thread: InThread, writer: BlobWriter, receive: Receive) -> bool:
    """Write a body as it comes; say whether it came to its end."""
    waiting: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return False
        waiting.append(message.get("body", b""))
        size += len(waiting[-1])
        more = message.get("more_body", False)
        if size >= _PIECE or not more:
            await in_thread(writer.write, b"".join(waiting))
            waiting, size = [], 0
    return True


def _place_for(desk: Desk, path: str) -> Place:
    place = place_of(path)
    if place is None or not place.path or place.version is not None:
        raise WrongArgument(
            f"a file cannot be put at {path[:200]!r}",
            why="files belong to a run or a logged model",
            mend="put it beneath the artifact_uri of one: EXPERIMENT/RUN/artifacts/NAME",
            code="N-SERVER-064",
        )
    _must_be_open(desk, place)
    parts = place.path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts))]
    if any(desk.artifacts.find(place.owner, folder) for folder in above) or desk.artifacts.all(place.owner, place.path):
        raise WrongArgument(
            f"a file cannot be put at {place.path[:200]!r}",
            why="a file is where a folder would be, or a folder where the file would be",
            mend="give it another name",
            code="N-SERVER-065",
        )
    return place


def _must_be_open(desk: Desk, place: Place) -> None:
    """Refuse files for what does not exist or is deleted."""
    if place.is_model:
        known = desk.models.get(place.owner).experiment_id
    else:
        with desk.database.reading() as connection:
            opened = open_run(connection, place.owner, writable=False)
        known = opened.experiment_id
        if opened.deleted:
            raise WrongArgument(
                f"run {place.owner[:8]} is deleted, and a deleted run takes nothing more",
                mend="restore it first",
                code="N-SERVER-066",
            )
    if known != place.experiment_id:
        raise file_not_found(f"{place.experiment_id}/{place.owner}")


def _file_at(desk: Desk, path: str) -> RunArtifact:
    place = place_of(path)
    found = None if place is None else file_at(desk, place)
    if found is not None:
        return found
    if place is not None and entries_at(desk, place):
        raise WrongArgument(
            f"{path[:200]!r} is a folder", mend="list it, and fetch its files one by one", code="N-SERVER-067"
        )
    raise file_not_found(path)


def _head_of(found: RunArtifact) -> list[tuple[bytes, bytes]]:
    name = found.path.rpartition("/")[2]
    plain = name.isascii() and name.isprintable() and '"' not in name
    shown = f'filename="{name}"' if plain else f"filename*=UTF-8''{quote(name, safe='')}"
    return [
        (b"content-type", found.media_type.encode("latin-1", "replace")),
        (b"content-disposition", f"attachment; {shown}".encode()),
        (b"accept-ranges", b"bytes"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", _SANDBOX),
        (b"cache-control", b"private, no-cache"),
    ]


def _part(asked: bytes, size: int) -> range | None:
    """Read a Range header: None for what is not one range of bytes, which is then not heeded; empty for none there."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None or found.group() == b"bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


async def _send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_checked(
    desk: Desk, in_thread: InThread, send: Send, headers: list[tuple[bytes, bytes]], found: RunArtifact
) -> None:
    """Send a large file while it is being checked; the connection breaks before its end when it is another."""
    pieces = desk.blobs.pieces(found.digest)
    piece: bytes | None = await in_thread(next, pieces)
    sized = (b"content-length", str(found.size).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, sized]})
    while piece is not None:
        await _pass_on(send, piece)
        try:
            piece = await in_thread(next, pieces, None)
        except NoriaError as error:
            _log.error("%s", error.render())
            return  # the answer stays short of its length, and the server closes the connection
    await send({"type": "http.response.body", "body": b""})


async def _send_part(
    desk: Desk,
    in_thread: InThread,
    send: Send,
    headers: list[tuple[bytes, bytes]],
    found: RunArtifact,
    part: range,
) -> None:
    # A part says nothing about the whole, so the whole is checked first.
    path = await in_thread(desk.blobs.path, found.digest)
    told = f"bytes {part.start}-{part.stop - 1}/{found.size}".encode()
    sized = (b"content-length", str(len(part)).encode())
    await send({"type": "http.response.start", "status": 206, "headers": [*headers, sized, (b"content-range", told)]})
    with path.open("rb") as file:
        file.seek(part.start)
        left = len(part)
        while left:
            piece = await in_thread(file.read, min(left, _PIECE))
            if not piece:
                return  # cut short behind our back: the server closes the connection
            left -= len(piece)
            await _pass_on(send, piece)
    await send({"type": "http.response.body", "body": b""})


async def _pass_on(send: Send, piece: bytes) -> None:
    """Send a piece; a reader who takes none of it for a minute is left."""
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
