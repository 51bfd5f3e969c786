"""The people of a team: names, passwords, roles."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import Conflict, NotAllowed, UserNotFound, WrongArgument, did_you_mean
from noria.security.audit import record
from noria.security.identity import EVERYWHERE, Grant
from noria.security.names import checked_name
from noria.security.passwords import checked_password, hash_password
from noria.security.policy import ROLES
from noria.security.tables import grants, invites, sessions, users
from noria.store.database import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from noria.security.audit import Who
    from noria.store.database import Database

__all__ = ["User", "Users", "grants_of", "user_key"]

_LONGEST = 64


@dataclass(frozen=True)
class User:
    """A user as listed: without password."""

    id: int
    name: str
    active: bool
    joined: bool
    """Has chosen a password."""
    created: datetime
    grants: Mapping[str, Grant]

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        roles = {place: {"role": held.role, "reviewer": held.reviewer} for place, held in self.grants.items()}
        kept = {"name": self.name, "active": self.active, "joined": self.joined}
        return kept | {"created": self.created.isoformat(), "grants": roles}


def user_key(name: str) -> str:
    r"""Give what two names must differ in to be two users: NFKC, then casefold.

    Examples
    --------
    >>> user_key("Ada") == user_key("\uff21DA")  # a full-width A
    True
    """
    # Folding can undo the normal form, so it is normalised again.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


class Users:
    """The users of a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, *, by: Who, at: datetime, password: str | None = None) -> User:
        """Add a user without any right.

        Raises
        ------
        Conflict
            There is one of that name, or of one that looks like it.
        WrongArgument
            The name or the password is not taken.
        """
        name = _checked(name)
        hashed = "" if password is None else hash_password(checked_password(name, password))
        with self._database.transaction() as connection:
            row = {"name": name, "key": user_key(name), "password": hashed, "active": True, "created": at}
            try:
                connection.execute(users.insert(), row)
            except sa.exc.IntegrityError as error:
                raise Conflict(
                    f"there is a user {name!r} already, or one whose name looks like it",
                    why="names that differ only in case or in look are one name",
                    mend="choose another name, or see who there is: noria users list",
                    code="N-SECURITY-041",
                ) from error
            record(connection, by, "user added", name, at=at)
        return self.get(name)

    def get(self, name: str) -> User:
        """Give the user of a name.

        Raises
        ------
        UserNotFound
            There is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(sa.select(users).where(users.c.key == user_key(name))).first()
            if row is None:
                raise _unknown(connection, name)
            return _user(row, grants_of(connection, row.id))

    def by_id(self, user_id: int) -> User:
        """Give the user of a number.

        Raises
        ------
        UserNotFound
            There is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(sa.select(users).where(users.c.id == user_id)).first()
            if row is None:
                raise _unknown(connection, str(user_id))
            return _user(row, grants_of(connection, row.id))

    def list(self) -> tuple[User, ...]:
        """Give all users, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.key)).all()
            held: dict[int, dict[str, Grant]] = {}
            for grant in connection.execute(sa.select(grants)):
                held.setdefault(grant.user_id, {})[grant.project] = Grant(grant.role, grant.reviewer)
        return tuple(_user(row, held.get(row.id, {})) for row in rows)

    def set_password(self, name: str, password: str, *, by: Who, at: datetime) -> None:
        """Give a user another password; every session of his ends."""
        user = self.get(name)
        hashed = hash_password(checked_password(user.name, password))
        with self._database.transaction() as connection:
            connection.execute(users.update().where(users.c.id == user.id).values(password=hashed))
            connection.execute(sessions.delete().where(sessions.c.user_id == user.id))
            connection.execute(invites.delete().where(invites.c.user_id == user.id))
            record(connection, by, "password changed", user.name, at=at)

    def set_active(self, name: str, active: bool, *, by: Who, at: datetime) -> None:
        """Shut a user out, or let him in again. Sessions and tokens of a user who is shut out are of no use.

        Raises
        ------
        NotAllowed
            He is the last administrator.
        """
        user = self.get(name)
        with self._database.transaction() as connection:
            connection.execute(users.update().where(users.c.id == user.id).values(active=active))
            if not active:
                connection.execute(sessions.delete().where(sessions.c.user_id == user.id))
                connection.execute(invites.delete().where(invites.c.user_id == user.id))
            record(connection, by, "user enabled" if active else "user disabled", user.name, at=at)
            self._keep_an_admin(connection, user)

    def grant(
        self, name: str, role: str, *, by: Who, at: datetime, project: str = EVERYWHERE, reviewer: bool | None = None
    ) -> User:
        """Give a user a role in a project.

        Parameters
        ----------
        name : str
            The user.
        role : str
            One of `noria.security.policy.ROLES`, or ``none``.
        by : Who
            Who gives it.
        at : datetime
            When.
        project : str
            Where; `EVERYWHERE` for all projects of this database.
        reviewer : bool, optional
            Whether he approves there; as it was when left out.

        Raises
        ------
        WrongArgument
            There is no such role.
        NotAllowed
            It would take the last administrator's rights.
        """
        self.check_role(role)
        if project != EVERYWHERE:
            checked_name("project", project)
        user = self.get(name)
        held = user.grants.get(project, Grant())
        now = Grant("" if role == "none" else role, held.reviewer if reviewer is None else reviewer)
        with self._database.transaction() as connection:
            row = {"user_id": user.id, "project": project, "role": now.role, "reviewer": now.reviewer}
            upsert(connection, grants, row, key=("user_id", "project"))
            detail = {"project": project, "role": now.role, "reviewer": now.reviewer, "before": held.role}
            record(connection, by, "role changed", user.name, at=at, detail=detail)
            self._keep_an_admin(connection, user)
        return self.get(name)

    def check_role(self, role: str) -> None:
        """Refuse what is no role.

        Raises
        ------
        WrongArgument
            It is none of `noria.security.policy.ROLES`, nor ``none``.
        """
        if role not in (*ROLES, "none"):
            raise WrongArgument(
                f"{role[:40]!r} is no role",
                why=f"roles are {', '.join(ROLES)}, and none",
                mend=did_you_mean(role, ROLES) or "noria users role --help",
                code="N-SECURITY-043",
            )

    def has_admin(self) -> bool:
        """Say whether somebody may name users: active, and admin of every project."""
        with self._database.reading() as connection:
            return _admins(connection) > 0

    def _keep_an_admin(self, connection: sa.Connection, before: User) -> None:
        # After `record`, whose lock lets one change of rights follow another: two administrators who take each
        # other's rights at once would otherwise both succeed.
        was_admin = before.active and before.grants.get(EVERYWHERE, Grant()).role == "admin"
        if was_admin and _admins(connection) == 0:
            raise NotAllowed(
                f"{before.name} is the last administrator",
                why="without one nobody could name users any more",
                mend="make another one first: noria users role NAME admin",
                code="N-SECURITY-044",
            )


def grants_of(connection: sa.Connection, user_id: int) -> dict[str, Grant]:
    """Give a user's grants by project."""
    rows = connection.execute(sa.select(grants).where(grants.c.user_id == user_id))
    return {row.project: Grant(row.role, row.reviewer) for row in rows}


