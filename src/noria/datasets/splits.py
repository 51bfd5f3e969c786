"""Which rows are learned from and which are locked away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from noria.datasets.marks import COLLECTED
from noria.datasets.strata import draw, draw_groups, strata
from noria.duration import parse_duration
from noria.errors import WrongArgument, WrongData, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Method", "Split", "rows_digest", "split"]

Method = Literal["random", "stratified", "group", "time", "hash"]

_BLOCK = 1 << 16
_METHODS = ("random", "stratified", "group", "time", "hash")


@dataclass(frozen=True)
class Split:
    """Row numbers of both sides, each sorted.

    Parameters
    ----------
    train, test : ndarray of int64
        Positions in the table. No row is in both; rows in a gap, or of a group that would straddle, are in neither.
    method : str
        How it was cut.
    note : str
        What had to be done besides, for a person to read.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    method: Method
    note: str = ""


def split(
    table: pa.Table,
    *,
    method: Method | None = None,
    test: float = 0.2,
    seed: int = 7,
    target: str | None = None,
    key: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
    gap: str | timedelta | None = None,
) -> Split:
    """Cut a table into training and test rows.

    Parameters
    ----------
    table : pyarrow.Table
        All rows.
    method : str, optional
        Left out: stratified with a target of few values, else random. Where a `group` is given its rows stay on one
        side, whatever the method.
    test : float
        Share of rows (of groups' rows, of keys) for the test, between 0 and 1.
    seed : int
        Decides the draw.
    target : str, optional
        For stratified: classes, or tenths of a numeric target, keep their share on both sides.
    key : sequence of str
        For hash: what identifies a row.
    time : str, optional
        For time: when a row was.
    group : str, optional
        Rows that belong together.
    gap : str or timedelta, optional
        For time: stretch before the first test row that is left out of training.

    Raises
    ------
    WrongSetting
        The method needs a column that was not named.
    WrongData
        One side would be empty.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"y": ["a"] * 8 + ["b"] * 4})
    >>> cut = split(table, method="stratified", test=0.25, target="y")
    >>> len(cut.train), sorted(table["y"].take(cut.test).to_pylist())
    (9, ['a', 'a', 'b'])
    """
    if not 0 < test < 1:
        raise WrongArgument(f"test = {test} is no share", mend="write a number between 0 and 1", code="N-DATA-012")
    chosen = method or ("stratified" if target is not None and _has_classes(table, target) else "random")
    if chosen not in _METHODS:
        raise WrongSetting(
            f"[split] method {chosen!r} is unknown",
            mend=did_you_mean(chosen, _METHODS) or f"known: {', '.join(_METHODS)}",
            code="N-DATA-010",
        )
    if table.num_rows < 2:
        raise WrongData(
            f"{table.num_rows} row{'' if table.num_rows == 1 else 's'} cannot be split into training and test",
            mend="bring more rows",
            code="N-DATA-013",
        )
    groups = _codes(table, [group]) if group is not None else None
    note = ""
    if chosen == "time":
        train, held, note = _by_time(_moments(table, _needed(time, "time")), groups, test, _gap(gap))
    elif chosen == "hash":
        train, held = _by_hash(table, [group] if group is not None else list(key), test, seed)
    elif chosen == "group" and groups is None:
        raise _lacking("group")
    else:
        layers = _layers(table, target if chosen != "random" else None)
        rng = np.random.default_rng(seed)
        held = draw(layers, test, rng) if groups is None else draw_groups(groups, layers, test, rng)
        train = np.setdiff1d(np.arange(table.num_rows, dtype=np.int64), held, assume_unique=True)
    for side, rows in (("training", train), ("test", held)):
        if len(rows) == 0:
            raise WrongData(
                f"the {chosen} split leaves no rows for the {side}",
                why=f"{table.num_rows} rows, test = {test:g}" + (f"; {note}" if note else ""),
                mend="change [split] test, take another method, or bring more rows",
                code="N-DATA-014",
            )
    return Split(train, held, chosen, note)


def rows_digest(table: pa.Table, key: Sequence[str] = ()) -> str:
    """Say which rows these are, whatever their order: two runs with the same digest held the same rows back.

    Parameters
    ----------
    table : pyarrow.Table
        One side of a split.
    key : sequence of str
        What identifies a row; left out, all that is in it.

    Returns
    -------
    str
        BLAKE3, hexadecimal.

    Examples
    --------
    >>> import pyarrow as pa
    >>> one, other = pa.table({"id": [1, 2], "y": [0, 1]}), pa.table({"id": [2, 1], "y": [1, 1]})
    >>> rows_digest(one, ["id"]) == rows_digest(other, ["id"]), rows_digest(one) == rows_digest(other)
    (True, False)
    """
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere
    from blake3 import blake3  # noqa: PLC0415 - only where rows are told apart

    from noria.store.aside import Gathered  # noqa: PLC0415 - as above

    names = list(key) or sorted(name for name in table.column_names if not name.startswith("_noria_"))
    hasher = blake3("\x1f".join(names).encode())
    if not names:
        return str(hasher.hexdigest())
    written = Gathered()
    for start in range(0, table.num_rows, _BLOCK):
        # Lengths before the texts: no two rows are written alike. Missing is no text.
        parts = []
        for column in table.select(names).slice(start, _BLOCK).columns:
            text = column.combine_chunks().cast(pa.string())
            length = pc.utf8_length(text).cast(pa.string())
            parts += [pc.fill_null(length, "-"), pc.fill_null(text, "")]
        written.add(pa.table({"row": pc.binary_join_element_wise(*parts, "\x1f")}))
    chunks = [chunk for part in written.tables() for chunk in part.column("row").chunks]
    rows = pa.chunked_array(chunks, pa.string())
    order = pc.sort_indices(rows)  # by bytes, which is by letters in UTF-8
    for start in range(0, len(order), _BLOCK):
        for row in rows.take(order.slice(start, _BLOCK)).to_pylist():
            hasher.update(row.encode() + b"\x1e")
    return str(hasher.hexdigest())


