"""Starting the server."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import uvicorn

from noria.errors import WorkFailed
from noria.predictions.labels import Labels
from noria.predictions.log import PredictionLog
from noria.registry.catalog import Registry
from noria.security.bind import allowed_hosts, listen
from noria.security.guard import Guard
from noria.security.patience import PatientProtocol
from noria.serving.app import Application
from noria.serving.endpoint import Endpoint
from noria.serving.lifespan import Lifespan
from noria.serving.stats import Stats, Traffic
from noria.serving.watcher import Watcher

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from noria.scoring.signature import Policies
    from noria.serving.rollout import Rollout
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["ScoringServer", "serve"]

_DRAIN_SECONDS = 10


class _Uvicorn(uvicorn.Server):
    """uvicorn that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


class ScoringServer:
    """A server for one endpoint, its socket open from the start.

    Parameters
    ----------
    database, blobs : Database, Blobs
        Where the registry is.
    model : str
        What to serve.
    endpoint : str
        Name in the address.
    predictions : Path
        Folder of the prediction log.
    alias : str
        What to follow.
    host, port : str, int
        Loopback address; port 0 takes a free one.
    rollout : Rollout, optional
        How a new version takes over; at once when left out.
    poll_seconds : float
        How often the alias is looked at.
    extra_hosts : sequence of str
        Further ``Host`` values to answer for.
    trusted : collection of str
        Classes of the project's own that its models may hold.
    policies : Policies, optional
        What the deployment wants of unusual input; as learned when left out.
    on_ready : callable, optional
        Called with the URL once requests are answered.
    max_body : int
        Bytes of the largest request body.

    Raises
    ------
    PortInUse
        Somebody listens there.
    NotAllowed
        The address can be reached from outside.
    """

    def __init__(
        self,
        *,
        database: Database,
        blobs: Blobs,
        model: str,
        endpoint: str,
        predictions: Path,
        alias: str = "champion",
        host: str = "127.0.0.1",
        port: int = 8080,
        rollout: Rollout | None = None,
        poll_seconds: float = 0.5,
        extra_hosts: Sequence[str] = (),
        trusted: Collection[str] = (),
        policies: Policies | None = None,
        on_ready: Callable[[str], None] | None = None,
        max_body: int = 16 << 20,
    ) -> None:
        self._socket = listen(host, port)
        address, bound = self._socket.getsockname()[:2]
        self.port: int = bound
        self.url = f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"
        process = uuid.uuid4().hex
        registry = Registry(database, blobs)
        traffic = Traffic(database)
        self.endpoint = Endpoint(
            endpoint,
            model=model,
            alias=alias,
            log=PredictionLog(predictions),
            stats=Stats(database, process, model),
            rollout=rollout,
        )
        watcher = Watcher(
            registry, self.endpoint, process=process, poll_seconds=poll_seconds, trusted=trusted, policies=policies
        )
        lifespan = self._lifespan = Lifespan(self.endpoint, watcher, process=process, url=self.url, traffic=traffic)
        app = Application(self.endpoint, Labels(database), lifespan=lifespan, in_flight=lambda: guard.active)
        guard = Guard(app, hosts=allowed_hosts(self._socket, extra_hosts), max_body=max_body)
        config = uvicorn.Config(
            guard,
            http=PatientProtocol,
            ws="none",
            loop="uvloop",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        self._server = _Uvicorn(config, lambda: on_ready(self.url) if on_ready is not None else None)

    def run(self) -> None:
        """Answer until SIGINT, SIGTERM or `stop`; then finish running requests and write what is logged.

        Raises
        ------
        WorkFailed
            The server could not start.
        """
        with _signals_do_not_kill():
            self._server.run(sockets=[self._socket])
        self._socket.close()
        if self._lifespan.error is not None:
            raise self._lifespan.error
        if not self._server.started:
            raise WorkFailed("the server could not start", why="its log says why", code="N-SERVING-060")

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._server.should_exit = True


def serve(
    *,
    database: Database,
    blobs: Blobs,
    model: str,
    endpoint: str,
    predictions: Path,
    alias: str = "champion",
    host: str = "127.0.0.1",
    port: int = 8080,
    rollout: Rollout | None = None,
    poll_seconds: float = 0.5,
    extra_hosts: Sequence[str] = (),
    trusted: Collection[str] = (),
    policies: Policies | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until told to stop; see `ScoringServer`."""
    # Answers are small: threads inside the libraries only get into each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    ScoringServer(
        database=database,
        blobs=blobs,
        model=model,
        endpoint=endpoint,
        predictions=predictions,
        alias=alias,
        host=host,
        port=port,
        rollout=rollout,
        poll_seconds=poll_seconds,
        extra_hosts=extra_hosts,
        trusted=trusted,
        policies=policies,
        on_ready=on_ready,
    ).run()


@contextlib.contextmanager
def _signals_do_not_kill() -> Iterator[None]:
    # uvicorn drains on a signal and then raises it once more for whoever handled it before: the default handler
    # would kill the process, although everything ended well.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in handled]
    try:
        yield
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
