"""One preparation rule as it is written in the project file: ``impute:median``, ``onehot:rare=0.01``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from noria.errors import WrongSetting, did_you_mean

__all__ = ["CATEGORY_DEFAULT", "KINDS", "NUMERIC_DEFAULT", "Rule", "parse", "parse_all"]

Feature = Literal["number", "string", "timestamp"]

NUMERIC_DEFAULT = ("impute:median", "indicator", "scale:standard")
CATEGORY_DEFAULT = ("impute:constant", "onehot:rare=0.01")


@dataclass(frozen=True)
class Kind:
    """What one kind of rule may say."""

    choices: tuple[str, ...] = ()
    default: str = ""
    options: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ("number", "string", "timestamp")


KINDS: Mapping[str, Kind] = {
    "impute": Kind(("mean", "median", "most_frequent", "constant", "knn", "iterative"), "median"),
    "indicator": Kind(features=("number", "timestamp")),
    "scale": Kind(("standard", "robust", "minmax", "quantile"), "standard", features=("number", "timestamp")),
    "log": Kind(features=("number",)),
    "clip": Kind(options=("low", "high"), features=("number",)),
    "onehot": Kind(options=("rare", "max"), features=("string",)),
    "ordinal": Kind(features=("string",)),
    "target": Kind(features=("string",)),
    "drop": Kind(),
}
"""Every rule there is. ``impute:constant`` takes the value after ``=``: ``impute:constant=0``."""

_STRING_IMPUTERS = ("most_frequent", "constant")


@dataclass(frozen=True)
class Rule:
    """One parsed rule.

    Parameters
    ----------
    kind : str
        The word before the colon, a key of `KINDS`.
    choice : str
        The word after it; empty where the kind has none.
    options : mapping of str to float or str
        Named numbers, such as ``{"rare": 0.01}``; ``{"value": "0"}`` for ``impute:constant=0``.
    """

    kind: str
    choice: str = ""
    options: Mapping[str, float | str] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """Give a numeric option, or the default where it was not written."""
        return float(self.options.get(name, default))


def parse(text: str) -> Rule:
    """Read one rule.

    Raises
    ------
    WrongSetting
        The kind, the choice or an option does not exist, or a number is not one.

    Examples
    --------
    >>> parse("onehot:rare=0.01")
    Rule(kind='onehot', choice='', options={'rare': 0.01})
    >>> parse("impute").choice
    'median'
    >>> parse("clip:p1,p99").options
    {'low': 0.01, 'high': 0.99}
    """
    name, _, rest = text.strip().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise _wrong(text, f"there is no rule {name!r}; {did_you_mean(name, KINDS)}".rstrip("; "), ", ".join(KINDS))
    if name == "clip":
        return _clip(text, rest)
    if kind.choices:
        return _choice(text, name, kind, rest)
    return Rule(name, options=_options(text, kind, rest))


def parse_all(texts: Sequence[str], feature: Feature | None = None) -> tuple[Rule, ...]:
    """Read a list of rules and check that they fit together and the kind of feature.

    Examples
    --------
    >>> [rule.kind for rule in parse_all(["impute:median", "log"])]
    ['impute', 'log']
    """
    rules = tuple(parse(text) for text in texts)
    kinds = [rule.kind for rule in rules]
    if "indicator" in kinds and "impute" not in kinds:
        raise _wrong("indicator", "an indicator marks what an imputer filled in, and there is no impute rule", "")
    encoders = [kind for kind in kinds if kind in ("onehot", "ordinal", "target")]
    if len(encoders) > 1:
        raise _wrong(", ".join(encoders), "a feature is encoded once", "")
    for rule, text in zip(rules, texts, strict=True):
        if feature is not None and feature not in KINDS[rule.kind].features:
            raise _wrong(text, f"{rule.kind} does not apply to a {feature} feature", "")
        if feature == "string" and rule.kind == "impute" and rule.choice not in _STRING_IMPUTERS:
            raise _wrong(text, f"a string feature has no {rule.choice}", "impute:most_frequent or impute:constant")
    return rules


def _choice(text: str, name: str, kind: Kind, rest: str) -> Rule:
    choice, _, value = rest.partition("=")
    choice = choice or kind.default
    if choice not in kind.choices:
        hint = did_you_mean(choice, kind.choices)
        raise _wrong(text, f"{name} has no {choice!r}; {hint}".rstrip("; "), ", ".join(kind.choices))
    if value and choice != "constant":
        raise _wrong(text, f"{name}:{choice} takes no value", "")
    return Rule(name, choice, {"value": value} if value else {})


def _options(text: str, kind: Kind, rest: str) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        name, _, value = part.partition("=")
        if name not in kind.options:
            raise _wrong(text, f"there is no option {name!r}", ", ".join(kind.options) or "it takes none")
        found[name] = _number(text, value)
    if not 0 <= float(found.get("rare", 0)) < 1:
        raise _wrong(text, f"rare is a share of rows from 0 to 1, got {found['rare']}", "")
    if "max" in found and float(found["max"]) < 2:
        raise _wrong(text, f"max is a number of categories, at least 2, got {found['max']:g}", "")
    return found


def _clip(text: str, rest: str) -> Rule:
    parts = [part.strip().removeprefix("p").removesuffix("%") for part in rest.split(",")] if rest else ["1", "99"]
    if len(parts) != 2:
        raise _wrong(text, "clip takes two percentiles", "clip:p1,p99")
    low, high = (_number(text, part) / 100 for part in parts)
    if not 0 <= low < high <= 1:
        raise _wrong(text, "percentiles go from 0 to 100, the lower first", "clip:p1,p99")
    return Rule("clip", options={"low": low, "high": high})


def _number(text: str, value: str) -> float:
    try:
        return float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise _wrong(text, f"{value!r} is not a number", "") from None


def _wrong(text: str, why: str, choices: str) -> WrongSetting:
    return WrongSetting(
        f"preparation rule {text!r} cannot be used",
        why=why,
        mend=f"use {choices}" if choices else "correct it under [prepare]; noria schema says what stands there",
        code="N-PREP-001",
    )
