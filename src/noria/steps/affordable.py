"""As many rows to learn from as are asked for, and as memory has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from noria.datasets import schema as schemas
from noria.errors import WrongData
from noria.steps.matrix import feature_columns
from noria.store.memory import available_bytes
from noria.training.memory import needed_bytes, sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from noria.datasets.settings import DataSettings
    from noria.pipeline.context import StepContext
    from noria.steps.outputs import SplitOutput

__all__ = ["affordable"]

_MOST_VALUES = 50
_WORTH_SAYING = 0.25
"""Of the memory there is: below that nobody needs to know."""


def affordable(
    split: SplitOutput, data: DataSettings, most: int | None, context: StepContext, *, seed: int
) -> SplitOutput:
    """Take a sample of the training rows where one is asked for; say what training takes, and refuse what cannot be.

    The test rows stay as they are.

    Parameters
    ----------
    split : mapping
        Output of that step.
    data : DataSettings
        Whose target and groups the sample keeps to.
    most : int, optional
        ``[model] rows``.
    context : StepContext
        Told how many rows are taken, and how much memory it takes where that is much.
    seed : int
        Decides the sample.

    Raises
    ------
    WrongData
        Training would take more memory than there is.
    """
    from noria.store.aside import chosen  # noqa: PLC0415 - the engine imports this module to look at it

    table, made = split["train"], split
    if most is not None and most < table.num_rows:
        target = data.target if split["about"]["task"] == "classification" else None
        rows = sample(
            table.num_rows, most, seed=seed, classes=_values(split, target), groups=_values(split, data.group)
        )
        context.note(f"{len(rows):,} of {table.num_rows:,} training rows are learned from ([model] rows)")
        context.log_param("model.rows", len(rows))
        table = chosen(table, rows)
        made = cast("SplitOutput", {**split, "train": table, "sampled": rows})
    width = _width(split)
    needed, free = needed_bytes(table.num_rows, width, table.nbytes), available_bytes()
    if free is not None and needed > _WORTH_SAYING * free:
        told = f"training takes about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        context.note(told)
        if needed > free:
            fitting = max(1, int(table.num_rows * free / needed * 0.8))
            raise WrongData(
                told,
                why=f"{table.num_rows:,} rows become about {width} columns of numbers, several times over",
                mend=f"[model]\nrows = {fitting}     learns from a sample; all test rows still judge it",
                code="N-STEPS-005",
            )
    return made


def _values(split: SplitOutput, name: str | None) -> NDArray[np.generic] | None:
    import pandas as pd  # noqa: PLC0415 - the engine imports this module to look at it

    if name is None:
        return None
    codes, _ = pd.factorize(split["train"][name].to_pandas(), use_na_sentinel=False)
    return cast("NDArray[np.generic]", codes)


def _width(split: SplitOutput) -> int:
    schema = schemas.from_json(split["schema"])
    width = 0
    for name, kind in feature_columns(split):
        values = schema[name].values
        width += min(len(values or ()), _MOST_VALUES) if kind == "category" else 1
    return max(1, width)
