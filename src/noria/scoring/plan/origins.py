"""Which input column each column of a plan's matrix comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.blocks import Categories, Dates
from noria.scoring.plan.contributions import Players
from noria.scoring.plan.outside import Outside
from noria.scoring.plan.stages import Impute
from noria.scoring.plan.vocabularies import Hashes, Vocabularies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.scoring.plan.blocks import Block
    from noria.scoring.plan.plan import Plan
    from noria.scoring.plan.stages import Stage

__all__ = ["origins"]


def origins(plan: Plan) -> Players:
    """Give the place in `plan.columns` of what each column of the matrix is made of; no step here mixes two.

    Examples
    --------
    >>> from noria.scoring.plan.blocks import Numbers
    >>> from noria.scoring.plan.constant import Constant
    >>> from noria.scoring.plan.plan import Plan
    >>> stages = (Impute(np.zeros(2), np.array([1])),)
    >>> plan = Plan("regression", None, (Numbers(("age", "income"), stages),), Constant(np.zeros(1)))
    >>> origins(plan).of.tolist()
    [0, 1, 1]
    """
    names = [name for block in plan.blocks for name in _of_block(block)]
    places = {name: place for place, name in enumerate(plan.columns)}
    return Players(np.array([places[name] for name in _through(plan.stages, names)], dtype=np.intp), len(places))


def _of_block(block: Block) -> list[str]:
    made = list(block.columns)
    if isinstance(block, Dates):
        made = [name for name in made for _ in block.parts]
    elif isinstance(block, Hashes):
        made = [name for name in made for _ in range(block.buckets)]
    elif isinstance(block, Vocabularies):
        made = [name for name, known in zip(block.columns, block.words, strict=True) for _ in known]
    elif isinstance(block, Categories):
        made = [name for name, table in zip(block.columns, block.tables, strict=True) for _ in range(table.shape[1])]
    return _through(block.stages, made)  # type: ignore[attr-defined]  # every block has stages


def _through(stages: Sequence[Stage], names: list[str]) -> list[str]:
    for stage in stages:
        if isinstance(stage, Impute):
            names = [*names, *(names[place] for place in stage.marks.tolist())]
        elif isinstance(stage, Outside) and stage.mark:
            names = [*names, *names]
    return names
