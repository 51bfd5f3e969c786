"""Which columns nobody may be treated differently for, and which may not be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets import schema as schemas
from noria.errors import WrongSetting, did_you_mean
from noria.evaluation.fairness import time_is_no_group

if TYPE_CHECKING:
    from noria.datasets.settings import DataSettings
    from noria.evaluation.settings import EvaluateSettings
    from noria.steps.outputs import SplitOutput

__all__ = ["personal_columns", "protected_columns"]


def protected_columns(split: SplitOutput, data: DataSettings, evaluate: EvaluateSettings) -> list[tuple[str, str]]:
    """Give name and type of each: those that ``[evaluate] protected`` names, else those marked in ``[data.columns]``.

    Raises
    ------
    WrongSetting
        The data has no such column, or it holds times and decisions between classes are judged.
    """
    types = {column.name: column.type for column in schemas.from_json(split["schema"]).columns}
    names = evaluate.protected
    if names is None:
        marked = (name for name, said in data.columns.items() if said.protected and said.store == "plain")
        names = tuple(name for name in marked if name in types and name != data.target)
    for name in names:
        if name not in types:
            hint = did_you_mean(name, list(types))
            raise WrongSetting(
                f"[evaluate] protected names the column {name!r}, which the data does not have"
                + (f"; {hint}" if hint else ""),
                why=f"columns: {', '.join(list(types)[:40])}",
                mend="correct the name; the column need not be a feature",
                code="N-STEPS-007",
            )
        if types[name] == "timestamp" and split["about"]["task"] == "classification":
            raise time_is_no_group(name)
    return [(name, types[name]) for name in names]


def personal_columns(data: DataSettings) -> frozenset[str]:
    """Name the columns whose values are shown nowhere."""
    return frozenset(name for name, said in data.columns.items() if said.is_personal)
