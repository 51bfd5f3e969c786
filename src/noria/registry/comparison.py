"""What differs between two versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.registry.version import ModelVersion

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """One field that two versions do not share; None where a version lacks it."""

    kind: str
    name: str
    first: object
    second: object

    @property
    def change(self) -> float | None:
        """Second minus first, where both are numbers."""
        first, second = _number(self.first), _number(self.second)
        return None if first is None or second is None else second - first


def compare(first: ModelVersion, second: ModelVersion, *, equal: bool = False) -> tuple[Difference, ...]:
    """List what differs, metrics first.

    Parameters
    ----------
    first, second : ModelVersion
        Usually the champion and its challenger.
    equal : bool
        Also list metrics that are equal.
    """
    found = [
        Difference("metric", name, one, other)
        for name, one, other in _pairs(first.metrics, second.metrics)
        if equal or one != other
    ]
    plain = (
        ("model", "family", first.family, second.family),
        ("data", "dataset", first.dataset, second.dataset),
        ("data", "digest", first.data_digest[:12], second.data_digest[:12]),
        ("code", "commit", first.code_commit, second.code_commit),
        ("code", "clean", first.code_clean, second.code_clean),
    )
    found += [Difference(*field) for field in plain if field[2] != field[3]]
    groups = (("param", first.params, second.params), ("environment", first.environment, second.environment))
    for kind, one_side, other_side in groups:
        found += [Difference(kind, name, a, b) for name, a, b in _pairs(_flat(one_side), _flat(other_side)) if a != b]
    return tuple(found)


def _pairs(first: Mapping[str, object], second: Mapping[str, object]) -> list[tuple[str, object, object]]:
    return [(name, first.get(name), second.get(name)) for name in sorted({*first, *second})]


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _number(value: object) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("value")  # an estimate with its interval
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
