"""One rule made into one unfitted scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from noria.errors import WrongSetting
from noria.preparation.encoders import Frequency, Hashed, Products, WeightOfEvidence, Words
from noria.preparation.outliers import Outliers, Positive, Strangers
from noria.preparation.own import own_transformer
from noria.preparation.transforms import Clip, FromOthers, SignedLog, Strings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from noria.preparation.rules import Rule
    from noria.preparation.vocabulary import Feature

__all__ = ["MOST_CATEGORIES", "around", "filler", "outliers", "step_of"]

MOST_CATEGORIES = 250
"""LightGBM and scikit-learn's histograms take at most 255 codes; rarer categories share one."""

ONE_HOT_LIMIT = 50
"""Columns one categorical feature may become unless ``onehot:max=`` says otherwise."""


def step_of(rule: Rule, task: str, seed: int) -> BaseEstimator:
    """Make the transformer of a rule that is no imputer.

    Examples
    --------
    >>> from noria.preparation.rules import parse
    >>> step_of(parse("scale:maxabs"), "regression", 0)
    MaxAbsScaler()
    """
    match rule.kind:
        case "scale":
            return _scaler(rule, seed)
        case "log":
            return SignedLog()
        case "clip":
            return Clip(rule.number("low", 0.01), rule.number("high", 0.99))
        case "outliers":
            return outliers(rule, seed)
        case "products":
            return Products()
        case "own":
            return own_transformer(rule.choice, rule.args, seed=seed)
        case _:
            return _encoder(rule, task, seed)


def outliers(rule: Rule, seed: int) -> Outliers | Strangers:
    """Make the transformer of an ``outliers`` rule."""
    if rule.choice == "forest":
        return Strangers(rule.number("reach", 0.01), rule.action, seed)
    return Outliers(rule.choice, rule.number("reach", 1.5), rule.action)


def _encoder(rule: Rule, task: str, seed: int) -> BaseEstimator:
    match rule.kind:
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
        case "woe":
            return WeightOfEvidence(rule.number("smooth", 1.0), KFold(5, shuffle=True, random_state=seed))
        case "frequency" | "count":
            return Frequency(share=rule.kind == "frequency")
        case "hash":
            return Hashed(int(rule.number("buckets", 16)))
        case "tfidf":
            return Words(int(rule.number("max", 100)), rule.number("rare", 0.0))
        case _:
            return OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=-1,
                encoded_missing_value=-2,
                max_categories=MOST_CATEGORIES,
            )


def filler(rule: Rule, kind: Feature, *, indicator: bool) -> BaseEstimator:
    """Make an imputer that looks at one column alone."""
    written = rule.options.get("value")
    if kind == "string":
        if rule.choice == "constant":
            return Strings(str(written)) if written is not None else Strings()
        return SimpleImputer(strategy="most_frequent", keep_empty_features=True)
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
    # The parts of one timestamp have no other column to learn from.
    strategy = "median" if rule.choice in ("knn", "iterative", "drop_rows") else rule.choice
    return SimpleImputer(strategy=strategy, fill_value=fill, add_indicator=indicator, keep_empty_features=True)


def around(choice: str, indicator: bool, seed: int, width: int) -> BaseEstimator:
    """Make an imputer that looks at other columns: the first `width` of what it gets are its own."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415 - it registers the next
    from sklearn.impute import IterativeImputer  # noqa: PLC0415 - exists only after the line above

    imputer = (
        KNNImputer(keep_empty_features=True)
        if choice == "knn"
        else IterativeImputer(keep_empty_features=True, random_state=seed)
    )
    return FromOthers(imputer, width, indicator)


def _scaler(rule: Rule, seed: int) -> BaseEstimator:
    match rule.choice:
        case "robust":
            return RobustScaler()
        case "minmax":
            return MinMaxScaler()
        case "maxabs":
            return MaxAbsScaler()
        case "quantile":
            return QuantileTransformer(output_distribution="normal", random_state=seed)
        case "power":
            return PowerTransformer("yeo-johnson")
        case "boxcox":
            return Pipeline([("positive", Positive()), ("power", PowerTransformer("box-cox"))])
        case _:
            return StandardScaler()
