"""uvicorn as noria runs it: says when it is ready, drains on a signal, and then ends as after any work done."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Protocol

import uvicorn

from noria.security.patience import PatientProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from noria.security.guard import Guard
    from noria.serving.endpoint import Endpoint
    from noria.serving.inference_grpc import InferenceService

__all__ = ["Beside", "ReadyServer", "beside", "signals_do_not_kill"]


class Beside(Protocol):
    """What runs beside HTTP."""

    async def start(self) -> None:
        """Listen, on the running event loop."""

    async def stop(self, grace_seconds: float) -> None:
        """Take no more requests, and finish those at work."""


class ReadyServer(uvicorn.Server):
    """uvicorn that says when it is ready.

    Parameters
    ----------
    app : Guard
        The application behind its door.
    ready : callable
        Called once requests are answered.
    drain_seconds : int
        How long running requests may take after a signal.
    beside : Beside, optional
        Another protocol's server on the same event loop.
    """

    def __init__(
        self, app: Guard, ready: Callable[[], None], *, drain_seconds: int, beside: Beside | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            loop="uvloop",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=drain_seconds,
        )
        super().__init__(config)
        self._ready = ready
        self._beside = beside
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        if self._beside is not None:
            await self._beside.start()  # first: a port that is taken ends it before anything has begun
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain both."""
        if self._beside is not None:
            await self._beside.stop(self._drain_seconds)
        await super().shutdown(sockets)


def beside(endpoint: Endpoint, host: str, port: int, *, max_body: int) -> InferenceService:
    """Make the server of gRPC, whose libraries are loaded only then."""
    from noria.serving.inference_grpc import InferenceService  # noqa: PLC0415 - an extra

    return InferenceService(endpoint, host, port, max_body=max_body)


@contextlib.contextmanager
def signals_do_not_kill() -> Iterator[None]:
    """Let a drained server end by itself.

    uvicorn drains on a signal and then raises it once more for whoever handled it before: the default handler would
    kill the process, although everything ended well.
    """
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
