"""Whether the version before would have done better, on the very rows the present one answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noria.automation.response import Contest
from noria.evaluation.comparison import Comparison, paired, verdict
from noria.evaluation.metrics import get
from noria.evaluation.resampling import widening
from noria.monitoring import answers
from noria.predictions.entry import FEATURE
from noria.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    import pyarrow as pa

    from noria.evaluation.catalogue import Task
    from noria.monitoring.reference import Reference
    from noria.registry.catalog import Registry

__all__ = ["Arena", "Ground", "ground"]

LEVEL = 0.95
_BEYOND = 10  # resamples beyond each bound, or the bound itself is a matter of chance
_WORK = 200_000_000


@dataclass(frozen=True)
class Ground:
    """What a contest is fought on.

    Parameters
    ----------
    rows : Table
        Labelled rows.
    level : float
        Two-sided confidence of the verdict.
    about : str
        Which rows they are and why at this level, for the evidence.
    """

    rows: pa.Table
    level: float
    about: str


def ground(rows: pa.Table, *, ended: datetime | None, alarm: float) -> Ground:
    """Choose the rows on which a version that raised an alert meets the one before.

    The window that raised the alert was picked because the present version did badly in it, by chance at times: on
    the same rows another is then too easily better. So rows answered after it decide, once there are as many, and
    again at twice, four times as many: each look spends half of what is left of the chance of a false verdict. Until
    then the window itself does, at a level so strict that an alarm and a false verdict together are as rare as if
    they were independent.

    In simulation of 150 alarms about one of two equal versions the other was called better, on the same rows at 95 %,
    in 26 where they shared three quarters of their noise and in 73 where none. Now it is in 2 and 8 on those rows,
    and in 4 and 9 at any of five looks.

    Parameters
    ----------
    rows : Table
        Labelled rows the present version answered since the alert's first window began; column ts.
    ended : datetime or None
        Last answer of the window that raised the alert; None where it is not known: then all rows count as its.
    alarm : float
        One-sided level at which the window was proven worse.

    References
    ----------
    Fithian, W., Sun, D. & Taylor, J. (2014). Optimal inference after model selection. arXiv:1410.2597 (splitting).
    Lan, K. K. G. & DeMets, D. L. (1983). Discrete sequential boundaries for clinical trials. Biometrika 70(3).
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    chance = 1 - LEVEL
    strict = "the window that raised the alert, at a stricter level: it was picked for being bad"
    if ended is None:
        return Ground(rows, 1 - chance * alarm, strict)
    late = pc.greater(rows["ts"], pa.scalar(ended, pa.timestamp("us", tz="UTC")))
    fresh, raising = rows.filter(late).sort_by("ts"), rows.filter(pc.invert(late))
    enough = max(raising.num_rows, 1)
    if fresh.num_rows < enough:
        return Ground(raising, 1 - chance * alarm, strict)
    doubled = int(math.log2(fresh.num_rows / enough))
    used = fresh.slice(0, enough * 2**doubled)
    return Ground(used, 1 - chance / 2 ** (doubled + 1), "rows answered after the window that raised the alert")


@dataclass(frozen=True)
class Arena:
    """Compares versions of one model on labelled rows.

    Parameters
    ----------
    registry : Registry
        Where the versions are.
    model : str
        Whose versions.
    reference : callable(version) -> Reference or None
        Says by which metric.
    seed : int
        Of the paired bootstrap.
    trusted : collection of str
        Classes of the project's own that its models may hold.
    group : str, optional
        Column whose rows depend on each other, where requests bring it along: whole groups are then drawn.
    """

    registry: Registry
    model: str
    reference: Callable[[int], Reference | None]
    seed: int = 7
    trusted: Collection[str] = ()
    group: str | None = None

    def __call__(self, previous: int, present: int, rows: pa.Table, level: float = LEVEL) -> Contest | None:
        """Score the rows with the version before and compare with what was answered.

        Parameters
        ----------
        previous, present : int
            Numbers of the versions.
        rows : Table
            Labelled rows of the log that `present` answered.
        level : float
            Two-sided confidence of the verdict.

        Returns
        -------
        Contest or None
            None where the metric cannot be computed from labels.
        """
        reference = self.reference(present)
        if reference is None or reference.task == "clustering" or not rows.num_rows:
            return None
        task: Task = "regression" if reference.task == "regression" else "classification"
        features = [name for name in rows.column_names if name.startswith(FEATURE)]
        asked = rows.select(features).rename_columns([name.removeprefix(FEATURE) for name in features])
        scorer = Scorer.load(self.registry, self.registry.get(self.model, previous), trusted=self.trusted)
        before = answers.prediction(scorer.score_table(asked), task)
        now = answers.prediction(rows, task)
        metric = get(reference.metric or None, task)
        if metric.needs == "proba" and (before.proba is None or now.proba is None):
            metric = get("accuracy", task)
        positive = reference.positive if len(reference.classes) == 2 else None
        groups = answers.groups(rows, self.group)
        found = paired(
            metric.name,
            answers.truth(rows, task),
            before,
            now,
            positive=positive,
            groups=groups,
            seed=self.seed,
            resamples=_resamples(rows.num_rows, level),
            level=level,
        )
        if groups is None:
            return Contest(previous, found.verdict, found.to_json())
        count = len(np.unique(groups))
        found = _wider(found, widening(count, level))
        return Contest(previous, found.verdict, {**found.to_json(), "groups": count})


def _wider(found: Comparison, factor: float) -> Comparison:
    low = high = None
    if found.low is not None and found.high is not None and found.difference is not None and math.isfinite(factor):
        low, high = (found.difference + factor * (bound - found.difference) for bound in (found.low, found.high))
    return replace(found, low=low, high=high, verdict=verdict(low, high, found.margin))


def _resamples(rows: int, level: float) -> int:
    wanted = round(2 * _BEYOND / (1 - level))
    return max(1000, min(wanted, _WORK // rows))
