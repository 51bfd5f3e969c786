"""What the comparing pages read of runs: the runs themselves and their curves. The one place that asks the room."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongArgument
from noria.runs.curves import read_curve
from noria.runs.operations import number_to
from noria.runs.search import Question
from noria.server.pages.thinning import thin

if TYPE_CHECKING:
    from noria.runs.run import Run
    from noria.workspace import Workspace

__all__ = [
    "MOST_POINTS",
    "MOST_RUNS",
    "Curve",
    "Points",
    "chosen",
    "curve",
    "labels",
    "matching",
    "of_one_run",
]

MOST_RUNS = 100
"""Runs side by side; more are for parallel coordinates."""

MOST_POINTS = 50_000
"""Points of one curve that are sent; of a longer one, those that can be seen."""


@dataclass(frozen=True)
class Points:
    """A curve by columns, in order of time; non-finite values as `number_to` writes them."""

    step: list[int]
    time: list[int]
    value: list[float | str]


@dataclass(frozen=True)
class Curve:
    """One run's curve of one metric.

    Parameters
    ----------
    id, name : str
        The run.
    total : int
        Points recorded.
    nan, infinite : int
        How many of them are NaN, and how many infinite.
    points : Points
        All of them, or those that a drawing needs.
    """

    id: str
    name: str
    total: int
    nan: int
    infinite: int
    points: Points


def chosen(workspace: Workspace, ids: Sequence[str], *, least: int = 1) -> list[Run]:
    """Read the runs somebody chose, each once, in their order.

    Parameters
    ----------
    workspace : Workspace
        The project.
    ids : sequence of str
        Their ids, or the first digits where they are enough.
    least : int
        How many there must be.

    Raises
    ------
    RunNotFound
        One of them is not there.
    WrongArgument
        There are too few or too many of them.
    """
    if len(ids) > MOST_RUNS:
        raise WrongArgument(
            f"{len(ids)} runs are too many to stand side by side",
            why=f"a page compares {MOST_RUNS} at most",
            mend="choose fewer, or see many as lines across their parameters:\n/compare?where=status+%3D+finished",
            code="N-SERVER-090",
        )
    found: dict[str, Run] = {}
    for one in ids:
        run = workspace.runs.get(one)
        found.setdefault(run.id, run)
    if len(found) < least:
        raise WrongArgument(
            "one run alone cannot be compared",
            why="the address names only run " + next(iter(found))[:8] if found else "the address names no run",
            mend="name another one too: /compare?run=ID&run=ID\nthe ids are on the page /runs",
            code="N-SERVER-091",
        )
    return list(found.values())


def matching(workspace: Workspace, where: str, limit: int) -> list[Run]:
    """Read the newest runs that a filter keeps.

    Raises
    ------
    WrongArgument
        The filter cannot be read.
    """
    return list(workspace.runs.search(Question.read(where, lenient=True), limit).rows)


def curve(workspace: Workspace, run: Run, metric: str, most: int = MOST_POINTS) -> Curve:
    """Read the curve of one metric; a run that does not have it gives an empty one.

    Parameters
    ----------
    workspace : Workspace
        The project.
    run : Run
        Whose.
    metric : str
        Its name.
    most : int
        Points to give at most.
    """
    found = read_curve(workspace.database, run.id, metric)
    total = len(found.value)
    finite = sum(map(math.isfinite, found.value))
    nan = sum(value != value for value in found.value) if finite < total else 0
    kept = thin(found.value, most)
    values = found.value if len(kept) == total else [found.value[place] for place in kept]
    return Curve(
        id=run.id,
        name=run.name,
        total=total,
        nan=nan,
        infinite=total - finite - nan,
        points=Points(
            step=found.step if len(kept) == total else [found.step[place] for place in kept],
            time=found.at_ms if len(kept) == total else [found.at_ms[place] for place in kept],
            value=list(values) if finite == total else [number_to(value) for value in values],
        ),
    )


def of_one_run(
    workspace: Workspace, run: Run, *, most: int = 12, points: int = 200
) -> tuple[list[tuple[str, Curve]], list[str]]:
    """Read the curves of a run: those of its metrics that have more than one point, by name.

    Parameters
    ----------
    workspace : Workspace
        The project.
    run : Run
        Whose.
    most : int
        Curves to read at most.
    points : int
        Points to give of each at most.

    Returns
    -------
    curves : list of (str, Curve)
        By metric.
    undrawn : list of str
        Metrics with a curve beyond those.
    """
    long = [name for name in sorted(run.latest) if len(workspace.runs.history(run.id, name, limit=2)) > 1]
    return [(name, curve(workspace, run, name, points)) for name in long[:most]], long[most:]


def labels(curves: Sequence[Curve]) -> list[str]:
    """Name curves so that they can be told apart: runs of one name by the beginning of their ids too."""
    names = Counter(one.name for one in curves)
    return [f"{one.name} {one.id[:8]}" if names[one.name] > 1 else one.name or one.id[:8] for one in curves]
