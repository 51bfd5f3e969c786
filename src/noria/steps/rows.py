"""Rows that a step of the user's own gives in a standard step's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongData

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["rows_of"]


def rows_of(given: object, place: str) -> pa.Table:
    """Give rows as a table with the types the rooms know, whatever kind of frame a step made of them.

    Parameters
    ----------
    given : object
        A pyarrow.Table, or a pandas.DataFrame, whose index is left out.
    place : str
        The standard step whose output this takes the place of.

    Raises
    ------
    WrongData
        It is neither.

    Examples
    --------
    >>> import pandas as pd
    >>> rows_of(pd.DataFrame({"age": [31, 40]}), "clean").to_pylist()
    [{'age': 31}, {'age': 40}]
    """
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it

    from noria.datasets.casting import ARROW_TYPES  # noqa: PLC0415 - as above
    from noria.sources.inference import settle  # noqa: PLC0415 - as above

    if isinstance(given, pa.Table) or hasattr(given, "__arrow_c_stream__"):
        table = given if isinstance(given, pa.Table) else pa.table(given)
        if set(table.schema.types) <= set(ARROW_TYPES.values()):
            return table
        index = [name for name in table.column_names if name.startswith("__index_level_")]
        return settle(table.drop_columns(index), na_values=(), from_text=False)
    raise WrongData(
        f"the step in the place of {place!r} gives {_kind(given)}, not rows",
        why="a step that replaces another takes over what that one gives",
        mend="return a pyarrow.Table or a pandas.DataFrame from it",
        code="N-STEPS-003",
    )


def _kind(given: object) -> str:
    return "nothing" if given is None else f"a {type(given).__name__}"
