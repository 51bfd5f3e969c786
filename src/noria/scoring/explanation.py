"""Why a model answered as it did: one number a column, and together they are the answer's margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from noria.scoring.answers import Label
from noria.scoring.plan.contributions import Of, explained
from noria.scoring.plan.origins import origins
from noria.scoring.plan.refusals import TooLarge

if TYPE_CHECKING:
    from noria.scoring.plan.plan import Plan
    from noria.scoring.signature import Checked

__all__ = ["Explanation", "explanations"]


class Explanation(msgspec.Struct, frozen=True, rename={"label": "class"}):
    """The parts of one answer.

    Attributes
    ----------
    base : float
        What the model says before it knows anything of the row.
    contributions : mapping of str to float
        What each column adds; with the base they sum to `of`, but for the rounding of that sum.
    of : str
        What they sum to.
    label : str, int, float or bool
        The class they speak for; unset where there are no classes.
    """

    base: float
    contributions: Mapping[str, float]
    of: Of
    label: Label | UnsetType = UNSET


def explanations(plan: Plan, checked: Checked, explained_class: Sequence[int] | None) -> list[Explanation]:
    """Take answers apart.

    Parameters
    ----------
    plan : Plan
        Of the model.
    checked : Checked
        At least one row.
    explained_class : sequence of int, optional
        Whose margin, one position a row; None where there are no classes.

    Raises
    ------
    Unexplained
        That cannot be done exactly.
    TooLarge, Incomplete
        As in answering.
    """
    with np.errstate(all="ignore"):  # what overflows is refused below
        made = explained(plan.head, plan.matrix(checked.columns, checked.rows), origins(plan))
    outputs = explained_class or [0] * checked.rows
    found = []
    for row, output in enumerate(outputs):
        base, parts = float(made.base[output]), made.parts[row, :, output]
        if not (np.isfinite(base) and np.isfinite(parts).all()):
            raise TooLarge
        label = UNSET if explained_class is None or plan.classes is None else plan.classes[output]
        found.append(Explanation(base, dict(zip(plan.columns, parts.tolist(), strict=True)), made.of, label))
    return found
