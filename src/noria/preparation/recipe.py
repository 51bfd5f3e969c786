"""Rules made into one scikit-learn transformer, to be fitted inside a training fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.preparation.frame import feature_kind
from noria.preparation.rules import CATEGORY_DEFAULT, ENCODERS, NUMERIC_DEFAULT, Rule, parse_all
from noria.preparation.step import MOST_CATEGORIES, around, filler, step_of
from noria.preparation.transforms import DateFields, DateParts, Numbers
from noria.preparation.vocabulary import KINDS

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from noria.preparation.rules import Written
    from noria.preparation.vocabulary import Feature

__all__ = ["CODES", "KEPT_FOR_TREES", "Encoding", "Groups", "Recipe", "grouped", "preparation"]

Encoding = Literal["linear", "tree", "raw"]
"""What a family needs: complete scaled numbers, numbers with missing values and category codes, or the frame."""

CODES = "codes"
"""Name of the part of a fitted preparation whose outputs are category codes (see ``output_indices_``)."""

Groups = Mapping[tuple["Feature", str], tuple[tuple[Rule, ...], list[str]]]
"""Rules with the columns they are for, by what those hold and whose rules they are."""

KEPT_FOR_TREES = ("drop", "own", "target", "woe", "frequency", "count", "hash", "tfidf")
"""Rules that say something to trees as well: rules of a whole group with one of them hold for every family."""

_NUMERIC_TREE: tuple[Rule, ...] = ()
_CATEGORY_TREE = (Rule("ordinal"),)


class Recipe(Protocol):
    """The rules of a project: `noria.preparation.settings.PrepareSettings`, or anything of its shape."""

    @property
    def numeric(self) -> Sequence[Written]:
        """Rules for number columns."""

    @property
    def category(self) -> Sequence[Written]:
        """Rules for string columns."""

    @property
    def columns(self) -> Mapping[str, Sequence[Written]]:
        """Rules of single columns."""


def preparation(
    columns: Sequence[tuple[str, str]],
    settings: Recipe | None = None,
    *,
    encoding: Encoding,
    task: str = "regression",
    seed: int = 0,
) -> ColumnTransformer:
    """Make the unfitted transformer from a frame to a matrix of float64.

    Parameters
    ----------
    columns : sequence of (name, type)
        Features with the types of the schema.
    settings : Recipe, optional
        The rules; noria's defaults where left out.
    encoding : {"linear", "tree", "raw"}
        What the family needs. Trees split on values: scaling changes nothing for them, and they take missing values
        and categories better as they are, so for them the rules of whole groups are left out and only rules of
        single columns (and ``target``) are kept.
    task : str
        Chooses the flavour of target encoding.
    seed : int
        For the encoders and imputers that draw.

    Raises
    ------
    WrongSetting
        A rule names a column that is not a feature, or does not fit its type.
    WrongData
        No feature is left.

    Examples
    --------
    >>> import pandas as pd
    >>> made = preparation([("age", "int"), ("grade", "category")], encoding="linear")
    >>> rows = pd.DataFrame({"age": [20.0, None, 40.0], "grade": ["a", "b", None]})
    >>> made.fit_transform(rows).shape
    (3, 5)
    """
    parts = _parts(grouped(columns, settings, encoding=encoding), columns, encoding, task, seed)
    if not parts:
        raise WrongData(
            "no feature is left to train on",
            why="every column is the target, a key, constant, id-like or dropped",
            mend="noria data show --columns    see which columns were left out, and why",
            code="N-PREP-015",
        )
    return ColumnTransformer(parts, sparse_threshold=0, verbose_feature_names_out=True)


def grouped(columns: Sequence[tuple[str, str]], settings: Recipe | None, *, encoding: Encoding) -> Groups:
    """Sort the columns by the rules that hold for them.

    Raises
    ------
    WrongSetting
        A rule names a column that is not a feature, or does not fit its type.
    """
    names = [name for name, _ in columns]
    own = dict(settings.columns) if settings is not None else {}
    for name in own:
        if name not in names:
            raise WrongSetting(
                f"[prepare] names the column {name!r}, which is not a feature",
                why=did_you_mean(name, names) or f"features: {', '.join(names)}",
                mend="remove the line, or check [data.columns] and the target, key and time columns",
                code="N-PREP-002",
            )
    numeric = parse_all(settings.numeric if settings else NUMERIC_DEFAULT, "number")
    category = parse_all(settings.category if settings else CATEGORY_DEFAULT, "string")
    groups: dict[tuple[Feature, str], tuple[tuple[Rule, ...], list[str]]] = {}
    for name, column_type in columns:
        kind = feature_kind(column_type)
        if name in own:
            groups[kind, f"own {name}"] = (_named(name, own[name], kind, encoding), [name])
        else:
            rules = _for_encoding(category if kind == "string" else _for_kind(numeric, kind), kind, encoding)
            groups.setdefault((kind, "all"), (rules, []))[1].append(name)
    return groups


def _for_kind(rules: tuple[Rule, ...], kind: Feature) -> tuple[Rule, ...]:
    """Leave out of the rules for numbers what makes no sense for the parts of a timestamp."""
    if kind == "number":
        return rules
    kept = [rule for rule in rules if rule.kind == "own" or kind in KINDS[rule.kind].features]
    return tuple(Rule("scale", "standard") if rule.choice == "boxcox" else rule for rule in kept)


def _for_encoding(rules: tuple[Rule, ...], kind: Feature, encoding: Encoding) -> tuple[Rule, ...]:
    if encoding == "linear" or any(rule.kind in KEPT_FOR_TREES for rule in rules):
        return rules
    return _CATEGORY_TREE if kind == "string" else _NUMERIC_TREE


def _named(name: str, texts: Sequence[Written], kind: Feature, encoding: Encoding) -> tuple[Rule, ...]:
    try:
        return _own(texts, kind, encoding)
    except WrongSetting as error:
        raise WrongSetting(
            f"[prepare] {name}: {error.what}", why=error.why, mend=error.mend, code=error.code
        ) from error


def _own(texts: Sequence[Written], kind: Feature, encoding: Encoding) -> tuple[Rule, ...]:
    rules = parse_all(texts, kind)
    kinds = {rule.kind for rule in rules}
    if "drop" in kinds:
        return rules
    if "own" in kinds:
        return rules  # the class takes the values as they come
    if kind == "string" and not kinds & set(ENCODERS):
        rules += _CATEGORY_TREE if encoding == "tree" else (Rule("onehot", options={"rare": 0.01}),)
    if kind != "string" and "impute" not in kinds and encoding == "linear":
        rules = (Rule("impute", "median"), *rules)  # a linear family cannot take a missing value
    return rules


def _parts(
    groups: Mapping[tuple[Feature, str], tuple[tuple[Rule, ...], list[str]]],
    columns: Sequence[tuple[str, str]],
    encoding: Encoding,
    task: str,
    seed: int,
) -> list[tuple[str, BaseEstimator | str, list[str]]]:
    parts: list[tuple[str, BaseEstimator | str, list[str]]] = []
    codes: list[str] = []
    for number, ((kind, _), (rules, names)) in enumerate(groups.items()):
        if any(rule.kind == "drop" for rule in rules):
            continue
        if encoding == "raw":
            parts.append((f"{kind}{number}", _dated(rules) if kind == "timestamp" else "passthrough", names))
        elif encoding == "tree" and rules == _CATEGORY_TREE:
            codes += names
        elif encoding == "tree" and not rules and kind == "number":
            parts.append((f"{kind}{number}", Numbers(), names))
        else:
            steps = _steps(rules, kind, task, seed, width=len(names))
            helpers = _numbers_beside(columns, names) if _looks_around(rules, kind) else []
            parts.append((f"{kind}{number}", steps, names + helpers))
    if codes:
        parts.append((CODES, _codes(), codes))
    return parts


def _codes() -> BaseEstimator:
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    return Pipeline([("encode", encoder), ("numbers", Numbers())])


def _dated(rules: tuple[Rule, ...]) -> BaseEstimator:
    for rule in rules:
        if rule.kind == "dates":
            fields = str(rule.options["fields"]).split(",")
            return DateFields(tuple(fields), cyclic=bool(rule.options["cyclic"]))
    return DateParts()


def _looks_around(rules: tuple[Rule, ...], kind: Feature) -> bool:
    return kind == "number" and any(rule.kind == "impute" and rule.choice in ("knn", "iterative") for rule in rules)


def _numbers_beside(columns: Sequence[tuple[str, str]], names: Sequence[str]) -> list[str]:
    return [name for name, kind in columns if feature_kind(kind) == "number" and name not in names]


def _steps(rules: tuple[Rule, ...], kind: Feature, task: str, seed: int, *, width: int) -> BaseEstimator | str:
    indicator = any(rule.kind == "indicator" for rule in rules)
    ordered = [rule for rule in rules if rule.kind not in ("indicator", "dates")]
    if _looks_around(rules, kind):
        ordered.sort(key=lambda rule: rule.kind != "impute")  # only the raw frame has the other columns
    made: list[tuple[str, BaseEstimator]] = []
    if kind == "timestamp" and not any(rule.kind == "own" for rule in rules):
        made.append(("date", _dated(rules)))
    for number, rule in enumerate(ordered):
        if rule.kind != "impute":
            step = step_of(rule, task, seed)
        elif _looks_around((rule,), kind):
            step = around(rule.choice, indicator, seed, width)
        else:
            step = filler(rule, kind, indicator=indicator)
        made.append((f"{rule.kind}{number}", step))
    if not made:
        return "passthrough"
    return made[0][1] if len(made) == 1 else Pipeline(made)
