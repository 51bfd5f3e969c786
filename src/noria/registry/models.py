"""Registered models and what can be changed about their versions: descriptions, tags, stages, deletion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import Conflict, ModelNotFound, WrongArgument, did_you_mean
from noria.registry import events
from noria.registry.aliases import drop_alias
from noria.registry.registered import RegisteredModel, read_models
from noria.registry.tables import (
    alias_moves,
    gate_verdicts,
    model_aliases,
    model_tags,
    model_versions,
    promotion_requests,
    registered_models,
)
from noria.store.database import upsert

if TYPE_CHECKING:
    from noria.registry.events import EventKind
    from noria.store.database import Database, Write

__all__ = ["Models", "Stage", "checked_model_name"]

Stage = Literal["None", "Staging", "Production", "Archived"]
STAGES: tuple[Stage, ...] = ("None", "Staging", "Production", "Archived")

_LONGEST = 255
_AT_ONCE = 500


def checked_model_name(name: str) -> str:
    """Give a model's name back, or refuse it.

    Names of projects keep the stricter rule of `noria.security.names`; clients may also use blanks and letters of
    any language.

    Raises
    ------
    WrongArgument
        It is empty, too long, or holds what an address or a version's name means something by.

    Examples
    --------
    >>> checked_model_name("churn model é")
    'churn model é'
    """
    if (
        not name.strip()
        or len(name) > _LONGEST
        or not name.isprintable()
        or set(name) & set("/:@\\")
        or name in (".", "..")
    ):
        raise WrongArgument(
            f"{name[:80]!r} cannot name a model",
            why=f"a name is 1 to {_LONGEST} letters, without / : @ or \\",
            mend="choose another name",
            code="N-REGISTRY-030",
        )
    return name


class Models:
    """All registered models.

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

    def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        actor: str = "",
        at: datetime | None = None,
    ) -> RegisteredModel:
        """Open a model that has no version yet.

        Raises
        ------
        Conflict
            The name is taken.
        WrongArgument
            It cannot name a model.
        """
        checked_model_name(name)
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            if _exists(connection, name):
                raise _taken(name)
            row = {"name": name, "created": now, "updated": now, "description": description, "last_number": 0}
            connection.execute(sa.insert(registered_models).values(row))
            _label(connection, name, 0, tags or {})
            events.record(connection, "registered_model.created", name, at=now, actor=actor)

        try:
            self.write(work)
        except IntegrityError as error:  # two at once: the other was first
            raise _taken(name) from error
        return RegisteredModel(name, now, now, description, dict(tags or {}))

    def get(self, name: str) -> RegisteredModel:
        """Read a model.

        Raises
        ------
        ModelNotFound
            There is none of this name.
        """
        with self.database.reading() as connection:
            found = read_models(connection, [name])
            if not found:
                raise _missing(connection, name)
            return found[0]

    def rename(self, name: str, new: str, *, actor: str = "", at: datetime | None = None) -> RegisteredModel:
        """Give a model another name; its versions, aliases and verdicts go with it.

        Raises
        ------
        ModelNotFound
            There is none of the old name.
        Conflict
            The new name is taken.
        WrongArgument
            The new name cannot name a model.
        """
        checked_model_name(new)
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            if not _exists(connection, name):
                raise _missing(connection, name)
            if new != name and _exists(connection, new):
                raise _taken(new)
            connection.execute(
                sa.update(registered_models).where(registered_models.c.name == name).values(name=new, updated=now)
            )
            connection.execute(sa.update(model_versions).where(model_versions.c.model == name).values(updated=now))
            for table in (model_versions, model_tags, model_aliases, alias_moves, gate_verdicts, promotion_requests):
                connection.execute(sa.update(table).where(table.c.model == name).values(model=new))
            events.record(connection, "registered_model.renamed", new, at=now, actor=actor, detail={"old": name})

        try:
            self.write(work)
        except IntegrityError as error:
            raise _taken(new) from error
        return self.get(new)

    def describe(
        self, name: str, description: str, *, number: int | None = None, actor: str = "", at: datetime | None = None
    ) -> None:
        """Write something about a model, or about one of its versions.

        Raises
        ------
        ModelNotFound
            There is no such model or version.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            _change(connection, name, number, {"description": description, "updated": now})
            _tell(connection, "updated", name, number, at=now, actor=actor, detail={"description": description[:500]})

        self.write(work)

    def set_tags(
        self,
        name: str,
        tags: Mapping[str, str],
        *,
        number: int | None = None,
        actor: str = "",
        at: datetime | None = None,
    ) -> None:
        """Label a model, or one of its versions.

        Raises
        ------
        ModelNotFound
            There is no such model or version.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            _change(connection, name, number, {"updated": now})
            _label(connection, name, number or 0, tags)
            for tag, value in tags.items():
                told = {"key": tag, "value": value[:500]}
                _tell(connection, "tag_set", name, number, at=now, actor=actor, detail=told)

        self.write(work)

    def delete_tag(
        self, name: str, tag: str, *, number: int | None = None, actor: str = "", at: datetime | None = None
    ) -> None:
        """Take a label off a model or version; one that is not there is gone already.

        Raises
        ------
        ModelNotFound
            There is no such model or version.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            _change(connection, name, number, {"updated": now})
            own = model_tags.c
            gone = sa.delete(model_tags).where(own.model == name, own.number == (number or 0), own.name == tag)
            if connection.execute(gone).rowcount:
                _tell(connection, "tag_deleted", name, number, at=now, actor=actor, detail={"key": tag})

        self.write(work)

    def set_stage(
        self,
        name: str,
        number: int,
        stage: Stage,
        *,
        archive_others: bool = False,
        actor: str = "",
        at: datetime | None = None,
    ) -> None:
        """Put a version into a stage, for clients that know stages.

        Parameters
        ----------
        name, number : str, int
            The version.
        stage : Stage
            Where to.
        archive_others : bool
            Put the versions that are in that stage into ``Archived``.
        actor : str
            Who.
        at : datetime, optional
            When; now, when left out.

        Raises
        ------
        ModelNotFound
            There is no such version.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            _change(connection, name, number, {"stage": stage, "updated": now})
            if archive_others:
                own = model_versions.c
                others = sa.and_(own.model == name, own.number != number, own.stage == stage, own.deleted.is_(None))
                connection.execute(sa.update(model_versions).where(others).values(stage="Archived", updated=now))
            told = {"stage": stage, "archived_others": archive_others}
            _tell(connection, "transitioned", name, number, at=now, actor=actor, detail=told)

        self.write(work)

    def delete_version(self, name: str, number: int, *, actor: str, at: datetime | None = None) -> None:
        """Delete a version: its number is never given again, its aliases are gone, its words are wiped.

        Raises
        ------
        ModelNotFound
            There is no such version.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            wiped = {"description": "", "source": "", "run_link": "", "user_id": "", "stage": "None"}
            # Another identity, so that the very same model can be registered again.
            gone = {**wiped, "deleted": now, "updated": now, "identity": f"deleted:{number}", "files": {}}
            _change(connection, name, number, gone)
            own = model_tags.c
            connection.execute(sa.delete(model_tags).where(own.model == name, own.number == number))
            pointing = sa.select(model_aliases.c.alias).where(
                model_aliases.c.model == name, model_aliases.c.number == number
            )
            for alias in connection.execute(pointing).scalars().all():
                drop_alias(connection, name, alias, actor=actor, reason=f"version {number} was deleted", at=now)
            _give_up(connection, name, number, at=now)
            _tell(connection, "deleted", name, number, at=now, actor=actor)

        self.write(work)

    def delete(self, name: str, *, actor: str, at: datetime | None = None) -> None:
        """Delete a model with all its versions; its name is free again. The history of its aliases stays.

        Raises
        ------
        ModelNotFound
            There is none of this name.
        """
        now = at or datetime.now(UTC)

        def work(connection: sa.Connection) -> None:
            if not _exists(connection, name):
                raise _missing(connection, name)
            aliases = sa.select(model_aliases.c.alias).where(model_aliases.c.model == name)
            for alias in connection.execute(aliases).scalars().all():
                drop_alias(connection, name, alias, actor=actor, reason="the model was deleted", at=now)
            for table in (model_versions, model_tags):
                connection.execute(sa.delete(table).where(table.c.model == name))
            connection.execute(sa.delete(registered_models).where(registered_models.c.name == name))
            _give_up(connection, name, None, at=now)
            events.record(connection, "registered_model.deleted", name, at=now, actor=actor)

        self.write(work)


def _change(connection: sa.Connection, name: str, number: int | None, changed: Mapping[str, object]) -> None:
    if number is None:
        changing = sa.update(registered_models).where(registered_models.c.name == name)
    else:
        own = model_versions.c
        changing = sa.update(model_versions).where(own.model == name, own.number == number, own.deleted.is_(None))
    if connection.execute(changing.values(dict(changed))).rowcount == 0:
        if number is None or not _exists(connection, name):
            raise _missing(connection, name)
        raise ModelNotFound(
            f"model {name} has no version {number}", mend=f"noria models list {name}", code="N-REGISTRY-003"
        )


def _label(connection: sa.Connection, name: str, number: int, tags: Mapping[str, str]) -> None:
    rows = [{"model": name, "number": number, "name": tag, "value": value} for tag, value in tags.items()]
    upsert(connection, model_tags, rows, key=("model", "number", "name"))


def _tell(
    connection: sa.Connection,
    what: Literal["updated", "deleted", "tag_set", "tag_deleted", "transitioned"],
    name: str,
    number: int | None,
    *,
    at: datetime,
    actor: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    kind = f"{'registered_model' if number is None else 'model_version'}.{what}"
    events.record(connection, cast("EventKind", kind), name, number, at=at, actor=actor, detail=detail)


def _give_up(connection: sa.Connection, name: str, number: int | None, *, at: datetime) -> None:
    """Close what asks for the promotion of versions that are gone."""
    own = promotion_requests.c
    asked = sa.and_(own.model == name, own.state == "open", *(() if number is None else (own.number == number,)))
    connection.execute(sa.update(promotion_requests).where(asked).values(state="void", decided=at))


def _exists(connection: sa.Connection, name: str) -> bool:
    query = sa.select(registered_models.c.name).where(registered_models.c.name == name)
    return connection.execute(query).first() is not None


def _taken(name: str) -> Conflict:
    return Conflict(
        f"model {name!r} exists already", mend="register a version of it, or choose another name", code="N-REGISTRY-031"
    )


def _missing(connection: sa.Connection, name: str) -> ModelNotFound:
    known = connection.execute(sa.select(registered_models.c.name).limit(_AT_ONCE)).scalars().all()
    return ModelNotFound(
        f"no model is called {name!r}",
        why=did_you_mean(name, known),
        mend="noria models list shows what is there",
        code="N-REGISTRY-002",
    )
