"""Finding logged models: filtered, ordered, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from noria.runs.conditions import text_condition, time_condition, tree, whole_numbers
from noria.runs.grammar import Comparison, parse, parse_orders
from noria.runs.logged_models import LoggedModel, read_models
from noria.runs.paging import Page, Sorted, Value, after, make_token, missing_last, read_token
from noria.runs.tables import logged_model_metrics, logged_model_params, logged_model_tags, logged_models
from noria.runs.vocabulary import LOGGED_MODELS

__all__ = ["ModelOrder", "search_logged_models"]


@dataclass(frozen=True)
class ModelOrder:
    """What logged models are ordered by.

    Parameters
    ----------
    field : str
        As in a filter: ``metrics.auc``, ``creation_timestamp`` …
    descending : bool
        Which way.
    dataset : tuple of (str or None, str or None)
        Only metrics measured on the data set of this name and digest count.
    """

    field: str
    descending: bool = False
    dataset: tuple[str | None, str | None] = (None, None)


def search_logged_models(
    connection: sa.Connection,
    *,
    experiments: Sequence[int],
    where: str = "",
    datasets: Sequence[tuple[str | None, str | None]] = (),
    order: Sequence[ModelOrder] = (),
    limit: int = 50,
    token: str | None = None,
) -> Page[LoggedModel]:
    """Find a page of logged models, the latest first unless another order is asked for.

    Parameters
    ----------
    connection : Connection
        Reading.
    experiments : sequence of int
        Where they belong.
    where : str
        The filter.
    datasets : sequence of (name, digest)
        Comparisons of metrics count only those measured on one of these.
    order : sequence of ModelOrder
        First by this, then that.
    limit : int
        At most so many.
    token : str, optional
        Of the page before.

    Raises
    ------
    WrongArgument
        The filter, the order or the token cannot be read.
    """
    ordered = [[one.field, one.descending, list(one.dataset)] for one in order]
    question = ["logged models", sorted(set(experiments)), where.strip(), [list(one) for one in datasets], ordered]
    sorts, kinds = _order(order)
    own = logged_models.c
    query = sa.select(own.id, *(one.column.label(f"sort_{place}") for place, one in enumerate(sorts)))
    ids = [one for one in experiments if 0 <= one < 1 << 31]
    query = query.where(own.experiment_id.in_(whole_numbers(ids)), own.deleted.is_(None))
    condition = parse(where, LOGGED_MODELS)
    dialect = connection.dialect.name
    if condition is not None:
        query = query.where(tree(condition, lambda one: _leaf(one, dialect, datasets)))
    if token is not None:
        query = query.where(after(sorts, read_token(question, token, kinds)))
    rows = connection.execute(query.order_by(*(one.clause for one in sorts)).limit(limit + 1)).all()
    found = read_models(connection, [row.id for row in rows[:limit]])
    following = make_token(question, cast("list[Value]", list(rows[limit - 1])[1:])) if len(rows) > limit > 0 else None
    return Page(tuple(found), following)


def _leaf(
    comparison: Comparison, dialect: str, datasets: Sequence[tuple[str | None, str | None]]
) -> sa.ColumnElement[bool]:
    own = logged_models.c
    if comparison.entity == "metric":
        measured = logged_model_metrics.c
        query = sa.select(measured.model_id).where(measured.name == comparison.key)
        if datasets:
            query = query.where(sa.or_(*(_on(one) for one in datasets)))
        value = cast("float", comparison.value)
        if comparison.operator == "!=":
            return own.id.in_(query.where(sa.or_(measured.nan == 1, measured.value != value)))
        return own.id.in_(query.where(measured.nan == 0, measured.value.bool_op(comparison.operator)(value)))
    if comparison.entity in ("param", "tag"):
        table = logged_model_params if comparison.entity == "param" else logged_model_tags
        query = sa.select(table.c.model_id).where(table.c.name == comparison.key)
        if comparison.value is not None:
            query = query.where(text_condition(table.c.value, comparison, dialect))
        inside = own.id.in_(query)
        return sa.not_(inside) if comparison.operator == "IS NULL" else inside
    if comparison.key in ("created", "updated"):
        return time_condition(own[comparison.key], comparison)
    if comparison.key == "status":
        return text_condition(sa.literal("LOGGED_MODEL_") + sa.func.upper(own.status), _status(comparison), dialect)
    return text_condition(own[comparison.key], comparison, dialect)


def _status(comparison: Comparison) -> Comparison:
    def whole(text: str) -> str:
        if text.upper() == "FAILED":  # the client's own word for an upload that did not end
            return "LOGGED_MODEL_UPLOAD_FAILED"
        return text if text.startswith("LOGGED_MODEL_") or not text.isidentifier() else f"LOGGED_MODEL_{text.upper()}"

    value = comparison.value
    given = tuple(whole(one) for one in value) if isinstance(value, tuple) else whole(str(value))
    return Comparison("attribute", "status", comparison.operator, given)


def _on(dataset: tuple[str | None, str | None]) -> sa.ColumnElement[bool]:
    name, digest = dataset
    measured = logged_model_metrics.c
    parts = [measured.dataset_name == name] if name is not None else []
    if digest is not None:
        parts.append(measured.dataset_digest == digest)
    return sa.and_(sa.true(), *parts)


def _order(order: Sequence[ModelOrder]) -> tuple[list[Sorted], list[type]]:
    own = logged_models.c
    sorts: list[Sorted] = []
    kinds: list[type] = []
    for one, key in zip(order, parse_orders([one.field for one in order], LOGGED_MODELS), strict=True):
        if key.entity == "metric":
            measured = logged_model_metrics.c
            nan, value = (
                sa.select(column)
                .where(measured.model_id == own.id, measured.name == key.key, _on(one.dataset))
                .order_by(measured.at_ms.desc(), measured.step.desc(), measured.run_id, measured.dataset_name)
                .limit(1)
                .scalar_subquery()
                for column in (measured.nan, measured.value)
            )
            # Numbers, then NaN, then nothing, whichever way the numbers go.
            sorts += [Sorted(sa.func.coalesce(nan, 2)), Sorted(sa.func.coalesce(value, 0.0), one.descending)]
            kinds += [int, float]
        elif key.entity in ("param", "tag"):
            table = logged_model_params if key.entity == "param" else logged_model_tags
            value = (
                sa.select(table.c.value).where(table.c.model_id == own.id, table.c.name == key.key).scalar_subquery()
            )
            sorts += missing_last(value, "", descending=one.descending)
            kinds += [int, str]
        else:
            timed = key.key in ("created", "updated")
            column = sa.type_coerce(own[key.key], sa.BigInteger) if timed else own[key.key]
            sorts.append(Sorted(column, one.descending))
            kinds.append(int if timed else str)
    newest = Sorted(sa.type_coerce(own.created, sa.BigInteger), descending=True)
    return [*sorts, newest, Sorted(own.id)], [*kinds, int, str]
