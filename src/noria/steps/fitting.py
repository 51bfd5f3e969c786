"""The circumstances of a training: rows, folds, preparation and judge, from the split and the settings.

The step that selects makes them, and so does who fits its winner again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from noria.datasets import splits
from noria.datasets.settings import DataSettings
from noria.duration import parse_duration
from noria.errors import WrongSetting
from noria.evaluation import metrics
from noria.evaluation.catalogue import WITHOUT_A_CLASS, find
from noria.preparation.choosing import choose
from noria.preparation.fitting_rows import fitting_rows, leaves_rows_out
from noria.preparation.frame import frame, labels
from noria.preparation.recipe import Encoding, preparation
from noria.preparation.settings import PrepareSettings
from noria.steps.matrix import feature_columns, moments, of_group
from noria.training.folds import folds
from noria.training.inner import Bonds
from noria.training.settings import ModelSettings
from noria.training.trial import Shaping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.metrics import Metric
    from noria.preparation.choosing import Chosen
    from noria.steps.outputs import SplitOutput
    from noria.training.family import Family
    from noria.training.folds import Fold
    from noria.training.task import Task
    from noria.training.trial import Preparation

__all__ = ["Circumstances", "circumstances", "judged_rows", "recipes_of"]


@dataclass(frozen=True)
class Circumstances:
    """What every fit of one training shares.

    Parameters
    ----------
    task : Task
        What is learned.
    metric : Metric
        What decides.
    error : callable
        The metric as an error of a fold: lower is better.
    matrix : DataFrame
        Raw features of the training rows.
    target : ndarray or None
        Labels or values; None for clustering.
    recipes : mapping
        Rules of preparation for each kind of family.
    prepared : callable
        Makes an unfitted preparation for a family from the rows it will be fitted on.
    folds : list of (train, valid)
        Which rows judge.
    bonds : Bonds
        Groups and times of the rows.
    shaping : Shaping or None
        What is done to the rows that are learned from; None for clustering.
    """

    task: Task
    metric: Metric
    error: Callable[[ArrayLike, object], float]
    matrix: pd.DataFrame
    target: NDArray[np.object_] | NDArray[np.float64] | None
    recipes: Mapping[Encoding, Chosen]
    prepared: Callable[[Family, pd.DataFrame], Preparation]
    folds: list[Fold]
    bonds: Bonds
    shaping: Shaping | None


def circumstances(
    split: SplitOutput,
    *,
    data: Mapping[str, object],
    model: Mapping[str, object],
    prepare: Mapping[str, object],
) -> Circumstances:
    """Make what every fit shares; see `Circumstances`.

    Parameters
    ----------
    split : mapping
        Output of that step; a sample of its training rows where one was asked for.
    data, model, prepare : mapping
        The sections of the project file.
    """
    wanted, settings = DataSettings.model_validate(data), ModelSettings.model_validate(model)
    about, table, columns = split["about"], split["train"], feature_columns(split)
    task = about["task"]
    recipes, rules = recipes_of(split, prepare, seed=settings.seed), PrepareSettings.model_validate(prepare)
    metric = metrics.get(settings.metric, task)
    target = labels(table, wanted.target, task=task) if wanted.target else None
    times = moments(table, wanted.time) if about["method"] == "time" else None
    gap = parse_duration(about["gap"]) if "gap" in about else timedelta(0)

    def prepared(family: Family, rows: pd.DataFrame) -> Preparation:
        # "auto" chooses anew from the rows of each fold: what judges a candidate has no say in its rules.
        recipe = choose(rows, columns, rules, encoding=family.encoding, task=task)
        return preparation(  # type: ignore[no-any-return] # scikit-learn has no types
            columns, recipe, encoding=family.encoding, task=task, seed=settings.seed
        )

    def kept(family: Family, rows: pd.DataFrame) -> NDArray[np.bool_]:
        return fitting_rows(rows, columns, recipes[family.encoding], encoding=family.encoding, seed=settings.seed)

    drops = any(leaves_rows_out(columns, recipes[each], encoding=each) for each in recipes)
    shaping = None if task == "clustering" else Shaping(kept if drops else None, settings.balance, settings.seed)
    return Circumstances(
        task=task,
        metric=metric,
        error=metrics.error_for(metric, positive=wanted.positive),
        matrix=frame(table, columns),
        target=target,
        recipes=recipes,
        prepared=prepared,
        folds=[] if target is None else judged_rows(split, wanted, settings, target),
        bonds=Bonds.of(of_group(table, wanted.group), times, gap),
        shaping=shaping,
    )


def judged_rows(
    split: SplitOutput, data: DataSettings, settings: ModelSettings, target: NDArray[np.generic] | NDArray[np.object_]
) -> list[Fold]:
    """Say which rows judge the candidates: folds, or the one part that ``[split] valid`` asks for."""
    about, table = split["about"], split["train"]
    if settings.repeats > 1 and ("valid" in about or about["method"] == "time"):
        how = (
            "one part of the rows judges, as [split] valid asks"
            if "valid" in about
            else "later rows judge what earlier ones taught"
        )
        raise WrongSetting(
            f"repeats = {settings.repeats} in [model], and there is one way only to divide the training rows",
            why=how,
            mend="leave repeats out of [model]",
            code="N-STEPS-018",
        )
    if "valid" in about:
        cut = splits.split(
            table, method=about["method"], test=about["valid"], seed=about["seed"], gap=about.get("gap"),
            target=data.target, key=data.key, time=data.time, group=data.group,
        )  # fmt: skip
        return [(cut.train, cut.test)]
    times = moments(table, data.time) if about["method"] == "time" else None
    drawn = (
        folds(
            target,
            n_rows=table.num_rows,
            task=about["task"],
            k=settings.folds,
            seed=settings.seed + number,
            groups=of_group(table, data.group),
            times=times,
            gap=parse_duration(about["gap"]) if "gap" in about else timedelta(0),
            every_class=find(settings.metric, about["task"]).name not in WITHOUT_A_CLASS,
        )
        for number in range(settings.repeats)
    )
    return [fold for division in drawn for fold in division]


def recipes_of(split: SplitOutput, prepare: Mapping[str, object], *, seed: int) -> Mapping[Encoding, Chosen]:
    """Read ``[prepare]`` for each kind of family; where it says "auto", choose from the training rows.

    Raises
    ------
    WrongSetting
        ``[prepare]`` names a column that is not there, or a rule that no candidate could follow.
    """
    import pandas as pd  # noqa: PLC0415 - the engine imports this module to look at it

    settings, columns, task = PrepareSettings.model_validate(prepare), feature_columns(split), split["about"]["task"]
    rows = frame(split["train"], columns) if settings.is_open else pd.DataFrame()  # only choosing looks at rows
    made: dict[Encoding, Chosen] = {}
    for encoding in get_args(Encoding):
        made[encoding] = choose(rows, columns, settings, encoding=encoding, task=task)
        if encoding != "raw":
            preparation(columns, made[encoding], encoding=encoding, task=task, seed=seed)
        if task == "clustering" and leaves_rows_out(columns, made[encoding], encoding=encoding):
            raise WrongSetting(
                "a clustering learns from every row, and a rule of [prepare] leaves some out",
                mend="write impute:median for impute:drop_rows, and outliers:…,clip for outliers:…,drop",
                code="N-STEPS-004",
            )
    return made
