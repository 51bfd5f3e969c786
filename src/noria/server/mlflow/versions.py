"""Model versions, as the protocol has them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

import msgspec

from noria.errors import WrongArgument
from noria.registry.adoption import Whence, adopt
from noria.registry.models import STAGES
from noria.registry.search import search_versions
from noria.registry.version import MODEL_FOLDER
from noria.server.caller import written_name
from noria.server.mlflow import answers
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, Required, wrong
from noria.server.mlflow.places import checked_path, place_of
from noria.server.mlflow.rights import FACE, may_move

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.registry.models import Stage
    from noria.registry.version import ModelVersion
    from noria.security.identity import Identity

__all__ = [
    "ModelTag",
    "checked_tag",
    "create",
    "delete",
    "delete_tag",
    "download_uri",
    "get",
    "number_of",
    "search",
    "set_tag",
    "stage_of",
    "transition",
    "update",
    "written",
]

_MAX_KEY = 250
_MAX_VALUE = 100_000
_NUMBER = re.compile(r"[0-9]{1,9}")
_STATUSES = {"ready": "READY", "pending": "PENDING_REGISTRATION", "failed": "FAILED_REGISTRATION"}
_VERSIONS_TAG = "mlflow.modelVersions"
_PROXY = "mlflow-artifacts:"
_ELSEWHERE = re.compile(r"(s3|gs|abfss?|wasbs?|hdfs|viewfs|dbfs|r2|https?)://?[^\s]+", re.IGNORECASE)


class ModelTag(Form):
    """A label."""

    key: Required
    value: str = ""


class Create(Form):
    """model-versions/create."""

    name: Required
    source: Required
    run_id: str = ""
    tags: Annotated[tuple[ModelTag, ...], msgspec.Meta(max_length=1_000)] = ()
    run_link: str = ""
    description: str = ""
    model_id: str = ""


class One(Form):
    """About one version."""

    name: Required
    version: Required


class Update(Form):
    """model-versions/update."""

    name: Required
    version: Required
    description: str = ""


class Search(Form):
    """model-versions/search."""

    filter: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1, le=200_000)] = 200_000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class SetTag(Form):
    """model-versions/set-tag."""

    name: Required
    version: Required
    key: Required
    value: str = ""


class DeleteTag(Form):
    """model-versions/delete-tag."""

    name: Required
    version: Required
    key: Required


class Transition(Form):
    """model-versions/transition-stage."""

    name: Required
    version: Required
    stage: Required
    archive_existing_versions: bool = False


def create(desk: Desk, form: Create, who: Identity) -> Json:
    """Register what a client logged as the next version of a model."""
    desk.registered.get(form.name)
    tags = {checked_tag(tag.key, tag.value): tag.value for tag in form.tags}
    whence = _whence(desk, form)
    run = whence.run
    names = []
    if run is not None:
        names = [f"{one.name}@{one.digest}" for one in desk.inputs.datasets([run.id]).get(run.id, ())]
    made = adopt(
        desk.registry,
        form.name,
        whence,
        description=form.description,
        tags=tags,
        # Where there are no users, the client says who trains, and nobody who registers.
        user_id=run.user_id if who.kind == "local" and run is not None else written_name(who, FACE),
        dataset=", ".join(names)[:500],
    )
    if whence.logged_model_id:
        known = desk.models.get(whence.logged_model_id).tags.get(_VERSIONS_TAG, "[]")
        listed = [*_list(known), {"name": form.name, "version": str(made.number)}]
        desk.models.set_tags(whence.logged_model_id, {_VERSIONS_TAG: json.dumps(listed)})
    return {"model_version": written(made, {})}


def get(desk: Desk, form: One) -> Json:
    """Read a version."""
    return _answer(desk, form.name, form.version)


def update(desk: Desk, form: Update, who: Identity) -> Json:
    """Describe a version."""
    number, actor = number_of(form.version), written_name(who, FACE)
    desk.registered.describe(form.name, form.description, number=number, actor=actor)
    return _answer(desk, form.name, form.version)


def delete(desk: Desk, form: One, who: Identity) -> Json:
    """Delete a version; its number is not given again."""
    number = number_of(form.version)
    may_move(desk, form.name, who, number=number)
    desk.registered.delete_version(form.name, number, actor=written_name(who, FACE))
    return {}


def search(desk: Desk, form: Search) -> Json:
    """Find a page of versions."""
    with desk.database.reading() as connection:
        page = search_versions(
            connection,
            where=form.filter,
            order=form.order_by,
            limit=form.max_results,
            token=form.page_token or None,
        )
    aliases = {model: desk.aliases.all(model) for model in {version.model for version in page.rows}}
    return answers.page(
        "model_versions", [written(version, aliases[version.model]) for version in page.rows], page.token
    )


def download_uri(desk: Desk, form: One) -> Json:
    """Say where a version's files can be fetched."""
    found = desk.registry.get(form.name, number_of(form.version))
    return {"artifact_uri": _storage(desk, found)}


def set_tag(desk: Desk, form: SetTag, who: Identity) -> Json:
    """Label a version."""
    number, actor = number_of(form.version), written_name(who, FACE)
    desk.registered.set_tags(form.name, {checked_tag(form.key, form.value): form.value}, number=number, actor=actor)
    return {}


def delete_tag(desk: Desk, form: DeleteTag, who: Identity) -> Json:
    """Take a label off."""
    desk.registered.delete_tag(form.name, form.key, number=number_of(form.version), actor=written_name(who, FACE))
    return {}