def _admins(connection: sa.Connection) -> int:
    statement = (
        sa.select(sa.func.count(sa.distinct(users.c.id)))
        .join(grants, grants.c.user_id == users.c.id)
        .where(users.c.active, grants.c.role == "admin", grants.c.project == EVERYWHERE)
    )
    return connection.execute(statement).scalar_one()


def _user(row: sa.Row[tuple[object, ...]], held: Mapping[str, Grant]) -> User:
    return User(row.id, row.name, row.active, bool(row.password), row.created, held)


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    odd = any(unicodedata.category(char)[0] in "CZ" or char in ":/\\\"'<>&" for char in user_key(name) + name)
    if not name or len(name) > _LONGEST or odd or user_key(name) in ("local", "token", EVERYWHERE):
        raise WrongArgument(
            f"{name[: _LONGEST + 6]!r} cannot name a user",
            why=f"1 to {_LONGEST} letters, digits and signs without spaces, quotes, ':' and '/'; not local, not token",
            mend="choose another name, such as ada or ada@example.com",
            code="N-SECURITY-042",
        )
    return name


def _unknown(connection: sa.Connection, name: str) -> UserNotFound:
    near = did_you_mean(name, connection.execute(sa.select(users.c.name)).scalars().all())
    return UserNotFound(f"no user {name[:80]!r}", mend=near or "noria users list", code="N-SECURITY-040")
