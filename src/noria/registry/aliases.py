"""Names that move from version to version, with the history of every move."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import AliasMoved, ModelNotFound
from noria.registry import events
from noria.registry.tables import alias_moves, model_aliases, model_versions
from noria.security.names import checked_name

if TYPE_CHECKING:
    from datetime import datetime

    from noria.store.database import Database, Write

__all__ = ["ANY", "AliasMove", "Aliases", "Anywhere", "MoveKind", "drop_alias"]

MoveKind = Literal["move", "promote", "rollback", "remove"]


class Anywhere(Enum):
    """The type of `ANY`."""

    ANY = "any"


ANY = Anywhere.ANY
"""For `Aliases.move`: wherever the alias points now."""


@dataclass(frozen=True)
class AliasMove:
    """One move of an alias: who, when, why, and in spite of what."""

    id: int
    model: str
    alias: str
    kind: MoveKind
    old: int | None
    new: int
    at: datetime
    actor: str
    reason: str
    override: str | None


class Aliases:
    """The aliases of all models.

    Parameters
    ----------
    database : Database
        With this room's tables.
    write : Write, optional
        How a write is made durable; in a transaction of its own when left out.
    """

    def __init__(self, database: Database, write: Write | None = None) -> None:
        self.database = database
        self.write: Write = write or database.write

    def current(self, model: str, alias: str = "champion") -> int | None:
        """Give the number an alias points to, or None."""
        with self.database.reading() as connection:
            return connection.execute(_pointed(model, alias)).scalar()

    def all(self, model: str) -> dict[str, int]:
        """Give every alias of a model with the number it points to."""
        query = sa.select(model_aliases.c.alias, model_aliases.c.number).where(model_aliases.c.model == model)
        with self.database.reading() as connection:
            return {alias: number for alias, number in connection.execute(query.order_by(model_aliases.c.alias))}

    def move(
        self,
        model: str,
        alias: str,
        number: int,
        *,
        actor: str,
        reason: str,
        at: datetime,
        expect: int | Anywhere | None = ANY,
        kind: MoveKind = "move",
        override: str | None = None,
    ) -> AliasMove:
        """Point an alias at a version, if it still points where it was read.

        Parameters
        ----------
        model, alias, number : str, str, int
            What to move where.
        actor, reason : str
            Who, and why; both are kept.
        at : datetime
            Now.
        expect : int or None or ANY
            Where the alias must point for the move to happen; None: nowhere.
        kind : str
            ``promote`` and ``rollback`` are what `noria.registry.promotion` makes of it.
        override : str, optional
            The reason for which failed gates were overruled.

        Raises
        ------
        AliasMoved
            It points elsewhere: somebody else was first.
        ModelNotFound
            There is no such version.
        """
        checked_name("alias", alias)

        def work(connection: sa.Connection) -> tuple[int, int | None]:
            found = connection.execute(_pointed(model, alias).with_for_update()).scalar()
            if expect is not ANY and found != expect:
                raise _moved(model, alias, expect, found)
            if not _exists(connection, model, number):
                raise ModelNotFound(
                    f"model {model} has no version {number}",
                    mend=f"noria models list {model}",
                    code="N-REGISTRY-003",
                )
            values = {"model": model, "alias": alias, "number": number, "moved": at}
            if found is None:
                connection.execute(sa.insert(model_aliases), values)
            else:
                connection.execute(sa.update(model_aliases).where(*_is(model, alias)), values)
            move = {
                "model": model,
                "alias": alias,
                "kind": kind,
                "old": found,
                "new": number,
                "at": at,
                "actor": actor,
                "reason": reason,
                "override": override,
            }
            key = connection.execute(sa.insert(alias_moves).values(move).returning(alias_moves.c.id)).scalar_one()
            told = {"alias": alias, "kind": kind, "old": found, "reason": reason, "override": override}
            events.record(connection, "model_alias.moved", model, number, at=at, actor=actor, detail=told)
            return key, found

        try:
            key, found = self.write(work)
        except IntegrityError as error:
            # Two first moves at once on PostgreSQL: there was no row yet to lock.
            raise _moved(model, alias, None, self.current(model, alias)) from error
        return AliasMove(key, model, alias, kind, found, number, at, actor, reason, override)

    def remove(self, model: str, alias: str, *, actor: str, reason: str, at: datetime) -> bool:
        """Take an alias away; that it was is kept with its moves. Gives whether there was one."""
        return self.write(lambda connection: drop_alias(connection, model, alias, actor=actor, reason=reason, at=at))

    def history(self, model: str, alias: str | None = None) -> tuple[AliasMove, ...]:
        """Give the moves of one alias, or of all, oldest first."""
        query = sa.select(alias_moves).where(alias_moves.c.model == model).order_by(alias_moves.c.id)
        if alias is not None:
            query = query.where(alias_moves.c.alias == alias)
        with self.database.reading() as connection:
            return tuple(AliasMove(**row) for row in connection.execute(query).mappings())

    def generation(self, model: str) -> int:
        """Give a number that grows with every move of any alias of the model: what a server polls."""
        query = sa.select(sa.func.max(alias_moves.c.id)).where(alias_moves.c.model == model)
        with self.database.reading() as connection:
            return connection.execute(query).scalar() or 0


def drop_alias(connection: sa.Connection, model: str, alias: str, *, actor: str, reason: str, at: datetime) -> bool:
    """Take an alias away over an open connection; gives whether there was one."""
    found = connection.execute(_pointed(model, alias).with_for_update()).scalar()
    if found is None:
        return False
    connection.execute(sa.delete(model_aliases).where(*_is(model, alias)))
    # Servers poll the moves: one that follows the alias must learn that it is gone.
    row = {"model": model, "alias": alias, "kind": "remove", "old": found, "new": found, "at": at}
    connection.execute(sa.insert(alias_moves).values({**row, "actor": actor, "reason": reason}))
    told = {"alias": alias, "reason": reason}
    events.record(connection, "model_alias.deleted", model, found, at=at, actor=actor, detail=told)
    return True


def _is(model: str, alias: str) -> tuple[sa.ColumnElement[bool], ...]:
    return model_aliases.c.model == model, model_aliases.c.alias == alias


def _pointed(model: str, alias: str) -> sa.Select[int]:
    return sa.select(model_aliases.c.number).where(*_is(model, alias))


def _exists(connection: sa.Connection, model: str, number: int) -> bool:
    query = sa.select(sa.literal(1)).where(model_versions.c.model == model, model_versions.c.number == number)
    query = query.where(model_versions.c.deleted.is_(None))
    return connection.execute(query).first() is not None


def _moved(model: str, alias: str, expect: int | Anywhere | None, found: int | None) -> AliasMoved:
    return AliasMoved(
        f"alias {alias!r} of model {model} has been moved meanwhile",
        why=f"expected {'nothing' if expect is None else f'version {expect}'}, "
        f"found {'nothing' if found is None else f'version {found}'}",
        mend=f"look again: noria models show {model}@{alias}",
        code="N-REGISTRY-007",
    )
