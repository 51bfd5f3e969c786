"""Following the alias: loads what it points to, beside the version that answers meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.errors import NoriaError, WorkFailed
from noria.registry.aliases import Aliases
from noria.scoring.scorer import Scorer
from noria.serving.rollout import Standing
from noria.serving.stats import Load, Traffic

if TYPE_CHECKING:
    from collections.abc import Collection

    from noria.registry.catalog import Registry
    from noria.scoring.signature import Policies
    from noria.serving.endpoint import Endpoint

__all__ = ["Watcher"]

_RETRY_SECONDS = 30.0

_log = logging.getLogger("noria.serving")


class Watcher:
    """Keeps an endpoint on the version its alias points to.

    A version that cannot be loaded leaves the old one answering; the failure is written down, and tried again
    after half a minute, for a blob may have been restored.

    Parameters
    ----------
    registry : Registry
        Where versions are.
    endpoint : Endpoint
        Gets them.
    process : str
        Id of this process, for the record of loads.
    poll_seconds : float
        How often the alias is looked at: one indexed query.
    trusted : collection of str
        Classes of the project's own that its models may hold.
    policies : Policies, optional
        What the deployment wants of unusual input.
    """

    def __init__(
        self,
        registry: Registry,
        endpoint: Endpoint,
        *,
        process: str,
        poll_seconds: float = 0.5,
        trusted: Collection[str] = (),
        policies: Policies | None = None,
    ) -> None:
        self._registry = registry
        self._aliases = Aliases(registry.database)
        self._traffic = Traffic(registry.database)
        self._endpoint = endpoint
        self._process = process
        self._poll_seconds = poll_seconds
        self._trusted = trusted
        self._policies = policies
        self._generation = -1
        self._failed_at = float("-inf")
        self._wanted: int | None = None
        self._back = False
        self._standing = Standing()
        self._told: int | None = None

    async def run(self) -> None:
        """Follow the alias until cancelled."""
        while True:
            try:
                await self.look()
            except NoriaError as error:
                # The database is away: answering needs none.
                _log.warning(
                    "cannot look at alias %s of %s: %s", self._endpoint.alias, self._endpoint.model, error.what
                )
            await asyncio.sleep(self._poll_seconds)

    async def look(self) -> None:
        """Look once, and load what is new."""
        endpoint = self._endpoint
        generation = await asyncio.to_thread(self._aliases.generation, endpoint.model)
        if generation != self._generation:
            self._told = endpoint.rejected = await asyncio.to_thread(self._read)
            self._generation = generation
            self._failed_at = float("-inf")
        number = self._wanted
        if endpoint.rejected != self._told and endpoint.rejected is not None:
            # For a process that begins anew: in this one's memory it would be lost.
            await self._record(endpoint.rejected, 0.0, None, endpoint.failure)
            self._told = endpoint.rejected
        if number is not None and number == endpoint.rejected and endpoint.live is None:
            number = self._standing.live
        if number == endpoint.newest:
            endpoint.failure = None  # of a version that nobody wants any more
        if number is None or number in (endpoint.newest, endpoint.rejected):
            return
        if time.monotonic() - self._failed_at < _RETRY_SECONDS:
            return
        age = 0.0
        before = self._standing.live
        if endpoint.live is None and before is not None and before != number:
            # Begun amidst a rollout: the version before goes on answering, and the new one grows on from where it was.
            # Where the one before cannot be loaded any more, the new one answers at once: somebody must.
            await self._give(before)
            age = self._standing.age
        await self._give(number, at_once=self._back, age=age)

    async def _give(self, number: int, *, at_once: bool = False, age: float = 0.0) -> None:
        """Load a version, unless it is in memory still, let it take over and write down what came of it."""
        endpoint = self._endpoint
        kept = endpoint.loaded(number)
        if kept is not None:
            endpoint.take(kept, at_once=at_once, age=age)
            return
        started = time.perf_counter()
        scorer, failure = await asyncio.to_thread(self._load, number)
        if scorer is not None:
            endpoint.take(scorer, at_once=at_once, age=age)
        else:
            endpoint.failure = failure
            endpoint.load_failures += 1
            self._failed_at = time.monotonic()
        await self._record(number, time.perf_counter() - started, scorer, failure)

    async def _record(self, number: int, seconds: float, scorer: Scorer | None, failure: NoriaError | None) -> None:
        load = Load(
            process=self._process,
            model=self._endpoint.model,
            version=number,
            at=datetime.now(UTC),
            ok=scorer is not None,
            seconds=seconds,
            engine=scorer.engine if scorer is not None else "",
            error=failure.to_dict() if failure is not None else None,
        )
        await asyncio.to_thread(self._traffic.record_load, load)

    def _read(self) -> int | None:
        """Learn the version to answer with, whether it is one gone back to, and how far its rollout has come.

        Gives that version where it has failed as a canary since it was promoted: it is not tried again.
        """
        model, rollout, now = self._endpoint.model, self._endpoint.rollout, datetime.now(UTC)
        moves = self._aliases.history(model, self._endpoint.alias)
        self._wanted, self._back = (moves[-1].new, moves[-1].kind == "rollback") if moves else (None, False)
        self._standing = rollout.standing(moves, now)
        if not moves or not self._traffic.rejected(model, moves[-1].new, moves[-1].at):
            return None
        before = rollout.standing(moves[:-1], moves[-1].at)
        # Nobody before it: then it must answer, come what may.
        self._standing = before
        return self._wanted if before.live is not None else None

    def _load(self, number: int) -> tuple[Scorer | None, NoriaError | None]:
        name = f"version {number} of {self._endpoint.model}"
        try:
            version = self._registry.get(self._endpoint.model, number)
            scorer = Scorer.load(self._registry, version, trusted=self._trusted, policies=self._policies)
            scorer.warm()
        except NoriaError as error:
            _log.error("%s cannot be loaded, the old one goes on: %s", name, error.what)
            return None, error
        except Exception as error:  # noqa: BLE001 - the server is a face: see below
            # Whatever a model file makes a library do, the version that answers must go on answering.
            _log.exception("%s cannot be loaded, the old one goes on", name)
            return None, WorkFailed(f"{name} cannot be loaded: {error}", code="N-SERVING-012")
        return scorer, None
