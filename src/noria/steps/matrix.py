"""What every later step asks of the split: its feature columns and a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets import schema as schemas
from noria.evaluation.judged import Prediction, place_of
from noria.pipeline.own import importable
from noria.registry import format as formats

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.datasets.settings import DataSettings
    from noria.evaluation.judged import Label
    from noria.steps.outputs import SplitOutput
    from noria.training.model import FittedModel
    from noria.training.task import Task

__all__ = [
    "TRAINED_ON", "answers", "carried_columns", "feature_columns", "fingerprints", "fitted", "moments", "of_group",
    "pseudonyms", "score_of",
]  # fmt: skip

_BLOCK = 200_000

TRAINED_ON = "trained_on.u64"
"""File beside a version: the fingerprints of the rows it learned from, sorted."""


def feature_columns(split: SplitOutput) -> list[tuple[str, str]]:
    """Give name and type of each feature, in the order of the table."""
    schema = schemas.from_json(split["schema"])
    types = {column.name: column.type for column in schema.columns}
    return [(name, types[name]) for name in split["about"]["features"]]


def fitted(files: Mapping[str, bytes], trusted: Collection[str], root: Path) -> FittedModel:
    """Load a model's files.

    Parameters
    ----------
    files : mapping
        Of the step `train`, or of a version.
    trusted : collection of str
        Classes of the user's own that the project file names.
    root : Path
        The project's folder, where those classes may be.
    """
    if trusted:
        importable(root)
    return formats.load(files, trusted=trusted)


def of_group(table: pa.Table, group: str | None) -> NDArray[np.object_] | None:
    """Give the group of each row as text, or None where rows stand alone; a row without one is its own."""
    if group is None:
        return None
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    named = table[group].to_pylist()
    return np.array([f"={name}" if name is not None else f"row {row}" for row, name in enumerate(named)], dtype=object)


def fingerprints(
    table: pa.Table, columns: Sequence[tuple[str, str]], *, target: str | None, task: Task
) -> NDArray[np.uint64]:
    """Give each row a number that its features and its label decide, to know it again in another split."""
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    blocks = [table.slice(start, _BLOCK) for start in range(0, max(1, table.num_rows), _BLOCK)]
    return np.concatenate([_fingerprints(block, sorted(columns), target, task) for block in blocks])


def _fingerprints(
    table: pa.Table, columns: Sequence[tuple[str, str]], target: str | None, task: Task
) -> NDArray[np.uint64]:
    import numpy as np  # noqa: PLC0415 - as above
    from pandas.util import hash_pandas_object  # noqa: PLC0415 - as above

    from noria.preparation.frame import frame, labels  # noqa: PLC0415 - as above

    rows = frame(table, columns)
    if target is not None:
        said = labels(table, target, task=task)
        rows["_noria_label"] = said if task == "regression" else np.array([str(label) for label in said], dtype=object)
    return np.asarray(hash_pandas_object(rows, index=False).to_numpy(), dtype=np.uint64)


def moments(table: pa.Table, time: str | None) -> NDArray[np.datetime64] | None:
    """Give the time of each row, or None where the data has none."""
    if time is None:
        return None
    found: NDArray[np.datetime64] = table[time].cast("timestamp[us]").to_numpy()
    return found


def carried_columns(split: SplitOutput, settings: DataSettings) -> list[tuple[str, str]]:
    """Give name and type of what a client may send along without the model reading it.

    Key, time and group, and what was left out as a feature (constant so far, perhaps not for ever): logged, so that a
    later training has it. Personal columns are not carried, unless they are the key or only their pseudonyms are kept.
    """
    schema = schemas.from_json(split["schema"])
    features = {*split["about"]["features"], settings.target}
    return [
        (column.name, column.type)
        for column in schema.columns
        if column.name not in features
        and (not column.pii or column.name in settings.key or column.name in pseudonyms(settings))
    ]


def pseudonyms(settings: DataSettings) -> tuple[str, ...]:
    """Name the columns that hold pseudonyms."""
    return tuple(name for name, said in settings.columns.items() if said.store == "pseudonym")


def answers(model: FittedModel, rows: pd.DataFrame) -> Prediction:
    """Ask a model for everything its evaluation needs, some rows at a time: what it makes of them is wider."""
    import numpy as np  # noqa: PLC0415 - the engine imports this module to look at it

    blocks = [rows.iloc[start : start + _BLOCK] for start in range(0, max(1, len(rows)), _BLOCK)]
    said = np.concatenate([model.predict(block) for block in blocks])
    if model.task != "classification" or model.classes is None:
        return Prediction(said)
    return Prediction(said, np.concatenate([model.predict_proba(block) for block in blocks]), tuple(model.classes))


def score_of(said: Prediction, positive: Label | None) -> NDArray[np.generic]:
    """Give the one number of each answer that monitoring follows: P(positive) or the value; else the label."""
    if said.proba is not None and said.classes is not None and len(said.classes) == 2:
        place = None if positive is None else place_of(positive, said.classes)
        return said.proba[:, 1 if place is None else place]
    return said.values
