"""From the filter's tree to SQL with bound values.

A comparison on what was recorded about a run has two forms with the same meaning. ``EXISTS`` asks about the run at
hand: right where runs come in an order and the first hundred that match are wanted. ``IN`` gathers the runs from an
index of the recorded values: right for counting, and where few match.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import sqlalchemy as sa

from noria.runs.grammar import And, Comparison, Condition, Not
from noria.runs.tables import (
    experiments,
    input_datasets,
    metric_latest,
    run_inputs,
    run_params,
    run_tags,
    runs,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Boolean",
    "Style",
    "artifact_uri",
    "beginning",
    "conjuncts",
    "number_condition",
    "recorded",
    "run_condition",
    "text_condition",
    "time_condition",
    "tree",
    "whole_numbers",
]

Style = Literal["exists", "in"]
Boolean = sa.ColumnElement[bool]

_HEAD = 100
_FAR = 9e15
"""Milliseconds beyond any calendar, whose microseconds still fit into 64 bits."""

_STATUSES = {
    "SCHEDULED": ("scheduled",),
    "RUNNING": ("running",),
    "FINISHED": ("finished",),
    "FAILED": ("failed",),
    # MLflow has no word for a run whose process went away; killed is what happened to it.
    "KILLED": ("killed", "lost"),
    "LOST": ("lost",),
}


def conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    """Give the parts that must all hold."""
    if condition is None:
        return ()
    return condition.items if isinstance(condition, And) else (condition,)


def tree(condition: Condition, leaf: Callable[[Comparison], Boolean], *, negated: bool = False) -> Boolean:
    """Write a whole tree, its comparisons by `leaf`; what each says is true or false, never NULL.

    NOT is carried down to the comparisons: SQLite reads brackets only so deep.
    """
    if isinstance(condition, Comparison):
        return sa.not_(leaf(condition)) if negated else leaf(condition)
    if isinstance(condition, Not):
        return tree(condition.item, leaf, negated=not negated)
    parts = [tree(item, leaf, negated=negated) for item in condition.items]
    return sa.and_(*parts) if isinstance(condition, And) is not negated else sa.or_(*parts)


def run_condition(
    comparison: Comparison,
    dialect: str,
    *,
    experiments: Sequence[int] | None = None,
    style: Style = "exists",
    rid: sa.ColumnElement[int] | None = None,
) -> Boolean:
    """Write one comparison about runs.

    Parameters
    ----------
    comparison : Comparison
        What is asked.
    dialect : str
        ``sqlite`` or ``postgresql``.
    experiments : sequence of int, optional
        Only runs of these are wanted: an index of metrics begins with them.
    style : str
        See this file's head.
    rid : column, optional
        The key of the run at hand; that of the table of runs when left out.
    """
    at_hand = runs.c.rid if rid is None else rid
    if comparison.entity == "attribute":
        return _attribute(comparison, dialect)
    query = recorded(comparison, dialect, experiments=experiments, style=style)
    if style == "in":
        inside: Boolean = at_hand.in_(query)
    else:
        query = query.where(query.selected_columns[0] == at_hand).correlate(at_hand.table)
        if dialect == "postgresql":
            # Or else it may be turned into a join from the other side, by a guess: of a name and a value that go
            # together, PostgreSQL expects a tenth of the rows there are.
            query = query.offset(sa.literal_column("0"))
        inside = query.exists()
    return sa.not_(inside) if comparison.operator == "IS NULL" else inside


def recorded(
    comparison: Comparison, dialect: str, *, experiments: Sequence[int] | None = None, style: Style = "in"
) -> sa.Select[tuple[int]]:
    """Select the runs that a comparison of a metric, param, tag or data set speaks of, from where it is recorded.

    For ``IS NULL`` these are the runs that it does not hold for.
    """
    if comparison.entity == "dataset":
        used = sa.select(run_inputs.c.rid).join(input_datasets, input_datasets.c.did == run_inputs.c.did)
        column = run_inputs.c.context if comparison.key == "context" else input_datasets.c[comparison.key]
        return used.where(text_condition(column, comparison, dialect))
    if comparison.entity == "metric":
        own = _measured.c
        query = sa.select(own.rid).where(own.name == comparison.key)
        if style == "in":
            # The index begins with the experiment; naming all of them lets it be walked for all.
            ids = sa.select(_all_experiments.c.id) if experiments is None else whole_numbers(experiments)
            query = query.where(own.experiment_id.in_(ids))
        value = cast("float", comparison.value)
        if comparison.operator == "!=":
            return query.where(sa.or_(own.nan == 1, own.value != value))
        return query.where(own.nan == 0, own.value.bool_op(comparison.operator)(value))
    table = run_params if comparison.entity == "param" else run_tags
    query = sa.select(table.c.rid).where(table.c.name == comparison.key)
    if comparison.value is None:
        return query
    return query.where(text_condition(table.c.value, comparison, dialect, headed=True))


def text_condition(
    column: sa.ColumnElement[str], comparison: Comparison, dialect: str, *, headed: bool = False
) -> Boolean:
    """Write a comparison of a text: LIKE minds the case, ILIKE does not mind that of ASCII letters.

    Parameters
    ----------
    column : column
        The text.
    comparison : Comparison
        What with.
    dialect : str
        ``sqlite`` or ``postgresql``.
    headed : bool
        An index holds the first hundred letters of it.
    """
    operator, value = comparison.operator, comparison.value
    if operator in ("IN", "NOT IN"):
        inside = column.in_(list(cast("tuple[str, ...]", value)))
        return sa.not_(inside) if operator == "NOT IN" else inside
    text = str(value)
    if operator == "=":
        whole = column == text
        if not headed:
            return whole
        head = _head(column) == text[:_HEAD]
        return head if len(text) < _HEAD else sa.and_(head, whole)
    if operator == "!=":
        return column != text
    if operator == "LIKE":
        # GLOB minds the case on every connection, which LIKE does on SQLite only after a pragma.
        like = column.bool_op("GLOB")(_glob(text)) if dialect == "sqlite" else column.like(text, escape="")
        begins = beginning(text)[:_HEAD]
        return sa.and_(*_between(_head(column), begins), like) if headed and begins else like
    if dialect == "sqlite":
        return column.like(text)
    return _lower(column).like(_ascii_lower(text), escape="")


def whole_numbers(values: Sequence[int]) -> sa.BindParameter[int]:
    """Write whole numbers of ours out in a list: of bound values a statement takes only so many."""
    return sa.bindparam(None, list(values), sa.Integer, expanding=True, literal_execute=True)


def beginning(pattern: str) -> str:
    """Give the letters that every text of a pattern begins with.

    Examples
    --------
    >>> beginning("credit%_")
    'credit'
    """
    return pattern[: min((place for place in map(pattern.find, "%_") if place >= 0), default=len(pattern))]


def number_condition(column: sa.ColumnElement[int], comparison: Comparison) -> Boolean:
    """Write a comparison of a whole number."""
    return column.bool_op(comparison.operator)(cast("float", comparison.value))


def time_condition(column: sa.ColumnElement[datetime], comparison: Comparison) -> Boolean:
    """Write a comparison of a time, kept in microseconds, with a number of milliseconds."""
    micros = sa.type_coerce(column, sa.BigInteger)
    value = min(max(float(cast("float", comparison.value)), -_FAR), _FAR)
    at, beyond = math.ceil(value) * 1000, (math.floor(value) + 1) * 1000
    whole = value == math.floor(value)
    if comparison.operator == ">":
        return micros >= beyond
    if comparison.operator == ">=":
        return micros >= at
    if comparison.operator == "<":
        return micros < at
    if comparison.operator == "<=":
        return micros < beyond
    within = sa.and_(micros >= at, micros < beyond) if whole else sa.false()
    return within if comparison.operator == "=" else sa.not_(within)


def _attribute(comparison: Comparison, dialect: str) -> Boolean:
    key = comparison.key
    if key in ("ended", "git_commit"):
        own = runs.c[key]
        # What is not there is neither equal nor unequal to anything, and NOT turns that round.
        there = time_condition(own, comparison) if key == "ended" else text_condition(own, comparison, dialect)
        return sa.and_(own.is_not(None), there)
    if key == "started":
        return time_condition(runs.c.started, comparison)
    if key == "status":
        return _status(comparison, dialect)
    if key == "artifact_uri":
        return text_condition(artifact_uri(), comparison, dialect)
    return text_condition(runs.c[key], comparison, dialect)


def _status(comparison: Comparison, dialect: str) -> Boolean:
    if comparison.operator in ("=", "!="):
        text = str(comparison.value)
        meant = _STATUSES.get(text, (text,))
        inside = runs.c.status.in_(meant)
        return sa.not_(inside) if comparison.operator == "!=" else inside
    shown = sa.case((runs.c.status == "lost", "KILLED"), else_=sa.func.upper(runs.c.status))
    return text_condition(shown, comparison, dialect)


def artifact_uri() -> sa.ColumnElement[str]:
    """Give the address clients know a run's files by."""
    own = sa.select(experiments.c.artifact_location).where(experiments.c.id == runs.c.experiment_id).scalar_subquery()
    ours = sa.literal("mlflow-artifacts:/", sa.Text) + sa.cast(runs.c.experiment_id, sa.Text)
    return sa.func.coalesce(sa.func.nullif(own, ""), ours, type_=sa.Text) + "/" + runs.c.id + "/artifacts"


_all_experiments = experiments.alias("all_experiments")
_measured = metric_latest.alias("measured")


def _head(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.literal_column(f"substr({column}, 1, 100)", sa.Text)


def _between(column: sa.ColumnElement[str], begins: str) -> list[Boolean]:
    """Say that a text begins so, in the words of an index: from there up to the next text that does not."""
    stem = begins.rstrip("\U0010ffff")
    if not stem:
        return [column >= begins]
    last = ord(stem[-1]) + 1
    # Halves of letters are no letters, and no database takes them.
    following = stem[:-1] + chr(0xE000 if last == 0xD800 else last)
    return [column >= begins, column < following]


def _glob(pattern: str) -> str:
    return "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(letter, letter) for letter in pattern)


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _ascii_lower(text: str) -> str:
    return text.translate(str.maketrans(_UPPER, _UPPER.lower()))


def _lower(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.func.translate(column, _UPPER, _UPPER.lower(), type_=sa.Text)
