"""Promotions that wait for somebody else to agree: who asked, who agreed, who did not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import Conflict, NotAllowed, NotFound, WrongArgument
from noria.registry import events
from noria.registry.aliases import Aliases
from noria.registry.promotion import checked_promotion
from noria.registry.tables import promotion_requests, promotion_votes
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from noria.registry.aliases import AliasMove
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion

__all__ = ["Approvals", "PromotionRequest", "RequestState", "Vote", "person"]

RequestState = Literal["open", "promoted", "rejected", "void"]

T = TypeVar("T")

_FACE = re.compile(r" \((?:page|command line|client)\)$")


@dataclass(frozen=True)
class Vote:
    """What somebody said of a request."""

    actor: str
    approves: bool
    reason: str
    at: datetime


@dataclass(frozen=True)
class PromotionRequest:
    """Somebody asks that production follow a version.

    Parameters
    ----------
    id : int
        Unique.
    model, number, alias : str, int, str
        What is to point where.
    model_digest : str
        Of the version's files when it was asked for.
    actor, reason : str
        Who asked, and why.
    override : str or None
        Why failed gates shall be overruled.
    at : datetime
        When.
    state : str
        ``open``, ``promoted``, ``rejected``, or ``void`` where the version has gone.
    decided : datetime or None
        When it was no longer open.
    votes : tuple of Vote
        Who said what, in that order.
    """

    id: int
    model: str
    number: int
    alias: str
    model_digest: str
    actor: str
    reason: str
    override: str | None
    at: datetime
    state: RequestState
    decided: datetime | None
    votes: tuple[Vote, ...] = ()

    @property
    def ref(self) -> str:
        """How people write the version."""
        return f"{self.model}@{self.number}"

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Who agreed."""
        return tuple(vote.actor for vote in self.votes if vote.approves)


def person(actor: str) -> str:
    """Tell a person by a name, whichever way it was written.

    Examples
    --------
    >>> person("Ann (page)") == person("ann")
    True
    """
    return unicodedata.normalize("NFKC", _FACE.sub("", actor).strip()).casefold()


