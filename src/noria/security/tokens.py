"""API tokens: what a program shows in place of a password.

``nor_<id>_<secret>_<crc>``: the id is public and names the token in lists and records; the secret has 256 bits and
is kept as its SHA-256 only; the CRC tells a misspelt token from a wrong one without a look into the database, and lets
scanners of source code tell a token of noria from chance.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.errors import StoreUnavailable, UserNotFound, WrongArgument, did_you_mean
from noria.security.audit import record
from noria.security.identity import EVERYWHERE, Identity, Scope
from noria.security.names import checked_name
from noria.security.policy import ACTIONS, ROLES
from noria.security.tables import tokens, users
from noria.security.users import grants_of

if TYPE_CHECKING:
    from datetime import datetime

    from noria.security.audit import Who
    from noria.security.users import User
    from noria.store.database import Database

__all__ = ["Token", "Tokens", "is_token", "looks_like_token"]

_SHAPE = re.compile(r"nor_[a-z0-9]{12}_[0-9a-f]{64}_[0-9a-f]{8}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_COALESCED = timedelta(minutes=5)
_NOBODYS = "0" * 64


@dataclass(frozen=True)
class Token:
    """A token as listed: without secret."""

    id: str
    user: str
    label: str
    scope: Scope
    created: datetime
    expires: datetime | None
    used: datetime | None
    """To five minutes: a token in steady use does not cost a write for each request."""
    revoked: datetime | None

    def state(self, now: datetime) -> str:
        """Say whether it is good: ``good``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "good"

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        times = {name: getattr(self, name) for name in ("created", "expires", "used", "revoked")}
        actions = None if self.scope.actions is None else sorted(self.scope.actions)
        scope = {"project": self.scope.project, "role": self.scope.role, "actions": actions}
        named = {"id": self.id, "user": self.user, "label": self.label, **scope}
        return named | {name: None if moment is None else moment.isoformat() for name, moment in times.items()}


def looks_like_token(text: str) -> bool:
    """Say whether a text means to be a token.

    Examples
    --------
    >>> looks_like_token("nor_half"), looks_like_token("correct horse")
    (True, False)
    """
    return text.startswith("nor_")


def is_token(text: str) -> bool:
    """Say whether a text has a token's shape and its check digits are right."""
    return _SHAPE.fullmatch(text) is not None and text[-8:] == _crc(text[:-9])


