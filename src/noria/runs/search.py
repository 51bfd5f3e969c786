"""Finding runs among many: filtered, in any order, a page at a time.

Two ways lead to a page. The general one filters, sorts what is left and takes the first rows: right for any question,
at the price of looking at every run that matches. The walk follows an index in the wanted order and stops when the
page is full: right for the two questions people ask most, the newest runs and the best by one metric. Where a
condition leaves few runs, the general way begins with those and is the faster one; a bounded look into the index of
that condition decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import sqlalchemy as sa

from noria.errors import WrongArgument
from noria.runs.conditions import artifact_uri, conjuncts, recorded, run_condition, tree
from noria.runs.grammar import Comparison, Condition, OrderKey, parse, parse_order
from noria.runs.paging import Sorted, Value, after, make_token, missing_last, read_token
from noria.runs.tables import metric_latest, run_params, run_tags, runs
from noria.runs.vocabulary import RUNS

__all__ = ["Found", "Lifecycle", "Question", "count", "search"]

Lifecycle = Literal["active", "deleted", "all"]

_FEW = 2_000
_WALKED_EXPERIMENTS = 20


@dataclass(frozen=True)
class Found:
    """The integer keys of the runs of a page, in order, and the token for the next."""

    rids: tuple[int, ...]
    token: str | None


@dataclass(frozen=True)
class Question:
    """What is asked about runs, read and ready.

    Parameters
    ----------
    experiments : tuple of int or None
        Whose runs; None: all.
    where : Condition or None
        The filter.
    order : tuple of OrderKey
        First by this, then that; ties: the latest start, then the id.
    lifecycle : str
        Runs in use, those in the bin, or both.
    text : list
        The question as it was put, for the tokens.
    """

    experiments: tuple[int, ...] | None
    where: Condition | None
    order: tuple[OrderKey, ...]
    lifecycle: Lifecycle
    text: list[object]

    @classmethod
    def read(
        cls,
        where: str = "",
        order: Sequence[str] = (),
        *,
        experiments: Sequence[int] | None = None,
        lifecycle: Lifecycle = "active",
        lenient: bool = False,
    ) -> Question:
        """Read a question.

        Raises
        ------
        WrongArgument
            The filter or the order cannot be read, or one thing is to be ordered by twice.
        """
        keys = tuple(parse_order(text, RUNS, lenient=lenient) for text in order)
        named = [(key.entity, key.key) for key in keys]
        if len(set(named)) != len(named):
            twice = next(name for place, name in enumerate(named) if name in named[:place])
            raise WrongArgument(
                f"the order names {twice[0]} {twice[1]!r} twice", mend="name it once", code="N-RUNS-032"
            )
        ids = None if experiments is None else tuple(sorted(set(experiments)))
        return cls(
            ids, parse(where, RUNS, lenient=lenient), keys, lifecycle, [where.strip(), list(order), ids, lifecycle]
        )


def search(connection: sa.Connection, question: Question, limit: int, token: str | None = None) -> Found:
    """Find a page of runs.

    Parameters
    ----------
    connection : Connection
        Reading.
    question : Question
        What is asked.
    limit : int
        At most so many.
    token : str, optional
        Of the page before.

    Raises
    ------
    WrongArgument
        The token is of another question.
    """
    if question.experiments == ():
        return Found((), None)
    plan = _Plan(connection, question)
    driven = plan.driven()
    if not driven and plan.walks_by_metric:
        return plan.by_metric(limit, token)
    return plan.sorted(limit, token, driven)


def count(connection: sa.Connection, question: Question) -> int:
    """Say how many runs match, exactly."""
    if question.experiments == ():
        return 0
    plan = _Plan(connection, question)
    query = sa.select(sa.func.count()).select_from(runs).where(*plan.scope(), *plan.conditions("in"))
    return connection.execute(query).scalar_one()


class _Plan:
    def __init__(self, connection: sa.Connection, question: Question) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._question = question
        self._parts = conjuncts(question.where)

    @property
    def walks_by_metric(self) -> bool:
        """Whether one metric alone gives the order, and its index can be followed."""
        order, experiments = self._question.order, self._question.experiments
        return (
            len(order) == 1
            and order[0].entity == "metric"
            and experiments is not None
            and len(experiments) <= _WALKED_EXPERIMENTS
        )

    def scope(self, *, indexed: bool = True) -> list[sa.ColumnElement[bool]]:
        """Say whose runs are wanted, and whether those in the bin are."""
        found: list[sa.ColumnElement[bool]] = []
        experiments, lifecycle = self._question.experiments, self._question.lifecycle
        if experiments is not None:
            found.append(runs.c.experiment_id.in_(experiments))
        if lifecycle != "all":
            # A sign before the column keeps its index out where another is to be followed.
            deleted = runs.c.deleted if indexed else sa.literal_column("(+runs.deleted)")
            found.append(deleted.is_(None) if lifecycle == "active" else deleted.is_not(None))
        return found

    def conditions(self, style: Literal["exists", "in"] = "exists") -> list[sa.ColumnElement[bool]]:
        """Write the filter."""
        return [tree(part, lambda one: self._leaf(one, style)) for part in self._parts]

    def driven(self) -> bool:
        """Say whether one of the conditions leaves few runs: a bounded look at each."""
        for part in self._parts:
            if isinstance(part, Comparison) and _selective(part):
                matching = recorded(part, self._dialect, experiments=self._question.experiments)
                few = sa.select(sa.func.count()).select_from(matching.limit(_FEW).subquery())
                if self._connection.execute(few).scalar_one() < _FEW:
                    return True
        return False

    def sorted(self, limit: int, token: str | None, driven: bool) -> Found:
        """Filter, sort, take the first rows; the newest runs come along an index."""
        order, joins, kinds = self._order()
        query = sa.select(runs.c.rid, *(one.column for one in order)).select_from(joins)
        query = query.where(*self.scope(indexed=not driven), *self.conditions("in" if driven else "exists"))
        if token is not None:
            query = query.where(after(order, read_token(self._question.text, token, kinds)))
        experiments = self._question.experiments
        if not driven and not self._question.order and experiments is not None and len(experiments) > 1:
            query = self._merged(query, order, limit)
        else:
            query = query.order_by(*(one.clause for one in order)).limit(limit + 1)
        return self._page([tuple(row) for row in self._connection.execute(query)], limit)

    def _merged(
        self, query: sa.Select[tuple[object, ...]], order: list[Sorted], limit: int
    ) -> sa.Select[tuple[object, ...]]:
        """Take the first rows of each experiment along its index, and the first of those."""
        experiments = cast("tuple[int, ...]", self._question.experiments)
        if len(experiments) > _WALKED_EXPERIMENTS:
            return query.order_by(*(one.clause for one in order)).limit(limit + 1)
        each = [
            sa.select(
                query.where(runs.c.experiment_id == one)
                .order_by(*(key.clause for key in order))
                .limit(limit + 1)
                .subquery()
            )
            for one in experiments
        ]
        both = sa.union_all(*each).subquery()
        names = list(both.c)
        keys = [Sorted(column, one.descending) for column, one in zip(names[1:], order, strict=True)]
        return sa.select(*names).order_by(*(key.clause for key in keys)).limit(limit + 1)

    def by_metric(self, limit: int, token: str | None) -> Found:
        """Follow the index of one metric: its numbers, then NaN, then the runs that lack it."""
        key = self._question.order[0]
        kinds = [int, float, int, str]
        began: list[Value] | None = None
        if token is not None:
            began = read_token(self._question.text, token, kinds)
        rows: list[tuple[object, ...]] = []
        for phase in range(int(began[0]) if began else 0, 3):
            from_ = began[1:] if began is not None and began[0] == phase else None
            rows += [(rid, phase, *rest) for rid, *rest in self._phase(key, phase, from_, limit + 1 - len(rows))]
            if len(rows) > limit:
                break
        return self._page(rows, limit)

    def _phase(self, key: OrderKey, phase: int, began: list[Value] | None, limit: int) -> list[tuple[object, ...]]:
        own = metric_latest.c
        ties = _ties()
        if phase == 2:
            lacks = sa.select(own.rid).where(own.rid == runs.c.rid, own.name == key.key).correlate(runs).exists()
            order = ties
            columns: list[sa.ColumnElement[object]] = [runs.c.rid, sa.literal(0.0), *(one.column for one in ties)]  # type: ignore[list-item]
            query = sa.select(*columns).where(sa.not_(lacks), *self.scope(), *self.conditions())
            if began is not None:
                query = query.where(after(ties, began[1:]))
        else:
            order = [Sorted(own.value, key.descending), *ties] if phase == 0 else ties
            columns = [runs.c.rid, own.value, *(one.column for one in ties)]  # type: ignore[list-item]
            query = sa.select(*columns).join(metric_latest, own.rid == runs.c.rid)
            query = query.where(own.name == key.key, own.nan == phase)
            query = query.where(*self.scope(indexed=False)[1:], *self.conditions())
            if began is not None:
                query = query.where(after(order, began if phase == 0 else began[1:]))
        experiments = cast("tuple[int, ...]", self._question.experiments)
        column = runs.c.experiment_id if phase == 2 else own.experiment_id
        each = [
            query.where(column == one).order_by(*(one_key.clause for one_key in order)).limit(limit)
            for one in experiments
        ]
        if len(each) == 1:
            return [tuple(row) for row in self._connection.execute(each[0])]
        both = sa.union_all(*(sa.select(one.subquery()) for one in each)).subquery()
        names = list(both.c)
        shown = names[1:] if phase == 0 else names[2:]
        keys = [Sorted(column, one.descending) for column, one in zip(shown, order, strict=True)]
        merged = sa.select(*names).order_by(*(one.clause for one in keys)).limit(limit)
        return [tuple(row) for row in self._connection.execute(merged)]

    def _order(self) -> tuple[list[Sorted], sa.FromClause, list[type]]:
        """Give the sort columns of the general way, what they are read from, and what they hold."""
        order: list[Sorted] = []
        kinds: list[type] = []
        joined: sa.FromClause = runs
        for place, key in enumerate(self._question.order):
            if key.entity == "metric":
                one = metric_latest.alias(f"order_{place}")
                joined = joined.outerjoin(one, sa.and_(one.c.rid == runs.c.rid, one.c.name == key.key))
                # Numbers, then NaN, then nothing, whichever way the numbers go.
                order += [
                    Sorted(sa.func.coalesce(one.c.nan, 2)),
                    Sorted(sa.func.coalesce(one.c.value, 0.0), key.descending),
                ]
                kinds += [int, float]
            elif key.entity in ("param", "tag"):
                table = (run_params if key.entity == "param" else run_tags).alias(f"order_{place}")
                joined = joined.outerjoin(table, sa.and_(table.c.rid == runs.c.rid, table.c.name == key.key))
                order += missing_last(table.c.value, "", descending=key.descending)
                kinds += [int, str]
            else:
                column, kind = _attribute_column(key.key)
                if key.key in ("ended", "git_commit"):
                    order += missing_last(column, "" if kind is str else 0, descending=key.descending)
                    kinds.append(int)
                else:
                    order.append(Sorted(column, key.descending))
                kinds.append(kind)
        return [*order, *_ties()], joined, [*kinds, int, str]

    def _page(self, rows: list[tuple[object, ...]], limit: int) -> Found:
        rids = tuple(cast("int", row[0]) for row in rows[:limit])
        more = len(rows) > limit > 0
        return Found(rids, make_token(self._question.text, cast("list[Value]", rows[limit - 1][1:])) if more else None)

    def _leaf(self, comparison: Comparison, style: Literal["exists", "in"]) -> sa.ColumnElement[bool]:
        return run_condition(comparison, self._dialect, experiments=self._question.experiments, style=style)


def _ties() -> list[Sorted]:
    return [Sorted(sa.type_coerce(runs.c.started, sa.BigInteger), descending=True), Sorted(runs.c.id)]


def _selective(comparison: Comparison) -> bool:
    """Say whether an index tells which runs meet it."""
    if comparison.entity in ("param", "tag"):
        return comparison.operator in ("=", "IS NOT NULL")
    if comparison.entity == "metric":
        return comparison.operator != "!="
    return comparison.entity == "dataset"


def _attribute_column(name: str) -> tuple[sa.ColumnElement[str] | sa.ColumnElement[int], type]:
    if name in ("started", "ended"):
        return sa.type_coerce(runs.c[name], sa.BigInteger), int
    if name == "status":
        return sa.case((runs.c.status == "lost", "killed"), else_=runs.c.status), str
    if name == "artifact_uri":
        return artifact_uri(), str
    return runs.c[name], str
