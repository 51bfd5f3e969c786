"""One column of a model's input, and the check of one value of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, cast

__all__ = ["ColumnType", "Fault", "MissingPolicy", "RangePolicy", "SignatureColumn", "UnseenPolicy", "Verdict"]

ColumnType = Literal["float", "int", "bool", "category", "text", "timestamp"]
MissingPolicy = Literal["refuse", "impute", "flag"]
UnseenPolicy = Literal["refuse", "ignore", "flag"]
RangePolicy = Literal["flag", "refuse", "clip"]

_SHOWN = 8


@dataclass(frozen=True)
class Fault:
    """Why a value is refused."""

    code: str
    message: str


Verdict = tuple[object, str | None]
"""The value as the model gets it, and the flag it earns, if any."""


@dataclass(frozen=True)
class SignatureColumn:
    """What one input column may hold.

    Attributes
    ----------
    name, type : str
        As in training.
    missing : str
        ``refuse``, ``impute`` (the preparation fills it in), or ``flag``: fill it in and say so in the answer.
    unseen : str
        For a category that training has not seen: ``refuse``, ``ignore`` or ``flag``.
    range : str
        For a number outside training's range: ``flag``, ``refuse`` or ``clip`` it to the range.
    categories : tuple of str, optional
        The categories of training; None where they are not limited.
    integers : bool
        The categories were integers in the data, so that ``3`` is accepted and means ``"3"``.
    min, max : float, optional
        Range of training.
    pseudonym : bool
        The data have pseudonyms in its place: what a client sends is logged as one too.
    """

    name: str
    type: ColumnType
    missing: MissingPolicy = "refuse"
    unseen: UnseenPolicy = "refuse"
    range: RangePolicy = "flag"
    categories: tuple[str, ...] | None = None
    integers: bool = False
    min: float | None = None
    max: float | None = None
    pseudonym: bool = False

    def to_json(self) -> dict[str, object]:
        """Give the column as JSON, leaving out what is not set."""
        made: dict[str, object] = {"name": self.name, "type": self.type, "missing": self.missing}
        if self.type == "category":
            made |= {"unseen": self.unseen, "integers": self.integers}
            made["categories"] = None if self.categories is None else list(self.categories)
        if self.type in ("int", "float"):
            made |= {"range": self.range, "min": self.min, "max": self.max}
        return made | ({"pseudonym": True} if self.pseudonym else {})

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> SignatureColumn:
        """Read the column back."""
        categories = cast("list[str] | None", value.get("categories"))
        return cls(
            name=str(value["name"]),
            type=cast("ColumnType", value["type"]),
            missing=cast("MissingPolicy", value.get("missing", "refuse")),
            unseen=cast("UnseenPolicy", value.get("unseen", "refuse")),
            range=cast("RangePolicy", value.get("range", "flag")),
            categories=None if categories is None else tuple(categories),
            integers=bool(value.get("integers", False)),
            min=cast("float | None", value.get("min")),
            max=cast("float | None", value.get("max")),
            pseudonym=bool(value.get("pseudonym", False)),
        )

    def check(self, value: object) -> Verdict | Fault:
        """Check one value as it came out of JSON.

        Examples
        --------
        >>> age = SignatureColumn("age", "int", min=18, max=75)
        >>> age.check(30), age.check(80)
        ((30, None), (80, 'range:age'))
        >>> age.check(True).message
        'expected an integer, got true'
        """
        if value is None:
            return self._absent
        return self._checker(value)

    def example(self) -> object:
        """Make up a value that fits."""
        if self.type in ("int", "float"):
            middle = ((self.min or 0.0) + (self.max or 0.0)) / 2
            return int(middle) if self.type == "int" else middle
        if self.type == "bool":
            return False
        if self.type == "timestamp":
            return "2026-01-01T00:00:00"
        return self.categories[0] if self.categories else ""

    @cached_property
    def _absent(self) -> Verdict | Fault:
        if self.missing == "refuse":
            return Fault("missing_value", "a value is required: training never saw this column empty")
        return (None, f"missing:{self.name}" if self.missing == "flag" else None)

    @cached_property
    def _checker(self) -> Callable[[object], Verdict | Fault]:
        checkers: dict[str, Callable[[object], Verdict | Fault]] = {
            "float": self._float,
            "int": self._int,
            "bool": self._bool,
            "category": self._category,
            "text": self._text,
            "timestamp": self._timestamp,
        }
        return checkers[self.type]

    @cached_property
    def _known(self) -> frozenset[str] | None:
        return None if self.categories is None else frozenset(self.categories)

    def _float(self, value: object) -> Verdict | Fault:
        kind = type(value)
        if kind is not float and kind is not int:
            return _wrong("a number", value)
        number = float(cast("float", value))
        if not math.isfinite(number):
            return Fault("not_finite", "expected a finite number")
        return self._ranged(number)

    def _int(self, value: object) -> Verdict | Fault:
        kind = type(value)
        if kind is float and cast("float", value).is_integer() and abs(cast("float", value)) < 2**63:
            return self._ranged(int(cast("float", value)))
        if kind is not int:
            return _wrong("an integer", value)
        if not -(2**63) <= cast("int", value) < 2**63:
            return Fault("out_of_range", "the integer does not fit into 64 bits")
        return self._ranged(cast("int", value))

    def _ranged(self, number: float) -> Verdict | Fault:
        low, high = self.min, self.max
        if (low is None or number >= low) and (high is None or number <= high):
            return (number, None)
        if self.range == "refuse":
            return Fault("out_of_range", f"{_shown(number)} is outside training's range {_span(low, high)}")
        if self.range == "clip":
            bound = low if low is not None and number < low else high
            number = int(cast("float", bound)) if self.type == "int" else cast("float", bound)
        return (number, f"range:{self.name}")

    def _bool(self, value: object) -> Verdict | Fault:
        return (value, None) if type(value) is bool else _wrong("true or false", value)

    def _category(self, value: object) -> Verdict | Fault:
        if self.integers and type(value) is int:
            value = str(value)
        elif type(value) is not str:
            return _wrong("a text", value)
        known = self._known
        if known is None or value in known or self.unseen == "ignore":
            return (value, None)
        if self.unseen == "flag":
            return (value, f"unseen:{self.name}")
        shown = ", ".join(repr(each) for each in (self.categories or ())[:_SHOWN])
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        return Fault("unseen", f"{_shown(value)} is none of training's categories: {shown}{more}")

    def _text(self, value: object) -> Verdict | Fault:
        return (value, None) if type(value) is str else _wrong("a text", value)

    def _timestamp(self, value: object) -> Verdict | Fault:
        if isinstance(value, datetime):
            moment = value
        elif type(value) is str:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return Fault("wrong_type", f"expected a time such as 2026-03-01T12:00:00Z, got {_shown(value)}")
        else:
            return _wrong("a time such as 2026-03-01T12:00:00Z", value)
        return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, None)


def _wrong(expected: str, value: object) -> Fault:
    return Fault("wrong_type", f"expected {expected}, got {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…'"


def _span(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
