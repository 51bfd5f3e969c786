"""Rows on both sides of a split that know of each other: what is judged on them is remembered, not learned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from noria.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["look_across"]

_SHARE = 0.01
_LEAST_ROWS = 5
_CHANCE = 0.01
_ENOUGH = 50
_SMALL_GROUPS = 20
_MOST_KEPT = 50_000
_MOST_COLUMNS = 100
_STEP = 0.01
_ONE_OF_MANY = re.compile(
    r"(^|[_\W])(id|uuid|guid|patient|subject|customer|client|user|person|account|household|device|machine|owner)"
    r"([_\W]?(id|no|nr|number|key))?$|[a-z]I[dD]$",
    re.IGNORECASE,
)


def look_across(
    train: pa.Table,
    test: pa.Table,
    features: Sequence[str],
    *,
    method: str,
    key: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
    target: str | None = None,
) -> Iterator[Finding]:
    """Find keys, groups, equal rows and nearly equal rows on both sides, and training rows later than the test's.

    Parameters
    ----------
    train, test : pyarrow.Table
        Both sides of the split.
    features : sequence of str
        Columns the model would see.
    method : str
        How it was cut.
    key, time, group, target : optional
        As in ``[data]``.
    """
    if not train.num_rows or not test.num_rows:
        return
    if key:
        found = _shared(train, test, key)
        if found:
            yield Finding(
                "straddling-key", key[0], "warn", found,
                f"the key {', '.join(key)} of {found:,} of {test.num_rows:,} test rows is among the training rows too",
                'one row a key: [clean] drop_duplicates = "key:last", or keep them together: [split] method = "hash"',
            )  # fmt: skip
    if group is not None:
        found = _shared(train, test, [group])
        if found:
            yield Finding(
                "straddling-group", group, "warn", found,
                f"{found:,} of {test.num_rows:,} test rows are of a {group} that is among the training rows too",
                '[split] method = "group"',
            )  # fmt: skip
    else:
        yield from _undeclared_groups(train, test, {target, time, *key})
    if time is not None:
        yield from _times(train, test, time, method)
    yield from _equal(train, test, features)


def _shared(train: pa.Table, test: pa.Table, names: Sequence[str]) -> int:
    ours, theirs = _codes(train, names), _codes(test, names)
    known = np.ones(test.num_rows, dtype=bool)
    for name in names:
        known &= np.asarray(test.column(name).is_valid().to_numpy(), dtype=bool)
    return int((np.isin(theirs, ours) & known).sum())


def _undeclared_groups(train: pa.Table, test: pa.Table, roles: set[str | None]) -> Iterator[Finding]:
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    for name in train.column_names:
        kind = train.schema.field(name).type
        if (
            name in roles
            or not _ONE_OF_MANY.search(name)
            or not (pa.types.is_string(kind) or pa.types.is_integer(kind))
        ):
            continue
        column = train.column(name)
        values, present = pc.count_distinct(column).as_py(), len(column) - column.null_count
        # Many small groups are people or devices whose rows resemble each other; few large ones are a category.
        if present < _ENOUGH or not present / _SMALL_GROUPS <= values < 0.9 * present:
            continue
        found = _shared(train, test, [name])
        if found > 0.1 * test.num_rows:
            yield Finding(
                "straddling-group", name, "warn", found,
                f"{found:,} of {test.num_rows:,} test rows share their {name} with training rows: "
                f"{present / values:.1f} rows each, {values:,} of them",
                f'if rows of one {name} resemble each other: [data] group = "{name}"',
            )  # fmt: skip


def _times(train: pa.Table, test: pa.Table, time: str, method: str) -> Iterator[Finding]:
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    moment = pc.min(test.column(time)).cast(train.schema.field(time).type)
    first = moment.as_py()
    if first is None:
        return
    later = int(pc.sum(pc.greater_equal(train.column(time), moment)).as_py() or 0)
    if not later:
        return
    if method == "time":
        yield Finding(
            "straddling-time", time, "warn", later,
            f"{later:,} training rows are not older than the first test row, of {first}",
            "look for rows whose time was changed after the split",
        )  # fmt: skip
    elif later > 0.1 * train.num_rows:
        yield Finding(
            "straddling-time", time, "warn", later,
            f"{later:,} of {train.num_rows:,} training rows are later than the first test row: the past is judged with "
            "what came after it",
            'if the model is to foretell what comes: [split] method = "time"',
        )  # fmt: skip


def _equal(train: pa.Table, test: pa.Table, features: Sequence[str]) -> Iterator[Finding]:
    """Find test rows that a training row equals in every feature, or in all but one.

    Rows of few and coarse columns are equal by chance: told is only what independent columns would hardly bring forth.
    """
    both = set(train.column_names) & set(test.column_names)
    names = [name for name in features if name in both][:_MOST_COLUMNS]
    if len(names) < 2:
        return
    n_train, n_test = train.num_rows, test.num_rows
    train, test = _spread(train.select(names), _MOST_KEPT * 3), _spread(test.select(names), _MOST_KEPT)
    # Of the pairs of a test row and its double, those are seen whose training row is looked at.
    scale = n_test / test.num_rows * n_train / train.num_rows
    sampled = "" if scale == 1 else f" (estimated from {train.num_rows:,} and {test.num_rows:,} rows)"
    exact = {name: _values(train, test, name, step=None) for name in names}
    by_chance = _by_chance(exact, train.num_rows)
    if by_chance < _CHANCE:
        found = min(n_test, round(scale * _matches(exact, None, train.num_rows, test.num_rows)))
        if _is_much(found, n_test):
            yield Finding(
                "straddling-row", None, "warn", found,
                f"{found:,} of {n_test:,} test rows equal a training row in every feature{sampled}",
                "[clean] drop_duplicates = true, or keep rows of one origin together: [data] group",
            )  # fmt: skip
            return
    if len(names) < 4:
        return
    near = {name: _values(train, test, name, step=_STEP) for name in names}
    if _by_chance(near, train.num_rows, all_but_one=True) >= _CHANCE:
        return
    found = min(n_test, round(scale * _matches(near, names, train.num_rows, test.num_rows)))
    if _is_much(found, n_test):
        yield Finding(
            "straddling-near", None, "warn", found,
            f"{found:,} of {n_test:,} test rows are all but equal to a training row: the same in every feature "
            f"but one at most, numbers to {_STEP:g} standard deviations{sampled}",
            "look whether they are copies of one origin, and keep those together: [data] group",
        )  # fmt: skip


def _spread(table: pa.Table, most: int) -> pa.Table:
    if table.num_rows <= most:
        return table
    return table.take(np.linspace(0, table.num_rows - 1, most).astype(np.int64))


def _is_much(found: int, rows: int) -> bool:
    return found >= max(_LEAST_ROWS, _SHARE * rows)


def _values(train: pa.Table, test: pa.Table, name: str, *, step: float | None) -> NDArray[np.int64]:
    """Number the values of both sides alike; the training rows come first."""
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere

    kind = train.schema.field(name).type
    both = pa.chunked_array([*train.column(name).chunks, *test.column(name).cast(kind).chunks], type=kind)
    if step is not None and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        numbers = np.array(both.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
        finite = np.isfinite(numbers)
        spread = float(numbers[finite].std()) if finite.any() else 0.0
        if spread > 0:
            # Where the step is finer than the numbers themselves they stay as they are.
            rounded = np.where(finite, np.round(np.where(finite, numbers, 0.0) / (step * spread)), np.nan)
            return np.unique(rounded, return_inverse=True)[1].astype(np.int64)
    coded = both.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    return np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1


def _by_chance(values: Mapping[str, NDArray[np.int64]], n_train: int, *, all_but_one: bool = False) -> float:
    """Estimate with how many training rows a test row agrees if the columns had nothing to do with each other."""
    agree = []
    for codes in values.values():
        share = np.bincount(codes) / len(codes)
        agree.append(float((share**2).sum()))
    # The rarest agreement is the one that may be left out.
    kept = sorted(agree)[1:] if all_but_one else agree
    return n_train * float(np.prod(kept)) * (len(agree) if all_but_one else 1)


def _matches(
    values: Mapping[str, NDArray[np.int64]], leave_out: Sequence[str] | None, n_train: int, n_test: int
) -> int:
    """Count test rows that agree with a training row in all columns, or in all but any one of those given."""
    rng = np.random.default_rng(0)
    parts = {}
    total = np.zeros(n_train + n_test, dtype=np.uint64)
    for name, codes in values.items():
        words = rng.integers(0, 2**63, int(codes.max()) + 1, dtype=np.uint64)
        parts[name] = words[codes]
        total += parts[name]
    if leave_out is None:
        return int(np.isin(total[n_train:], total[:n_train]).sum())
    found = np.zeros(n_test, dtype=bool)
    for name in leave_out:
        rest = total - parts[name]
        found |= np.isin(rest[n_train:], rest[:n_train])
    return int(found.sum())


def _codes(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    """Hash the cells of some columns, row by row; equal rows of two tables get equal numbers."""
    from noria.datasets.sql import quoted, session  # noqa: PLC0415 - only where keys are compared

    with session({"rows_of_table": table.select(list(names))}) as duck:
        chosen = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
        query = f"SELECT CAST(hash({chosen}) % 9223372036854775807 AS BIGINT) AS h FROM rows_of_table"  # noqa: S608 - names are quoted
        made: pa.Table = duck.sql(query).to_arrow_table()
    return np.asarray(made.column("h").to_numpy(), dtype=np.int64)
