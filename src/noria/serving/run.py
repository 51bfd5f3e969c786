"""Starting the server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from noria.errors import NoriaError, WorkFailed
from noria.predictions.labels import Labels
from noria.predictions.log import PredictionLog
from noria.registry.catalog import Registry
from noria.security.bind import allowed_hosts, listen
from noria.security.guard import Guard
from noria.serving import tracing
from noria.serving.app import Application
from noria.serving.counting import Counting
from noria.serving.endpoint import Endpoint
from noria.serving.lifespan import Lifespan
from noria.serving.process import ReadyServer, beside, signals_do_not_kill
from noria.serving.stats import Stats, Traffic
from noria.serving.watcher import Watcher

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from noria.scoring.policies import Policies
    from noria.serving.board import Board
    from noria.serving.rollout import Rollout
    from noria.serving.steward import Watch
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["ScoringServer", "serve"]

_DRAIN_SECONDS = 10
_LOOKING = frozenset({"/ping", "/health", "/metrics", "/v2/health/live", "/v2/health/ready"})


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
    grpc_port : int, optional
        Answer over gRPC there, too; 0 takes a free one.
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
    watch : Watch, optional
        Who knows labels and writes alerts of rollouts.
    max_in_flight : int
        Requests at work at once; further ones are answered 503.
    listening : socket, optional
        A socket that is open already, in place of `host` and `port`.
    fleet : str, optional
        Id that this process shares with the others on the same socket.
    board : Board, optional
        Where it shares its counters with them.

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
        grpc_port: int | None = None,
        watch: Watch | None = None,
        max_in_flight: int = 256,
        listening: socket.socket | None = None,
        fleet: str = "",
        board: Board | None = None,
    ) -> None:
        self._socket = listen(host, port) if listening is None else listening
        address, bound = self._socket.getsockname()[:2]
        self.port: int = bound
        self.url = f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"
        process = f"{fleet}.{uuid.uuid4().hex[:12]}" if fleet else uuid.uuid4().hex
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
            registry,
            self.endpoint,
            process=process,
            poll_seconds=poll_seconds,
            trusted=trusted,
            policies=policies,
            watch=watch,
        )
        counting = Counting(self.endpoint, lambda: guard.active, board)
        lifespan = self._lifespan = Lifespan(
            self.endpoint,
            watcher,
            process=process,
            url=self.url,
            traffic=traffic,
            # A worker that is started again has others' requests to answer; one that is alone may first tidy up.
            tidy_first=not fleet,
            publish=counting.publish,
        )
        app = Application(self.endpoint, Labels(database), lifespan=lifespan, metrics=counting.text)
        traced = tracing.traced(app, self.endpoint)
        guard = Guard(
            traced,
            hosts=allowed_hosts(self._socket, extra_hosts),
            max_body=max_body,
            in_flight=max_in_flight,
            always=_LOOKING,
        )
        self.grpc = None if grpc_port is None else beside(self.endpoint, host, grpc_port, max_body=max_body)
        self._server = ReadyServer(
            guard,
            lambda: on_ready(self.url) if on_ready is not None else None,
            drain_seconds=_DRAIN_SECONDS,
            beside=self.grpc,
        )

    def run(self) -> None:
        """Answer until SIGINT, SIGTERM or `stop`; then finish running requests and write what is logged.

        Raises
        ------
        WorkFailed
            The server could not start.
        PortInUse
            Somebody listens where gRPC should.
        """
        try:
            with signals_do_not_kill():
                self._server.run(sockets=[self._socket])
        except NoriaError:
            self.endpoint.log.close()  # the lifespan, which would have, has not begun
            raise
        finally:
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
    max_in_flight: int = 256,
    on_ready: Callable[[str], None] | None = None,
    grpc_port: int | None = None,
    watch: Watch | None = None,
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
        max_in_flight=max_in_flight,
        on_ready=on_ready,
        grpc_port=grpc_port,
        watch=watch,
    ).run()
