"""Rules made into one scikit-learn transformer, to be fitted inside a training fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.preparation.frame import feature_kind
from noria.preparation.rules import CATEGORY_DEFAULT, NUMERIC_DEFAULT, Feature, Rule, parse_all
from noria.preparation.transforms import Clip, DateParts, FromOthers, Numbers, SignedLog, Strings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["CODES", "Encoding", "Recipe", "preparation"]

Encoding = Literal["linear", "tree", "raw"]
"""What a family needs: complete scaled numbers, numbers with missing values and category codes, or the frame."""

CODES = "codes"
"""Name of the part of a fitted preparation whose outputs are category codes (see ``output_indices_``)."""

MOST_CATEGORIES = 250
"""LightGBM and scikit-learn's histograms take at most 255 codes; rarer categories share one."""

ONE_HOT_LIMIT = 50
"""Columns one categorical feature may become unless ``onehot:max=`` says otherwise."""

_NUMERIC_TREE: tuple[Rule, ...] = ()
_CATEGORY_TREE = (Rule("ordinal"),)


class Recipe(Protocol):
    """The rules of a project: `noria.preparation.settings.PrepareSettings`, or anything of its shape."""

    @property
    def numeric(self) -> Sequence[str]:
        """Rules for number columns."""

    @property
    def category(self) -> Sequence[str]:
        """Rules for string columns."""

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
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
            groups[kind, f"own {name}"] = (_own(own[name], kind, encoding), [name])
        else:
            rules = _for_encoding(category if kind == "string" else numeric, kind, encoding)
            groups.setdefault((kind, "all"), (rules, []))[1].append(name)
    parts = _parts(groups, columns, encoding, task, seed)
    if not parts:
        raise WrongData(
            "no feature is left to train on",
            why="every column is the target, a key, constant, id-like or dropped",
            mend="noria data show --columns    see which columns were left out, and why",
            code="N-PREP-015",
        )
    return ColumnTransformer(parts, sparse_threshold=0, verbose_feature_names_out=True)


def _for_encoding(rules: tuple[Rule, ...], kind: Feature, encoding: Encoding) -> tuple[Rule, ...]:
    if encoding == "linear" or any(rule.kind in ("drop", "target") for rule in rules):
        return rules
    return _CATEGORY_TREE if kind == "string" else _NUMERIC_TREE


def _own(texts: Sequence[str], kind: Feature, encoding: Encoding) -> tuple[Rule, ...]:
    rules = parse_all(texts, kind)
    kinds = {rule.kind for rule in rules}
    if "drop" in kinds:
        return rules
    if kind == "string" and not kinds & {"onehot", "ordinal", "target"}:
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
            parts.append((f"{kind}{number}", DateParts() if kind == "timestamp" else "passthrough", names))
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


def _looks_around(rules: tuple[Rule, ...], kind: Feature) -> bool:
    return kind == "number" and any(rule.choice in ("knn", "iterative") for rule in rules)


def _numbers_beside(columns: Sequence[tuple[str, str]], names: Sequence[str]) -> list[str]:
    return [name for name, kind in columns if feature_kind(kind) == "number" and name not in names]


def _steps(rules: tuple[Rule, ...], kind: Feature, task: str, seed: int, *, width: int) -> BaseEstimator | str:
    indicator = any(rule.kind == "indicator" for rule in rules)
    ordered = [rule for rule in rules if rule.kind != "indicator"]
    if _looks_around(rules, kind):
        ordered.sort(key=lambda rule: rule.kind != "impute")  # only the raw frame has the other columns
    made: list[tuple[str, BaseEstimator]] = [("date", DateParts())] if kind == "timestamp" else []
    for number, rule in enumerate(ordered):
        step = _imputer(rule, kind, indicator, seed, width) if rule.kind == "impute" else _step(rule, task, seed)
        made.append((f"{rule.kind}{number}", step))
    if not made:
        return "passthrough"
    return made[0][1] if len(made) == 1 else Pipeline(made)


def _step(rule: Rule, task: str, seed: int) -> BaseEstimator:
    match rule.kind:
        case "scale":
            return _scaler(rule, seed)
        case "log":
            return SignedLog()
        case "clip":
            return Clip(rule.number("low", 0.01), rule.number("high", 0.99))
        case "onehot":
            return OneHotEncoder(
                sparse_output=False,
                handle_unknown="infrequent_if_exist",
                min_frequency=rule.number("rare", 0.0) or None,
                max_categories=int(rule.number("max", ONE_HOT_LIMIT)),
            )
        case "target":
            kind = "continuous" if task == "regression" else "auto"
            folds = StratifiedKFold if task == "classification" else KFold
            return TargetEncoder(target_type=kind, cv=folds(5, shuffle=True, random_state=seed))
        case _:
            return OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=-1,
                encoded_missing_value=-2,
                max_categories=MOST_CATEGORIES,
            )


def _imputer(rule: Rule, kind: Feature, indicator: bool, seed: int, width: int) -> BaseEstimator:
    written = rule.options.get("value")
    if kind == "string":
        if rule.choice == "constant":
            return Strings(str(written)) if written is not None else Strings()
        return SimpleImputer(strategy="most_frequent", keep_empty_features=True)
    if rule.choice in ("knn", "iterative"):
        return _around(rule.choice, kind, indicator, seed, width)
    fill = 0.0
    if written is not None:
        try:
            fill = float(written)
        except ValueError:
            raise WrongSetting(
                f"preparation rule 'impute:constant={written}' cannot be used",
                why="the column holds numbers",
                mend="impute:constant=0",
                code="N-PREP-001",
            ) from None
    return SimpleImputer(strategy=rule.choice, fill_value=fill, add_indicator=indicator, keep_empty_features=True)


def _around(choice: str, kind: Feature, indicator: bool, seed: int, width: int) -> BaseEstimator:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415 - it registers the next
    from sklearn.impute import IterativeImputer  # noqa: PLC0415 - exists only after the line above

    imputer = (
        KNNImputer(keep_empty_features=True)
        if choice == "knn"
        else IterativeImputer(keep_empty_features=True, random_state=seed)
    )
    if kind == "timestamp":  # the parts of one timestamp have no other column to learn from
        return SimpleImputer(strategy="median", add_indicator=indicator, keep_empty_features=True)
    return FromOthers(imputer, width, indicator)


def _scaler(rule: Rule, seed: int) -> BaseEstimator:
    if rule.choice == "robust":
        return RobustScaler()
    if rule.choice == "minmax":
        return MinMaxScaler()
    if rule.choice == "quantile":
        return QuantileTransformer(output_distribution="normal", random_state=seed)
    return StandardScaler()
