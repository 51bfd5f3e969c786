"""Experiments, as the protocol has them."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import unquote

import msgspec

from noria.errors import ExperimentNotFound
from noria.runs.experiment_search import search_experiments
from noria.server.mlflow import answers, names
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, Required, ViewType, wrong

__all__ = [
    "Tag",
    "create",
    "delete",
    "delete_tag",
    "get",
    "get_by_name",
    "rename",
    "restore",
    "search",
    "search_datasets",
    "set_tag",
]

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=names.MAX_EXPERIMENT_NAME)]

_ELSEWHERE = re.compile(r"(s3|gs|wasbs?|abfss?|adl|hdfs|viewfs|dbfs|r2|oss|cos|b2)://[^/?#\s]+(/[^?#]*)?")
"""Addresses of stores that clients reach by themselves. A path of this machine is not one: it is not for others to
say where this server writes."""

_OURS = re.compile(r"mlflow-artifacts:/*")


class Tag(Form):
    """A key with its value."""

    key: Required
    value: str = ""


class Create(Form):
    """experiments/create."""

    name: Name
    artifact_location: str = ""
    tags: tuple[Tag, ...] = ()


class One(Form):
    """About one experiment."""

    experiment_id: Required


class ByName(Form):
    """experiments/get-by-name."""

    experiment_name: Required


class Rename(One):
    """experiments/update."""

    new_name: Annotated[str, msgspec.Meta(max_length=names.MAX_EXPERIMENT_NAME)] = ""


class SetTag(One):
    """experiments/set-experiment-tag."""

    key: Required
    value: Annotated[str, msgspec.Meta(max_length=names.MAX_EXPERIMENT_TAG)] = ""


class DeleteTag(One):
    """experiments/delete-experiment-tag."""

    key: Required


class Search(Form):
    """experiments/search."""

    max_results: Annotated[int, msgspec.Meta(ge=1, le=50_000)]
    page_token: str = ""
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view_type: ViewType = ViewType.ACTIVE_ONLY


class SearchDatasets(Form):
    """experiments/search-datasets."""

    experiment_ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)] = ()


def create(desk: Desk, form: Create) -> Json:
    """Open an experiment."""
    tags = {names.checked_key(tag.key): tag.value for tag in form.tags}
    made = desk.experiments.create(form.name, artifact_location=_checked_location(form.artifact_location), tags=tags)
    return {"experiment_id": str(made.id)}


def get(desk: Desk, form: One) -> Json:
    """Read one by its id."""
    return {"experiment": answers.experiment(desk.experiments.get(_number(form)))}


def get_by_name(desk: Desk, form: ByName) -> Json:
    """Read one by its name, a deleted one too: its name is taken."""
    found = desk.experiments.by_name(form.experiment_name)
    if found is None:
        raise ExperimentNotFound(
            f"there is no experiment {form.experiment_name!r}", mend="create it first", code="N-SERVER-060"
        )
    return {"experiment": answers.experiment(found)}


def search(desk: Desk, form: Search) -> Json:
    """Find a page of experiments."""
    with desk.database.reading() as connection:
        page = search_experiments(
            connection,
            where=form.filter,
            order=form.order_by,
            lifecycle=form.view_type.lifecycle,
            limit=form.max_results,
            token=form.page_token or None,
        )
    return answers.page("experiments", [answers.experiment(found) for found in page.rows], page.token)


def search_datasets(desk: Desk, form: SearchDatasets) -> Json:
    """Name the data sets that runs of some experiments were given, and what for."""
    used = desk.inputs.used_in([names.experiment_number(one) for one in form.experiment_ids])
    found: list[Json] = []
    for experiment_id, name, digest, context in used:
        one: Json = {"experiment_id": str(experiment_id), "name": name, "digest": digest}
        found.append(one if context is None else {**one, "context": context})
    return answers.page("dataset_summaries", found)


def rename(desk: Desk, form: Rename) -> Json:
    """Give one another name."""
    if form.new_name:
        desk.experiments.rename(_number(form), form.new_name)
    else:
        desk.experiments.get(_number(form))
    return {}


def delete(desk: Desk, form: One) -> Json:
    """Put one in the bin, with its runs."""
    desk.experiments.delete(_number(form))
    return {}


def restore(desk: Desk, form: One) -> Json:
    """Take one out of the bin, with the runs that went in with it."""
    desk.experiments.restore(_number(form))
    return {}


def set_tag(desk: Desk, form: SetTag) -> Json:
    """Label one."""
    desk.experiments.set_tag(_number(form), names.checked_key(form.key), form.value)
    return {}


def delete_tag(desk: Desk, form: DeleteTag) -> Json:
    """Take a label off."""
    desk.experiments.delete_tag(_number(form), form.key)
    return {}


def _number(form: One) -> int:
    number = names.experiment_number(form.experiment_id)
    if number < 0:
        raise ExperimentNotFound(
            f"there is no experiment {form.experiment_id[:80]!r}",
            mend="give the number of one",
            code="N-SERVER-061",
        )
    return number


def _checked_location(location: str) -> str:
    """Give an experiment's place for files as it is kept: empty for here.

    Raises
    ------
    WrongArgument
        It is a path of this machine, or leads out of itself.
    """
    if not location or _OURS.fullmatch(location):
        return ""
    plain = location
    for _ in range(10):
        plain, before = unquote(plain), plain
        if plain == before:
            break
    inside = not any(part in ("..", ".") for part in plain.split("/")) and not re.search(r"[\\\x00-\x1f]", plain)
    if not (_ELSEWHERE.fullmatch(plain) and inside):
        wrong(
            "artifact_location",
            location,
            "files are kept by this server, or in a store with an address of its own such as s3://bucket/folder",
        )
    return location
