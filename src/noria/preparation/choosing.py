"""``"auto"``: rules chosen for each column from the training rows, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.preparation.frame import feature_kind
from noria.preparation.rules import CATEGORY_DEFAULT, NUMERIC_DEFAULT
from noria.preparation.texts import words

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from noria.preparation.recipe import Encoding
    from noria.preparation.rules import Written
    from noria.preparation.settings import PrepareSettings
    from noria.preparation.vocabulary import Feature

__all__ = ["Choice", "Chosen", "choose"]

FEW = 30
"""Categories up to which each gets a column of its own; beyond, one number says it."""

MOST_CODES = 250
"""Categories up to which trees take codes; they bin at most 255."""

_MARKED = 0.01
"""Share of missing values from which an indicator is worth a column."""

_LONG_TAIL = 2.0
_SKEWED = 1.0
_WORDY = 3.0


@dataclass(frozen=True)
class Choice:
    """What was chosen for one column.

    Parameters
    ----------
    column : str
        Its name.
    rules : tuple of str
        As they would be written in the project file; none where the column goes in as it is.
    why : str
        What was seen of it.
    """

    column: str
    rules: tuple[str, ...]
    why: str

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"column": self.column, "rules": list(self.rules), "why": self.why}


@dataclass(frozen=True)
class Chosen:
    """The rules of a project with nothing left to be chosen: a `noria.preparation.recipe.Recipe`.

    Parameters
    ----------
    numeric, category : sequence
        Rules of the groups.
    columns : mapping
        Rules of single columns.
    choices : tuple of Choice
        What was chosen; empty where nothing is "auto".
    """

    numeric: Sequence[Written]
    category: Sequence[Written]
    columns: Mapping[str, Sequence[Written]]
    choices: tuple[Choice, ...] = ()


def choose(
    frame: pd.DataFrame,
    columns: Sequence[tuple[str, str]],
    settings: PrepareSettings,
    *,
    encoding: Encoding,
    task: str,
) -> Chosen:
    """Put rules where the project file says "auto".

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows that are learned from: of one fold while candidates are compared, in the end all training rows.
        The target is not among the columns, so no rule can be chosen by it.
    columns : sequence of (name, type)
        Features with the types of the schema.
    settings : PrepareSettings
        ``[prepare]``.
    encoding : {"linear", "tree", "raw"}
        What the family needs.
    task : str
        Without a target there is no mean of it to encode by.

    Examples
    --------
    >>> import pandas as pd
    >>> from noria.preparation.settings import PrepareSettings
    >>> rows = pd.DataFrame({"income": [*range(-20, 20), 900]})
    >>> settings = PrepareSettings(numeric="auto")
    >>> made = choose(rows, [("income", "float")], settings, encoding="linear", task="regression")
    >>> made.choices[0].rules
    ('impute:median', 'outliers:iqr=3,clip', 'scale:standard')
    """
    own = dict(settings.columns)
    choices: list[Choice] = []
    rules: dict[str, Sequence[Written]] = {}
    for name, column_type in columns:
        kind = feature_kind(column_type)
        group = settings.category if kind == "string" else settings.numeric
        wanted = own.get(name, group)
        if wanted != "auto":
            if name in own:
                rules[name] = own[name]
            continue
        choice = _choice(name, frame[name], kind, encoding, task)
        choices.append(choice)
        if choice.rules:
            rules[name] = choice.rules
    # What is no feature is refused by name, where rules meet columns.
    rules |= {name: ("drop",) if one == "auto" else one for name, one in own.items() if name not in dict(columns)}
    numeric = NUMERIC_DEFAULT if settings.numeric == "auto" else settings.numeric
    category = CATEGORY_DEFAULT if settings.category == "auto" else settings.category
    return Chosen(numeric, category, rules, tuple(choices))


def _choice(name: str, values: pd.Series[float], kind: Feature, encoding: Encoding, task: str) -> Choice:
    if encoding == "raw":
        return Choice(name, (), "the family takes columns as they are")
    match kind:
        case "string":
            rules, why = _of_texts(values, encoding, task)
        case "timestamp":
            rules, why = _of_times(np.asarray(values, dtype="datetime64[us]"), encoding)
        case _:
            rules, why = _of_numbers(np.asarray(values, dtype=np.float64), encoding)
    return Choice(name, rules, why)


def _of_numbers(values: NDArray[np.float64], encoding: Encoding) -> tuple[tuple[str, ...], str]:
    known = values[~np.isnan(values)]
    missing, said = _missing(len(values) - len(known), len(values))
    if encoding == "tree":
        return (), f"{said}; trees split on values, scaled or not, and take missing ones"
    mark = ("indicator",) if missing >= _MARKED else ()
    if len(known) < 2 or known.min() == known.max():
        return ("impute:median", *mark), f"{said}; one value"
    if len(np.unique(known)) == 2:
        return ("impute:most_frequent", *mark), f"{said}; two values, which need no scale"
    skew = float(((known - known.mean()) ** 3).mean() / known.std() ** 3)
    outside, iqr = _outside(known), float(np.subtract(*np.quantile(known, [0.75, 0.25])))
    said = f"{said}; skew {skew:.1f}"
    if skew > _LONG_TAIL and known.min() >= 0 and _outside(np.log1p(known)) <= outside / 5:
        return ("impute:median", *mark, "log", "scale:standard"), f"{said}, nothing below zero: a long tail"
    if outside > 0 and iqr > 0:
        text = f"{said}; {_percent(outside)} far beyond the quartiles"
        return ("impute:median", *mark, "outliers:iqr=3,clip", "scale:standard"), text
    if abs(skew) > _SKEWED:
        return ("impute:median", *mark, "scale:power"), f"{said}: a power makes it even"
    return ("impute:median", *mark, "scale:standard"), said


def _outside(known: NDArray[np.float64]) -> float:
    """Give the share of values beyond three interquartile ranges."""
    lower, upper = np.quantile(known, [0.25, 0.75])
    return float(((known < lower - 3 * (upper - lower)) | (known > upper + 3 * (upper - lower))).mean())


def _of_texts(values: pd.Series[float], encoding: Encoding, task: str) -> tuple[tuple[str, ...], str]:
    known = values.dropna()
    _, said = _missing(len(values) - len(known), len(values))
    distinct = int(known.nunique())
    said = f"{said}; {distinct:,} categories"
    if len(known) and distinct > FEW and distinct > 0.5 * len(known):
        length = float(np.mean([len(words(text)) for text in known]))
        if length >= _WORDY:
            return ("tfidf:max=100",), f"{said}, of {length:.0f} words: a text"
    if encoding == "tree":
        if distinct <= MOST_CODES:
            return (), f"{said}: codes"
    elif distinct <= FEW:
        return CATEGORY_DEFAULT, f"{said}: a column each"
    if len(known) and distinct > 0.9 * len(known):
        return ("hash:buckets=16",), f"{said}, nearly one a row: nothing to learn of each"
    if task == "clustering":
        return ("frequency",), f"{said}, and no target: how frequent each is"
    return ("target",), f"{said}: too many for a column each, so the mean target of each"


def _of_times(values: NDArray[np.datetime64], encoding: Encoding) -> tuple[tuple[str, ...], str]:
    known = values[~np.isnat(values)].astype("datetime64[us]")
    _, said = _missing(len(values) - len(known), len(values))
    fill = () if encoding == "tree" else ("impute:median",)
    scale = () if encoding == "tree" else ("scale:standard",)
    days = float((known.max() - known.min()) / np.timedelta64(1, "D")) if len(known) else 0.0
    midnight = bool((known == known.astype("datetime64[D]")).all())
    parts = ["days"]
    if days >= 400:
        parts.append("month")
    if days >= 14:
        parts.append("dow")
    if not midnight:
        parts.append("hour")
    if len(parts) > 1:
        parts.append("cyclic")
    clock = "no time of day" if midnight else "with the time of day"
    return (f"dates:{','.join(parts)}", *fill, *scale), f"{said}; over {days:,.0f} days, {clock}"


def _missing(count: int, rows: int) -> tuple[float, str]:
    share = count / rows if rows else 0.0
    return share, "none missing" if not count else f"{_percent(share)} missing"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "under 0.1 %"
