"""Metrics as the pages show them: a value, its interval where there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Estimate", "estimate", "estimates"]


@dataclass(frozen=True)
class Estimate:
    """A metric's value with its 95 % interval; without one the bounds are None."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is an interval to draw."""
        numbers = (self.value, self.low, self.high)
        return all(number is not None and math.isfinite(number) for number in numbers)


def estimate(name: str, value: object) -> Estimate:
    """Read a metric as it was recorded: a number, or ``{"value", "low", "high"}``.

    Examples
    --------
    >>> estimate("auc", {"value": 0.8, "low": 0.75, "high": 0.84})
    Estimate(name='auc', value=0.8, low=0.75, high=0.84)
    >>> estimate("auc", 0.8)
    Estimate(name='auc', value=0.8, low=None, high=None)
    """
    if isinstance(value, Mapping):
        return Estimate(name, _number(value.get("value")), _number(value.get("low")), _number(value.get("high")))
    return Estimate(name, _number(value))


def estimates(metrics: Mapping[str, object], first: str | None = None) -> tuple[Estimate, ...]:
    """Read all metrics, the one that decides first, the others by name."""
    names = sorted(metrics, key=lambda name: (name != first, name))
    return tuple(estimate(name, metrics[name]) for name in names)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
