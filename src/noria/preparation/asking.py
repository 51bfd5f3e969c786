"""Rows that a model is asked about, with what ``[history]`` knows of the rows before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.preparation.cleaning import clean as cleaned
from noria.preparation.history import with_history

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.preparation.clean_settings import CleanSettings
    from noria.preparation.history_settings import HistorySettings

__all__ = ["ready"]

_ASKED = "_noria_asked"


def ready(
    rows: pa.Table,
    past: pa.Table,
    *,
    clean: CleanSettings,
    history: HistorySettings,
    time: str,
    group: str | None = None,
) -> pa.Table:
    """Give new rows the columns they would have had in training.

    Parameters
    ----------
    rows : pyarrow.Table
        New ones; they may know of each other.
    past : pyarrow.Table
        Rows before them, as read; of one moment and group the new ones count.
    clean : CleanSettings
        ``[clean]``; no row is left out as a duplicate.
    history : HistorySettings
        ``[history]``.
    time, group : str
        As `noria.preparation.history.with_history` takes them.

    Raises
    ------
    WrongData
        A row cannot say when or whose it is, or a column holds other things here than there.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.preparation.clean_settings import CleanSettings
    >>> from noria.preparation.history_settings import HistorySettings
    >>> settings = HistorySettings.model_validate({"load": ["lag:1"]})
    >>> past, new = pa.table({"at": [1, 2], "load": [5.0, 6.0]}), pa.table({"at": [3], "load": [7.0]})
    >>> ready(new, past, clean=CleanSettings(), history=settings, time="at").to_pylist()
    [{'at': 3, 'load': 7.0, 'load_lag_1': 6.0}]
    """
    import pyarrow as pa  # noqa: PLC0415 - read by those who ask only

    def marked(table: pa.Table, asked: bool) -> pa.Table:
        return table.append_column(_ASKED, pa.array([asked] * table.num_rows, pa.bool_()))

    who = [name for name in (group, time) if name is not None]
    for name in who:
        for table in (rows, past):
            if name not in table.column_names:
                raise WrongData(
                    f"the rows lack {name!r}, so nobody knows what was before them",
                    why=f"columns: {', '.join(table.column_names[:40])}",
                    mend=f"give {name} with each row",
                    code="N-PREP-025",
                )
    wanted = list(dict.fromkeys([*rows.column_names, *who, *history.columns]))
    wanted = [name for name in wanted if name in past.column_names]
    plain = clean.model_copy(update={"drop_duplicates": False})
    rows = _as_before(rows, past)
    try:
        both = pa.concat_tables([marked(past.select(wanted), False), marked(rows, True)], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongData(
            "the rows do not fit to those before them",
            why=str(error).splitlines()[0],
            mend="see what the columns hold with: noria data show, and cast them in [clean]",
            code="N-PREP-024",
        ) from None
    made, _ = cleaned(both, plain)
    asked = set(_moments(made.filter(made.column(_ASKED)), who))
    again = [not new and one in asked for new, one in zip(made[_ASKED].to_pylist(), _moments(made, who), strict=True)]
    made = made.filter(pa.array([not one for one in again], pa.bool_()))
    made, _ = with_history(made, history, time=time, group=group)
    return made.filter(made.column(_ASKED)).drop_columns([_ASKED])


def _moments(table: pa.Table, names: list[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def _as_before(rows: pa.Table, past: pa.Table) -> pa.Table:
    """Give new rows the types of those before: of a few rows nobody can tell what an empty column holds."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    for place, name in enumerate(rows.column_names):
        if name not in past.column_names or rows.schema.field(name).type == past.schema.field(name).type:
            continue
        column, kind = rows.column(name), past.schema.field(name).type
        try:
            made = pa.nulls(len(column), kind) if column.null_count == len(column) else column.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue  # what cannot be told apart here is refused where the two are joined
        rows = rows.set_column(place, name, made)
    return rows