class Approvals:
    """The requests of all models.

    Parameters
    ----------
    registry : Registry
        Whose versions; it knows how many must agree.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.database = registry.database

    def request(
        self,
        model: str,
        number: int,
        *,
        actor: str,
        reason: str,
        at: datetime,
        alias: str = "champion",
        override: str | None = None,
    ) -> PromotionRequest:
        """Ask for a promotion; the same that is asked for already is given back.

        Raises
        ------
        GateFailed, NotAllowed, WrongArgument
            The version could not be promoted, whoever agrees: see `noria.registry.promotion.promote`.
        """
        version = checked_promotion(self.registry, model, number, alias=alias, reason=reason, override=override)
        row = {
            "model": model,
            "number": number,
            "alias": alias,
            "model_digest": version.model_digest,
            "actor": actor,
            "reason": reason,
            "override": override,
            "at": at,
            "state": "open",
        }

        def work(connection: sa.Connection) -> int:
            known = connection.execute(_open_of(model, number, alias)).scalar()
            if known is not None:
                return int(known)
            made = sa.insert(promotion_requests).values(row).returning(promotion_requests.c.id)
            told = {"alias": alias, "reason": reason, "override": override}
            events.record(connection, "promotion.requested", model, number, at=at, actor=actor, detail=told)
            return int(connection.execute(made).scalar_one())

        try:
            key = self.registry.write(work)
        except IntegrityError:  # somebody asked for the very same at this moment
            with self.database.reading() as connection:
                key = connection.execute(_open_of(model, number, alias)).scalar_one()
        return self.get(key)

    def approve(self, key: int, *, actor: str, reason: str, at: datetime) -> tuple[PromotionRequest, AliasMove | None]:
        """Agree; with the last one who must, the alias moves in the same transaction.

        Gates and files are asked again: what was fine when it was asked for need not be now.

        Returns
        -------
        tuple of PromotionRequest and AliasMove or None
            The request as it is now, and the move it led to.

        Raises
        ------
        NotAllowed
            Who agrees is who asked, or who trained or registered the version.
        Conflict
            The request is no longer open, the version has other files, or this person has spoken.
        """
        asked = self.get(key)
        _must_be_open(asked)
        version = checked_promotion(
            self.registry, asked.model, asked.number, alias=asked.alias, reason=reason, override=asked.override
        )
        if version.model_digest != asked.model_digest:
            raise _over(asked, "the version that was asked for has gone")
        self._must_be_another(asked, version, actor)

        def work(connection: sa.Connection) -> AliasMove | None:
            self._vote(connection, asked, actor=actor, approves=True, reason=reason, at=at)
            said = sa.select(sa.func.count()).where(_votes_of(key), promotion_votes.c.approves)
            told = {"alias": asked.alias, "reason": reason}
            events.record(connection, "promotion.approved", asked.model, asked.number, at=at, actor=actor, detail=told)
            if connection.execute(said).scalar_one() < max(1, self.registry.approvals()):
                return None
            move = Aliases(self.database, lambda inner: inner(connection)).move(
                asked.model,
                asked.alias,
                asked.number,
                actor=asked.actor,
                reason=f"{asked.reason} (approved by {', '.join(self._agreed(connection, key))})",
                at=at,
                kind="promote",
                override=asked.override,
            )
            _close(connection, key, "promoted", at)
            return move

        move = self._written(asked, actor, work)
        return self.get(key), move

    def reject(self, key: int, *, actor: str, reason: str, at: datetime) -> PromotionRequest:
        """Refuse; one who does is enough. Whoever asked may take it back by this.

        Raises
        ------
        Conflict
            The request is no longer open.
        WrongArgument
            There is no reason.
        """
        asked = self.get(key)
        _must_be_open(asked)
        if not reason.strip():
            raise WrongArgument(
                "a request is not rejected without a reason", mend='say it: --reason "…"', code="N-REGISTRY-041"
            )

        def work(connection: sa.Connection) -> None:
            self._vote(connection, asked, actor=actor, approves=False, reason=reason, at=at)
            _close(connection, key, "rejected", at)
            told = {"alias": asked.alias, "reason": reason}
            events.record(connection, "promotion.rejected", asked.model, asked.number, at=at, actor=actor, detail=told)

        self._written(asked, actor, work)
        return self.get(key)

    def get(self, key: int) -> PromotionRequest:
        """Read one request.

        Raises
        ------
        NotFound
            There is none of this number.
        """
        with self.database.reading() as connection:
            found = _read(connection, sa.select(promotion_requests).where(promotion_requests.c.id == key))
        if not found:
            raise NotFound(f"there is no request {key}", mend="noria models requests --all", code="N-REGISTRY-042")
        return found[0]

    def list(
        self, model: str | None = None, *, number: int | None = None, everything: bool = False, limit: int = 200
    ) -> tuple[PromotionRequest, ...]:
        """Give the open requests, or all, newest first."""
        own = promotion_requests.c
        query = sa.select(promotion_requests).order_by(own.id.desc()).limit(limit)
        if model is not None:
            query = query.where(own.model == model)
        if number is not None:
            query = query.where(own.number == number)
        if not everything:
            query = query.where(own.state == "open")
        with self.database.reading() as connection:
            return _read(connection, query)

    def open_for(self, model: str, number: int, alias: str = "champion") -> PromotionRequest:
        """Give the open request for a version.

        Raises
        ------
        NotFound
            Nobody has asked, or it is decided.
        """
        with self.database.reading() as connection:
            key = connection.execute(_open_of(model, number, alias)).scalar()
        if key is None:
            raise NotFound(
                f"nobody has asked that {model}@{number} become {alias}",
                mend=f'noria models promote {model}@{number} --reason "…"     asks\nnoria models requests --all',
                code="N-REGISTRY-043",
            )
        return self.get(int(key))

    def _must_be_another(self, asked: PromotionRequest, version: ModelVersion, actor: str) -> None:
        run = Runs(self.database).many([version.run_id]).get(version.run_id) if version.run_id else None
        made = {"asked for it": asked.actor, "registered the version": version.user_id}
        if run is not None:
            made["trained the version"] = run.user_id
        for what, who in made.items():
            if who and person(who) == person(actor):
                raise NotAllowed(
                    f"{actor} cannot approve {asked.ref}",
                    why=f"whoever {what} cannot be the one who approves it",
                    mend="ask somebody else",
                    code="N-REGISTRY-044",
                )
        if not person(actor):
            raise NotAllowed("nobody has said who approves", mend="say it: --actor NAME", code="N-REGISTRY-044")

    def _vote(
        self,
        connection: sa.Connection,
        asked: PromotionRequest,
        *,
        actor: str,
        approves: bool,
        reason: str,
        at: datetime,
    ) -> None:
        # Two who agree at once wait for each other here, so that the second one counts the first.
        own = promotion_requests.c
        state = connection.execute(sa.select(own.state).where(own.id == asked.id).with_for_update()).scalar()
        if state != "open":
            raise _over(asked, f"it is {state} meanwhile")
        row = {"request_id": asked.id, "person": person(actor), "actor": actor, "approves": approves}
        if not approves:  # who agreed may change their mind
            mine = sa.and_(_votes_of(asked.id), promotion_votes.c.person == person(actor))
            connection.execute(sa.delete(promotion_votes).where(mine))
        connection.execute(sa.insert(promotion_votes), {**row, "reason": reason, "at": at})

    def _agreed(self, connection: sa.Connection, key: int) -> Sequence[str]:
        said = sa.select(promotion_votes.c.actor).where(_votes_of(key), promotion_votes.c.approves)
        return connection.execute(said.order_by(promotion_votes.c.at, promotion_votes.c.person)).scalars().all()

    def _written(self, asked: PromotionRequest, actor: str, work: Callable[[sa.Connection], T]) -> T:
        try:
            return self.registry.write(work)
        except IntegrityError as error:
            raise Conflict(
                f"{actor} has approved {asked.ref} already",
                why=f"{max(1, self.registry.approvals())} people must agree",
                mend="ask another person",
                code="N-REGISTRY-045",
            ) from error


def _open_of(model: str, number: int, alias: str) -> sa.Select[int]:
    own = promotion_requests.c
    return sa.select(own.id).where(
        own.model == model, own.number == number, own.alias == alias, own.state == sa.literal_column("'open'")
    )


def _votes_of(key: int) -> sa.ColumnElement[bool]:
    return promotion_votes.c.request_id == key


def _close(connection: sa.Connection, key: int, state: RequestState, at: datetime) -> None:
    own = promotion_requests.c.id == key
    connection.execute(sa.update(promotion_requests).where(own).values(state=state, decided=at))


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> tuple[PromotionRequest, ...]:
    rows = connection.execute(query).mappings().all()
    votes: dict[int, list[Vote]] = {}
    own = promotion_votes.c
    said = sa.select(promotion_votes).where(own.request_id.in_([row["id"] for row in rows]))
    for vote in connection.execute(said.order_by(own.at, own.person)):
        votes.setdefault(vote.request_id, []).append(Vote(vote.actor, vote.approves, vote.reason, vote.at))
    return tuple(PromotionRequest(**row, votes=tuple(votes.get(row["id"], ()))) for row in rows)


def _must_be_open(asked: PromotionRequest) -> None:
    if asked.state != "open":
        raise _over(asked, f"it is {asked.state}")


def _over(asked: PromotionRequest, why: str) -> Conflict:
    return Conflict(
        f"the request to make {asked.ref} the {asked.alias} is no longer open",
        why=why,
        mend=f'ask again: noria models promote {asked.ref} --reason "…"',
        code="N-REGISTRY-046",
    )
