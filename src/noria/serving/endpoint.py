"""One endpoint: which version answers, and the answering itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from noria.errors import NoriaError, WorkFailed
from noria.predictions.entry import Entry
from noria.scoring.answers import Answers, label_text
from noria.scoring.rows import Rows
from noria.scoring.signature import InputRefused
from noria.serving.batching import Batches, scored
from noria.serving.document import Arm, Document, assign
from noria.serving.identity import request_id
from noria.serving.rollout import ArmName, Rollout, bucket
from noria.serving.tally import Tally

if TYPE_CHECKING:
    from noria.predictions.log import PredictionLog
    from noria.scoring.answers import Region
    from noria.scoring.explanation import Explanation
    from noria.scoring.scorer import Scorer
    from noria.scoring.signature import Checked
    from noria.serving.stats import Stats

__all__ = ["MOST_EXPLAINED", "REJECTED", "Endpoint", "NoVersion", "Reply", "Served"]

REJECTED = "N-SERVING-013"
"""What a candidate is given up with."""

_INLINE_SECONDS = 0.002
MOST_EXPLAINED = 100
"""Rows of one request: a row of a large forest takes a tenth of a second."""
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


class Reply(msgspec.Struct, frozen=True):
    """The answer to one request."""

    answers: Answers
    ids: Sequence[str]
    scorer: Scorer
    arm: ArmName
    explanations: Sequence[Explanation] | None = None
    regions: Sequence[Region] | None = None


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
        self.document: Document | None = None
        self.tally: Tally | None = None
        self.rejected: int | None = None
        self.swaps = self.load_failures = self.shadows_dropped = 0
        self.rollout = rollout or Rollout()
        self._clock = clock
        self._heard: tuple[Arm, ...] = ()
        self._unheard_arms: tuple[Arm, ...] = ()
        self._served: Mapping[int, Served] = {}
        self._live_name: ArmName = "live"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="noria-scoring")
        self._batches = Batches(self._pool)
        self.told: Callable[[int, str, int], None] | None = None
        """Called with version, arm and rows of each answered request, in its task: for traces."""
        self._shadows: set[asyncio.Task[None]] = set()

    @property
    def answering(self) -> tuple[int, ...]:
        """Numbers of the versions that answer now; what only listens in the shadow, or stands by, does not."""
        if self.live is None:
            return ()
        return (self.live.number, *(arm.version for arm in self._heard[1:] if arm.weight))

    @property
    def share(self) -> int | None:
        """The percentage of requests that the next version answers, while one grows."""
        if self.next is None:
            return None
        return sum(arm.weight for arm in self._heard if arm.version == self.next.number) // 100

    def take(self, scorer: Scorer) -> None:
        """Let one version answer everything. Running requests keep the version they have."""
        self.follow(None, {scorer.number: scorer}, (Arm(scorer.number, 10_000),))

    def follow(
        self,
        document: Document | None,
        scorers: Mapping[int, Scorer],
        arms: Sequence[Arm],
        *,
        age: float = 0.0,
    ) -> None:
        """Let the versions of a document answer whom it gives them.

        Parameters
        ----------
        document : Document or None
            What is followed.
        scorers : mapping of int to Scorer
            A loaded version for each of the arms.
        arms : sequence of Arm
            Those of its arms that could be loaded, the one that answers whom no other takes first.
        age : float
            Seconds that the rollout has lasted.
        """
        now = self._clock()
        old = self._served
        served = {number: old.get(number) or Served(scorer, now - age) for number, scorer in scorers.items()}
        tried = [arm for arm in arms[1:] if arm.weight or arm.mode == "shadow"]
        kept, live = self.live, served[arms[0].version]
        if document is None or not tried:
            self.tally = None
        elif self.tally is None or self.tally.rollout != document.first:
            self.tally = Tally(document.first)
        # No request comes between these lines: it sees the old arms or the new ones, never anything between.
        if kept is not None and kept.number != live.number:
            self.kept = kept
            self.swaps += 1
        self.document, self._served, self.live = document, served, live
        self.next = served[tried[0].version] if tried else None
        self._heard = tuple(arm for arm in arms if arm.mode == "live") if tried else ()
        self._unheard_arms = tuple(arm for arm in tried if arm.mode == "shadow")
        # A shadow that must stand in for a champion that is lost is heard.
        self._live_name = arms[0].name if arms[0].mode == "live" else "live"

    def answers(self, number: int) -> bool:
        """Say whether a version is one of those that answer, are tried, or stand by."""
        return number in self._served

    def loaded(self, number: int) -> Scorer | None:
        """Give a version that is still in memory: a rollback then takes no loading."""
        for served in (*self._served.values(), self.kept):
            if served is not None and served.number == number:
                return served.scorer
        return None

    async def answer(
        self,
        records: Sequence[object] | Rows,
        *,
        request: str | None = None,
        version: int | None = None,
        explain: bool = False,
        region: bool = False,
    ) -> Reply:
        """Check and answer records, log them, count them.

        Parameters
        ----------
        records : sequence or Rows
            One mapping a row, as JSON gave it, or all of them side by side.
        request : str, optional
            The caller's id of the request; ids of its rows are made from it. One is made up when left out.
        version : int, optional
            Which of the versions that answer now; the rollout chooses when left out.
        explain : bool
            Whether to say which column has which part in the answers.
        region : bool
            Whether to say between what the truth lies, or among which classes.

        Raises
        ------
        InputRefused
            A row does not fit.
        Unexplained
            An explanation is wanted, and there is no exact one.
        NoVersion
            There is no champion.
        WrongData
            A region is wanted, and the version was not calibrated for it.
        """
        started = time.perf_counter()
        request = request or request_id()
        served, arm = self._choose(request, records) if version is None else self._named(version)
        try:
            if served.scorer.seconds(len(records)) <= _INLINE_SECONDS:
                checked, answers = scored(served.scorer, records)
            else:
                checked, answers = await self._score(served.scorer, records)
        except Exception as error:
            self._failed(served, arm, started)
            live = self.live
            refused = isinstance(error, NoriaError)
            if served is live or live is None:
                raise
            if refused and (version is not None or not isinstance(error, InputRefused)):
                raise
            # A new version that raises costs nobody an answer, nor does one that refuses what the old one takes.
            if not refused:
                self._forgive(served, arm, error)
                self.stats.count(served.number, arm, "failed", len(records), time.perf_counter() - started, _now())
            served, arm = live, self._live_name
            try:
                checked, answers = await self._score(served.scorer, records)
            except NoriaError:
                self._failed(served, arm, started)
                raise
        explanations = await self._explain(served.scorer, checked, answers) if explain else None
        regions = served.scorer.regions(checked, answers) if region else None
        ids = [request] if len(answers) == 1 else [f"{request}-{row}" for row in range(len(answers))]
        self._keep(served.scorer, arm, ids, checked, answers, started)
        if self.told is not None:
            self.told(served.number, arm, len(ids))
        for shadow in self._unheard_arms:
            self._shadow(shadow, ids, records, answers)
        return Reply(answers, ids, served.scorer, arm, explanations, regions)

    def current(self, version: int | None = None) -> Scorer:
        """Give the version that answers, or one of those that do.

        Raises
        ------
        NoVersion
            There is none, or not this one.
        """
        return self._live().scorer if version is None else self._named(version)[0].scorer

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

    def _failed(self, served: Served, arm: ArmName, started: float) -> None:
        if self.tally is not None:
            self.tally.failed(arm, served.number, time.perf_counter() - started)

    def _forgive(self, served: Served, arm: ArmName, error: Exception) -> None:
        """Let a new version go on where a gate counts its failures; without one the first failure was its last."""
        if self.document is not None and self.document.gates.errors is not None:
            _log.warning("version %s of %s failed as %s: %s", served.number, self.model, arm, type(error).__name__)
            return
        _log.exception("version %s of %s failed; version %s goes on", served.number, self.model, self._live().number)
        if self.next is served:
            self.next = None
        self._heard = tuple(each for each in self._heard if each.version != served.number)
        self.rejected = served.number
        self.load_failures += 1
        self.failure = WorkFailed(
            f"version {served.number} of {self.model} failed as a {arm}: {type(error).__name__}",
            mend=f'noria models rollback {self.model} --reason "…"',
            code="N-SERVING-013",  # as REJECTED; the page of all codes reads them here
        )

    def _choose(self, request: str, records: Sequence[object] | Rows) -> tuple[Served, ArmName]:
        live, heard = self._live(), self._heard
        if len(heard) < 2 or self.document is None:
            return live, self._live_name
        key = self.document.key
        arm = assign(heard, bucket(_entity(records, key) or request if key else request, self.document.salt))
        return self._served[arm.version], arm.name

    def _named(self, version: int) -> tuple[Served, ArmName]:
        live = self._live()
        if version == live.number:
            return live, self._live_name
        for arm in self._heard[1:]:
            if arm.weight and arm.version == version:
                return self._served[version], arm.name
        raise NoVersion(f"version {version} of {self.model} does not answer; {live.number} does", code="N-SERVING-053")

    async def _explain(self, scorer: Scorer, checked: Checked, answers: Answers) -> Sequence[Explanation]:
        # Taking a forest apart costs a thousand times its answer: others are answered meanwhile.
        return await asyncio.get_running_loop().run_in_executor(self._pool, scorer.explain, checked, answers)

    async def _score(self, scorer: Scorer, records: Sequence[object] | Rows) -> tuple[Checked, Answers]:
        if scorer.seconds(len(records)) <= _INLINE_SECONDS:
            return scored(scorer, records)
        return await self._batches.score(scorer, records)

    def _keep(
        self, scorer: Scorer, arm: ArmName, ids: Sequence[str], checked: Checked, answers: Answers, started: float
    ) -> None:
        seconds = time.perf_counter() - started
        now = _now()
        self.log.append(
            Entry(self.model, scorer.number, arm, now, seconds * 1000.0, ids, answers, checked, scorer.signature)
        )
        self.stats.count(scorer.number, arm, "answered", len(ids), seconds, now)
        if self.tally is not None:
            self.tally.answered(arm, scorer.number, seconds, answers)

    def _shadow(self, arm: Arm, ids: Sequence[str], records: Sequence[object] | Rows, heard: Answers) -> None:
        if len(self._shadows) >= _SHADOWS_WAITING:
            self.shadows_dropped += 1
            return
        scorer = self._served[arm.version].scorer
        task = asyncio.get_running_loop().create_task(self._unheard(arm.name, scorer, ids, records, heard))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _unheard(
        self,
        arm: ArmName,
        scorer: Scorer,
        ids: Sequence[str],
        records: Sequence[object] | Rows,
        heard: Answers,
    ) -> None:
        started = time.perf_counter()
        tally = self.tally
        try:
            checked, answers = await self._score(scorer, records)
        except Exception as error:  # noqa: BLE001 - nobody hears the shadow, so nobody may suffer from it
            _log.warning("shadow version %s of %s failed: %s", scorer.number, self.model, error)
            seconds = time.perf_counter() - started
            self.stats.count(scorer.number, arm, "failed", len(records), seconds, _now())
            if tally is not None:
                tally.failed(arm, scorer.number, seconds)
            return
        self._keep(scorer, arm, [f"{each}-shadow" for each in ids], checked, answers, started)
        if tally is not None and tally is self.tally:
            tally.compare(arm, heard, answers)


def _entity(records: Sequence[object] | Rows, column: str) -> str | None:
    """Give the value that decides the arm, as text: the first row's, for a request is answered by one version."""
    value: object = None
    if isinstance(records, Rows):
        values = records.columns.get(column)
        value = values[0] if values else None
    elif records and isinstance(records[0], Mapping):
        value = records[0].get(column)
    return None if value is None else label_text(value)


def _now() -> datetime:
    return datetime.now(UTC)
