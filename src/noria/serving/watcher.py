"""Following the deployment: loads what its newest document names, beside the version that answers meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.errors import NoriaError, WorkFailed
from noria.scoring.scorer import Scorer
from noria.serving.deployments import Deployments
from noria.serving.endpoint import REJECTED
from noria.serving.gates import Finding
from noria.serving.stats import Load, Traffic
from noria.serving.steward import Steward

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from noria.registry.catalog import Registry
    from noria.scoring.policies import Policies
    from noria.serving.document import Document
    from noria.serving.endpoint import Endpoint
    from noria.serving.steward import Watch

__all__ = ["Watcher"]

_RETRY_SECONDS = 30.0
_COUNT_SECONDS = 1.0

_log = logging.getLogger("noria.serving")


class Watcher:
    """Keeps an endpoint on what its newest document says.

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
        How often it looks: two indexed queries, where nothing changes.
    trusted : collection of str
        Classes of the project's own that its models may hold.
    policies : Policies, optional
        What the deployment wants of unusual input.
    watch : Watch, optional
        Who knows labels and writes alerts.
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
        watch: Watch | None = None,
    ) -> None:
        self._registry = registry
        self._traffic = Traffic(registry.database)
        self._endpoint = endpoint
        self._process = process
        self._poll_seconds = poll_seconds
        self._trusted = trusted
        self._policies = policies
        self._deployments = Deployments(
            registry.database, endpoint=endpoint.name, model=endpoint.model, alias=endpoint.alias
        )
        self._steward = Steward(self._deployments, endpoint.rollout, watch)
        self._failed: dict[int, tuple[float, NoriaError]] = {}
        self._tally = endpoint.tally
        self._wrote = float("-inf")
        self._seen: Document | None = None

    async def run(self) -> None:
        """Follow the documents until cancelled."""
        while True:
            try:
                await self.look()
            except NoriaError as error:
                # The database is away: answering needs none.
                _log.warning("cannot look at the deployment of %s: %s", self._endpoint.name, error.what)
            except Exception:  # noqa: BLE001 - the server is a face: a bug must not leave it deaf to a rollback
                _log.exception("cannot look at the deployment of %s", self._endpoint.name)
            await asyncio.sleep(self._poll_seconds)

    async def look(self) -> None:
        """Look once, and load what is new."""
        endpoint = self._endpoint
        await self._count()
        given_up = self._given_up()
        document = await asyncio.to_thread(
            self._steward.look, datetime.now(UTC), loaded=self._loaded(), given_up=given_up
        )
        if given_up is not None:
            # For a process that begins anew: in this one's memory it would be lost.
            await self._record(given_up.version, 0.0, None, endpoint.failure)
            endpoint.rejected = None
        if document is None:
            return
        before = self._seen
        new = before is None or before.number != document.number
        if before is None or before.first != document.first:
            self._failed = {}  # promoted anew: it gets another chance at once
        scorers = await self._scorers({arm.version for arm in document.arms})
        if new or scorers.keys() - self._loaded():
            self._give(document, scorers)
        self._seen = document  # not before: what was interrupted is done once more
        if new and endpoint.document is document:
            await asyncio.to_thread(self._traffic.acknowledge, self._process, document.number)

    async def close(self) -> None:
        """Write what was counted since the last look."""
        self._wrote = float("-inf")
        await self._count()

    async def _count(self) -> None:
        """Write the counters of a rollout: each second, and what is left of one that has ended."""
        ended = self._tally is not self._endpoint.tally
        if self._tally is not None and (ended or time.monotonic() - self._wrote >= _COUNT_SECONDS):
            rows = self._tally.take()
            self._wrote = time.monotonic()
            await asyncio.to_thread(self._deployments.tallies.write, self._process, rows)
        self._tally = self._endpoint.tally

    def _given_up(self) -> Finding | None:
        endpoint = self._endpoint
        if endpoint.rejected is None or endpoint.document is None:
            return None
        arm = next((arm for arm in endpoint.document.arms if arm.version == endpoint.rejected), None)
        text = endpoint.failure.what if endpoint.failure is not None else "it failed"
        return Finding(arm.name if arm else "", endpoint.rejected, "answers", "breach", None, None, text)

    def _loaded(self) -> set[int]:
        document = self._endpoint.document
        if document is None:
            return set()
        return {arm.version for arm in document.arms if self._endpoint.answers(arm.version)}

    def _give(self, document: Document, scorers: dict[int, Scorer]) -> None:
        endpoint = self._endpoint
        arms = [arm for arm in document.arms if arm.version in scorers]
        newest = (document.candidate or document.champion).version
        if newest in scorers:
            if document.change != "rollback" or endpoint.failure is None or endpoint.failure.code != REJECTED:
                endpoint.failure = None  # of a version that nobody wants any more
        else:
            endpoint.failure = self._failed[newest][1]
        if not arms or (arms[0] is not document.champion and endpoint.live is not None):
            return  # what answers goes on
        age = (datetime.now(UTC) - (document.began or document.at)).total_seconds()
        # Where the champion cannot be loaded, and nothing answers yet, another arm answers all: somebody must.
        endpoint.follow(document, scorers, arms, age=max(0.0, age))

    async def _scorers(self, versions: Iterable[int]) -> dict[int, Scorer]:
        """Load versions, unless they are in memory still, and write down what came of it."""
        endpoint, found = self._endpoint, {}
        for number in sorted(versions):
            kept = endpoint.loaded(number)
            if kept is None and time.monotonic() - self._failed_at(number) >= _RETRY_SECONDS:
                started = time.perf_counter()
                kept, failure = await asyncio.to_thread(self._load, number)
                if failure is not None:
                    endpoint.failure = failure
                    endpoint.load_failures += 1
                    self._failed[number] = time.monotonic(), failure
                await self._record(number, time.perf_counter() - started, kept, failure)
            if kept is not None:
                found[number] = kept
        return found

    def _failed_at(self, number: int) -> float:
        return self._failed[number][0] if number in self._failed else float("-inf")

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
