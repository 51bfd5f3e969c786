"""Where a parameter may lie, and how one is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongSetting

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Choice", "Params", "Space", "Uniform", "read_space", "sample"]

Params = Mapping[str, object]


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[object, ...]

    def draw(self, rng: np.random.Generator) -> object:
        """Draw one value, each as likely."""
        return self.values[int(rng.integers(len(self.values)))]

    @property
    def start(self) -> object:
        """Where to begin: the first value."""
        return self.values[0]


@dataclass(frozen=True)
class Uniform:
    """A number between two bounds, evenly, or evenly in its logarithm."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def draw(self, rng: np.random.Generator) -> object:
        """Draw one number, the bounds included for integers."""
        high = self.high + (1 if self.integer else 0)
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(high)))
        else:
            value = float(rng.uniform(self.low, high))
        return min(int(value), int(self.high)) if self.integer else value

    @property
    def start(self) -> object:
        """Where to begin: the middle."""
        value = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return int(value) if self.integer else value


Space = Mapping[str, Choice | Uniform]


def sample(space: Space, rng: np.random.Generator) -> dict[str, object]:
    """Draw every parameter once, in the order of the space.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(sample({"C": Uniform(0.1, 10, log=True), "kind": Choice(("a",))}, np.random.default_rng(0)))
    ['C', 'kind']
    """
    return {name: dimension.draw(rng) for name, dimension in space.items()}


def read_space(written: Mapping[str, object], owner: str) -> Space:
    """Read a space as the project file writes it: a list of values, or ``{ low, high, log, integer }``.

    Raises
    ------
    WrongSetting
        A dimension is neither, or its bounds make no range.

    Examples
    --------
    >>> read_space({"C": {"low": 0.1, "high": 10, "log": True}, "kernel": ["rbf", "linear"]}, "svm")["kernel"]
    Choice(values=('rbf', 'linear'))
    """
    return {name: _dimension(name, value, owner) for name, value in written.items()}


def _dimension(name: str, value: object, owner: str) -> Choice | Uniform:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0:
        return Choice(tuple(value))
    if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {"low", "high", "log", "integer"}:
        low, high = value["low"], value["high"]
        log, integer = bool(value.get("log", False)), value.get("integer")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and _is_range(low, high, log=log):
            whole = isinstance(low, int) and isinstance(high, int) if integer is None else bool(integer)
            if not whole or (low == int(low) and high == int(high)):
                return Uniform(low, high, log=log, integer=whole)
    raise WrongSetting(
        f"the space of {owner} gives {name} = {value!r}",
        why="a dimension is a list of values, or finite bounds with low < high: low > 0 with log, whole with integer",
        mend=f"{name} = [0.1, 1, 10]\n{name} = {{ low = 0.1, high = 10, log = true }}",
        code="N-TRAIN-010",
    )


def _is_range(low: float, high: float, *, log: bool) -> bool:
    return -math.inf < low < high < math.inf and (low > 0 or not log)
