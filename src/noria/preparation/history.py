"""What a row knows of the rows before it: last values carried on, lags, windows. Never of later rows.

Earlier is what lies strictly before a row's moment, in its own group: rows of one moment know nothing of each other, as
none of them was there first. So whatever comes later changes nothing here, and a row's columns are the same in the
table of training and when it is made up of what was known at the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.preparation.history_settings import looks
from noria.preparation.windows import measured

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.preparation.history_settings import HistorySettings, Look

__all__ = ["with_history"]


def with_history(
    table: pa.Table, settings: HistorySettings, *, time: str, group: str | None = None
) -> tuple[pa.Table, Mapping[str, int]]:
    """Add the columns that ``[history]`` asks for; a column of that name is replaced.

    Parameters
    ----------
    table : pyarrow.Table
        Rows in any order.
    settings : HistorySettings
        Which columns, and how.
    time : str
        When a row was; a row without a time has no history.
    group : str, optional
        Whose rows belong together; a row without one has no history.

    Returns
    -------
    (pyarrow.Table, mapping of str to int)
        The rows in their order, and how many values were filled in, by column.

    Raises
    ------
    WrongSetting
        A column is not there.
    WrongData
        A column holds no numbers, or the time column no times.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.preparation.history_settings import HistorySettings
    >>> settings = HistorySettings.model_validate({"load": ["forward", "lag:1", "mean:2"]})
    >>> rows = pa.table({"at": [3, 1, 2], "load": [None, 10.0, 20.0]})
    >>> made, filled = with_history(rows, settings, time="at")
    >>> made["load"].to_pylist(), made["load_lag_1"].to_pylist(), made["load_mean_2"].to_pylist(), dict(filled)
    ([20.0, 10.0, 20.0], [20.0, None, 10.0], [15.0, None, 10.0], {'load': 1})
    """
    import pyarrow as pa  # noqa: PLC0415 - the engine looks at this module without running it
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    from noria.store.aside import shelve  # noqa: PLC0415 - as above

    if group is not None and group not in table.column_names:
        raise _no_column(group, table)
    past = _past(table, time, group)
    filled: dict[str, int] = {}
    for name, texts in settings.columns.items():
        if name not in table.column_names:
            raise _no_column(name, table)
        values = _numbers(table, name)
        series = past.series(values)
        for look in looks(texts):
            before = table
            if look.word == "indicator":
                table = _put(table, f"{name}_filled", pa.array(np.isnan(values).astype(float)))
            elif look.word in ("forward", "interpolate"):
                carried = past.back(series.carried(look))
                filled[name] = int((np.isnan(values) & ~np.isnan(carried)).sum())
                column = table.column(name)
                made = np.round(carried) if pa.types.is_integer(column.type) else carried
                found = pa.chunked_array([pa.array(made, from_pandas=True).cast(column.type, safe=False)])
                table = _put(table, name, pc.if_else(column.is_valid(), column, found))  # what is known stays
            else:
                made = past.back(series.seen(look, smooth="interpolate" in texts))
                table = _put(table, f"{name}_{look.word}_{look.text}", pa.array(made, pa.float64(), from_pandas=True))
            table = shelve(table, like=before)
    return table, filled


@dataclass(frozen=True, eq=False)
class _Past:
    """Rows sorted by group and moment.

    Parameters
    ----------
    order : ndarray of int64
        Position in the table of each sorted row.
    times : ndarray of int64
        Moments of the sorted rows.
    first : ndarray of int64
        For each sorted row where its group begins.
    now : ndarray of int64
        For each sorted row the first of its group's rows of the same moment: what stands before is earlier.
    total : int
        Rows of the table.
    """

    order: NDArray[np.int64]
    times: NDArray[np.int64]
    first: NDArray[np.int64]
    now: NDArray[np.int64]
    total: int

    def series(self, values: NDArray[np.float64]) -> _Series:
        """Sort one column."""
        return _Series(self, values[self.order])

    def back(self, made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give sorted values the order of the table; rows without a past have none."""
        found = np.full(self.total, np.nan)
        found[self.order] = made
        return found


