"""Runs as columns of their params and metrics, for parallel coordinates and scatter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from noria.runs.operations import number_to
from noria.server.wording import plain

if TYPE_CHECKING:
    from noria.runs.run import Run

__all__ = ["Column", "Names", "Table", "tabulate"]

_MOST_COLUMNS = 60
_MOST_CATEGORIES = 40
_FIRST_PARAMS, _FIRST_METRICS = 6, 2
_COMMON = 0.3


@dataclass(frozen=True)
class Names:
    """Who the rows are."""

    id: list[str]
    name: list[str]
    status: list[str]


@dataclass(frozen=True)
class Column:
    """One param or metric of all runs.

    Parameters
    ----------
    key : str
        ``params.NAME`` or ``metrics.NAME``, as in a filter.
    label : str
        The name alone.
    kind : str
        ``number``, or ``category``: then the values are places in `categories`.
    categories : list of str
        In order.
    values : list
        One a run; None where the run has none. Non-finite numbers are written as in a curve.
    """

    key: str
    label: str
    kind: Literal["number", "category"]
    categories: list[str]
    values: list[float | int | str | None]


@dataclass(frozen=True)
class Table:
    """Runs by columns.

    Parameters
    ----------
    total : int
        Rows.
    runs : Names
        Who they are.
    columns : list of Column
        Params, then metrics; those in which the runs differ come first, and no more than sixty.
    left_out : list of str
        Keys of columns that are not here: texts with more than forty values, and what came after sixty columns.
    axes : list of str
        Keys worth an axis at first.
    colour : str
        Key of the column whose values give the colours at first; empty without a metric.
    """

    total: int
    runs: Names
    columns: list[Column]
    left_out: list[str]
    axes: list[str]
    colour: str


def tabulate(runs: Sequence[Run], deciding: str = "") -> Table:
    """Turn runs into columns.

    Parameters
    ----------
    runs : sequence of Run
        The rows.
    deciding : str
        The metric that comes last and gives the colour, where the runs have it.
    """
    left_out: list[str] = []
    params: list[Column] = []
    for name in _names(run.params for run in runs):
        column = _param(name, [run.params.get(name) for run in runs])
        if len(column.categories) > _MOST_CATEGORIES:
            left_out.append(column.key)
        else:
            params.append(column)
    metrics = [
        Column(
            f"metrics.{name}",
            name,
            "number",
            [],
            [number_to(run.latest[name].value) if name in run.latest else None for run in runs],
        )
        for name in _names(run.latest for run in runs)
    ]
    # What tells the runs apart comes first; sorting is stable, so that the most common names stay ahead.
    params.sort(key=lambda column: not _varies(column))
    metrics.sort(key=lambda column: (column.label != deciding, not _varies(column)))
    columns = [*params[: _MOST_COLUMNS // 2], *metrics][:_MOST_COLUMNS]
    kept = {column.key for column in columns}
    left_out += [column.key for column in (*params, *metrics) if column.key not in kept]
    # An axis on which most lines lie at "none", or all at one place, tells nothing.
    varying = [column.key for column in params if _varies(column) and _share(column) >= _COMMON][:_FIRST_PARAMS]
    axes = [*varying, *(column.key for column in reversed(metrics[:_FIRST_METRICS]))]
    if len(axes) < 2:
        axes = [column.key for column in columns][:_FIRST_PARAMS]
    return Table(
        total=len(runs),
        runs=Names([run.id for run in runs], [run.name for run in runs], [run.status for run in runs]),
        columns=columns,
        left_out=left_out,
        axes=axes,
        colour=metrics[0].key if metrics else "",
    )


def _names(records: Iterable[Iterable[str]]) -> list[str]:
    counts = Counter(name for record in records for name in record)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _varies(column: Column) -> bool:
    return len({value for value in column.values if value is not None}) > 1


def _share(column: Column) -> float:
    return sum(value is not None for value in column.values) / max(len(column.values), 1)


def _param(name: str, values: Sequence[object]) -> Column:
    numbers = [_number(value) for value in values]
    if all(number is not None for number, value in zip(numbers, values, strict=True) if value is not None):
        sent = [None if number is None else number_to(number) for number in numbers]
        return Column(f"params.{name}", name, "number", [], list(sent))
    texts = [None if value is None else plain(value)[:200] for value in values]
    categories = sorted({text for text in texts if text is not None})
    place = {text: at for at, text in enumerate(categories)}
    return Column(
        f"params.{name}", name, "category", categories, [None if text is None else place[text] for text in texts]
    )


def _number(value: object) -> float | None:
    """Read a number, also from the texts that other clients log their numbers as."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if isinstance(value, str) and not math.isfinite(number) else number
