"""What each arm of a rollout has done, counted in every process and added up in the database."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.scoring.answers import label_text
from noria.serving.latency import Histogram
from noria.serving.score_bins import score_bin
from noria.serving.tables import serving_tallies
from noria.store.database import upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from noria.scoring.answers import Answers
    from noria.store.database import Database

__all__ = ["Sample", "Tallies", "Tally"]

_ALIKE = 1e-9


@dataclass(frozen=True)
class Sample:
    """What one arm has done since a rollout began, in all processes.

    Attributes
    ----------
    arm, version : str, int
        Whose.
    requests, failed, rows : int
        Requests, those among them that got no answer from it, and rows answered. Input that it refused counts as
        failed, for the champion too: what both refuse weighs on neither.
    seconds : float
        Time they took together.
    histogram : sequence of int
        Latencies; see `noria.serving.latency`.
    scores : mapping of int to int
        Rows per bin of the score; see `noria.serving.score_bins`.
    compared, agreed : int
        Rows that a shadow answered beside what was heard, and those of them with the same prediction.
    gap : float
        Sum of the distances of these scores.
    """

    arm: str
    version: int
    requests: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    histogram: Sequence[int] = ()
    scores: Mapping[int, int] = field(default_factory=dict)
    compared: int = 0
    agreed: int = 0
    gap: float = 0.0

    def __add__(self, other: Sample) -> Sample:
        """Put the counts of two processes together."""
        scores = dict(self.scores)
        for place, count in other.scores.items():
            scores[place] = scores.get(place, 0) + count
        wide = max(len(self.histogram), len(other.histogram))
        sides = [[*each, *[0] * (wide - len(each))] for each in (self.histogram, other.histogram)]
        return Sample(
            self.arm,
            self.version,
            self.requests + other.requests,
            self.failed + other.failed,
            self.rows + other.rows,
            self.seconds + other.seconds,
            [a + b for a, b in zip(*sides, strict=True)],
            scores,
            self.compared + other.compared,
            self.agreed + other.agreed,
            self.gap + other.gap,
        )

    @property
    def agreement(self) -> float | None:
        """Share of the compared rows with the same prediction; None where none was compared."""
        return self.agreed / self.compared if self.compared else None


class _Counts:
    __slots__ = ("agreed", "compared", "failed", "gap", "latency", "requests", "rows", "scores", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.requests = self.failed = self.rows = self.compared = self.agreed = 0
        self.gap = 0.0
        self.latency = Histogram()
        self.scores: dict[int, int] = {}


class Tally:
    """The counters of one process for one rollout. For the event loop's thread only.

    Parameters
    ----------
    rollout : int
        Number of the document with which it began.
    """

    def __init__(self, rollout: int) -> None:
        self.rollout = rollout
        self._counts: dict[str, _Counts] = {}
        self._changed = False

    def answered(self, arm: str, version: int, seconds: float, answers: Answers) -> None:
        """Count an answered request."""
        counts = self._count(arm, version, seconds)
        counts.rows += len(answers)
        scores = counts.scores
        for score, said in zip(answers.scores, answers.predictions, strict=True):
            place = score_bin(score) if score is not None else zlib.crc32(label_text(said).encode())
            scores[place] = scores.get(place, 0) + 1

    def failed(self, arm: str, version: int, seconds: float) -> None:
        """Count a request that the arm had no answer to."""
        self._count(arm, version, seconds).failed += 1

    def compare(self, arm: str, heard: Answers, unheard: Answers) -> None:
        """Count how far a shadow agrees with what was heard; after `answered` has counted its request."""
        counts = self._counts[arm]
        counts.compared += len(heard)
        pairs = zip(heard.predictions, heard.scores, unheard.predictions, unheard.scores, strict=True)
        for said, score, ours, our_score in pairs:
            gap = abs(score - our_score) if score is not None and our_score is not None else 0.0
            counts.gap += gap
            same = said == ours
            if isinstance(said, float) and isinstance(ours, float):
                same = gap <= _ALIKE * max(abs(said), abs(ours), 1.0)
            counts.agreed += same

    def take(self) -> list[dict[str, object]]:
        """Give the rows to write, or none where nothing has changed since the last time."""
        if not self._changed:
            return []
        self._changed = False
        return [
            {
                "rollout": self.rollout,
                "arm": arm,
                "version": counts.version,
                "requests": counts.requests,
                "failed": counts.failed,
                "rows": counts.rows,
                "seconds": counts.latency.seconds,
                "histogram": list(counts.latency.counts),
                "scores": [[place, count] for place, count in counts.scores.items()],
                "compared": counts.compared,
                "agreed": counts.agreed,
                "gap": counts.gap,
            }
            for arm, counts in self._counts.items()
        ]

    def _count(self, arm: str, version: int, seconds: float) -> _Counts:
        counts = self._counts.get(arm)
        if counts is None or counts.version != version:
            counts = self._counts[arm] = _Counts(version)
        counts.requests += 1
        counts.latency.add(seconds)
        self._changed = True
        return counts


class Tallies:
    """The counters of all processes.

    Parameters
    ----------
    database : Database
        With this room's tables.
    deployment : str
        Whose; see `noria.serving.deployments`.
    """

    def __init__(self, database: Database, deployment: str) -> None:
        self.database = database
        self.deployment = deployment

    def write(self, process: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Write what a process has counted so far, in place of what it wrote before."""
        made = [{"deployment": self.deployment, "process": process, **row} for row in rows]
        if made:
            with self.database.transaction() as connection:
                upsert(connection, serving_tallies, made, key=("deployment", "rollout", "process", "arm"))

    def sums(self, rollout: int) -> dict[str, Sample]:
        """Give what each arm of a rollout has done."""
        table = serving_tallies.c
        query = sa.select(serving_tallies).where(table.deployment == self.deployment, table.rollout == rollout)
        found: dict[str, Sample] = {}
        with self.database.reading() as connection:
            for row in connection.execute(query).mappings():
                sample = Sample(
                    row["arm"],
                    row["version"],
                    row["requests"],
                    row["failed"],
                    row["rows"],
                    row["seconds"],
                    row["histogram"],
                    {int(place): int(count) for place, count in row["scores"]},
                    row["compared"],
                    row["agreed"],
                    row["gap"],
                )
                found[row["arm"]] = found[row["arm"]] + sample if row["arm"] in found else sample
        return found
