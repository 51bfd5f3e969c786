"""Writing about runs inside a transaction that somebody else holds: many writers then share one commit.

Every function takes the open connection first. Nothing here commits; what is written counts when the transaction does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from noria.errors import RunNotFound, WrongArgument
from noria.runs.experiments import find_experiment
from noria.runs.operations import number_to
from noria.runs.run import RunId, Status
from noria.runs.tables import experiments, metric_latest, metric_points, run_params, run_tags, runs
from noria.store.blobs import canonical_json
from noria.store.columns import to_micros
from noria.store.prepared import Prepared, inserting

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert

__all__ = [
    "OpenRun",
    "Point",
    "create_run",
    "delete_tag",
    "open_run",
    "param_text",
    "record_params",
    "record_points",
    "record_tags",
    "run_not_found",
    "tag_of",
    "write_points",
]

_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Point:
    """A value to be recorded: see `MetricPoint`."""

    name: str
    value: float
    at_ms: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is being written to."""

    rid: int
    id: RunId
    experiment_id: int
    name: str
    status: Status
    deleted: bool


def create_run(connection: sa.Connection, row: Mapping[str, object], tags: Mapping[str, str]) -> None:
    """Write a run's first row over an open connection; one that is there already is left as it is.

    Raises
    ------
    ExperimentNotFound, WrongArgument
        The experiment does not exist, or is deleted.
    """
    number = int(str(row["experiment_id"]))
    experiment = _EXPERIMENT.run(connection, {"number": number}).first()
    if experiment is None:
        find_experiment(connection, number)  # says that there is none
    elif (known := cast("tuple[str, int | None]", experiment))[1] is not None:
        raise WrongArgument(
            f"experiment {known[0]!r} is deleted, and takes no new runs",
            mend="restore it, or log to another",
            code="N-RUNS-025",
        )
    made = _RUN.run(connection, {name: _stored(value) for name, value in row.items()}).first()
    if made is not None and tags:
        rid = cast("int", made[0])
        _TAG.run(connection, [{"rid": rid, "name": name, "value": value} for name, value in tags.items()])


def open_run(connection: sa.Connection, run: str, *, writable: bool = True) -> OpenRun:
    """Look a run up by its whole id.

    A run that was given up as lost and speaks again was not lost: it runs.

    Parameters
    ----------
    connection : Connection
        Of a running transaction.
    run : str
        Its id.
    writable : bool
        Refuse one that is deleted.

    Raises
    ------
    RunNotFound
        There is no such run.
    WrongArgument
        It is deleted, and nothing is written to deleted runs.
    """
    row = _FIND.run(connection, {"id": run}).first()
    if row is None:
        raise run_not_found(run)
    rid, experiment_id, name, status, deleted = cast("tuple[int, int, str, Status, int | None]", row)
    if writable and deleted is not None:
        raise WrongArgument(
            f"run {run[:8]} is deleted, and a deleted run takes nothing more",
            mend=f"noria runs restore {run[:8]}",
            code="N-RUNS-011",
        )
    if writable and status == "lost":
        _REVIVE.run(connection, {"rid": rid, "now": to_micros(datetime.now(UTC))})
        status = "running"
    return OpenRun(rid, RunId(run), experiment_id, name, status, deleted is not None)


def record_points(connection: sa.Connection, run: OpenRun, points: Sequence[Point]) -> None:
    """Add values of metrics; an exact repeat is there already.

    The latest value of a metric is the greatest by step, then time, then value, where NaN counts as 0: a point that
    comes late does not become the latest.

    Raises
    ------
    WrongArgument
        A step or time does not fit into 64 bits.
    """
    if not points:
        return
    rid = run.rid
    rows: list[dict[str, object]] = []
    latest: dict[str, Point] = {}
    for point in points:
        if not (-_INT64 <= point.step < _INT64 and -_INT64 <= point.at_ms < _INT64):
            raise WrongArgument(
                f"metric {point.name!r}: step {point.step} or time {point.at_ms} does not fit into 64 bits",
                mend="count steps from 0 and give times in milliseconds since 1970",
                code="N-RUNS-012",
            )
        nan = math.isnan(point.value)
        rows.append(
            {
                "rid": rid,
                "name": point.name,
                "at_ms": point.at_ms,
                "step": point.step,
                "value": 0.0 if nan else point.value,
                "nan": int(nan),
            }
        )
        best = latest.get(point.name)
        if best is None or _rank(point) > _rank(best):
            latest[point.name] = point
    # In the order of their names, so that two writers on PostgreSQL take the rows in the same order.
    tops: list[dict[str, object]] = [
        {
            "rid": rid,
            "name": name,
            "experiment_id": run.experiment_id,
            "value": 0.0 if math.isnan(top.value) else top.value,
            "nan": int(math.isnan(top.value)),
            "step": top.step,
            "at_ms": top.at_ms,
        }
        for name, top in sorted(latest.items())
    ]
    write_points(connection, rows, tops)


