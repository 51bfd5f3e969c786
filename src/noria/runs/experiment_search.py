"""Finding experiments: filtered, ordered, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.runs.conditions import text_condition, time_condition, tree
from noria.runs.experiments import Experiment
from noria.runs.grammar import Comparison, parse, parse_orders
from noria.runs.paging import Page, Sorted, Value, after, make_token, missing_last, read_token
from noria.runs.tables import experiment_tags, experiments
from noria.runs.vocabulary import EXPERIMENTS

if TYPE_CHECKING:
    from noria.runs.search import Lifecycle

__all__ = ["search_experiments"]


def search_experiments(
    connection: sa.Connection,
    *,
    where: str = "",
    order: Sequence[str] = (),
    lifecycle: Lifecycle = "active",
    limit: int = 1000,
    token: str | None = None,
) -> Page[Experiment]:
    """Find a page of experiments, the latest first unless another order is asked for.

    Raises
    ------
    WrongArgument
        The filter, the order or the token cannot be read.
    """
    question = ["experiments", where.strip(), list(order), lifecycle]
    sorts, kinds = _order(order)
    query = sa.select(experiments, *(one.column.label(f"sort_{place}") for place, one in enumerate(sorts)))
    condition = parse(where, EXPERIMENTS)
    dialect = connection.dialect.name
    if condition is not None:
        query = query.where(tree(condition, lambda one: _leaf(one, dialect)))
    if lifecycle != "all":
        gone = experiments.c.deleted
        query = query.where(gone.is_(None) if lifecycle == "active" else gone.is_not(None))
    if token is not None:
        query = query.where(after(sorts, read_token(question, token, kinds)))
    rows = connection.execute(query.order_by(*(one.clause for one in sorts)).limit(limit + 1)).mappings().all()
    shown = rows[:limit]
    ids = [row["id"] for row in shown]
    tags: dict[int, dict[str, str]] = {}
    own = experiment_tags.c
    labels = sa.select(experiment_tags).where(own.experiment_id.in_(ids)).order_by(own.name)
    for tag in connection.execute(labels):
        tags.setdefault(tag.experiment_id, {})[tag.name] = tag.value
    fields = [column.name for column in experiments.c]
    found = tuple(Experiment(**{name: row[name] for name in fields}, tags=tags.get(row["id"], {})) for row in shown)
    following = None
    if len(rows) > limit > 0:
        last = [cast("Value", shown[-1][f"sort_{place}"]) for place in range(len(sorts))]
        following = make_token(question, last)
    return Page(found, following)


def _leaf(comparison: Comparison, dialect: str) -> sa.ColumnElement[bool]:
    own = experiments.c
    if comparison.entity == "tag":
        tagged = sa.select(experiment_tags.c.experiment_id).where(experiment_tags.c.name == comparison.key)
        if comparison.value is not None:
            tagged = tagged.where(text_condition(experiment_tags.c.value, comparison, dialect))
        inside = own.id.in_(tagged)
        return sa.not_(inside) if comparison.operator == "IS NULL" else inside
    if comparison.key in ("created", "updated"):
        return time_condition(own[comparison.key], comparison)
    column = sa.cast(own.id, sa.Text) if comparison.key == "id" else own.name
    return text_condition(column, comparison, dialect)


def _order(order: Sequence[str]) -> tuple[list[Sorted], list[type]]:
    sorts: list[Sorted] = []
    kinds: list[type] = []
    for key in parse_orders(order, EXPERIMENTS):
        if key.entity == "tag":
            value = (
                sa.select(experiment_tags.c.value)
                .where(experiment_tags.c.experiment_id == experiments.c.id, experiment_tags.c.name == key.key)
                .scalar_subquery()
            )
            sorts += missing_last(value, "", descending=key.descending)
            kinds += [int, str]
        else:
            column = experiments.c[key.key]
            timed = key.key in ("created", "updated")
            sorts.append(Sorted(sa.type_coerce(column, sa.BigInteger) if timed else column, key.descending))
            kinds.append(str if key.key == "name" else int)
    if not sorts:
        sorts.append(Sorted(sa.type_coerce(experiments.c.updated, sa.BigInteger), descending=True))
        kinds.append(int)
    return [*sorts, Sorted(experiments.c.id, descending=True)], [*kinds, int]
