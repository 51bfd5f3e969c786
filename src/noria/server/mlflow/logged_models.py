"""Logged models, as the protocol has them."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Annotated, cast

import msgspec

from noria.runs.model_search import ModelOrder, search_logged_models
from noria.server.mlflow import answers, names
from noria.server.mlflow.answers import Json
from noria.server.mlflow.artifacts import in_folder
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.experiments import Tag
from noria.server.mlflow.forms import Form, Required, wrong
from noria.server.mlflow.runs import Param

if TYPE_CHECKING:
    from noria.runs.logged_models import LoggedModel, ModelMetric, ModelStatus

__all__ = ["create", "delete", "delete_tag", "finish", "get", "listing", "log_params", "search", "set_tags"]

_ODD_NAME = re.compile(r"[/:.%\"']")


class Status(enum.IntEnum):
    """How far its upload is."""

    LOGGED_MODEL_PENDING = 1
    LOGGED_MODEL_READY = 2
    LOGGED_MODEL_UPLOAD_FAILED = 3


class Create(Form):
    """Opening one."""

    experiment_id: Required
    name: Annotated[str, msgspec.Meta(max_length=500)] = ""
    model_type: Annotated[str, msgspec.Meta(max_length=500)] = ""
    source_run_id: Annotated[str, msgspec.Meta(max_length=256)] = ""
    params: Annotated[tuple[Param, ...], msgspec.Meta(max_length=1_000)] = ()
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=1_000)] = ()


class One(Form):
    """About one."""

    model_id: Required
    allow_deleted: bool = False


class Finish(Form):
    """Saying how its upload ended."""

    model_id: Required
    status: Status


class SetTags(Form):
    """Labelling it."""

    model_id: Required
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=1_000)] = ()


class DeleteTag(Form):
    """Taking a label off."""

    model_id: Required
    tag_key: Required


class LogParams(Form):
    """Recording settings."""

    model_id: Required
    params: Annotated[tuple[Param, ...], msgspec.Meta(max_length=1_000)] = ()


class Folder(Form):
    """Listing its files."""

    model_id: Required
    artifact_directory_path: str = ""
    page_token: str = ""


class Order(Form):
    """What to order by."""

    field_name: Required
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class OnDataset(Form):
    """Measured on which data."""

    dataset_name: Required
    dataset_digest: str | None = None


class Search(Form):
    """logged-models/search."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    datasets: Annotated[tuple[OnDataset, ...], msgspec.Meta(max_length=100)] = ()
    max_results: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    order_by: tuple[Order, ...] = ()
    page_token: str = ""


def create(desk: Desk, form: Create) -> Json:
    """Open one, its files still to come."""
    if odd := _ODD_NAME.search(form.name):
        wrong("name", form.name, f"a model's name cannot hold {odd.group()!r}")
    made = desk.models.create(
        names.experiment_number(form.experiment_id),
        name=form.name or names.readable_name(),
        type=form.model_type,
        source_run_id=form.source_run_id,
        params=_params(form.params),
        tags=_tags(form.tags),
    )
    return _answer(desk, made)


def get(desk: Desk, form: One) -> Json:
    """Read one."""
    return _answer(desk, desk.models.get(form.model_id, deleted=form.allow_deleted))


def delete(desk: Desk, form: One) -> Json:
    """Put one in the bin."""
    desk.models.delete(form.model_id)
    return {}


def finish(desk: Desk, form: Finish) -> Json:
    """Say how its upload ended."""
    status = form.status.name.removeprefix("LOGGED_MODEL_").lower()
    return _answer(desk, desk.models.update(form.model_id, cast("ModelStatus", status)))


def set_tags(desk: Desk, form: SetTags) -> Json:
    """Label one."""
    desk.models.set_tags(form.model_id, _tags(form.tags))
    return _answer(desk, desk.models.get(form.model_id))


def delete_tag(desk: Desk, form: DeleteTag) -> Json:
    """Take a label off."""
    desk.models.delete_tag(form.model_id, form.tag_key)
    return {}


def log_params(desk: Desk, form: LogParams) -> Json:
    """Record settings of one."""
    desk.models.log_params(form.model_id, _params(form.params))
    return {}


def listing(desk: Desk, form: Folder) -> Json:
    """List one level of its files; names are given from its own root."""
    found = desk.models.get(form.model_id)
    location = desk.location(found.experiment_id)
    root = _root(location, found)
    return in_folder(desk, found.id, form.artifact_directory_path, root, elsewhere=bool(location))


def search(desk: Desk, form: Search) -> Json:
    """Find a page of logged models."""
    order = [
        ModelOrder(one.field_name, not one.ascending, (one.dataset_name or None, one.dataset_digest or None))
        for one in form.order_by
    ]
    with desk.database.reading() as connection:
        page = search_logged_models(
            connection,
            experiments=[names.experiment_number(one) for one in form.experiment_ids],
            where=form.filter,
            datasets=[(one.dataset_name, one.dataset_digest or None) for one in form.datasets],
            order=order,
            limit=form.max_results,
            token=form.page_token or None,
        )
    return answers.page(
        "models", [_written(found, desk.location(found.experiment_id)) for found in page.rows], page.token
    )


def _answer(desk: Desk, found: LoggedModel) -> Json:
    return {"model": _written(found, desk.location(found.experiment_id))}


def _params(params: tuple[Param, ...]) -> dict[str, str]:
    return {names.checked_key(one.key, "params"): names.cut(one.value, names.MAX_PARAM) for one in params}


def _tags(tags: tuple[Tag, ...]) -> dict[str, str]:
    return {names.checked_key(one.key, "tags"): names.cut(one.value, names.MAX_TAG) for one in tags}


def _root(location: str, found: LoggedModel) -> str:
    return answers.root_uri(location, found.experiment_id, "models", found.id, "artifacts")


def _written(found: LoggedModel, location: str) -> Json:
    info: Json = {
        "model_id": found.id,
        "experiment_id": str(found.experiment_id),
        "name": found.name,
        "creation_timestamp_ms": answers.millis(found.created),
        "last_updated_timestamp_ms": answers.millis(found.updated),
        "artifact_uri": _root(location, found),
        "status": f"LOGGED_MODEL_{found.status.upper()}",
        "model_type": found.type,
        "source_run_id": found.source_run_id,
    }
    if found.tags:
        info["tags"] = answers.pairs(found.tags)
    data: Json = {}
    if found.params:
        data["params"] = answers.pairs(found.params)
    if found.metrics:
        data["metrics"] = [_metric(found.id, one) for one in found.metrics]
    return {"info": info, "data": data}


def _metric(model_id: str, one: ModelMetric) -> Json:
    written: Json = {
        "key": one.name,
        "value": answers.number(one.value),
        "timestamp": one.at_ms,
        "step": one.step,
        "model_id": model_id,
        "run_id": one.run_id,
    }
    if one.dataset_name:
        written["dataset_name"] = one.dataset_name
        written["dataset_digest"] = one.dataset_digest
    return written