def write_points(
    connection: sa.Connection, rows: Sequence[Mapping[str, object]], tops: Sequence[Mapping[str, object]]
) -> None:
    """Write ready rows of `metric_points`, and of `metric_latest` those that are later than what is there."""
    if rows:
        _POINT.run(connection, rows if len(rows) > 1 else rows[0])
        _LATEST.run(connection, tops if len(tops) > 1 else tops[0])


def record_params(
    connection: sa.Connection, run: OpenRun, params: Mapping[str, object], *, replace: bool = False
) -> None:
    """Record settings: JSON values.

    Parameters
    ----------
    connection, run
        Where.
    params : mapping of str to JSON value
        What.
    replace : bool
        Overwrite a value that is there; else it must be the same.

    Raises
    ------
    WrongArgument
        A param has another value already.
    """
    if not params:
        return
    rows: list[dict[str, object]] = []
    for name, value in sorted(params.items()):
        text = param_text(value)
        rows.append({"rid": run.rid, "name": name, "value": text, "json": int(not isinstance(value, str))})
    if replace:
        _PARAM_REPLACED.run(connection, rows)
        return
    _PARAM.run(connection, rows if len(rows) > 1 else rows[0])
    if len(rows) == 1:
        there = _PARAM_OF.run(connection, {"rid": run.rid, "name": rows[0]["name"]}).all()
    else:
        there = _PARAMS_OF.run(connection, {"rid": run.rid}).all()
    kept = {name: value for name, value in cast("list[tuple[str, str]]", there)}
    for row in rows:
        name, value = cast("str", row["name"]), cast("str", row["value"])
        if kept[name] != value:
            raise WrongArgument(
                f"param {name!r} of run {run.id[:8]} is {_short(kept[name])} and cannot become {_short(value)}",
                why="a param is written once, so that what a run was made with stays true",
                mend="log it under another name, or start a new run",
                code="N-RUNS-013",
            )


def record_tags(connection: sa.Connection, run: OpenRun, tags: Mapping[str, str]) -> None:
    """Label a run; a tag that is there is overwritten."""
    rows: list[dict[str, object]] = [
        {"rid": run.rid, "name": name, "value": value} for name, value in sorted(tags.items())
    ]
    if rows:
        _TAG.run(connection, rows if len(rows) > 1 else rows[0])


def delete_tag(connection: sa.Connection, run: OpenRun, name: str) -> None:
    """Take a label off.

    Raises
    ------
    RunNotFound
        The run has no such tag.
    """
    gone = connection.execute(sa.delete(run_tags).where(run_tags.c.rid == run.rid, run_tags.c.name == name))
    if gone.rowcount == 0:
        raise RunNotFound(
            f"run {run.id[:8]} has no tag {name!r}", mend=f"noria runs show {run.id[:8]}", code="N-RUNS-014"
        )


def tag_of(connection: sa.Connection, run: OpenRun, name: str) -> str | None:
    """Read one label; None when there is none of this name."""
    query = sa.select(run_tags.c.value).where(run_tags.c.rid == run.rid, run_tags.c.name == name)
    return connection.execute(query).scalar()