def _by_time(
    moments: NDArray[np.int64], groups: NDArray[np.int64] | None, test: float, gap: timedelta
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    rows = np.arange(len(moments), dtype=np.int64)
    ordered = np.sort(moments)
    # Rows of the same moment stay together, so the cut is a moment, not a position.
    cut = ordered[min(len(ordered) - 1, max(1, round(len(ordered) * (1 - test))))]
    held = rows[moments >= cut]
    old = moments < cut
    early = old & (moments < cut - gap // timedelta(microseconds=1))
    notes = [f"test begins at {str(np.datetime64(int(cut), 'us'))[:19].replace('T', ' ')}"]
    if early.sum() < old.sum():
        notes.append(f"{old.sum() - early.sum():,} rows in the gap left out")
    if groups is not None:
        straddling = early & np.isin(groups, groups[held])
        early &= ~straddling
        if straddling.any():
            notes.append(f"{straddling.sum():,} earlier rows of groups that are in the test left out")
    return rows[early], held, "; ".join(notes)


def _by_hash(
    table: pa.Table, key: Sequence[str], test: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from blake3 import blake3  # noqa: PLC0415 - only here

    if not key:
        raise _lacking("key")
    salt = f"{seed}\x1e".encode()
    columns = [table.column(name).to_pylist() for name in key]
    limit = int(test * 2**64)
    held = np.fromiter(
        (
            int.from_bytes(blake3(salt + "\x1f".join(map(_written, cells)).encode()).digest(length=8), "big") < limit
            for cells in zip(*columns, strict=True)
        ),
        dtype=bool,
        count=table.num_rows,
    )
    rows = np.arange(table.num_rows, dtype=np.int64)
    return rows[~held], rows[held]


def _written(cell: object) -> str:
    # One row without an id makes pandas write all of them as 1.0, 2.0: they must stay on their side.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _layers(table: pa.Table, target: str | None) -> NDArray[np.int64]:
    layers = np.zeros(table.num_rows, dtype=np.int64)
    if target is not None:
        layers = strata(table.column(target))
    if COLLECTED in table.column_names:
        collected = strata(table.column(COLLECTED))
        layers = layers * (collected.max(initial=0) + 1) + collected
    return layers


def _codes(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    column = table.column(names[0]).combine_chunks()
    encoded = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column
    codes = np.array(encoded.indices.to_pandas(), dtype=float)
    absent = np.isnan(codes)
    # A row without a group belongs to nobody: each is a group of its own.
    codes[absent] = len(encoded.dictionary) + np.arange(absent.sum())
    return codes.astype(np.int64)


def _moments(table: pa.Table, name: str) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    column = table.column(name)
    if column.null_count:
        raise WrongData(
            f"the time column {name!r} is missing in {column.null_count:,} of {len(column):,} rows",
            mend=f'set those rows aside: rules = [{{ rule = "{name} is not null", severity = "quarantine" }}]',
            code="N-DATA-015",
        )
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return np.asarray(column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(), dtype=np.int64)
    if pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    raise WrongData(
        f"the time column {name!r} holds {column.type}, not times",
        why=f"as in {column.slice(0, 3).to_pylist()!r}",
        mend=f'write ISO times (2026-05-04T13:37:00), or say [data.columns] {name} = {{ type = "timestamp" }}',
        code="N-DATA-016",
    )


def _has_classes(table: pa.Table, target: str) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    column = table.column(target)
    if pa.types.is_floating(column.type):
        return False
    return bool(pc.count_distinct(column).as_py() <= max(2, min(50, table.num_rows // 20)))


def _gap(gap: str | timedelta | None) -> timedelta:
    if gap is None:
        return timedelta(0)
    return gap if isinstance(gap, timedelta) else parse_duration(gap)


def _needed(name: str | None, role: str) -> str:
    if name is None:
        raise _lacking(role)
    return name


def _lacking(role: str) -> WrongSetting:
    method = {"key": "hash"}.get(role, role)
    example = '["id"]' if role == "key" else '"column"'
    return WrongSetting(
        f'[split] method = "{method}" needs [data] {role}',
        mend=f"name the column: [data] {role} = {example}, or take another method",
        code="N-DATA-010",
    )
