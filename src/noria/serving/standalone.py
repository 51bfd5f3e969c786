"""A server for one version out of a bundle: no registry, no database, nothing to follow."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import MissingExtra, WorkFailed
from noria.predictions.log import PredictionLog
from noria.predictions.stream import LineLog, NoLog
from noria.security.bind import allowed_hosts, is_loopback, listen
from noria.security.guard import Guard
from noria.serving import tracing
from noria.serving.app import Application
from noria.serving.bundle import Bundle
from noria.serving.counting import Counting
from noria.serving.endpoint import Endpoint
from noria.serving.process import ReadyServer, beside, signals_do_not_kill
from noria.serving.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from noria.security.guard import App, Receive, Scope, Send
    from noria.serving.platform import Platform

__all__ = ["BundleServer", "application"]

_DRAIN_SECONDS = 7
"""Platforms kill ten seconds after SIGTERM; what is logged must be written by then too."""


class BundleServer:
    """Answers for a bundle, its socket open once the version is loaded.

    Parameters
    ----------
    platform : Platform
        Which bundle, where.
    on_ready : callable, optional
        Called with the URL once requests are answered.
    max_body : int
        Bytes of the largest request body.

    Raises
    ------
    CorruptedBlob
        A file is not what was exported: nothing is answered then.
    PortInUse
        Somebody listens there.
    """

    def __init__(
        self, platform: Platform, *, on_ready: Callable[[str], None] | None = None, max_body: int = 16 << 20
    ) -> None:
        self.bundle = Bundle.read(platform.bundle, digest=platform.digest)
        self.endpoint = _endpoint(self.bundle, platform.log)
        self._socket = listen(platform.host, platform.port, contained=True)
        address, bound = self._socket.getsockname()[:2]
        self.url = f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"
        metrics = Counting(self.endpoint, lambda: guard.active).text
        app = Application(self.endpoint, lifespan=_Ending(self.endpoint), metrics=metrics)
        # Behind a platform the Host is a name that the platform makes up.
        hosts = allowed_hosts(self._socket) if is_loopback(platform.host) else None
        traced = tracing.traced(app, self.endpoint)
        guard = Guard(_rerouted(traced, platform.routes), hosts=hosts, max_body=max_body)
        port = platform.grpc_port
        self.grpc = None if port is None else beside(self.endpoint, platform.host, port, max_body=max_body)
        self._server = ReadyServer(
            guard,
            lambda: on_ready(self.url) if on_ready is not None else None,
            drain_seconds=_DRAIN_SECONDS,
            beside=self.grpc,
        )

    def run(self) -> None:
        """Answer until SIGINT, SIGTERM or `stop`; then finish running requests and write what is logged."""
        try:
            with signals_do_not_kill():
                self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
        if not self._server.started:
            raise WorkFailed("the server could not start", why="its log says why", code="N-SERVING-060")

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._server.should_exit = True


def _endpoint(bundle: Bundle, log: str) -> Endpoint:
    model = bundle.version.model
    made = Endpoint(bundle.endpoint, model=model, alias="bundle", log=_log(log), stats=Stats(None, "", model))
    made.take(bundle.scorer())
    return made


class _Ending:
    """Nothing begins with the server; the log ends with it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._endpoint.drain()
        self._endpoint.log.close()
        await send({"type": "lifespan.shutdown.complete"})


def _rerouted(app: App, routes: Mapping[str, str]) -> App:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in routes:
            scope = {**scope, "path": routes[scope["path"]]}
        await app(scope, receive, send)

    return asked


def _log(where: str) -> PredictionLog:
    if where == "off":
        return NoLog()
    if where == "stdout":
        # A descriptor of its own: nothing that a library prints may break a line in two.
        return LineLog(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    if find_spec("pyarrow") is None:
        raise MissingExtra(
            f"the prediction log cannot be kept in {where}: pyarrow is not installed",
            why="an image with a compiled model has no need of it otherwise",
            mend="--log stdout, or --log off, or pip install pyarrow",
            code="N-SERVING-079",
        )
    return PredictionLog(Path(where))


def application(folder: Path, *, digest: str | None = None) -> App:
    """Give a bundle as an ASGI application, for servers that bring their own socket.

    Parameters
    ----------
    folder : Path
        Of the bundle.
    digest : str, optional
        The one it must have.
    """
    bundle = Bundle.read(folder, digest=digest)
    endpoint = _endpoint(bundle, "off")
    app = Application(endpoint, lifespan=_Ending(endpoint), metrics=Counting(endpoint, lambda: guard.active).text)
    guard = Guard(app, hosts=None)
    return guard
