"""The right to be forgotten: one person's rows out of everything stored, and never in again.

What an erased person is remembered by is a pseudonym, so that the list of those who are not let in says nothing of
who they were. What whoever asked for it gets is a certificate: what was taken out of what, which models had learned
from it, and what is left elsewhere.

The order of its writes makes every kill harmless. First the person is on the list, and no new run reads their rows.
Then each table is written anew before the old one goes, which names it by the same digest. What is left undone is
done by asking again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import Conflict, NoriaError
from noria.governance.erased import Erasure, erasure_of, history, keyless, people_of
from noria.governance.people_there import Person
from noria.governance.remote_erasure import RemoteErasure
from noria.governance.search import Search
from noria.governance.tables import erasures
from noria.pipeline.records import Records
from noria.security.pseudonyms import confirmed, is_pseudonym, known, made
from noria.store.remotes import open_remote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from noria.governance.search import Places, Plan
    from noria.store.remote import Remote

__all__ = ["Finished", "Settled", "erase", "finish", "look", "settle_there"]

_T = erasures.c


@dataclass(frozen=True)
class Settled:
    """What came of taking people out of a remote.

    Parameters
    ----------
    versions : tuple of str
        Written anew there.
    waits : str
        Why it has to wait, or "".
    """

    versions: tuple[str, ...] = ()
    waits: str = ""


@dataclass(frozen=True)
class Finished:
    """What was left to do.

    Parameters
    ----------
    erasures : tuple of Erasure
        Gone on with.
    there : Settled
        What came of it on the remote.
    """

    erasures: tuple[Erasure, ...]
    there: Settled


def look(places: Places, column: str, subject: str) -> Plan:
    """Say where a person's rows are, and change nothing.

    Parameters
    ----------
    places : Places
        The project.
    column : str
        In which people are named, such as ``customer_id``.
    subject : str
        Who, as the source names them, or their pseudonym.

    Raises
    ------
    WrongArgument
        No dataset version has the column.
    """
    return Search(places, column, subject).plan()


def erase(
    places: Places, column: str, subject: str, *, actor: str, reason: str, at: datetime, settle: bool = True
) -> Erasure:
    """Take a person's rows out of everything stored, and let none in again.

    Parameters
    ----------
    places, column, subject
        As for `look`.
    actor, reason : str
        Who does it, and why; both are kept.
    at : datetime
        When.
    settle : bool
        Take the person out of the remote as well.

    Returns
    -------
    Erasure
        With its certificate. Asked for again, it does what is left to do.

    Raises
    ------
    WrongArgument
        No dataset version has the column.
    Conflict
        A run is going on, which may have read the rows already.
    """
    search = Search(places, column, subject, anywhere=is_pseudonym(subject))
    working = Records(places.database, places.project).working(at)
    if working:
        raise Conflict(
            f"a run is going on ({', '.join(working)}), and may have read the rows already",
            mend="ask again when it has ended: noria runs list",
            code="N-GOVERNANCE-002",
        )
    if known(places.store) is None and people_of(places.database, places.project):
        raise keyless()  # a key that is made now would be another one
    names = confirmed(made(places.store), places.database, places.project, at=at)
    begun = _begin(places, column, str(names.of(subject)), actor, reason, at)
    plan = search.plan()
    # Before anything goes: whoever is killed on the way finds nothing to tell of when it is asked for again.
    begun = _noted(places, begun, _added(begun, plan), None)
    search.carry_out(at)
    search.erase_messages()
    growing = search.erase_predictions().growing
    certificate = dict(begun.certificate or {})
    if growing:
        waits = f"{growing} answers that a running server is still writing: ask again when it has ended"
        certificate["left"] = [*plan.left, waits]
    certificate["waits_for"] = [*(["answers"] if growing else []), *(["remote"] if places.remote else [])]
    if not certificate["waits_for"]:
        del certificate["waits_for"]
    ended = _noted(places, begun, certificate, None if certificate.get("waits_for") else at)
    if places.remote and settle:
        settle_there(places, at=at)
        return _read(places, ended.id)
    return ended


def finish(places: Places, *, at: datetime, remote: Remote | None = None) -> Finished:
    """Do what is left to do of every erasure: those of colleagues too, and on the remote.

    Parameters
    ----------
    places, at
        As `erase` takes them.
    remote : Remote, optional
        Where versions are shared; what `places` names, when left out.

    Raises
    ------
    Conflict
        As `erase` raises it.
    """
    ended = [
        erase(places, each.column, each.subject, actor=each.actor, reason=each.reason, at=at, settle=False)
        for each in history(places.database, places.project)
        if each.done is None
    ]
    there = Settled()
    if remote is not None or places.remote:  # which may owe more than what was left here: it was not named before
        there = settle_there(places, at=at, remote=remote, note=remote is None)
    return Finished(tuple(_read(places, each.id) for each in ended), there)


def settle_there(places: Places, *, at: datetime, remote: Remote | None = None, note: bool = True) -> Settled:
    """Take those who were erased here out of the remote too, unless that has to wait.

    It waits for what is still to be done here, and for a remote that can be reached; it is gone on with by the next
    push or pull, and by `finish`.

    Parameters
    ----------
    places, at
        As `erase` takes them.
    remote : Remote, optional
        Where versions are shared; what `places` names, when left out.
    note : bool
        Write down that it is done; not for another remote than the project's own.
    """
    erased = history(places.database, places.project)
    if not erased:
        return Settled()
    waiting = [each for each in erased if _waits_there(each)]
    why = ""
    written: list[str] = []
    try:
        found = RemoteErasure(places, remote or open_remote(cast("str", places.remote)), at=at)
        if found.is_behind():
            return Settled(waits="people are still to be taken out of this project: noria data erase --finish")
        owed = found.owed()
        if waiting or owed:
            written = found.settle()
            waiting = [each for each in erased if _waits_there(each) or Person(each.column, each.subject) in owed]
    except NoriaError as error:
        why = error.what
    for each in waiting if note else ():
        _settled(places, each, written, why, at)
    return Settled(tuple(written), why)


def _waits_there(erasure: Erasure) -> bool:
    return "remote" in cast("Sequence[str]", (erasure.certificate or {}).get("waits_for", ()))


def _settled(places: Places, erasure: Erasure, written: Sequence[str], why: str, at: datetime) -> None:
    certificate = dict(erasure.certificate or {})
    before = cast("Mapping[str, object]", certificate.get("remote", {}))
    refs = sorted({*cast("Sequence[str]", before.get("versions", ())), *written})
    certificate["remote"] = {"address": places.remote, "versions": refs, "waits": why}
    all_ = cast("Sequence[str]", certificate.pop("waits_for", ()))
    waits = [each for each in all_ if each != "remote" or why]
    if waits:
        certificate["waits_for"] = waits
    _noted(places, erasure, certificate, None if waits else erasure.done or at)


def _begin(places: Places, column: str, subject: str, actor: str, reason: str, at: datetime) -> Erasure:
    mine = sa.and_(_T.project == places.project, _T.column == column, _T.subject == subject)
    row = {
        "id": uuid.uuid4().hex,
        "project": places.project,
        "column": column,
        "subject": subject,
        "actor": actor,
        "reason": reason,
        "begun": at,
    }
    try:
        with places.database.transaction() as connection:
            connection.execute(sa.insert(erasures).values(**row))
    except IntegrityError:
        pass  # asked for again
    with places.database.reading() as connection:
        return erasure_of(connection.execute(sa.select(erasures).where(mine)).one())


def _read(places: Places, erasure: str) -> Erasure:
    with places.database.reading() as connection:
        return erasure_of(connection.execute(sa.select(erasures).where(_T.id == erasure)).one())


def _noted(places: Places, erasure: Erasure, certificate: Mapping[str, object], done: datetime | None) -> Erasure:
    with places.database.transaction() as connection:
        one = _T.id == erasure.id
        connection.execute(sa.update(erasures).where(one).values(done=done, certificate=certificate))
    return replace(erasure, done=done, certificate=certificate)


def _added(erasure: Erasure, plan: Plan) -> dict[str, object]:
    """Join what is found now with what was found before: more of it after an end, the rest of the same before one."""
    before, found = erasure.certificate or {}, plan.to_json()
    versions = {**cast("Mapping[str, int]", before.get("versions", {})), **plan.versions}
    counts = {}
    for name in ("results", "predictions", "labels", "messages"):
        had, has = cast("int", before.get(name, 0)), cast("int", found[name])
        counts[name] = max(had, has) if erasure.done is None else had + has
    models = sorted({*cast("Sequence[str]", before.get("models", ())), *plan.models})
    there = {"remote": before["remote"]} if "remote" in before else {}
    return {"versions": versions, **counts, "models": models, "left": list(plan.left), **there}
