"""Who keeps a deployment going: takes up moved aliases, lets rollouts grow, and goes back when a gate is broken.

Every serving process has one, and all do the same. Each change is the next document, and a number can be written only
once: whoever is first decides, the others see it at their next look.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from noria.errors import AliasMoved, Conflict
from noria.registry.aliases import Aliases
from noria.serving.deployments import DeploymentMoved
from noria.serving.document import Document
from noria.serving.gates import Finding, findings, together
from noria.serving.tally import Sample
from noria.serving.transitions import By, begun, noted, paused, promoted, rolled_back, settled, stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from noria.registry.aliases import AliasMove, MoveKind
    from noria.serving.deployments import Deployments
    from noria.serving.gates import Labelled
    from noria.serving.rollout import Rollout
    from noria.store.database import Database

__all__ = ["ACTOR", "Steward", "Watch", "complete", "go_back", "judged", "point"]

T = TypeVar("T")

ACTOR = "deployment"
"""Who makes the documents that nobody asked for."""

_log = logging.getLogger("noria.serving")


class Watch(Protocol):
    """What rooms further down the stream say and hear of a rollout; see `noria.automation.rollouts`."""

    def labelled(self, database: Database, model: str, arm: int, champion: int, since: datetime) -> Labelled | None:
        """Say what the labels say of two versions' answers since a moment."""

    def tell(self, connection: sa.Connection, model: str, version: int, document: Document, text: str) -> None:
        """Write an alert, in the transaction of the document that it is about."""

    def clear(self, connection: sa.Connection, model: str, at: datetime, resolution: str) -> None:
        """Close that alert."""


