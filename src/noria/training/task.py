"""What is to be learned, and how a target is turned into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.errors import WrongData, WrongSetting, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Label", "Target", "Task", "encode", "task_of"]

Task = Literal["regression", "classification", "clustering"]
Label = str | int | bool

MOST_CLASSES = 20
"""A whole-number target with more different values than this is taken for a quantity."""


@dataclass(frozen=True)
class Target:
    """A target as estimators take it.

    Parameters
    ----------
    values : ndarray, shape (n_rows,)
        float64 for regression; positions in `classes` (int64) for classification.
    classes : tuple of str, int or bool, or None
        Sorted labels of a classification.
    """

    values: NDArray[np.float64] | NDArray[np.int64]
    classes: tuple[Label, ...] | None


def task_of(table: pa.Table, target: str | None, wanted: str | None = None) -> Task:
    """Tell what is to be learned, from what is wanted or from the target.

    Without a target rows are clustered. Numbers are a regression unless they are few and whole.

    Raises
    ------
    WrongData
        The target is not in the table.
    WrongSetting
        The task wanted needs a target and none is named, or the other way round.

    Examples
    --------
    >>> import pyarrow as pa
    >>> task_of(pa.table({"y": ["good", "bad"]}), "y")
    'classification'
    """
    if target is None:
        if wanted in ("regression", "classification"):
            raise WrongSetting(
                f"{wanted} needs a target", mend='[data]\ntarget = "the column to predict"', code="N-TRAIN-007"
            )
        return "clustering"
    if wanted == "clustering":
        raise WrongSetting(
            f"clustering takes no target, and [data] target is {target!r}",
            mend="take [data] target out; to keep the column from being a feature: [data.columns] use = false",
            code="N-TRAIN-008",
        )
    if target not in table.column_names:
        raise WrongData(
            f"the table lacks the target {target!r}",
            why=did_you_mean(target, table.column_names) or f"columns: {', '.join(table.column_names)}",
            mend="[data]\ntarget = one of the columns",
            code="N-TRAIN-009",
        )
    if wanted == "regression":
        return "regression"
    if wanted == "classification":
        return "classification"
    return _told(table.column(target))


def _told(column: pa.ChunkedArray) -> Task:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return "classification"
    values = pc.unique(column.cast(pa.float64(), safe=False).drop_null())
    if len(values) > MOST_CLASSES or len(values) == 0:
        return "regression"
    whole = pc.all(pc.equal(values, pc.round(values))).as_py()
    return "classification" if whole else "regression"


def encode(y: NDArray[np.generic] | NDArray[np.object_], task: Task) -> Target:
    """Check a target and encode it.

    Raises
    ------
    WrongData
        No rows, one class only, classes of several types, a constant or non-finite regression target.

    Examples
    --------
    >>> encode(np.array(["good", "bad", "good"]), "classification")
    Target(values=array([1, 0, 1]), classes=('bad', 'good'))
    """
    if len(y) == 0:
        raise WrongData(
            "there are no rows to train on", mend="noria check    see what the checks left", code="N-TRAIN-001"
        )
    if task == "regression":
        return Target(_numbers(y), None)
    labels = [_plain(value) for value in y.tolist()]
    classes = tuple(sorted(set(labels), key=lambda label: (type(label).__name__, label)))
    kinds = sorted({type(label).__name__ for label in classes})
    if len(kinds) > 1:
        raise WrongData(
            f"the classes {', '.join(map(repr, classes[:5]))} are of several kinds: {', '.join(kinds)}",
            why="an answer has one type; of numbers only whole ones are classes",
            mend='[clean]\ncast = { TARGET = "category" }    makes texts of all\n'
            '[model]\ntask = "regression"    if the target is a quantity',
            code="N-TRAIN-016",
        )
    if len(classes) < 2:
        raise WrongData(
            f"every one of the {len(y)} training rows has the class {classes[0]!r}",
            why="a classifier needs at least two classes to tell apart",
            mend="collect rows of the other class, or check [data] target and query",
            code="N-TRAIN-002",
        )
    if len(classes) > len(y) / 2 and len(classes) > MOST_CLASSES:
        raise WrongData(
            f"the target has {len(classes)} classes in {len(y)} rows",
            why="with fewer than two rows a class there is nothing to learn from",
            mend='[model]\ntask = "regression"    if the target is a quantity',
            code="N-TRAIN-003",
        )
    position = {label: number for number, label in enumerate(classes)}
    return Target(np.array([position[label] for label in labels], dtype=np.int64), classes)


def _numbers(y: NDArray[np.generic] | NDArray[np.object_]) -> NDArray[np.float64]:
    try:
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WrongData(
            "the target of a regression is not numeric",
            why=str(error),
            mend='[model]\ntask = "classification"    if the target is a class',
            code="N-TRAIN-004",
        ) from None
    odd = np.flatnonzero(~np.isfinite(values))
    if len(odd):
        raise WrongData(
            f"the target is missing or infinite in {len(odd):,} of {len(values):,} training rows",
            why=f"as {values[odd[0]]} in training row {odd[0]:,}",
            mend='leave such values out: [clean.bounds] TARGET = { max = …, do = "drop" }, or correct the source',
            code="N-TRAIN-004",
        )
    if values.min() == values.max():
        raise WrongData(
            f"the target is {values[0]:g} in every one of the {len(values)} training rows",
            why="a constant needs no model",
            mend="check [data] target and query",
            code="N-TRAIN-005",
        )
    return values


def _plain(value: object) -> Label:
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise WrongData(
        f"a class label is {value!r}, a {type(value).__name__}",
        why="labels are strings, whole numbers or yes/no values, and none may be missing",
        mend='[model]\ntask = "regression"    if the target is a quantity',
        code="N-TRAIN-006",
    )
