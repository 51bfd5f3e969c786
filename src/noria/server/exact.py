"""Numbers that JSON has no form for, written so that they come back as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from noria.runs.operations import number_to

__all__ = ["exact"]


def exact(value: object) -> object:
    """Give a value in which NaN and the infinities are the texts ``NaN``, ``Infinity`` and ``-Infinity``.

    Examples
    --------
    >>> exact({"auc": float("nan"), "loss": [0.5, float("-inf")]})
    {'auc': 'NaN', 'loss': [0.5, '-Infinity']}
    """
    if isinstance(value, float):
        return number_to(value)
    if isinstance(value, Mapping):
        return {name: exact(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [exact(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: exact(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
