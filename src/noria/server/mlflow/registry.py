"""Registered models and their aliases, as the protocol has them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from noria.registry.promotion import assign, is_gated
from noria.registry.search import search_models
from noria.server.caller import written_name
from noria.server.mlflow import answers, versions
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, Required, wrong
from noria.server.mlflow.rights import FACE as _FACE
from noria.server.mlflow.rights import may_move, must_change
from noria.server.mlflow.versions import ModelTag, number_of, stage_of

if TYPE_CHECKING:
    from noria.registry.registered import RegisteredModel
    from noria.security.identity import Identity

__all__ = [
    "create",
    "delete",
    "delete_alias",
    "delete_tag",
    "get",
    "get_by_alias",
    "latest_versions",
    "rename",
    "search",
    "set_alias",
    "set_tag",
    "update",
]

_ALIAS = re.compile(r"[\w\-]{1,255}")
_REASON = "set by a client of the MLflow protocol"


class Create(Form):
    """registered-models/create."""

    name: Required
    tags: Annotated[tuple[ModelTag, ...], msgspec.Meta(max_length=1_000)] = ()
    description: str = ""


class Rename(Form):
    """registered-models/rename."""

    name: Required
    new_name: str = ""


class Named(Form):
    """About one model."""

    name: Required


class Update(Form):
    """registered-models/update."""

    name: Required
    description: str = ""


class Search(Form):
    """registered-models/search."""

    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class Latest(Form):
    """registered-models/get-latest-versions."""

    name: Required
    stages: tuple[str, ...] = ()


class SetTag(Form):
    """registered-models/set-tag."""

    name: Required
    key: Required
    value: str = ""


class DeleteTag(Form):
    """registered-models/delete-tag."""

    name: Required
    key: Required


class SetAlias(Form):
    """registered-models/alias."""

    name: Required
    alias: Required
    version: Required


class OfAlias(Form):
    """About one alias."""

    name: Required
    alias: Required


def create(desk: Desk, form: Create, who: Identity) -> Json:
    """Open a model."""
    tags = {versions.checked_tag(tag.key, tag.value): tag.value for tag in form.tags}
    made = desk.registered.create(form.name, description=form.description, tags=tags, actor=written_name(who, _FACE))
    return {"registered_model": _written(desk, made)}


def rename(desk: Desk, form: Rename, who: Identity) -> Json:
    """Give a model another name."""
    if not form.new_name:
        wrong("new_name", form.new_name, "a model needs a name")
    may_move(desk, form.name, who)
    renamed = desk.registered.rename(form.name, form.new_name, actor=written_name(who, _FACE))
    return {"registered_model": _written(desk, renamed)}


def get(desk: Desk, form: Named) -> Json:
    """Read a model."""
    return {"registered_model": _written(desk, desk.registered.get(form.name))}


def update(desk: Desk, form: Update, who: Identity) -> Json:
    """Describe a model."""
    desk.registered.describe(form.name, form.description, actor=written_name(who, _FACE))
    return {"registered_model": _written(desk, desk.registered.get(form.name))}


def delete(desk: Desk, form: Named, who: Identity) -> Json:
    """Delete a model with all its versions."""
    may_move(desk, form.name, who)
    desk.registered.delete(form.name, actor=written_name(who, _FACE))
    return {}


def search(desk: Desk, form: Search) -> Json:
    """Find a page of models."""
    with desk.database.reading() as connection:
        page = search_models(
            connection,
            where=form.filter,
            order=form.order_by,
            limit=form.max_results,
            token=form.page_token or None,
        )
    return answers.page("registered_models", [_written(desk, one) for one in page.rows], page.token)


def latest_versions(desk: Desk, form: Latest) -> Json:
    """Give the newest version of each stage, or of some."""
    wanted = {stage_of(stage) for stage in form.stages}
    found = desk.registered.get(form.name).latest
    chosen = [version for version in found if not wanted or version.stage in wanted]
    aliases = desk.aliases.all(form.name)
    return answers.page("model_versions", [versions.written(version, aliases) for version in chosen])


def set_tag(desk: Desk, form: SetTag, who: Identity) -> Json:
    """Label a model."""
    desk.registered.set_tags(
        form.name, {versions.checked_tag(form.key, form.value): form.value}, actor=written_name(who, _FACE)
    )
    return {}


def delete_tag(desk: Desk, form: DeleteTag, who: Identity) -> Json:
    """Take a label off."""
    desk.registered.delete_tag(form.name, form.key, actor=written_name(who, _FACE))
    return {}


def set_alias(desk: Desk, form: SetAlias, who: Identity) -> Json:
    """Point an alias at a version; where gates have judged the model they are asked."""
    alias = form.alias
    if not _ALIAS.fullmatch(alias) or alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
        wrong("alias", alias, "an alias is letters, digits, '_' and '-', and neither 'latest' nor like v3")
    if is_gated(desk.registry, form.name, alias):
        must_change(desk, who, f"move alias {alias!r} of model {form.name}")
    now, actor = datetime.now(UTC), written_name(who, _FACE)
    assign(desk.registry, form.name, alias, number_of(form.version), actor=actor, reason=_REASON, at=now)
    return {}


def delete_alias(desk: Desk, form: OfAlias, who: Identity) -> Json:
    """Take an alias away; one that is not there is gone already."""
    desk.registered.get(form.name)
    if is_gated(desk.registry, form.name, form.alias):
        must_change(desk, who, f"take alias {form.alias!r} from model {form.name}")
    now, actor = datetime.now(UTC), written_name(who, _FACE)
    desk.aliases.remove(form.name, form.alias, actor=actor, reason=_REASON, at=now)
    return {}


def get_by_alias(desk: Desk, form: OfAlias) -> Json:
    """Give the version an alias points to."""
    desk.registered.get(form.name)
    found = desk.registry.get(form.name, form.alias)
    return {"model_version": versions.written(found, desk.aliases.all(form.name))}


def _written(desk: Desk, found: RegisteredModel) -> Json:
    written: Json = {
        "name": found.name,
        "creation_timestamp": answers.millis(found.created),
        "last_updated_timestamp": answers.millis(found.updated),
        "description": found.description,
    }
    if found.latest:
        written["latest_versions"] = [versions.written(version, found.aliases) for version in found.latest]
    if found.tags:
        written["tags"] = answers.pairs(found.tags)
    if found.aliases:
        # As texts, as the versions themselves have them.
        written["aliases"] = [{"alias": alias, "version": str(number)} for alias, number in found.aliases.items()]
    return written
