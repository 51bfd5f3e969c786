"""Columns of which a fitted preparation takes whatever comes: texts read by their words or their hash."""

from __future__ import annotations

__all__ = ["open_columns"]

_OPEN = ("Hashed", "Words")


def open_columns(preparation: object) -> frozenset[str]:
    """Name the columns in which a value that training has not seen is nothing strange.

    Parameters
    ----------
    preparation : object
        Fitted; of another kind than noria's own it has none.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Rules
    >>> from noria.preparation.recipe import preparation
    >>> rules = Rules(numeric=[], category=["onehot"], columns={"note": ["tfidf"]})
    >>> made = preparation([("grade", "category"), ("note", "text")], rules, encoding="linear")
    >>> rows = pd.DataFrame({"grade": ["a", "b"], "note": ["paid late", "paid well"]})
    >>> sorted(open_columns(made.fit(rows)))
    ['note']
    """
    found: set[str] = set()
    for _, part, columns in getattr(preparation, "transformers_", ()):
        steps = [step for _, step in getattr(part, "steps", [("", part)])]
        if any(type(step).__name__ in _OPEN for step in steps) and isinstance(columns, list):
            found |= {name for name in columns if isinstance(name, str)}
    return frozenset(found)
