"""One preparation rule as it is written in the project file: ``impute:median``, ``onehot:rare=0.01``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from noria.errors import WrongSetting, did_you_mean
from noria.preparation.vocabulary import KINDS, Feature, Kind

__all__ = ["CATEGORY_DEFAULT", "ENCODERS", "NUMERIC_DEFAULT", "Rule", "parse", "parse_all"]

NUMERIC_DEFAULT = ("impute:median", "indicator", "scale:standard")
CATEGORY_DEFAULT = ("impute:constant", "onehot:rare=0.01")

ENCODERS = ("onehot", "ordinal", "target", "woe", "frequency", "count", "hash", "tfidf")
"""Rules that turn texts into numbers: a string feature has one of them."""

_STRING_IMPUTERS = ("most_frequent", "constant", "drop_rows")
_BY_TIME = {"ffill": "forward", "forward": "forward", "interpolate": "interpolate", "lag": "lag:1"}
_REACH = {"iqr": 1.5, "zscore": 3.0, "forest": 0.01}

Written = str | Mapping[str, object]
"""A rule as text, or ``{ class = "pkg.mod:Name", args = {…} }`` for a transformer of the user's own."""


@dataclass(frozen=True)
class Rule:
    """One parsed rule.

    Parameters
    ----------
    kind : str
        The word before the colon, a key of `KINDS`; ``own`` for a transformer of the user's own.
    choice : str
        The word after it; empty where the kind has none. Of ``own``, where the class is.
    options : mapping of str to float or str
        Named values, such as ``{"rare": 0.01}``; ``{"value": "0"}`` for ``impute:constant=0``.
    args : mapping
        Of ``own``: what its class is built with.
    """

    kind: str
    choice: str = ""
    options: Mapping[str, float | str] = field(default_factory=dict)
    args: Mapping[str, object] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """Give a numeric option, or the default where it was not written."""
        return float(self.options.get(name, default))

    @property
    def action(self) -> str:
        """What ``outliers`` does with them."""
        return str(self.options.get("action", ""))


def parse(text: Written) -> Rule:
    """Read one rule.

    Raises
    ------
    WrongSetting
        The kind, the choice or an option does not exist, or a number is not one.

    Examples
    --------
    >>> parse("onehot:rare=0.01").options
    {'rare': 0.01}
    >>> parse("impute").choice
    'median'
    >>> parse("clip:p1,p99").options
    {'low': 0.01, 'high': 0.99}
    >>> parse("outliers:iqr=3,null").options
    {'reach': 3.0, 'action': 'null'}
    """
    if not isinstance(text, str):
        args = text.get("args", {})
        return Rule("own", str(text.get("class", "")), args=dict(args) if isinstance(args, Mapping) else {})
    name, _, rest = text.strip().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise _wrong(text, f"there is no rule {name!r}; {did_you_mean(name, KINDS)}".rstrip("; "), ", ".join(KINDS))
    match name:
        case "clip":
            return _clip(text, rest)
        case "outliers":
            return _outliers(text, rest)
        case "dates":
            return _dates(text, rest)
        case _:
            return _choice(text, name, kind, rest) if kind.choices else Rule(name, options=_options(text, kind, rest))


def parse_all(texts: Sequence[Written], feature: Feature | None = None) -> tuple[Rule, ...]:
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
    encoders = [kind for kind in kinds if kind in ENCODERS]
    if len(encoders) > 1:
        raise _wrong(", ".join(encoders), "a feature is encoded once", "")
    _nulls_are_filled(rules)
    for rule, text in zip(rules, texts, strict=True):
        if rule.kind == "own":
            continue
        if feature is not None and feature not in KINDS[rule.kind].features:
            raise _wrong(str(text), f"{rule.kind} does not apply to a {feature} feature", "")
        if feature == "string" and rule.kind == "impute" and rule.choice not in _STRING_IMPUTERS:
            raise _wrong(str(text), f"a string feature has no {rule.choice}", "impute:most_frequent or impute:constant")
    return rules


def _nulls_are_filled(rules: Sequence[Rule]) -> None:
    for place, rule in enumerate(rules):
        if rule.kind != "outliers" or rule.action != "null":
            continue
        later = [one for one in rules[place + 1 :] if one.kind == "impute"]
        if not later:
            raise _wrong(f"outliers:{rule.choice},null", "it makes values missing", "an impute rule after it")
        if later[0].choice in ("knn", "iterative", "drop_rows"):
            why = f"impute:{later[0].choice} looks at the values as they come, so nothing can stand before it"
            raise _wrong(f"outliers:{rule.choice},null", why, "impute:median after it, or clip")


def _choice(text: str, name: str, kind: Kind, rest: str) -> Rule:
    choice, _, value = rest.partition("=")
    choice = choice or kind.default
    if choice == "mode" and name == "impute":
        choice = "most_frequent"
    if choice in _BY_TIME:
        raise _wrong(
            text, "what was known before a row is no part of the row", f'[history] column = ["{_BY_TIME[choice]}"]'
        )
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
    for name, meaning in (("max", "number of categories"), ("buckets", "number of columns")):
        if name in found and not 2 <= float(found[name]) <= 10_000:
            raise _wrong(text, f"{name} is a {meaning}, at least 2 and at most 10,000, got {found[name]:g}", "")
    if float(found.get("smooth", 1)) <= 0:
        raise _wrong(text, f"smooth is above zero, got {found['smooth']:g}", "")
    return found


def _clip(text: str, rest: str) -> Rule:
    parts = [part.strip().removeprefix("p").removesuffix("%") for part in rest.split(",")] if rest else ["1", "99"]
    if len(parts) != 2:
        raise _wrong(text, "clip takes two percentiles", "clip:p1,p99")
    low, high = (_number(text, part) / 100 for part in parts)
    if not 0 <= low < high <= 1:
        raise _wrong(text, "percentiles go from 0 to 100, the lower first", "clip:p1,p99")
    return Rule("clip", options={"low": low, "high": high})


def _outliers(text: str, rest: str) -> Rule:
    first, _, action = (part.strip() for part in rest.partition(","))
    method, _, value = first.partition("=")
    method, kind = method or "iqr", KINDS["outliers"]
    if method not in kind.choices:
        raise _wrong(text, f"outliers has no {method!r}", ", ".join(kind.choices))
    action = action or ("flag" if method == "forest" else "clip")
    if action not in kind.options:
        raise _wrong(text, f"outliers cannot be {action!r}", ", ".join(kind.options))
    if method == "forest" and action == "clip":
        raise _wrong(text, "a forest gives no bounds to clip to", "null, flag or drop")
    reach = _number(text, value) if value else _REACH[method]
    if reach <= 0 or (method == "forest" and reach > 0.5):
        raise _wrong(text, "it is above zero, and of a forest a share of the rows, at most 0.5", "")
    return Rule("outliers", method, {"reach": reach, "action": action})


def _dates(text: str, rest: str) -> Rule:
    words = [word.strip() for word in rest.split(",") if word.strip()]
    known = [word for word in KINDS["dates"].options if word != "cyclic"]
    fields = [word for word in words if word != "cyclic"]
    for word in fields:
        if word not in known:
            raise _wrong(text, f"a date has no {word!r}; {did_you_mean(word, known)}".rstrip("; "), ", ".join(known))
    if not fields or len(set(words)) < len(words):
        raise _wrong(text, "name at least one part of a date, each once", ", ".join(known))
    return Rule("dates", options={"fields": ",".join(fields), "cyclic": float("cyclic" in words)})


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