def param_text(value: object) -> str:
    """Write a setting as people see and search it: a text as it is, anything else as JSON.

    Examples
    --------
    >>> param_text("svm"), param_text(True), param_text([1, 2]), param_text(float("nan"))
    ('svm', 'true', '[1,2]', 'NaN')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return str(number_to(value))
    return canonical_json(value)


def run_not_found(run: str) -> RunNotFound:
    """Make the error that says there is no such run."""
    return RunNotFound(f"there is no run {run!r}", mend="see them with: noria runs list", code="N-RUNS-001")


def _rank(point: Point) -> tuple[int, int, float]:
    return point.step, point.at_ms, 0.0 if math.isnan(point.value) else point.value


def _short(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:77] + "…")


def _stored(value: object) -> object:
    """Give a value as the column keeps it: `Prepared` does not convert."""
    if isinstance(value, datetime):
        return to_micros(value)
    return canonical_json(value) if isinstance(value, Mapping) else value


def _experiment(_dialect: str) -> sa.Executable:
    return sa.select(experiments.c.name, experiments.c.deleted).where(experiments.c.id == sa.bindparam("number"))


def _adding_run(dialect: str) -> sa.Executable:
    return inserting(dialect, runs).on_conflict_do_nothing(index_elements=["id"]).returning(runs.c.rid)


def _finding(_dialect: str) -> sa.Executable:
    return sa.select(runs.c.rid, runs.c.experiment_id, runs.c.name, runs.c.status, runs.c.deleted).where(
        runs.c.id == sa.bindparam("id")
    )


def _reviving(_dialect: str) -> sa.Executable:
    # One that never had a heart gets none: its silence would be taken for death.
    _beaten = sa.case((runs.c.beat.is_(None), sa.null()), else_=sa.bindparam("now", type_=sa.BigInteger))
    return (
        sa.update(runs)
        .where(runs.c.rid == sa.bindparam("rid"))
        .values(status=sa.literal_column("'running'"), ended=sa.null(), beat=_beaten)
    )


def _adding_points(dialect: str) -> Insert:
    return inserting(dialect, metric_points).on_conflict_do_nothing()


def _keeping_latest(dialect: str) -> Insert:
    statement = inserting(dialect, metric_latest)
    new = statement.excluded
    old = metric_latest.c
    later = sa.tuple_(new.step, new.at_ms, new.value) > sa.tuple_(old.step, old.at_ms, old.value)
    changed = {name: new[name] for name in ("value", "nan", "step", "at_ms")}
    return statement.on_conflict_do_update(index_elements=["rid", "name"], set_=changed, where=later)


def _params_once(dialect: str) -> Insert:
    return inserting(dialect, run_params).on_conflict_do_nothing()


def _params_over(dialect: str) -> Insert:
    statement = inserting(dialect, run_params)
    new = statement.excluded
    return statement.on_conflict_do_update(index_elements=["rid", "name"], set_={"value": new.value, "json": new.json})


def _one_param(_dialect: str) -> sa.Executable:
    return _all_params(_dialect).where(run_params.c.name == sa.bindparam("name"))


def _all_params(_dialect: str) -> sa.Select[tuple[str, str]]:
    return sa.select(run_params.c.name, run_params.c.value).where(run_params.c.rid == sa.bindparam("rid"))


def _tags_over(dialect: str) -> Insert:
    statement = inserting(dialect, run_tags)
    new = statement.excluded
    return statement.on_conflict_do_update(index_elements=["rid", "name"], set_={"value": new.value})


_EXPERIMENT = Prepared(_experiment)
_RUN = Prepared(_adding_run, tuple(column.name for column in runs.c if column.name != "rid"))
_FIND = Prepared(_finding)
_REVIVE = Prepared(_reviving)
_POINT = Prepared(_adding_points, ("rid", "name", "at_ms", "step", "value", "nan"))
_LATEST = Prepared(_keeping_latest, ("rid", "name", "experiment_id", "value", "nan", "step", "at_ms"))
_PARAM = Prepared(_params_once, ("rid", "name", "value", "json"))
_PARAM_REPLACED = Prepared(_params_over, ("rid", "name", "value", "json"))
_PARAM_OF = Prepared(_one_param)
_PARAMS_OF = Prepared(_all_params)
_TAG = Prepared(_tags_over, ("rid", "name", "value"))
