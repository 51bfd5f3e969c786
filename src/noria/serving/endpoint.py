"""One endpoint: which version answers, and the answering itself."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.errors import NoriaError, WorkFailed
from noria.predictions.entry import Entry
from noria.scoring.answers import Answers
from noria.serving.rollout import Arm, Rollout, bucket

if TYPE_CHECKING:
    from noria.predictions.log import PredictionLog
    from noria.scoring.scorer import Scorer
    from noria.scoring.signature import Checked
    from noria.serving.stats import Stats

__all__ = ["Endpoint", "NoVersion", "Reply", "Served"]

_INLINE_SECONDS = 0.002
_SHADOWS_WAITING = 64

_log = logging.getLogger("noria.serving")


class NoVersion(NoriaError):
    """The endpoint has no version to answer with yet."""


@dataclass(frozen=True)
class Served:
    """A loaded version and when it began to answer, on the monotonic clock."""

    scorer: Scorer
    since: float

    @property
    def number(self) -> int:
        """The version's number."""
        return self.scorer.number


@dataclass(frozen=True)
class Reply:
    """The answer to one request."""

    answers: Answers
    ids: Sequence[str]
    scorer: Scorer
    arm: Arm


class Endpoint:
    """Answers requests with the version it was last given.

    Everything here runs on the event loop; only scoring that takes long goes to the one worker thread.

    Parameters
    ----------
    name, model, alias : str
        Its address, and what it follows.
    log : PredictionLog
        Gets every answered row.
    stats : Stats
        Counts every request.
    rollout : Rollout
        How a new version takes over.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        alias: str,
        log: PredictionLog,
        stats: Stats,
        rollout: Rollout | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.model = model
        self.alias = alias
        self.log = log
        self.stats = stats
        self.failure: NoriaError | None = None
        self.live: Served | None = None
        self.next: Served | None = None
        self.kept: Served | None = None
        self.rejected: int | None = None
        self.swaps = self.load_failures = self.shadows_dropped = 0
        self.rollout = rollout or Rollout()
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="noria-scoring")
        self._shadows: set[asyncio.Task[None]] = set()

    @property
    def newest(self) -> int | None:
        """The number last given, answering already or growing into it."""
        served = self.next or self.live
        return served.number if served else None

    @property
    def share(self) -> int | None:
        """The percentage of requests that the next version answers, while one grows."""
        return None if self.next is None else self.rollout.share(self._clock() - self.next.since)

    def take(self, scorer: Scorer, *, at_once: bool = False, age: float = 0.0) -> None:
        """Let a loaded version take over, the way the rollout says. Running requests keep the version they have.

        Parameters
        ----------
        scorer : Scorer
            The version.
        at_once : bool
            Whatever the rollout says: a rollback leads away from a version that does harm.
        age : float
            Seconds that it has grown already, in a process that is no more.
        """
        served = Served(scorer, self._clock() - age)
        self.failure = None
        if self.live is not None and self.live.number == scorer.number:
            self.next = None  # back to the version that still answers most requests
        elif self.live is None or at_once or self.rollout.share(age) >= 100:
            self._swap(served)
        else:
            self.next = served

    def loaded(self, number: int) -> Scorer | None:
        """Give a version that is still in memory: a rollback then takes no loading."""
        for served in (self.live, self.next, self.kept):
            if served is not None and served.number == number:
                return served.scorer
        return None

    async def answer(self, records: Sequence[object], *, request: str | None = None) -> Reply:
        """Check and answer records, log them, count them.

        Parameters
        ----------
        records : sequence
            One mapping a row, as JSON gave it.
        request : str, optional
            The caller's id of the request; ids of its rows are made from it. One is made up when left out.

        Raises
        ------
        InputRefused
            A row does not fit.
        NoVersion
            There is no champion.
        """
        started = time.perf_counter()
        request = request or uuid.uuid4().hex
        served, arm = self._choose(request)
        try:
            checked, answers = await self._score(served.scorer, records)
        except NoriaError:
            raise
        except Exception as error:
            if arm != "canary" or self.live is None:
                raise
            # A new version that raises costs nobody an answer: the old one gives it, and keeps giving it.
            _log.exception("version %s of %s failed; version %s goes on", served.number, self.model, self.live.number)
            self._reject(served, error)
            self.stats.count(served.number, "canary", "failed", len(records), time.perf_counter() - started, _now())
            served, arm = self.live, "live"
            checked, answers = await self._score(served.scorer, records)
        ids = [request] if len(answers) == 1 else [f"{request}-{row}" for row in range(len(answers))]
        self._keep(served.scorer, arm, ids, checked, answers, started)
        if self.next is not None and self.rollout.strategy == "shadow" and arm == "live":
            self._shadow(self.next.scorer, ids, records)
        return Reply(answers, ids, served.scorer, arm)

    def current(self) -> Scorer:
        """Give the version that answers.

        Raises
        ------
        NoVersion
            There is none.
        """
        return self._live().scorer

    async def drain(self) -> None:
        """Finish what is still being scored unheard, and let the worker thread go."""
        if self._shadows:
            await asyncio.wait(self._shadows, timeout=5.0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _live(self) -> Served:
        if self.live is None:
            if self.failure is not None:
                raise NoVersion(
                    f"{self.model} has no version that can be loaded: {self.failure.what}", code="N-SERVING-011"
                )
            raise NoVersion(f"{self.model} has no {self.alias} yet", code="N-SERVING-010")
        return self.live

    def _reject(self, served: Served, error: Exception) -> None:
        if self.next is served:
            self.next = None
        self.rejected = served.number
        self.load_failures += 1
        self.failure = WorkFailed(
            f"version {served.number} of {self.model} failed as a canary: {type(error).__name__}",
            mend=f'noria models rollback {self.model} --reason "…"',
            code="N-SERVING-013",
        )

    def _choose(self, request: str) -> tuple[Served, Arm]:
        live, growing = self._live(), self.next
        if growing is None:
            return live, "live"
        share = self.rollout.share(self._clock() - growing.since)
        if share >= 100:
            self._swap(growing)
            return growing, "live"
        if bucket(request, str(growing.number)) < share * 100:
            return growing, "canary"
        return live, "live"

    def _swap(self, served: Served) -> None:
        # One assignment: a request sees the old version or the new one, never anything between.
        self.kept, self.live, self.next = self.live, served, None
        self.swaps += self.kept is not None

    async def _score(self, scorer: Scorer, records: Sequence[object]) -> tuple[Checked, Answers]:
        def work() -> tuple[Checked, Answers]:
            checked = scorer.signature.check(records)
            return checked, scorer.answer(checked)

        if scorer.seconds(len(records)) <= _INLINE_SECONDS:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _keep(
        self, scorer: Scorer, arm: Arm, ids: Sequence[str], checked: Checked, answers: Answers, started: float
    ) -> None:
        seconds = time.perf_counter() - started
        now = _now()
        self.log.append(
            Entry(self.model, scorer.number, arm, now, seconds * 1000.0, ids, answers, checked, scorer.signature)
        )
        self.stats.count(scorer.number, arm, "answered", len(ids), seconds, now)

    def _shadow(self, scorer: Scorer, ids: Sequence[str], records: Sequence[object]) -> None:
        if len(self._shadows) >= _SHADOWS_WAITING:
            self.shadows_dropped += 1
            return
        task = asyncio.get_running_loop().create_task(self._unheard(scorer, ids, records))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _unheard(self, scorer: Scorer, ids: Sequence[str], records: Sequence[object]) -> None:
        started = time.perf_counter()
        try:
            checked, answers = await self._score(scorer, records)
        except Exception as error:  # noqa: BLE001 - nobody hears the shadow, so nobody may suffer from it
            _log.warning("shadow version %s of %s failed: %s", scorer.number, self.model, error)
            self.stats.count(scorer.number, "shadow", "failed", len(records), time.perf_counter() - started, _now())
            return
        self._keep(scorer, "shadow", [f"{each}-shadow" for each in ids], checked, answers, started)


def _now() -> datetime:
    return datetime.now(UTC)