class Steward:
    """Keeps one deployment going.

    Parameters
    ----------
    deployments : Deployments
        Its documents.
    rollout : Rollout
        How a version takes over that the alias has been moved to.
    watch : Watch, optional
        Who knows labels and writes alerts.
    """

    def __init__(self, deployments: Deployments, rollout: Rollout, watch: Watch | None = None) -> None:
        self.deployments = deployments
        self.rollout = rollout
        self.watch = watch
        self._aliases = Aliases(deployments.database)
        self._seen = -1

    def look(self, now: datetime, *, loaded: Collection[int] = (), given_up: Finding | None = None) -> Document | None:
        """Do what is to be done now, and give the document that holds.

        Parameters
        ----------
        now : datetime
            The present.
        loaded : collection of int
            Versions that this process can answer with: only then does a candidate take another step.
        given_up : Finding, optional
            A candidate that this process has given up.
        """
        try:
            document = self.follow(now)
            if document is None or not document.candidates:
                return document
            return self._decide(document, now, loaded, given_up)
        except (DeploymentMoved, AliasMoved):
            return self.deployments.current()  # somebody else was first

    def follow(self, now: datetime) -> Document | None:
        """Take up the moves of the alias that no document knows yet, and give the newest document."""
        deployments = self.deployments
        document = deployments.current()
        generation = self._aliases.generation(deployments.model)
        if document is not None and generation == self._seen:
            return document
        moves = self._aliases.history(deployments.model, deployments.alias)
        if document is None and moves:
            document = self._open(moves, now)
        for move in moves:
            if document is not None and move.id > document.move:
                document = self._take_up(document, move, now)
        self._seen = generation
        return document

    def _open(self, moves: Sequence[AliasMove], now: datetime) -> Document:
        """Write the first document: how far the moves have come by now, for nobody wrote it down while they came."""
        standing, last = self.rollout.standing(moves, now), moves[-1]
        by = By(last.actor, last.reason, now)
        number = standing.live if standing.live is not None else last.new
        first = replace(settled(None, number, by, fallback=0), move=last.id)
        document = self.deployments.append(lambda _connection, _newest: first, after=0)
        if standing.growing is None:
            return document
        began = now - timedelta(seconds=standing.age)
        grown = replace(begun(document, [standing.growing], self.rollout, by), began=began, since=began)
        hold = self.rollout.hold_seconds
        steps = int(standing.age // hold) if grown.strategy == "canary" and hold > 0 else 0
        for step in range(steps):
            moment = replace(by, at=began + timedelta(seconds=hold * (step + 1)))
            grown = replace(stepped(grown, moment), number=grown.number, change="start", at=now)
        return self.deployments.append(lambda _connection, _newest: grown, after=document.number)

    def _take_up(self, before: Document, move: AliasMove, now: datetime) -> Document:
        by = By(move.actor, move.reason, now)
        candidates = [arm.version for arm in before.candidates]
        if move.kind == "remove" or (move.kind != "rollback" and move.new in candidates):
            made = noted(before, by)
        elif move.kind == "rollback" or move.new == before.champion.version:
            target = self._target(before, move.new)
            fallback = target.fallback if target else 0
            if before.phase == "steady" and move.new == before.champion.version:
                made = noted(before, by)
            else:
                made = settled(before, move.new, by, fallback=fallback, change="rollback")
        else:
            made = begun(before, [move.new], self.rollout, by)
        made = replace(made, move=move.id)

        def write(connection: sa.Connection, _newest: Document | None) -> Document:
            if self.watch is not None and move.kind != "remove":
                self.watch.clear(connection, self.deployments.model, now, f"version {move.new} was given since")
            return made

        return self.deployments.append(write, after=before.number)

    def _target(self, before: Document, version: int) -> Document | None:
        """Find the document that had a version answer everything, on the way that rollbacks would go."""
        found = self.deployments.fallback(before)
        while found is not None and found.champion.version != version:
            found = self.deployments.fallback(found)
        return found

    def _decide(self, document: Document, now: datetime, loaded: Collection[int], given_up: Finding | None) -> Document:
        found = judged(self.deployments, document, now, self.watch)
        versions = {arm.version for arm in document.candidates}
        if given_up is not None and given_up.version in versions:
            found.append(given_up)
        told = tuple(each.to_json() for each in found)
        state = together(found)
        if state == "breach":
            broken = next(each for each in found if each.state == "breach")
            reason = f"version {broken.version} broke the gate {broken.gate}: {broken.text}"
            _log.warning("%s: %s", self.deployments.endpoint, reason)
            return go_back(self.deployments, document, By(ACTOR, reason, now, told), self.watch)
        if document.phase != "rolling" or document.strategy == "ab":
            return document
        if state == "undecided" and now >= document.deadline:
            return self._hold(document, By(ACTOR, "still undecided at the deadline", now, told))
        if state == "undecided" or now < document.due or not versions <= set(loaded):
            return document
        by = By(ACTOR, "the gates hold" if found else f"held for {document.hold_seconds:g} s", now, told)
        if stepped(document, by).change == "promote":
            return complete(self.deployments, document, by, watch=self.watch)
        return self.deployments.append(lambda _connection, _newest: stepped(document, by), after=document.number)

    def _hold(self, document: Document, by: By) -> Document:
        def write(connection: sa.Connection, _newest: Document | None) -> Document:
            made = paused(document, by, change="hold")
            if self.watch is not None and document.candidate is not None:
                version = document.candidate.version
                text = f"the rollout of version {version} is held: {by.reason}"
                self.watch.tell(connection, self.deployments.model, version, made, text)
            return made

        return self.deployments.append(write, after=document.number)


def judged(deployments: Deployments, document: Document, now: datetime, watch: Watch | None = None) -> list[Finding]:
    """Judge the candidates of a document by what all processes have counted."""
    if not document.gates.any:
        return []
    sums = deployments.tallies.sums(document.first)
    champion = document.champion
    reference = sums.get(champion.name, Sample(champion.name, champion.version))
    began = document.began or document.at
    found: list[Finding] = []
    for arm in document.candidates:
        labelled = None
        if watch is not None and document.gates.metric_loss is not None:
            model = deployments.model
            labelled = watch.labelled(deployments.database, model, arm.version, champion.version, began)
        sample = sums.get(arm.name, Sample(arm.name, arm.version))
        seconds = (now - began).total_seconds()
        found += findings(document.gates, sample, reference, seconds=seconds, labelled=labelled)
    return found


def complete(
    deployments: Deployments,
    document: Document,
    by: By,
    *,
    version: int | None = None,
    address: str = "",
    watch: Watch | None = None,
) -> Document:
    """Let a candidate answer everything, and the alias point to it."""
    made = promoted(document, by, version=version)

    def write(connection: sa.Connection, _newest: Document | None) -> Document:
        number = made.champion.version
        if watch is not None:
            watch.clear(connection, deployments.model, by.at, f"version {number} answers everything")
        return point(connection, deployments, made, document, by, kind="promote")

    return deployments.append(write, after=document.number, address=address)


def go_back(
    deployments: Deployments, document: Document, by: By, watch: Watch | None = None, *, address: str = ""
) -> Document:
    """Let what answered before the rollout, or before the present version, answer again; the alias goes with it.

    Raises
    ------
    Conflict
        Nothing answered before.
    """
    target = deployments.fallback(document)
    if target is None:
        raise Conflict(
            f"endpoint {deployments.endpoint} has nothing to go back to",
            why=f"document {document.number} is the first with version {document.champion.version}",
            mend=f"noria deploy history {deployments.endpoint}",
            code="N-SERVING-078",
        )
    made = rolled_back(document, target, by)
    left = document.candidate or document.champion

    def write(connection: sa.Connection, _newest: Document | None) -> Document:
        if watch is not None and by.who == ACTOR:
            watch.tell(connection, deployments.model, left.version, made, f"rolled back by itself: {by.reason}")
        elif watch is not None:
            watch.clear(connection, deployments.model, by.at, f"{by.who} rolled back: {by.reason}")
        return point(connection, deployments, made, document, by, kind="rollback")

    return deployments.append(write, after=document.number, address=address)


class _Within:
    """Does a write in a transaction that is there already."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def __call__(self, work: Callable[[sa.Connection], T], /) -> T:
        return work(self._connection)


def point(
    connection: sa.Connection,
    deployments: Deployments,
    made: Document,
    before: Document | None,
    by: By,
    *,
    kind: MoveKind,
) -> Document:
    """Move the alias with the document, so that no other room believes that another version answers."""
    aliases = Aliases(deployments.database, _Within(connection))
    number, where = made.champion.version, aliases.current(deployments.model, deployments.alias)
    moves = aliases.history(deployments.model, deployments.alias)
    if moves and moves[-1].id > (before.move if before is not None else 0):
        # Somebody has moved it, and no document says so yet: that comes first.
        raise deployments.moved(made.number - 1)
    if where == number:
        return made
    move = aliases.move(
        deployments.model,
        deployments.alias,
        number,
        actor=by.who,
        reason=by.reason,
        at=by.at,
        expect=where,
        kind=kind,
    )
    return replace(made, move=move.id)
