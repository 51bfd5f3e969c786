"""Finding registered models and versions: filtered, ordered, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa

from noria.registry.catalog import read_versions
from noria.registry.registered import RegisteredModel, read_models
from noria.registry.tables import model_tags, model_versions, registered_models
from noria.registry.version import ModelVersion
from noria.runs.conditions import number_condition, text_condition, time_condition, tree
from noria.runs.grammar import Comparison, parse, parse_order
from noria.runs.paging import Page, Sorted, Value, after, make_token, missing_last, read_token
from noria.runs.vocabulary import MODELS, VERSIONS, Vocabulary

__all__ = ["search_models", "search_versions"]

# MLflow keeps prompts among its models, marked by a tag, and its client asks for models as "those whose mark is not
# 'true'". Elsewhere a missing tag satisfies no comparison; read like that, the client would find no model at all.
_PROMPT_TAG = "mlflow.prompt.is_prompt"
_NO_PROMPT = (("!=", "true"), ("=", "false"))


def search_models(
    connection: sa.Connection, *, where: str = "", order: Sequence[str] = (), limit: int = 100, token: str | None = None
) -> Page[RegisteredModel]:
    """Find a page of registered models, by name unless another order is asked for.

    Raises
    ------
    WrongArgument
        The filter, the order or the token cannot be read.
    """
    own = registered_models.c
    sorts, kinds = _order(order, MODELS, registered_models, own.name, sa.literal(0))
    sorts, kinds = [*sorts, Sorted(own.name)], [*kinds, str]
    query = sa.select(own.name, *(one.column.label(f"sort_{place}") for place, one in enumerate(sorts)))
    query = _where(query, connection, where, MODELS, registered_models, own.name, sa.literal(0))
    question: list[object] = ["models", where.strip(), list(order)]
    rows, following = _page(connection, query, sorts, kinds, question, limit, token)
    return Page(tuple(read_models(connection, [str(row[0]) for row in rows])), following)


def search_versions(
    connection: sa.Connection,
    *,
    where: str = "",
    order: Sequence[str] = (),
    limit: int = 1000,
    token: str | None = None,
) -> Page[ModelVersion]:
    """Find a page of versions, the last changed first unless another order is asked for.

    Raises
    ------
    WrongArgument
        The filter, the order or the token cannot be read.
    """
    own = model_versions.c
    sorts, kinds = _order(order, VERSIONS, model_versions, own.model, own.number)
    if not sorts:
        sorts, kinds = [Sorted(sa.type_coerce(own.updated, sa.BigInteger), descending=True)], [int]
    sorts, kinds = [*sorts, Sorted(own.model), Sorted(own.number, descending=True)], [*kinds, str, int]
    columns = [column for column in model_versions.c if column.name not in ("identity", "deleted")]
    query = sa.select(*columns, *(one.column.label(f"sort_{place}") for place, one in enumerate(sorts)))
    query = query.where(own.deleted.is_(None))
    query = _where(query, connection, where, VERSIONS, model_versions, own.model, own.number)
    question: list[object] = ["versions", where.strip(), list(order)]
    rows, following = _page(connection, query, sorts, kinds, question, limit, token)
    names = [column.name for column in columns]
    found = read_versions(connection, [dict(zip(names, row, strict=False)) for row in rows])
    return Page(found, following)


def _where(
    query: sa.Select[tuple[object, ...]],
    connection: sa.Connection,
    where: str,
    vocabulary: Vocabulary,
    table: sa.Table,
    model: sa.ColumnElement[str],
    number: sa.ColumnElement[int],
) -> sa.Select[tuple[object, ...]]:
    condition = parse(where, vocabulary)
    if condition is None:
        return query
    dialect = connection.dialect.name

    def leaf(comparison: Comparison) -> sa.ColumnElement[bool]:
        if comparison.entity == "tag":
            tagged = _tag(comparison.key, model, number)
            if comparison.value is not None:
                tagged = tagged.where(text_condition(model_tags.c.value, comparison, dialect))
            there = tagged.exists()
            if comparison.key == _PROMPT_TAG and (comparison.operator, comparison.value) in _NO_PROMPT:
                return sa.or_(there, sa.not_(_tag(_PROMPT_TAG, model, number).exists()))
            return sa.not_(there) if comparison.operator == "IS NULL" else there
        column = table.c[comparison.key]
        if comparison.key in ("created", "updated"):
            return time_condition(column, comparison)
        if comparison.key == "number":
            return number_condition(column, comparison)
        return text_condition(column, comparison, dialect)

    return query.where(tree(condition, leaf))


def _order(
    order: Sequence[str],
    vocabulary: Vocabulary,
    table: sa.Table,
    model: sa.ColumnElement[str],
    number: sa.ColumnElement[int],
) -> tuple[list[Sorted], list[type]]:
    sorts: list[Sorted] = []
    kinds: list[type] = []
    for text in order:
        key = parse_order(text, vocabulary)
        if key.entity == "tag":
            sorts += missing_last(_tag(key.key, model, number).scalar_subquery(), "", descending=key.descending)
            kinds += [int, str]
            continue
        column = table.c[key.key]
        timed = key.key in ("created", "updated")
        sorts.append(Sorted(sa.type_coerce(column, sa.BigInteger) if timed else column, key.descending))
        kinds.append(int if timed or key.key == "number" else str)
    return sorts, kinds


def _tag(name: str, model: sa.ColumnElement[str], number: sa.ColumnElement[int]) -> sa.Select[tuple[str]]:
    own = model_tags.c
    return sa.select(own.value).where(own.model == model, own.number == number, own.name == name)


def _page(
    connection: sa.Connection,
    query: sa.Select[tuple[object, ...]],
    sorts: list[Sorted],
    kinds: list[type],
    question: Sequence[object],
    limit: int,
    token: str | None,
) -> tuple[list[tuple[object, ...]], str | None]:
    if token is not None:
        query = query.where(after(sorts, read_token(question, token, kinds)))
    found = connection.execute(query.order_by(*(one.clause for one in sorts)).limit(limit + 1)).all()
    rows: list[tuple[object, ...]] = [(*row,) for row in found]
    following = None
    if len(rows) > limit > 0:
        following = make_token(question, cast("list[Value]", list(rows[limit - 1][-len(sorts) :])))
    return rows[:limit], following
