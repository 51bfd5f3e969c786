"""Every preparation rule there is, with what it does: settings, recipes and the documentation read it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["KINDS", "Feature", "Kind"]

Feature = Literal["number", "string", "timestamp"]


@dataclass(frozen=True)
class Kind:
    """What one kind of rule may say.

    Parameters
    ----------
    help : str
        What it does, for a person.
    choices : tuple of str
        Words after the colon, one of them.
    default : str
        The word where none is written.
    options : tuple of str
        Names of options, or further words.
    features : tuple of Feature
        What it applies to.
    example : str
        As it is written, where the parts do not show it.
    """

    help: str
    choices: tuple[str, ...] = ()
    default: str = ""
    options: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ("number", "string", "timestamp")
    example: str = ""


_NUMBERS: tuple[Feature, ...] = ("number", "timestamp")
_NUMBER: tuple[Feature, ...] = ("number",)
_STRING: tuple[Feature, ...] = ("string",)

KINDS: Mapping[str, Kind] = {
    "impute": Kind(
        "Fills in what is missing. `mode` is another word for `most_frequent`; `constant` takes a value; `knn` and "
        "`iterative` look at the other number columns; `drop_rows` leaves such rows out of training, and a row that is "
        "asked about later gets the median, or the most frequent category. Categories have `most_frequent`, `constant` "
        "and `drop_rows`.",
        ("mean", "median", "most_frequent", "mode", "constant", "knn", "iterative", "drop_rows"),
        "median",
        example="impute:constant=0",
    ),
    "indicator": Kind("Adds a column that says what was missing.", features=_NUMBERS),
    "outliers": Kind(
        "Deals with values beyond `k` interquartile ranges from the quartiles (`iqr`, 1.5), `k` standard deviations "
        "from the mean (`zscore`, 3), or with the share of rows that an isolation forest finds strangest (`forest`, "
        "0.01): `clip` bounds them, `null` makes them missing, `flag` adds a column that says so, `drop` leaves the "
        "rows out of training only.",
        ("iqr", "zscore", "forest"),
        "iqr",
        ("clip", "null", "flag", "drop"),
        _NUMBER,
        example="outliers:iqr=3,null",
    ),
    "clip": Kind(
        "Bounds values by two percentiles of the training rows.",
        options=("low", "high"),
        features=_NUMBER,
        example="clip:p1,p99",
    ),
    "log": Kind("Compresses long tails: sign(x) log(1 + |x|).", features=_NUMBER),
    "scale": Kind(
        "Brings columns to one scale: mean 0 and spread 1 (`standard`), median and quartiles (`robust`), 0 to 1 "
        "(`minmax`), -1 to 1 by the largest absolute value (`maxabs`), quantiles of a normal distribution "
        "(`quantile`), or the power that brings it nearest to one: Yeo-Johnson (`power`), Box-Cox (`boxcox`, only of "
        "values above zero; a later value at or below zero counts as the least of training).",
        ("standard", "robust", "minmax", "maxabs", "quantile", "power", "boxcox"),
        "standard",
        features=_NUMBERS,
    ),
    "products": Kind(
        "Adds the product of each pair of the columns with these rules, and their squares; after an imputer, in its "
        "place among the rules.",
        features=_NUMBER,
    ),
    "dates": Kind(
        "Takes parts of a timestamp instead of days, year, week and day as circles; `cyclic` makes a sine and a cosine "
        "of each part that comes round.",
        options=(
            "year",
            "quarter",
            "month",
            "week",
            "day",
            "dow",
            "doy",
            "hour",
            "minute",
            "weekend",
            "days",
            "cyclic",
        ),
        features=("timestamp",),
        example="dates:month,dow,hour,cyclic",
    ),
    "onehot": Kind(
        "One column for each category; those under `rare` of the rows, or beyond the `max` most frequent, share one, "
        "which unknown ones join.",
        options=("rare", "max"),
        features=_STRING,
        example="onehot:rare=0.01,max=50",
    ),
    "ordinal": Kind("One column of codes; -1 for unknown, -2 for missing.", features=_STRING),
    "target": Kind("The mean target of each category, smoothed; cross-fitted in training.", features=_STRING),
    "woe": Kind(
        "Weight of evidence of each category, log of its odds over all odds, with `smooth` rows of the average added "
        "(1); cross-fitted in training; a target of two classes only.",
        options=("smooth",),
        features=_STRING,
    ),
    "frequency": Kind("The share of training rows with the category; 0 for unknown ones.", features=_STRING),
    "count": Kind("The number of training rows with the category; 0 for unknown ones.", features=_STRING),
    "hash": Kind(
        "As many columns as `buckets` says (16); a category is one of them by its hash, also one that nobody has seen.",
        options=("buckets",),
        features=_STRING,
        example="hash:buckets=16",
    ),
    "tfidf": Kind(
        "Words of a text, weighed by how rare they are (TF-IDF, length 1): the `max` most frequent (100) of those in "
        "at least `rare` of the rows.",
        options=("max", "rare"),
        features=_STRING,
        example="tfidf:max=200",
    ),
    "drop": Kind("Leaves the column out."),
}
"""By the word that a rule begins with."""
