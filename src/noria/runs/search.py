"""Finding runs among many: filtered, in any order, a page at a time.

Two ways lead to a page. The general one filters, sorts what is left and takes the first rows: right for any question,
at the price of looking at every run that matches. The walk follows an index in the wanted order and stops when the
page is full: right for the two questions people ask most, the newest runs and the best by one metric. It is long where
few runs match. There the general way begins with the runs that meet the rarest condition; bounded looks into the
indexes of the conditions tell how many those are, and which way is the shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import sqlalchemy as sa

from noria.errors import WrongArgument
from noria.runs.conditions import (
    Boolean,
    Style,
    artifact_uri,
    beginning,
    conjuncts,
    recorded,
    run_condition,
    tree,
    whole_numbers,
)
from noria.runs.grammar import Comparison, Condition, OrderKey, parse, parse_orders
from noria.runs.paging import Sorted, Value, after, foreign_token, make_token, missing_last, read_token
from noria.runs.tables import experiments, metric_latest, run_params, run_tags, runs
from noria.runs.vocabulary import RUNS

__all__ = ["Found", "Lifecycle", "Question", "count", "search"]

Lifecycle = Literal["active", "deleted", "all"]

_FEW = 2_000
"""So many runs are looked at one by one sooner than a walk is risked, which nothing bounds."""

_LOOK = 10_000
"""A look into the index of metrics goes so far: it is ten times cheaper than one into that of params, as SQLite does
not see that the latter holds all that is asked for."""

_LOOKS = 8
_WALKED = 20
"""An index is followed in so many places at once: one for each experiment."""


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
        keys = tuple(parse_orders(order, RUNS, lenient=lenient))
        named = [(key.entity, key.key) for key in keys]
        if len(set(named)) != len(named):
            twice = next(name for place, name in enumerate(named) if name in named[:place])
            raise WrongArgument(
                f"the order names {twice[0]} {twice[1]!r} twice", mend="name it once", code="N-RUNS-032"
            )
        # There is no experiment beyond what its column holds.
        ids = None if experiments is None else tuple(sorted({one for one in experiments if 0 <= one < 1 << 31}))
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
    driver = plan.driver(limit)
    if driver is None and len(question.order) == 1 and question.order[0].entity == "metric":
        experiments = plan.walked()
        if experiments is not None:
            return plan.by_metric(experiments, limit, token)
    return plan.sorted(limit, token, driver)


def count(connection: sa.Connection, question: Question) -> int:
    """Say how many runs match, exactly."""
    if question.experiments == ():
        return 0
    plan = _Plan(connection, question)
    driver = plan.driver(0)
    query = sa.select(sa.func.count()).select_from(runs)
    query = query.where(*(plan.scope() if driver is None else plan.driven(driver)))
    if driver is None:
        query = query.where(*plan.conditions(style="in"))
    return connection.execute(query).scalar_one()


class _Plan:
    def __init__(self, connection: sa.Connection, question: Question) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._question = question
        self._parts = conjuncts(question.where)

    def walked(self) -> tuple[int, ...] | None:
        """Give the experiments whose stretches of an index are to be followed; None when they are too many."""
        found = self._question.experiments
        if found is None:
            every = sa.select(experiments.c.id).order_by(experiments.c.id).limit(_WALKED + 1)
            found = tuple(self._connection.execute(every).scalars())
        return found if len(found) <= _WALKED else None

    def scope(self, *, indexed: bool = True) -> list[Boolean]:
        """Say whose runs are wanted, and whether those in the bin are.

        Parameters
        ----------
        indexed : bool
            Their index may be followed; not where another is the right one, and SQLite would guess wrongly.
        """
        ids, lifecycle = self._question.experiments, self._question.lifecycle
        found: list[Boolean] = []
        if ids is not None:
            found.append(self._column("experiment_id", indexed).in_(whole_numbers(ids)))
        if lifecycle != "all":
            found.append(self._bin(lifecycle, indexed=indexed))
        return found

    def conditions(
        self,
        parts: Sequence[Condition] | None = None,
        *,
        rid: sa.ColumnElement[int] | None = None,
        style: Style = "exists",
    ) -> list[Boolean]:
        """Write parts of the filter, all of them when left out."""

        def leaf(one: Comparison) -> Boolean:
            return run_condition(one, self._dialect, experiments=self._question.experiments, style=style, rid=rid)

        return [tree(part, leaf) for part in (self._parts if parts is None else parts)]

    def driven(self, driver: Comparison) -> list[Boolean]:
        """Write scope and filter so that the runs which meet one condition come first."""
        rest = [part for part in self._parts if part is not driver]
        return [*self.conditions([driver], style="in"), *self.conditions(rest), *self.scope(indexed=False)]

    def driver(self, limit: int) -> Comparison | None:
        """Give the condition to begin with; None when a walk is likely to fill a page of this size sooner."""
        asked = [part for part in self._parts if isinstance(part, Comparison) and _selective(part)][:_LOOKS]
        if not asked:
            return None
        counts = {part: found for part in asked if (found := self._look(part)) is not None}
        if not counts:
            return None
        rarest = min(counts, key=counts.__getitem__)
        if counts[rarest] >= _FEW:
            total = self._connection.execute(sa.select(sa.func.max(runs.c.rid))).scalar_one() or 0
            walk = float(limit)
            for matching in counts.values():  # as if the conditions had nothing to do with each other
                walk *= max(1.0, total / matching)
            if counts[rarest] > walk:
                return None
        return rarest

    def _look(self, part: Comparison) -> int | None:
        """Count the runs that meet a condition; None when they are many."""
        most = _LOOK if part.entity == "metric" else _FEW
        matching = recorded(part, self._dialect, experiments=self._question.experiments).limit(most).subquery()
        found = self._connection.execute(sa.select(sa.func.count()).select_from(matching)).scalar_one()
        return found if found < most else None

    def sorted(self, limit: int, token: str | None, driver: Comparison | None) -> Found:
        """Filter, sort, take the first rows; by their start they come along an index."""
        order, joins, kinds = self._order()
        query = sa.select(runs.c.rid, *(one.column for one in order)).select_from(joins)
        if token is not None:
            query = query.where(after(order, read_token(self._question.text, token, kinds)))
        if driver is not None:
            query = query.where(*self.driven(driver))
            rows = self._rows(query.order_by(*(one.clause for one in order)).limit(limit + 1))
        elif self._by_start:
            rows = self._newest(query.where(*self.conditions()), order, self._question.experiments, limit + 1)
        else:
            query = query.where(*self.scope(), *self.conditions(style="in"))
            rows = self._rows(query.order_by(*(one.clause for one in order)).limit(limit + 1))
        return self._page(rows, limit)

    def by_metric(self, experiments: tuple[int, ...], limit: int, token: str | None) -> Found:
        """Follow the index of one metric: its numbers, then NaN, then the runs that lack it."""
        key = self._question.order[0]
        kinds = [int, float, int, str]
        began: list[Value] | None = None
        if token is not None:
            began = read_token(self._question.text, token, kinds)
            if began[0] not in (0, 1, 2):
                raise foreign_token()
        # What compares the very metric bounds the walk along it, and but for != wants a number.
        bounds = [part for part in self._parts if isinstance(part, Comparison) and _bounds(part, key)]
        rest = [part for part in self._parts if part not in bounds]
        rows: list[tuple[object, ...]] = []
        for phase in range(int(began[0]) if began else 0, 1 if bounds else 3):
            from_ = began[1:] if began is not None and began[0] == phase else None
            wanted = limit + 1 - len(rows)
            if phase == 2:
                found = self._lacking(key, rest, experiments, from_, wanted)
            else:
                found = self._measured(key, phase, (bounds, rest), experiments, from_, wanted)
            rows += [(rid, phase, *others) for rid, *others in found]
            if len(rows) > limit:
                break
        return self._page(rows, limit)

    def _measured(
        self,
        key: OrderKey,
        phase: int,
        parts: tuple[list[Comparison], list[Condition]],
        experiments: tuple[int, ...],
        began: list[Value] | None,
        limit: int,
    ) -> list[tuple[object, ...]]:
        own = metric_latest.c
        bounds, rest = parts
        by_value = [Sorted(own.value, key.descending)] if phase == 0 else []
        order = [*by_value, *_ties()]
        query = _select(own.rid, own.value, *(one.column for one in _ties())).join(runs, own.rid == runs.c.rid)
        query = query.where(own.name == key.key, own.nan == phase)
        query = query.where(*(own.value.op(one.operator)(cast("float", one.value)) for one in bounds))
        # Asked by the metric's own key, the conditions are met before the run itself is looked up.
        query = query.where(*self.conditions(rest, rid=own.rid))
        if self._question.lifecycle != "all":
            query = query.where(self._bin(self._question.lifecycle, indexed=False))
        if began is not None:
            query = query.where(after(order, began if phase == 0 else began[1:]))
        clauses = [one.clause for one in order]
        pieces = [query.where(own.experiment_id == one).order_by(*clauses).limit(limit) for one in experiments]
        return self._first(pieces, order, limit)

    def _lacking(
        self,
        key: OrderKey,
        parts: list[Condition],
        experiments: tuple[int, ...],
        began: list[Value] | None,
        limit: int,
    ) -> list[tuple[object, ...]]:
        own = metric_latest.c
        there = sa.select(own.rid).where(own.rid == runs.c.rid, own.name == key.key).correlate(runs).exists()
        query = _select(runs.c.rid, sa.literal(0.0), *(one.column for one in _ties()))
        query = query.where(sa.not_(there), *self.conditions(parts))
        if began is not None:
            query = query.where(after(_ties(), began[1:]))
        return self._newest(query, _ties(), experiments, limit)

    def _newest(
        self,
        query: sa.Select[*tuple[object, ...]],
        order: list[Sorted],
        experiments: tuple[int, ...] | None,
        limit: int,
    ) -> list[tuple[object, ...]]:
        """Take the first rows in an order that begins with the start, along the index of each experiment."""
        asked = self._question.lifecycle
        pieces = []
        for lifecycle in ("active", "deleted") if asked == "all" else (asked,):
            for one in (None,) if experiments is None else experiments:
                piece = query.where(self._bin(lifecycle))
                if one is not None:
                    piece = piece.where(runs.c.experiment_id == one)
                if lifecycle == "active" and self._dialect == "postgresql":
                    # To PostgreSQL, IS NULL leaves the column to be ordered by before the next of the index is.
                    piece = piece.order_by(runs.c.deleted.desc() if order[0].descending else runs.c.deleted.asc())
                pieces.append(piece.order_by(*(key.clause for key in order)).limit(limit))
        return self._first(pieces, order, limit)

    def _first(
        self, pieces: list[sa.Select[*tuple[object, ...]]], order: list[Sorted], limit: int
    ) -> list[tuple[object, ...]]:
        """Merge pieces that are in order, whose last columns are what they are ordered by."""
        if len(pieces) < 2:
            return self._rows(pieces[0]) if pieces else []
        both = sa.union_all(*(sa.select(one.subquery()) for one in pieces)).subquery()
        columns = list(both.c)
        keys = [Sorted(column, one.descending) for column, one in zip(columns[-len(order) :], order, strict=True)]
        return self._rows(sa.select(*columns).order_by(*(one.clause for one in keys)).limit(limit))

    def _rows(self, query: sa.Select[*tuple[object, ...]]) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self._connection.execute(query)]

    def _bin(self, lifecycle: Lifecycle, *, indexed: bool = True) -> Boolean:
        deleted = self._column("deleted", indexed)
        return deleted.is_(None) if lifecycle == "active" else deleted.is_not(None)

    def _column(self, name: str, indexed: bool) -> sa.ColumnElement[int]:
        # A sign before a column keeps SQLite off its index; PostgreSQL would lose what it knows of the column.
        if indexed or self._dialect != "sqlite":
            return cast("sa.ColumnElement[int]", runs.c[name])
        return sa.literal_column(f"(+runs.{name})", sa.BigInteger)

    @property
    def _by_start(self) -> bool:
        """Whether the order begins with the start, and there are not too many indexes' stretches to follow."""
        order, ids = self._question.order, self._question.experiments
        by_start = not order or (order[0].entity, order[0].key) == ("attribute", "started")
        return by_start and (ids is None or len(ids) <= _WALKED)

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


def _ties() -> list[Sorted]:
    return [Sorted(sa.type_coerce(runs.c.started, sa.BigInteger), descending=True), Sorted(runs.c.id)]


def _select(*columns: object) -> sa.Select[*tuple[object, ...]]:
    return sa.select(*columns)  # type: ignore[call-overload, no-any-return] # as many as it may be


def _bounds(comparison: Comparison, key: OrderKey) -> bool:
    return (comparison.entity, comparison.key) == ("metric", key.key) and comparison.operator != "!="


def _selective(comparison: Comparison) -> bool:
    """Say whether an index tells which runs meet it."""
    if comparison.entity in ("param", "tag"):
        like = comparison.operator == "LIKE" and beginning(str(comparison.value)) != ""
        return like or comparison.operator in ("=", "IS NOT NULL")
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
