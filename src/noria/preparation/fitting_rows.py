"""Rows that training learns from: without those that ``impute:drop_rows`` or ``outliers:…,drop`` leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.preparation.recipe import grouped
from noria.preparation.step import outliers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from noria.preparation.recipe import Encoding, Recipe

__all__ = ["fitting_rows", "leaves_rows_out"]


def fitting_rows(
    frame: pd.DataFrame,
    columns: Sequence[tuple[str, str]],
    settings: Recipe,
    *,
    encoding: Encoding,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Say which training rows are learned from; rows that are judged or asked about are never left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        The training rows of one fold: what is an outlier is found out among them alone.
    columns, settings, encoding, seed
        As `noria.preparation.recipe.preparation` takes them.

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Rules
    >>> rules = Rules(numeric=["impute:drop_rows"], category=[], columns={})
    >>> fitting_rows(pd.DataFrame({"a": [1.0, None]}), [("a", "float")], rules, encoding="linear").tolist()
    [True, False]
    """
    kept = np.ones(len(frame), dtype=bool)
    for rules, names in grouped(columns, settings, encoding=encoding).values():
        for rule in rules:
            if rule.kind == "impute" and rule.choice == "drop_rows":
                kept &= ~frame[names].isna().to_numpy().any(axis=1)
            elif rule.kind == "outliers" and rule.action == "drop":
                kept &= ~outliers(rule, seed).fit(frame[names]).strange(frame[names]).any(axis=1)
    return kept


def leaves_rows_out(columns: Sequence[tuple[str, str]], settings: Recipe, *, encoding: Encoding) -> bool:
    """Say whether any rule leaves rows out of training."""
    rules = [rule for some, _ in grouped(columns, settings, encoding=encoding).values() for rule in some]
    return any(rule.choice == "drop_rows" or (rule.kind == "outliers" and rule.action == "drop") for rule in rules)
