"""Whether the version before would have done better, on the very rows the present one answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.automation.response import Contest
from noria.evaluation.comparison import paired
from noria.evaluation.metrics import get
from noria.monitoring import answers
from noria.predictions.entry import FEATURE
from noria.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pyarrow as pa

    from noria.evaluation.catalogue import Task
    from noria.monitoring.reference import Reference
    from noria.registry.catalog import Registry

__all__ = ["Arena"]


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
    """

    registry: Registry
    model: str
    reference: Callable[[int], Reference | None]
    seed: int = 7
    trusted: Collection[str] = ()

    def __call__(self, previous: int, present: int, rows: pa.Table) -> Contest | None:
        """Score the rows with the version before and compare with what was answered.

        Parameters
        ----------
        previous, present : int
            Numbers of the versions.
        rows : Table
            Labelled rows of the log that `present` answered.

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
        found = paired(metric.name, answers.truth(rows, task), before, now, positive=positive, seed=self.seed)
        return Contest(previous, found.verdict, found.to_json())
