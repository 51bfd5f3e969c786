"""The door for ``noria.start_run``: what a run says, and the files it leaves."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from noria.errors import WrongArgument, WrongData
from noria.runs.artifacts import Artifacts
from noria.runs.ingestion import Ingestion
from noria.runs.operations import Batch
from noria.runs.recording import open_run
from noria.security.guard import Body
from noria.security.strict_json import decode
from noria.server.mlflow.places import checked_path

if TYPE_CHECKING:
    from starlette.requests import Request

    from noria.security.guard import Receive, Scope, Send
    from noria.server.site import Site

__all__ = ["artifact", "batch", "bodies"]

_PREFIX = "/api/tracking/"
_BATCH = Body(most=16 << 20, seconds=10.0, rate=64 << 10)
_FILE = Body(most=1 << 40, seconds=10.0, rate=16 << 10, streamed=True)
_PIECE = 1 << 20


async def batch(request: Request) -> Response:
    """Take in what a run says; the answer tells how far its journal has been read."""
    site: Site = request.app.state.site
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongArgument(
            "the Content-Type of the request is not application/json",
            mend="send JSON, and say so",
            code="N-SERVER-070",
        )
    body = await request.body()
    ingestion = Ingestion(site.workspace.database, site.commits)
    run = str(request.path_params["run"])
    taken = await run_in_threadpool(lambda: ingestion.take(run, _read(body)))
    return Response(msgspec.json.encode(taken), media_type="application/json")


async def artifact(request: Request) -> Response:
    """Take a file of a run in: hashed while it is written, named only when it is whole and safe on the disk."""
    site: Site = request.app.state.site
    run = str(request.path_params["run"])
    path = checked_path(str(request.path_params["path"]))
    artifacts = Artifacts(site.workspace.database, site.commits)
    await run_in_threadpool(_must_take, site, artifacts, run, path)
    writer = await run_in_threadpool(site.workspace.blobs.writer)
    with writer:
        waiting: list[bytes] = []
        size = 0
        try:
            async for piece in request.stream():
                waiting.append(piece)
                size += len(piece)
                if size >= _PIECE:
                    await run_in_threadpool(writer.write, b"".join(waiting))
                    waiting, size = [], 0
        except ClientDisconnect:
            return _Silence()  # what came goes with whoever sent it; a body out of bounds is answered by the door
        await run_in_threadpool(writer.write, b"".join(waiting))
        digest = await run_in_threadpool(writer.finish)
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    await run_in_threadpool(artifacts.add, run, path, digest, writer.size, media_type)
    answer = {"digest": digest, "size": writer.size}
    return Response(msgspec.json.encode(answer), media_type="application/json")


def bodies(scope: Scope) -> Body | None:
    """Say how large and how slow the body of a request to this door may be; None for any other."""
    if not scope["path"].startswith(_PREFIX):
        return None
    return _FILE if scope["method"] == "PUT" else _BATCH


class _Silence(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say nothing: nobody listens, or the door speaks."""


def _read(body: bytes) -> Batch:
    try:
        return msgspec.convert(decode(body), Batch)
    except msgspec.ValidationError as error:
        raise WrongData(
            f"the batch cannot be read: {error}",
            mend="see the reference of the HTTP interface for its form",
            code="N-SERVER-071",
        ) from error


def _must_take(site: Site, artifacts: Artifacts, run: str, path: str) -> None:
    with site.workspace.database.reading() as connection:
        opened = open_run(connection, run, writable=False)
        if opened.deleted:
            open_run(connection, run)
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts))]
    if not path or any(artifacts.find(run, folder) for folder in above) or artifacts.all(run, path):
        raise WrongArgument(
            f"a file cannot be put at {path[:200]!r}",
            why="a file is where a folder would be, or a folder where the file would be",
            mend="give it another name",
            code="N-SERVER-072",
        )