def transition(desk: Desk, form: Transition, who: Identity) -> Json:
    """Put a version into a stage."""
    stage = stage_of(form.stage)
    if form.archive_existing_versions and stage not in ("Staging", "Production"):
        wrong("archive_existing_versions", True, "only versions in Staging or Production make way for another")
    number = number_of(form.version)
    archive, actor = form.archive_existing_versions, written_name(who, FACE)
    desk.registered.set_stage(form.name, number, stage, archive_others=archive, actor=actor)
    return _answer(desk, form.name, form.version)


def written(found: ModelVersion, aliases: Mapping[str, int]) -> Json:
    """Write a version, with those of its model's aliases that point to it."""
    version: Json = {
        "name": found.model,
        "version": str(found.number),
        "creation_timestamp": answers.millis(found.created),
        "last_updated_timestamp": answers.millis(found.updated or found.created),
        "current_stage": found.stage,
        "description": found.description,
        "source": found.source or _own(found),
        "run_id": found.run_id,
        "status": _STATUSES[found.status],
        "run_link": found.run_link,
    }
    if found.user_id:
        version["user_id"] = found.user_id
    if found.tags:
        version["tags"] = answers.pairs(found.tags)
    if own := [alias for alias, number in aliases.items() if number == found.number]:
        version["aliases"] = own
    if found.logged_model_id:
        version["model_id"] = found.logged_model_id
    return version


def checked_tag(key: str, value: str) -> str:
    """Give a label's key back when key and value may be so long."""
    if len(key) > _MAX_KEY or len(value) > _MAX_VALUE:
        wrong("key", key, f"a key has at most {_MAX_KEY} letters and a value {_MAX_VALUE:,}")
    return key


def number_of(version: str) -> int:
    """Give the number that a version is."""
    if not _NUMBER.fullmatch(version):
        wrong("version", version, "a version is a whole number")
    return int(version)


def stage_of(text: str) -> Stage:
    """Give a stage in its own spelling."""
    for stage in STAGES:
        if stage.lower() == text.lower():
            return stage
    wrong("stage", text, f"there are {', '.join(STAGES)}")


def _answer(desk: Desk, name: str, version: str) -> Json:
    found = desk.registry.get(name, number_of(version))
    return {"model_version": written(found, desk.aliases.all(name))}


def _whence(desk: Desk, form: Create) -> Whence:
    """Find out where a version's files are, and that they may be taken from there."""
    source = form.source
    plain = source
    for _ in range(5):
        if ".." in plain.replace("\\", "/").split("/"):
            wrong("source", source, "it climbs out of its place")
        plain = unquote(plain)
    run = desk.run(form.run_id) if form.run_id else None
    if source.startswith("models:/"):
        return _of_model(desk, form)
    if source.startswith("runs:/"):
        owner, _, folder = source.removeprefix("runs:/").partition("/")
        if run is not None and owner != run.id:
            wrong("source", source, "it names another run than run_id")
        run = desk.run(owner)
        return Whence(source, run.id, checked_path(folder, "source"), run, form.model_id, form.run_link)
    if source.startswith(_PROXY):
        place = place_of(source.removeprefix(_PROXY).lstrip("/"))
        if place is not None and place.version is not None and not place.path:
            return _again(desk, desk.registry.get(*place.version), form)
        if place is None or not place.owner or place.owner not in (form.run_id, form.model_id):
            wrong("source", source, "files are taken only from the run or logged model that is named with them")
        if place.is_model:
            model = desk.models.get(place.owner)
            if run is None and model.source_run_id:
                run = desk.runs.many([model.source_run_id]).get(model.source_run_id)
        elif run is None:
            run = desk.run(place.owner)
        model_id = place.owner if place.is_model else form.model_id
        return Whence(source, place.owner, place.path, run, model_id, form.run_link)
    if not _ELSEWHERE.fullmatch(source):
        wrong(
            "source",
            source,
            "it is no place that this server may take files from; give runs:/…, models:/…, mlflow-artifacts:/… "
            "or the address of an object store",
        )
    return Whence(source, "", "", run, form.model_id, form.run_link)


def _of_model(desk: Desk, form: Create) -> Whence:
    source = form.source
    name = source.removeprefix("models:/").rstrip("/")
    if "/" not in name and "@" not in name:
        if form.model_id and form.model_id != name:
            wrong("source", source, "it names another logged model than model_id")
        model = desk.models.get(name)
        run_id = form.run_id or model.source_run_id
        run = desk.runs.many([run_id]).get(run_id) if run_id else None
        return Whence(source, model.id, "", run, model.id, form.run_link)
    base, separator, which = name.rpartition("@" if "@" in name else "/")
    number = number_of(which) if separator == "/" else which
    return _again(desk, desk.registry.get(base, number), form)


def _again(desk: Desk, found: ModelVersion, form: Create) -> Whence:
    """Register a version once more, under another name or number: the very files, wherever they came from."""
    if found.origin == "noria":
        raise WrongArgument(
            f"{found.ref} was made by noria, and is not registered again by a client",
            why="the new version would have neither its evaluation nor its verdicts",
            mend="name it by an alias instead",
            code="N-SERVER-094",
        )
    run = desk.runs.many([found.run_id]).get(found.run_id)
    return Whence(form.source, "", "", run, found.logged_model_id, form.run_link, found.files)


def _storage(desk: Desk, found: ModelVersion) -> str:
    """Give the address to fetch from: a version's own files, as they were when it was registered."""
    if _ELSEWHERE.fullmatch(found.source) and not found.files:
        return found.source
    return _own(found)


def _own(found: ModelVersion) -> str:
    return f"{_PROXY}/versions/{found.model}/{found.number}/{MODEL_FOLDER.rstrip('/')}"


def _list(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
