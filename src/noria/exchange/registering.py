"""Registered models of another tracker: their versions under the same numbers, each with the files it is made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.errors import NoriaError
from noria.registry.adoption import Whence, adopt
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.models import Models
from noria.registry.tables import model_versions
from noria.runs.artifacts import Artifacts
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from noria.exchange.report import Report
    from noria.exchange.source import ForeignRegistered, ForeignVersion, Skips
    from noria.registry.models import Stage
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Registering"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAGES = ("Staging", "Production", "Archived")
# Where a version's files are, however its address begins: a run's or a logged model's own folder, and one in it.
_OF_MODEL = re.compile(r"models:/(m-[0-9A-Za-z]+)/?()$|.*/models/(m-[0-9A-Za-z]+)/artifacts(?:/(.*))?$")
_OF_RUN = re.compile(r"runs:/([0-9A-Za-z][\w\-]*)/?(.*)$|.*/([0-9A-Za-z][\w\-]*)/artifacts(?:/(.*))?$")


class Registering:
    """Takes registered models over.

    Parameters
    ----------
    database, blobs
        Where to.
    report, skips
        Where to tell.
    """

    def __init__(self, database: Database, blobs: Blobs, report: Report, skips: Skips) -> None:
        self._database = database
        self._registry = Registry(database, blobs)
        self._models = Models(database)
        self._aliases = Aliases(database)
        self._runs = Runs(database)
        self._files = Artifacts(database)
        self._report = report
        self._skips = skips

    def take(self, foreign: ForeignRegistered, name: str) -> None:
        """Take a model over under a name; versions that are here, or were deleted here, stay as they are."""
        here = self._registry.versions(name)
        if any(version.origin != "mlflow" for version in here):
            self._skips.add("a model of this name was made here; import with --prefix to have both", name)
            return
        tally = self._report["registered models"]
        if name in {version.model for version in here} or self._is_here(name):
            tally.known += 1
            own = self._models.get(name)
            missing = {tag: value for tag, value in foreign.tags.items() if tag not in own.tags}
            if missing:
                self._models.set_tags(name, missing)
            if foreign.description and not own.description:
                self._models.describe(name, foreign.description)
        else:
            try:
                self._models.create(
                    name, description=foreign.description, tags=foreign.tags, at=_moment(foreign.created_ms)
                )
            except NoriaError as error:
                self._skips.add("a registered model has a name that cannot be kept", f"{name}: {error.what}")
                return
            tally.new += 1
        known = self._numbers(name)
        for version in foreign.versions:
            if version.number in known:
                self._report["versions"].known += 1
            else:
                self._adopt(name, version)
                self._report["versions"].new += 1
        self._point(name, foreign)

    def _adopt(self, name: str, version: ForeignVersion) -> None:
        at = _moment(version.created_ms)
        adopt(
            self._registry,
            name,
            self._whence(name, version),
            description=version.description,
            tags=version.tags,
            user_id=version.user_id,
            number=version.number,
            at=at,
        )
        if version.stage in _STAGES:
            self._models.set_stage(name, version.number, cast("Stage", version.stage), at=_moment(version.updated_ms))
        if version.status != "READY":
            self._report.differs(f"version {version.number} of {name} is {version.status} there, and kept as ready")

    def _whence(self, name: str, version: ForeignVersion) -> Whence:
        run = self._runs.many([version.run_id]).get(version.run_id) if version.run_id else None
        for address in (version.source, version.storage):
            for pattern, scheme in ((_OF_MODEL, "models"), (_OF_RUN, "runs")):
                found = pattern.match(address)
                if found is None:
                    continue
                owner = found[1] or found[3]
                folder = ((found[2] if found[1] else found[4]) or "").strip("/")
                if ".." in folder.split("/") or not self._files.all(owner, folder):
                    continue
                if scheme == "runs" and run is None:
                    run = self._runs.many([owner]).get(owner)
                source = f"{scheme}:/{owner}" + (f"/{folder}" if folder else "")
                model = owner if scheme == "models" else version.model_id
                return Whence(source, owner, folder, run, model, version.run_link)
        self._skips.add("the files of a version are not here; its address is kept", f"{name} {version.number}")
        return Whence(version.source, "", "", run, version.model_id, version.run_link)

    def _point(self, name: str, foreign: ForeignRegistered) -> None:
        here = self._aliases.all(name)
        numbers = {version.number for version in self._registry.versions(name)}
        for alias, number in foreign.aliases.items():
            if alias in here:
                if here[alias] != number:
                    self._report.differs(f"alias {alias!r} of {name} is {here[alias]} here, {number} there")
            elif number in numbers:
                reason = f"as it is at the {self._report.source}"
                try:
                    self._aliases.move(name, alias, number, actor="import", reason=reason, at=datetime.now(UTC))
                except NoriaError as error:
                    self._skips.add("an alias could not be set", f"{name}@{alias}: {error.what}")

    def _is_here(self, name: str) -> bool:
        try:
            return self._models.get(name).name == name
        except NoriaError:
            return False

    def _numbers(self, name: str) -> set[int]:
        query = sa.select(model_versions.c.number).where(model_versions.c.model == name)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())


def _moment(ms: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return _EPOCH
