"""What starts and ends with a serving process: following the alias, writing counters, draining."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.errors import NoriaError
from noria.serving.stats import Process, Traffic

if TYPE_CHECKING:
    from noria.security.guard import Receive, Send
    from noria.serving.endpoint import Endpoint
    from noria.serving.watcher import Watcher

__all__ = ["Lifespan"]

_PUBLISH_SECONDS = 0.25

_log = logging.getLogger("noria.serving")


class Lifespan:
    """Background work of a serving process, and its last will.

    Parameters
    ----------
    endpoint : Endpoint
        Who answers.
    watcher : Watcher
        Who follows the alias.
    process, url : str
        Id and address of this process.
    traffic : Traffic
        Where it says of itself how it is.
    beat_seconds : float
        How often counters are written.
    tidy_first : bool
        Wait with the first answer until what killed processes left in the log is compacted.
    publish : callable
        Lets other processes on the same socket know what this one has counted.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        watcher: Watcher,
        *,
        process: str,
        url: str,
        traffic: Traffic,
        beat_seconds: float = 2.0,
        tidy_first: bool = True,
        publish: Callable[[], object] = lambda: None,
    ) -> None:
        self._endpoint = endpoint
        self._watcher = watcher
        self._process = process
        self._url = url
        self._traffic = traffic
        self._beat_seconds = beat_seconds
        self._tidy_first = tidy_first
        self._publish = publish
        self._started = datetime.now(UTC)
        self.error: NoriaError | None = None
        """Why the process could not start."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Speak ASGI's lifespan protocol."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._start()
                except NoriaError as error:
                    self.error = error
                    await send({"type": "lifespan.startup.failed", "message": error.render()})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        if self._tidy_first:
            await self._tidy()
        # The champion is there before the first request is.
        await self._watcher.look()
        await asyncio.to_thread(self._beat, "serving")
        going = [self._watcher.run(), self._beats(), self._publishes()]
        if not self._tidy_first:
            going.append(self._tidy())
        self._tasks = [asyncio.create_task(each) for each in going]

    async def _tidy(self) -> None:
        await asyncio.to_thread(self._endpoint.log.tidy, self._endpoint.model)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._endpoint.drain()
        await asyncio.to_thread(self._endpoint.log.close)
        self._publish()
        try:
            await self._watcher.close()
            await asyncio.to_thread(self._beat, "stopped")
        except NoriaError as error:
            _log.warning("the last counters could not be written: %s", error.what)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            try:
                await asyncio.to_thread(self._beat, "serving")
            except NoriaError as error:
                # Counters stay in memory and are written when the database is back.
                _log.warning("counters wait: %s", error.what)

    async def _publishes(self) -> None:
        while True:
            self._publish()
            await asyncio.sleep(_PUBLISH_SECONDS)

    def _beat(self, state: str) -> None:
        endpoint = self._endpoint
        endpoint.stats.flush()
        log = endpoint.log.counts()
        live, growing = endpoint.live, endpoint.next
        self._traffic.record_process(
            Process(
                process=self._process,
                endpoint=endpoint.name,
                model=endpoint.model,
                alias=endpoint.alias,
                url=self._url,
                pid=os.getpid(),
                started=self._started,
                heartbeat=datetime.now(UTC),
                state=state,
                version=live.number if live else None,
                next_version=growing.number if growing else None,
                next_share=endpoint.share,
                logged=log.written,
                dropped=log.dropped,
                error=endpoint.failure.what if endpoint.failure else log.error,
                document=endpoint.document.number if endpoint.document else None,
            )
        )
