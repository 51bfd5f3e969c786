"""From the headers of a request to who sent it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from noria.security.identity import Identity
from noria.security.login import Login, WrongCredentials
from noria.security.sessions import Sessions
from noria.security.throttle import Throttle, TooManyAttempts
from noria.security.tokens import Tokens, is_token, looks_like_token
from noria.security.users import user_key

if TYPE_CHECKING:
    from noria.store.database import Database

__all__ = ["COOKIE", "BadCredentials", "Credentials", "session_key"]

COOKIE = "__Host-noria"
"""A browser takes a cookie of this prefix from our own host only, over TLS only, and for all of it."""

T = TypeVar("T")

_FRESH_SECONDS = 1.0
_KEPT = 4096
_HASHING = 2
_WAITING = 16


class BadCredentials(WrongCredentials):
    """Something was shown, and it is not good."""


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    until: float
    about: tuple[str, str]
    """Account and address, for passwords: a failure from there makes this process ask again."""


class Credentials:
    """Finds out who sent a request.

    What was found is remembered for a second at most, so that a token costs a hash and a look into a dictionary, and
    is refused a second after it was revoked.

    Parameters
    ----------
    database : Database
        Where users, tokens and sessions are.
    now : callable
        Gives the time.
    clock : callable
        Gives seconds that only grow.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.login = Login(database)
        self.tokens = Tokens(database)
        self.sessions = Sessions(database)
        self.throttle = Throttle(database)
        self._now = now
        self._clock = clock
        self._known: dict[bytes, _Known] = {}
        # Of their own: argon2 takes a fifth of a second and 19 MiB, and must not take the threads that make pages.
        self._hashers = ThreadPoolExecutor(_HASHING, thread_name_prefix="noria-password")
        self._waiting = 0

    async def identify(self, headers: Iterable[tuple[bytes, bytes]], address: str) -> Identity | None:
        """Give who sent a request; None when nothing was shown.

        Parameters
        ----------
        headers : iterable of pairs of bytes
            Of the request, names in lower case. ``Authorization`` counts before the cookie.
        address : str
            Of the client.

        Raises
        ------
        BadCredentials
            Something was shown that is not good.
        TooManyAttempts
            It was tried too often.
        """
        shown, cookie = b"", ""
        for name, value in headers:
            if name == b"authorization":
                if shown:
                    raise _bad("there is more than one Authorization header")
                shown = value or b" "
            elif name == b"cookie" and not cookie:
                cookie = session_key(value)
        if shown:
            kind, _, rest = shown.partition(b" ")
            scheme = kind.lower()
            if scheme == b"bearer":
                return await self._of_token(rest.strip())
            if scheme == b"basic":
                return await self._of_basic(rest.strip(), address)
            raise _bad("noria knows Bearer and Basic")
        if cookie:
            return await self._of_session(cookie)
        return None

    async def run_hashing(self, work: Callable[[], T]) -> T:
        """Do work that hashes a password, a few at a time; too many that wait are sent away.

        Raises
        ------
        TooManyAttempts
            Too many wait already.
        """
        if self._waiting >= _WAITING:
            raise TooManyAttempts(
                "too many people log in at this moment", mend="try again in a few seconds", code="N-SECURITY-034"
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashers, work)
        finally:
            self._waiting -= 1

    def forget(self) -> None:
        """Look everything up anew: rights have changed in this process."""
        self._known.clear()

    def close(self) -> None:
        """End the threads."""
        self._hashers.shutdown(wait=False, cancel_futures=True)

    async def _of_token(self, shown: bytes) -> Identity:
        digest = hashlib.sha256(b"t" + shown).digest()
        found = self._remembered(digest)
        if found is not None:
            return found
        text = shown.decode("ascii", "replace")
        if not is_token(text):
            # Told by its check digits, without a look into the database.
            raise _bad("that is no token of noria, or it was misspelt")
        identity = await asyncio.to_thread(self.tokens.identify, text, at=self._now())
        if identity is None:
            raise _bad("this token is unknown, revoked or expired")
        return self._remember(digest, identity)

    async def _of_session(self, key: str) -> Identity | None:
        digest = hashlib.sha256(b"s" + key.encode("utf-8", "replace")).digest()
        found = self._remembered(digest)
        if found is not None:
            return found
        identity = await asyncio.to_thread(self.sessions.identify, key, at=self._now())
        # A session that has ended is nobody: the browser is sent to the login page.
        return None if identity is None else self._remember(digest, identity)

    async def _of_basic(self, shown: bytes, address: str) -> Identity:
        try:
            text = base64.b64decode(shown, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _bad("the Basic credentials cannot be read") from None
        name, colon, password = text.partition(":")
        if not colon:
            raise _bad("the Basic credentials cannot be read")
        if looks_like_token(password):
            identity = await self._of_token(password.encode())
            # A client that must name somebody may name the token's user, or "token".
            if name and user_key(name) not in ("token", user_key(identity.name)):
                raise _bad("this token is another user's")
            return identity
        about = (user_key(name[:200]), address)
        digest = hashlib.sha256(b"b" + address.encode() + b"\n" + shown).digest()
        found = self._remembered(digest)
        if found is not None:
            return found

        def work() -> Identity:
            user = self.login.check(name, password, address=address, at=self._now(), remembered=True)
            return Identity(user.name, "password", user.id, user.grants)

        try:
            identity = await self.run_hashing(work)
        except WrongCredentials as error:
            self._forget_about(about)
            raise _bad(error.what) from error
        except TooManyAttempts:
            self._forget_about(about)
            raise
        return self._remember(digest, identity, about)

    def _remembered(self, digest: bytes) -> Identity | None:
        known = self._known.get(digest)
        if known is None or known.until < self._clock():
            return None
        if known.identity.expires is not None and known.identity.expires <= self._now():
            return None
        return known.identity

    def _remember(self, digest: bytes, identity: Identity, about: tuple[str, str] = ("", "")) -> Identity:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[digest] = _Known(identity, self._clock() + _FRESH_SECONDS, about)
        return identity

    def _forget_about(self, about: tuple[str, str]) -> None:
        for digest in [digest for digest, known in self._known.items() if known.about == about]:
            del self._known[digest]


def session_key(cookies: bytes) -> str:
    """Find our key in a ``Cookie`` header; empty without one.

    Examples
    --------
    >>> session_key(b"noria-theme=dark; __Host-noria=abc")
    'abc'
    """
    for pair in cookies.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value[:100]
    return ""


def _bad(why: str) -> BadCredentials:
    return BadCredentials(
        "who you are could not be established",
        why=why,
        mend="send a token (Authorization: Bearer nor_…; noria tokens create), or name and password over Basic",
        code="N-SECURITY-035",
    )
