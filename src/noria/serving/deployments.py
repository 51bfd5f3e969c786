"""The documents of an endpoint in the database: the newest is how it is deployed, the others are how it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import Conflict, NotFound
from noria.security.audit import Who, record
from noria.serving.document import Document, arms_from_json
from noria.serving.gates import Gates
from noria.serving.tables import serving_documents as table
from noria.serving.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.store.database import Database

__all__ = ["DeploymentMoved", "Deployments"]


class DeploymentMoved(Conflict):
    """Somebody else has changed the deployment meanwhile."""


class Deployments:
    """The documents of one endpoint.

    Parameters
    ----------
    database : Database
        With the tables of this room and of security.
    endpoint, model, alias : str
        Its name, and what it follows. Servers that follow something else under the same name have documents of their
        own.
    """

    def __init__(self, database: Database, *, endpoint: str, model: str, alias: str = "champion") -> None:
        self.database = database
        self.endpoint = endpoint
        self.model = model
        self.alias = alias
        self.name = f"{endpoint}|{model}@{alias}"
        self.tallies = Tallies(database, self.name)

    def current(self) -> Document | None:
        """Give the newest document, or None where no server has begun yet."""
        with self.database.reading() as connection:
            return _newest(connection, self.name)

    def generation(self) -> int:
        """Give the number of the newest document, 0 without one."""
        with self.database.reading() as connection:
            return connection.execute(_number(self.name)).scalar() or 0

    def expect(self, number: str) -> None:
        """Make sure that the newest document is still the one that somebody looked at.

        Raises
        ------
        DeploymentMoved
            It is another one.
        """
        if number != str(found := self.generation()):
            raise self.moved(int(number) if number.isascii() and number.isdigit() and len(number) < 10 else found)

    def get(self, number: int) -> Document:
        """Give one document.

        Raises
        ------
        NotFound
            There is none of this number.
        """
        query = sa.select(table).where(table.c.deployment == self.name, table.c.number == number)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(
                f"endpoint {self.endpoint} has no document {number}",
                mend=f"noria deploy history {self.endpoint}",
                code="N-SERVING-077",
            )
        return _document(row)

    def history(self, limit: int = 50) -> tuple[Document, ...]:
        """Give the newest documents, newest first."""
        query = sa.select(table).where(table.c.deployment == self.name).order_by(table.c.number.desc()).limit(limit)
        with self.database.reading() as connection:
            return tuple(_document(row) for row in connection.execute(query).mappings())

    def fallback(self, document: Document) -> Document | None:
        """Give the document that a rollback goes back to, or None."""
        return self.get(document.fallback) if document.fallback else None

    def append(
        self, make: Callable[[sa.Connection, Document | None], Document], *, after: int, address: str = ""
    ) -> Document:
        """Make the next document, if the newest is still the one that was looked at.

        Parameters
        ----------
        make : callable(connection, newest) -> Document
            Says what the next document is; what it writes over the connection is written with it or not at all.
        after : int
            Number of the document that was looked at, 0 for none.
        address : str
            Where whoever asks came from, for the audit.

        Raises
        ------
        DeploymentMoved
            There is a newer one.
        """
        try:
            with self.database.transaction() as connection:
                newest = _newest(connection, self.name)
                if (newest.number if newest else 0) != after:
                    raise self.moved(after)
                made = make(connection, newest)
                connection.execute(sa.insert(table), self._row(made))
                detail = {
                    "model": self.model,
                    "alias": self.alias,
                    "document": made.number,
                    "arms": [arm.to_json() for arm in made.arms],
                    "reason": made.reason,
                }
                who = Who(made.made_by, address)
                record(connection, who, f"deployment {made.change}", self.endpoint, at=made.at, detail=detail)
                return made
        except IntegrityError as error:
            # Two at once on PostgreSQL, where neither waits for the other.
            raise self.moved(after) from error

    def moved(self, after: int) -> DeploymentMoved:
        """Tell that a document is the newest no more."""
        return DeploymentMoved(
            f"endpoint {self.endpoint} has been changed meanwhile",
            why=f"expected document {after}, found {self.generation()}",
            mend=f"look again: noria deploy status {self.endpoint}",
            code="N-SERVING-070",
        )

    def _row(self, made: Document) -> dict[str, object]:
        return {
            "deployment": self.name,
            "number": made.number,
            "endpoint": self.endpoint,
            "model": self.model,
            "alias": self.alias,
            "arms": [arm.to_json() for arm in made.arms],
            "strategy": made.strategy,
            "phase": made.phase,
            "key": made.key,
            "salt": made.salt,
            "gates": made.gates.to_json(),
            "steps": list(made.steps),
            "step": made.step,
            "hold_seconds": made.hold_seconds,
            "change": made.change,
            "made_by": made.made_by,
            "reason": made.reason,
            "at": made.at,
            "began": made.began or made.at,
            "since": made.since or made.at,
            "first": made.first,
            "fallback": made.fallback,
            "move": made.move,
            "evidence": [dict(each) for each in made.evidence],
        }


def _number(name: str) -> sa.Select[int | None]:
    return sa.select(sa.func.max(table.c.number)).where(table.c.deployment == name)


def _newest(connection: sa.Connection, name: str) -> Document | None:
    query = sa.select(table).where(table.c.deployment == name).order_by(table.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _document(row)


def _document(row: sa.RowMapping) -> Document:
    told = {name: value for name, value in row.items() if name not in ("deployment", "endpoint", "model", "alias")}
    told["arms"] = arms_from_json(told["arms"])
    told["gates"] = Gates.from_json(told["gates"])
    told["steps"] = tuple(told["steps"])
    told["evidence"] = tuple(told["evidence"])
    return Document(**told)