@dataclass(frozen=True, eq=False)
class _Series:
    past: _Past
    values: NDArray[np.float64]

    def carried(self, look: Look) -> NDArray[np.float64]:
        """Give each value, or where it is missing the last known earlier one, if that is near enough."""
        past, place = self.past, np.arange(len(self.values))
        last = self._last(place, self.past.now)
        fits = last >= 0
        near = last[fits]
        if look.rows is not None:
            fits[fits] = past.now[fits] - near <= look.rows
        elif look.microseconds is not None:
            fits[fits] = past.times[fits] - past.times[near] <= look.microseconds
        return np.where(np.isnan(self.values) & fits, self.values[last], self.values)

    def seen(self, look: Look, *, smooth: bool) -> NDArray[np.float64]:
        """Give what one look at the rows before sees."""
        past = self.past
        if look.word == "lag":
            at = past.now - (look.rows or 1)
            inside = at >= past.first
            made = np.full(len(at), np.nan)
            rows = np.flatnonzero(inside)
            made[rows] = self._known(rows, at[rows], smooth=smooth)
            return made
        if look.rows is not None:
            start = np.maximum(past.first, past.now - look.rows)
        else:
            start = self._since(look.microseconds or 0)
        return measured(look.word, start, past.now, lambda rows, at: self._known(rows, at, smooth=smooth))

    def _since(self, microseconds: int) -> NDArray[np.int64]:
        """Find for each row the first of its group that is at most so long ago."""
        past, made = self.past, self.past.now.copy()
        for begin in np.unique(past.first):
            end = np.searchsorted(past.first, begin, side="right")
            times = past.times[begin:end]
            made[begin:end] = begin + np.searchsorted(times, times - microseconds, side="left")
        return np.minimum(made, past.now)

    def _last(self, place: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the last known value of the group before a position; -1 where there is none."""
        known = np.where(np.isnan(self.values), -1, np.arange(len(self.values)))
        latest = np.maximum.accumulate(known) if len(known) else known
        found = np.where(before > 0, latest[before - 1], -1) if len(known) else known
        return np.where(found >= self.past.first[place], found, -1)

    def _known(self, rows: NDArray[np.int64], at: NDArray[np.int64], *, smooth: bool) -> NDArray[np.float64]:
        """Give the values at some places, as each row knows them: a gap between two known ones is drawn straight."""
        made = self.values[at]
        holes = np.isnan(made)
        if not smooth or not holes.any():
            return made
        places, asking = at[holes], rows[holes]
        before = self._last(places, places)
        index = np.where(np.isnan(self.values), len(self.values), np.arange(len(self.values)))
        nearest = np.minimum.accumulate(index[::-1])[::-1]
        after = nearest[places]
        after = np.where(after < self.past.now[asking], after, -1)  # what comes at the row's own moment it cannot know
        both, times, values = (before >= 0) & (after >= 0), self.past.times, self.values
        span = np.where(both, times[after] - times[before], 1)
        share = np.where(span > 0, (times[places] - times[before]) / np.maximum(span, 1), 0.0)
        drawn = values[before] + share * (values[after] - values[before])
        made[holes] = np.where(both, drawn, np.where(before >= 0, values[before], np.nan))
        return made


def _past(table: pa.Table, time: str, group: str | None) -> _Past:
    moments, timed = _moments(table, time)
    codes = np.zeros(table.num_rows, dtype=np.int64)
    if group is not None:
        encoded = table.column(group).combine_chunks().dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        timed = timed & (codes >= 0)
    rows = np.flatnonzero(timed)
    order = rows[np.lexsort((rows, moments[rows], codes[rows]))]
    sorted_codes, times = codes[order], moments[order]
    place = np.arange(len(order), dtype=np.int64)
    new_group = np.ones(len(order), dtype=bool)
    new_group[1:] = sorted_codes[1:] != sorted_codes[:-1]
    new_moment = new_group.copy()
    new_moment[1:] |= times[1:] != times[:-1]
    first = np.maximum.accumulate(np.where(new_group, place, 0)) if len(place) else place
    now = np.maximum.accumulate(np.where(new_moment, place, 0)) if len(place) else place
    return _Past(order, times, first, now, table.num_rows)


def _moments(table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    column = table.column(name).combine_chunks()
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us")).cast(pa.int64())
    elif not pa.types.is_integer(column.type):
        raise WrongData(
            f"[history] needs times, and {name!r} holds {column.type}",
            mend=f'say [data.columns] {name} = {{ type = "timestamp" }}',
            code="N-PREP-022",
        )
    known = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    return np.asarray(column.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64), known


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    column = table.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise WrongData(
            f"[history] looks at numbers, and {name!r} holds {column.type}",
            mend=f'take it out of [history], or cast it: [clean] cast = {{ {name} = "float" }}',
            code="N-PREP-023",
        )
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=float)


def _no_column(name: str, table: pa.Table) -> WrongSetting:
    return WrongSetting(
        f"[history] names the column {name!r}, which the data does not have",
        why=f"columns: {', '.join(table.column_names[:40])}",
        mend=did_you_mean(name, table.column_names) or "take it out of [history]",
        code="N-PREP-021",
    )


def _put(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)
