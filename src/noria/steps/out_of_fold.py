"""What models that had not seen a training row said of it, and what is decided by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongSetting
from noria.evaluation.judged import place_of
from noria.preparation.frame import labels
from noria.steps.matrix import feature_columns, of_group

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.datasets.settings import DataSettings
    from noria.evaluation.conformal import Conformal
    from noria.evaluation.settings import ConformalSettings
    from noria.evaluation.threshold import Threshold, ThresholdRule
    from noria.steps.outputs import SplitOutput, TrainOutput
    from noria.training.model import FittedModel

__all__ = ["conformal_of", "groups_of", "must_be_two", "out_of_fold", "threshold_of"]


def out_of_fold(answers: NDArray[np.float64], rows: NDArray[np.intp] | None) -> pa.Table:
    """Write a selection's out-of-fold answers as a table, without the rows that no fold judged.

    Parameters
    ----------
    answers : ndarray, shape (n_rows,) or (n_rows, n_classes)
        Values or probabilities; NaN where no fold judged the row.
    rows : ndarray of int, shape (n_rows,), optional
        Which of the training rows they are about, where only a sample was learned from.
    """
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it
    import pyarrow as pa  # noqa: PLC0415 - as above

    columns = answers.reshape(len(answers), -1)
    judged = np.flatnonzero(np.isfinite(columns).all(axis=1))
    made: dict[str, NDArray[np.generic]] = {
        "row": (judged if rows is None else np.asarray(rows)[judged]).astype(np.int64)
    }
    for number, column in enumerate(columns.T):
        made["value" if answers.ndim == 1 else f"p{number}"] = np.ascontiguousarray(column[judged])
    return pa.table(made)


def conformal_of(
    split: SplitOutput,
    train: TrainOutput,
    model: FittedModel,
    data: DataSettings,
    wanted: ConformalSettings | None,
) -> Conformal | None:
    """Find how far the truth lies from out-of-fold answers, where ``[evaluate]`` asks for it.

    Raises
    ------
    WrongSetting
        The groups are not those of a feature with categories.
    WrongData
        There are too few answers for the level.
    """
    if wanted is None or data.target is None or "oof" not in train:
        return None
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    from noria.evaluation.conformal import calibrate, far  # noqa: PLC0415 - as above

    said = train["oof"]
    rows = said["row"].to_numpy()
    truth = np.asarray(labels(split["train"], data.target, task=model.task))[rows]
    if model.classes is None:
        scores = far(truth, said["value"].to_numpy())
    else:
        proba = np.column_stack([said[f"p{place}"].to_numpy() for place in range(len(model.classes))])
        scores = far(truth, proba, model.classes)
    groups = groups_of(split, split["train"], wanted)
    return calibrate(
        scores, wanted.level, by=wanted.by, groups=None if groups is None else [groups[row] for row in rows.tolist()]
    )  # fmt: skip


def groups_of(split: SplitOutput, table: pa.Table, wanted: ConformalSettings | None) -> list[str | None] | None:
    """Give each row's group as a request would name it, or None where there are none.

    Raises
    ------
    WrongSetting
        The groups are not those of a feature with categories.
    """
    if wanted is None or wanted.by is None:
        return None
    kinds = dict(feature_columns(split))
    if kinds.get(wanted.by) != "category":
        fitting = [name for name, kind in kinds.items() if kind == "category"]
        what = f"is of type {kinds[wanted.by]}" if wanted.by in kinds else "is no feature"
        raise WrongSetting(
            f"[evaluate] conformal groups by {wanted.by!r}, which {what}",
            why="a request must bring the group along, and each group needs rows enough",
            mend=f"one of {', '.join(fitting)}" if fitting else "leave by out",
            code="N-STEPS-008",
        )
    return [None if value is None else str(value) for value in table[wanted.by].to_pylist()]


def threshold_of(
    split: SplitOutput,
    train: TrainOutput,
    model: FittedModel,
    data: DataSettings,
    rule: ThresholdRule | None,
    *,
    seed: int,
) -> Threshold | None:
    """Choose the threshold that ``[evaluate]`` asks for; None where it asks for none.

    Raises
    ------
    WrongSetting
        The model does not decide between two classes.
    """
    if rule is None:
        return None
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    from noria.evaluation.threshold import choose  # noqa: PLC0415 - as above

    classes = model.classes or ()
    must_be_two(model.task, classes)
    assert data.target is not None  # noqa: S101 - a classification has one
    said = train["oof"]
    rows = said["row"].to_numpy()
    truth = np.asarray(labels(split["train"], data.target, task=model.task), dtype=object)[rows]
    place = None if data.positive is None else place_of(data.positive, classes)
    place = 1 if place is None else place
    groups = of_group(split["train"], data.group)
    return choose(
        truth == classes[place], said[f"p{place}"].to_numpy(), rule, groups=None if groups is None else groups[rows],
        seed=seed,
    )  # fmt: skip


def must_be_two(task: str, classes: Collection[object]) -> None:
    """Refuse a threshold where there are not two classes to decide between.

    Raises
    ------
    WrongSetting
        There are not.
    """
    if task != "classification" or len(classes) != 2:
        what = task if task != "classification" else f"a classification of {len(classes)} classes"
        raise WrongSetting(
            f"[evaluate] threshold decides between two classes, and this is {what}",
            mend="leave threshold out of [evaluate]",
            code="N-STEPS-006",
        )
