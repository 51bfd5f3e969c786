"""The table of runs: filtered, in any order, with the columns somebody chose, a page at a time."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from noria.errors import Misused, WrongArgument
from noria.runs.experiment_search import search_experiments
from noria.runs.names import metric_names, param_names
from noria.runs.search import Question
from noria.server.pages.runs import RunRow, row

if TYPE_CHECKING:
    from noria.runs.experiments import Experiment
    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = ["Asked", "TableColumn", "TableView", "listing"]

_SHOWN_METRICS = 3
_MOST_COLUMNS = 40
_MOST_EXPERIMENTS = 200
_WALKED = 20


@dataclass(frozen=True)
class Asked:
    """What the address asks for.

    Parameters
    ----------
    where : str
        The filter, in the lenient dialect.
    order : str
        Such as ``metrics.auc DESC``; empty: the newest first.
    experiment : str
        Number of an experiment; empty: all.
    columns : tuple of str
        ``metrics.NAME`` and ``params.NAME``; empty: those that most runs have.
    differ : bool
        Only columns in which the runs shown differ.
    deleted : bool
        The runs in the bin instead.
    token : str or None
        Of the page before.
    limit : int
        Rows of a page.
    """

    where: str = ""
    order: str = ""
    experiment: str = ""
    columns: tuple[str, ...] = ()
    differ: bool = False
    deleted: bool = False
    token: str | None = None
    limit: int = 100

    def query(self, **changed: object) -> str:
        """Give the query of an address that asks the same but for some fields; a page begins anew."""
        fields: dict[str, object] = {
            "where": self.where,
            "order": self.order,
            "experiment": self.experiment,
            "columns": ",".join(self.columns),
            "differ": "1" if self.differ else "",
            "deleted": "1" if self.deleted else "",
            "limit": "" if self.limit == 100 else str(self.limit),
            **changed,
        }
        return urlencode({name: value for name, value in fields.items() if value not in ("", None)})


@dataclass(frozen=True)
class TableColumn:
    """A column of params or metrics.

    Parameters
    ----------
    key : str
        As in a filter.
    label : str
        For people.
    values : tuple
        One a row; None where the run has none.
    number : bool
        Numbers, which stand to the right.
    sort : str
        Query of the address that orders by it, or by it the other way.
    direction : str
        How the table is ordered by it now: ``ascending``, ``descending`` or empty.
    """

    key: str
    label: str
    values: tuple[object, ...]
    number: bool
    sort: str
    direction: Literal["ascending", "descending", ""]


@dataclass(frozen=True)
class TableView:
    """A page of the table of runs."""

    asked: Asked
    rows: tuple[RunRow, ...] = ()
    columns: tuple[TableColumn, ...] = ()
    total: int = 0
    first: bool = True
    next: str | None = None
    experiments: tuple[Experiment, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    offered: tuple[str, ...] = ()
    cli: str = ""
    python: str = ""
    problem: Mapping[str, str] | None = None


def listing(workspace: Workspace, asked: Asked) -> TableView:
    """Gather a page of the table; a filter that cannot be read gives no rows, and says why."""
    with workspace.database.reading() as connection:
        experiments = search_experiments(connection, order=["name"], limit=_MOST_EXPERIMENTS).rows
    names = {one.id: one.name for one in experiments}
    frame = TableView(asked, experiments=experiments, names=names, cli=_cli(asked), python=_python(asked))
    try:
        question = _question(asked, experiments)
        page = workspace.runs.search(question, asked.limit, asked.token)
        total = workspace.runs.count(question)
    except Misused as error:
        return TableView(**{**frame.__dict__, "problem": error.to_dict()})
    runs = page.rows
    made = workspace.registry.of_runs([run.id for run in runs])
    ids = [one.id for one in experiments][:_WALKED] if question.experiments is None else list(question.experiments)
    offered = [f"metrics.{name}" for name in metric_names(workspace.database, ids)]
    offered += [f"params.{name}" for name in param_names(workspace.database)]
    deciding = workspace.project.settings.model.metric or ""
    return TableView(
        asked,
        rows=tuple(row(run, made[run.id][0].ref if run.id in made else None) for run in runs),
        columns=tuple(_column(key, runs, asked) for key in _keys(runs, asked, deciding)),
        total=total,
        first=asked.token is None,
        next=None if page.token is None else asked.query(token=page.token),
        experiments=experiments,
        names=names,
        offered=tuple(offered),
        cli=frame.cli,
        python=frame.python,
    )


def _question(asked: Asked, experiments: Sequence[Experiment]) -> Question:
    chosen: tuple[int, ...] | None = None
    if asked.experiment:
        if not (asked.experiment.isascii() and asked.experiment.isdigit() and len(asked.experiment) < 10):
            raise WrongArgument(
                f"{asked.experiment[:40]!r} is not the number of an experiment",
                mend="choose one above the table",
                code="N-SERVER-012",
            )
        chosen = (int(asked.experiment),)
    elif len(experiments) <= _WALKED and not asked.deleted:
        # Named one by one, the index of each can be followed; without a name all rows would be sorted.
        chosen = tuple(one.id for one in experiments)
    return Question.read(
        asked.where,
        [asked.order] if asked.order else [],
        experiments=chosen,
        lifecycle="deleted" if asked.deleted else "active",
        lenient=True,
    )


def _keys(runs: Sequence[Run], asked: Asked, deciding: str) -> list[str]:
    """Choose the columns: those asked for, or those that differ, or the metrics most runs have."""
    if asked.columns and not asked.differ:
        return list(asked.columns[:_MOST_COLUMNS])
    metrics = Counter(name for run in runs for name in run.latest)
    params = Counter(name for run in runs for name in run.params)
    if asked.differ:
        keys = [f"metrics.{name}" for name in sorted(metrics)] + [f"params.{name}" for name in sorted(params)]
        wanted = [key for key in keys if not asked.columns or key in asked.columns]
        return [key for key in wanted if len({repr(_value(run, key)) for run in runs}) > 1][:_MOST_COLUMNS]
    others = sorted((name for name in metrics if name != deciding), key=lambda name: (-metrics[name], name))
    first = [deciding] if deciding in metrics else []
    chosen = [f"metrics.{name}" for name in [*first, *others[: _SHOWN_METRICS - len(first)]]]
    ordered = asked.order.rpartition(" ")[0] or asked.order
    if ordered.startswith(("metrics.", "params.")) and _plain(ordered) not in chosen:
        chosen.append(_plain(ordered))
    return chosen


def _column(key: str, runs: Sequence[Run], asked: Asked) -> TableColumn:
    entity, _, name = key.partition(".")
    quoted = f"{entity}.`{name}`"
    now: Literal["ascending", "descending", ""] = ""
    for word, direction in (("ASC", "ascending"), ("DESC", "descending")):
        if asked.order in (f"{quoted} {word}", f"{key} {word}"):
            now = direction  # type: ignore[assignment] # one of the two above
    following = f"{quoted} {'ASC' if now == 'descending' else 'DESC'}"
    values = tuple(_value(run, key) for run in runs)
    number = entity == "metrics" or all(isinstance(value, int | float | None) for value in values)
    return TableColumn(key, name, values, number, asked.query(order=following), now)


def _value(run: Run, key: str) -> object:
    entity, _, name = key.partition(".")
    if entity == "metrics":
        point = run.latest.get(name)
        return None if point is None else point.value
    return run.params.get(name)


def _plain(key: str) -> str:
    return key.replace("`", "").replace('"', "")


def _cli(asked: Asked) -> str:
    parts = ["noria runs list"]
    if asked.where:
        parts.append(f"--where {shlex.quote(asked.where)}")
    if asked.order:
        parts.append(f"--sort {shlex.quote(asked.order)}")
    if asked.experiment:
        parts.append(f"--experiment {shlex.quote(asked.experiment)}")
    if asked.columns:
        parts.append(f"--columns {shlex.quote(','.join(asked.columns))}")
    if asked.deleted:
        parts.append("--deleted")
    return " ".join(parts)


def _python(asked: Asked) -> str:
    given = [repr(asked.where)] if asked.where else []
    if asked.order:
        given.append(f"order={asked.order!r}")
    if asked.experiment.isdigit():
        given.append(f"experiment={asked.experiment}")
    if asked.deleted:
        given.append("deleted=True")
    return f"noria.open().find_runs({', '.join(given)})"