class Tokens:
    """The tokens of a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        user: User,
        label: str,
        *,
        by: Who,
        at: datetime,
        scope: Scope | None = None,
        lasts: timedelta | None = None,
    ) -> tuple[Token, str]:
        """Make a token of a user.

        Parameters
        ----------
        user : User
            Whose rights it has, at most.
        label : str
            What it is for.
        by : Who
            Who makes it.
        at : datetime
            When.
        scope : Scope, optional
            What it is narrowed to.
        lasts : timedelta, optional
            How long it is good; until it is revoked when left out.

        Returns
        -------
        Token
            What lists show of it.
        str
            The token itself. It is not kept, and cannot be shown again.

        Raises
        ------
        WrongArgument
            The scope names what there is not, or the time is none.
        """
        scope = _checked(scope or Scope())
        label = label.strip()
        if not 0 < len(label) <= 100 or not label.isprintable():
            raise WrongArgument(
                "a token needs a label of 1 to 100 letters",
                mend='say what it is for: "nightly training"',
                code="N-SECURITY-051",
            )
        if lasts is not None and not timedelta(0) < lasts <= timedelta(days=3660):
            raise WrongArgument(
                "a token is good for a time from now to ten years", mend="90d, 12h, 2w", code="N-SECURITY-052"
            )
        number = "".join(secrets.choice(_LETTERS) for _ in range(12))
        head = f"nor_{number}_{secrets.token_hex(32)}"
        text = f"{head}_{_crc(head)}"
        row = {
            "id": number,
            "user_id": user.id,
            "label": label,
            "digest": _digest(text),
            "project": scope.project,
            "role": scope.role,
            "actions": None if scope.actions is None else sorted(scope.actions),
            "created": at,
            "expires": None if lasts is None else at + lasts,
        }
        with self._database.transaction() as connection:
            connection.execute(tokens.insert(), row)
            detail = {"user": user.name, "label": label, **{name: row[name] for name in ("project", "role", "actions")}}
            record(connection, by, "token made", number, at=at, detail=detail)
        return self.get(number), text

    def get(self, number: str) -> Token:
        """Give the token of an id.

        Raises
        ------
        UserNotFound
            There is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(_listed.where(tokens.c.id == number)).first()
        if row is None:
            raise UserNotFound(f"no token {number[:40]!r}", mend="noria tokens list", code="N-SECURITY-050")
        return _token(row)

    def list(self, user: User | None = None) -> tuple[Token, ...]:
        """Give the tokens, newest first: all, or a user's."""
        statement = _listed.order_by(tokens.c.created.desc(), tokens.c.id)
        if user is not None:
            statement = statement.where(tokens.c.user_id == user.id)
        with self._database.reading() as connection:
            return tuple(_token(row) for row in connection.execute(statement))

    def revoke(self, number: str, *, by: Who, at: datetime, owner: User | None = None) -> Token:
        """Make a token useless; every server refuses it within a second.

        Parameters
        ----------
        number : str
            Its id.
        by : Who
            Who does it.
        at : datetime
            When.
        owner : User, optional
            Whose it must be: another's is as good as none.

        Raises
        ------
        UserNotFound
            There is none.
        """
        found = self.get(number)
        if owner is not None and found.user != owner.name:
            raise UserNotFound(f"no token {number[:40]!r}", mend="noria tokens list", code="N-SECURITY-053")
        with self._database.transaction() as connection:
            unrevoked = tokens.update().where(tokens.c.id == number, tokens.c.revoked.is_(None))
            if connection.execute(unrevoked.values(revoked=at)).rowcount:
                record(connection, by, "token revoked", number, at=at, detail={"user": found.user})
        return self.get(number)

    def identify(self, text: str, *, at: datetime) -> Identity | None:
        """Give whose token it is, or None when it is not good.

        Parameters
        ----------
        text : str
            What was shown.
        at : datetime
            When.
        """
        if not is_token(text):
            return None
        number = text.split("_")[1]
        with self._database.reading() as connection:
            statement = sa.select(tokens, users.c.name).join(users, users.c.id == tokens.c.user_id)
            row = connection.execute(statement.where(tokens.c.id == number, users.c.active)).first()
            held = {} if row is None else grants_of(connection, row.user_id)
        same = hmac.compare_digest(_digest(text), _NOBODYS if row is None else row.digest)
        if row is None or not same or row.revoked is not None or (row.expires is not None and row.expires <= at):
            return None
        if row.used is None or at - row.used >= _COALESCED:
            # That it was used is worth a write, not a refusal while the database is busy.
            with suppress(StoreUnavailable), self._database.transaction() as connection:
                connection.execute(tokens.update().where(tokens.c.id == number).values(used=at))
        return Identity(row.name, "token", row.user_id, held, _scope(row), row.expires)


_listed = sa.select(tokens, users.c.name).join(users, users.c.id == tokens.c.user_id)


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    return Token(row.id, row.name, row.label, _scope(row), row.created, row.expires, row.used, row.revoked)


def _scope(row: sa.Row[tuple[object, ...]]) -> Scope:
    actions = None if row.actions is None else frozenset(cast("list[str]", row.actions))
    return Scope(row.project, row.role, actions)


def _checked(scope: Scope) -> Scope:
    if scope.project is not None and scope.project != EVERYWHERE:
        checked_name("project", scope.project)
    wrong = [("role", scope.role, ROLES)] if scope.role is not None and scope.role not in ROLES else []
    wrong += [("action", action, ACTIONS) for action in sorted(scope.actions or ()) if action not in ACTIONS]
    for kind, got, known in wrong:
        raise WrongArgument(
            f"{got[:40]!r} is no {kind}",
            why=f"there are {', '.join(known)}",
            mend=did_you_mean(got, known) or "noria tokens create --help",
            code="N-SECURITY-054",
        )
    return scope


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _crc(head: str) -> str:
    return f"{zlib.crc32(head.encode()):08x}"
