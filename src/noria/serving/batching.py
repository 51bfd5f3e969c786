"""Requests that come while a model computes are answered together when it is free.

A library's call costs milliseconds before it looks at the first row: of 8 rows that waited each costs a sixth to an
eighth, of 64 a fiftieth. Nobody is made to wait for others: an idle model answers the first at once, alone. Compiled
plans are left as they are, for they have next to nothing to share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import NoriaError
from noria.scoring.answers import Answers
from noria.scoring.signature import Checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from noria.scoring.rows import Rows
    from noria.scoring.scorer import Scorer

__all__ = ["Batches", "scored"]

_MOST_ROWS = 256
_MOST_REQUESTS = 64

Scored = tuple[Checked, Answers]


def scored(scorer: Scorer, records: Sequence[object] | Rows) -> Scored:
    """Check and answer one request."""
    checked = scorer.signature.check(records)
    return checked, scorer.answer(checked)


@dataclass(frozen=True, eq=False)
class _Request:
    scorer: Scorer
    records: Sequence[object] | Rows
    done: asyncio.Future[Scored]


class Batches:
    """What waits for the one thread that computes.

    Parameters
    ----------
    pool : Executor
        Of one thread.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._waiting: deque[_Request] = deque()
        self._computing = False

    async def score(self, scorer: Scorer, records: Sequence[object] | Rows) -> Scored:
        """Check and answer a request in the thread, with others of the same version where some wait.

        Raises
        ------
        InputRefused
            A row of this request does not fit; that of another is no matter.
        """
        request = _Request(scorer, records, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if not self._computing:
            self._next()
        return await request.done

    def _next(self) -> None:
        batch = self._taken()
        self._computing = bool(batch)
        if batch:
            loop = asyncio.get_running_loop()
            computed = loop.run_in_executor(self._pool, _computed, batch[0].scorer, [one.records for one in batch])
            computed.add_done_callback(lambda future: self._tell(batch, future))

    def _taken(self) -> list[_Request]:
        """Take the longest waiting, and those behind it that are for the same version."""
        batch: list[_Request] = []
        rows = 0
        while self._waiting:
            first = self._waiting[0]
            if first.done.cancelled():
                self._waiting.popleft()
                continue
            size = len(first.records)
            full = rows + size > _MOST_ROWS or len(batch) == _MOST_REQUESTS
            if batch and (full or first.scorer is not batch[0].scorer or first.scorer.engine == "plan"):
                break
            batch.append(self._waiting.popleft())
            rows += size
        return batch

    def _tell(self, batch: list[_Request], computed: asyncio.Future[list[Scored | Exception]]) -> None:
        self._next()
        lost = computed.cancelled() or computed.exception() is not None
        for number, request in enumerate(batch):
            if request.done.done():
                continue
            if lost:
                request.done.cancel()
                continue
            made = computed.result()[number]
            if isinstance(made, Exception):
                request.done.set_exception(made)
            else:
                request.done.set_result(made)


def _computed(scorer: Scorer, requests: list[Sequence[object] | Rows]) -> list[Scored | Exception]:
    """Answer requests together; what is wrong with one stays with that one."""
    if len(requests) == 1:
        return [_alone(scorer, requests[0])]
    checked: list[Checked | NoriaError] = []
    for records in requests:
        try:
            checked.append(scorer.signature.check(records))
        except NoriaError as error:
            checked.append(error)
    fit = [one for one in checked if isinstance(one, Checked)]
    try:
        said = iter(_parted(scorer.answer(_joined(fit)), [one.rows for one in fit]) if fit else ())
    except Exception:  # noqa: BLE001 - whatever a model raises: each is asked by itself, and told what is its own
        return [_alone(scorer, records) for records in requests]
    return [(one, next(said)) if isinstance(one, Checked) else one for one in checked]


def _alone(scorer: Scorer, records: Sequence[object] | Rows) -> Scored | Exception:
    try:
        return scored(scorer, records)
    except Exception as error:  # noqa: BLE001 - handed over to whoever waits for it
        return error


def _joined(parts: list[Checked]) -> Checked:
    first = parts[0]
    return Checked(
        sum(part.rows for part in parts),
        {name: [value for part in parts for value in part.columns[name]] for name in first.columns},
        {name: [value for part in parts for value in part.carried[name]] for name in first.carried},
        [flags for part in parts for flags in part.flags],
    )


def _parted(answers: Answers, sizes: list[int]) -> list[Answers]:
    made, start = [], 0
    for size in sizes:
        part = slice(start, start + size)
        shares = None if answers.probabilities is None else answers.probabilities[part]
        made.append(
            Answers(answers.predictions[part], answers.scores[part], answers.classes, shares, answers.flags[part])
        )
        start += size
    return made
