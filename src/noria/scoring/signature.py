"""What a model version accepts: learned from its training data, checked before every answer.

Columns are matched by name, never by position. A batch is accepted whole or refused whole, and the refusal names
row and column of each fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

from noria.errors import WrongData, did_you_mean
from noria.scoring.column import (
    ColumnType,
    Fault,
    MissingPolicy,
    RangePolicy,
    SignatureColumn,
    UnseenPolicy,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Checked", "InputRefused", "Policies", "Problem", "Signature", "SignatureColumn", "learn"]

_MOST_CATEGORIES = 10_000
_MOST_PROBLEMS = 100
_NO_RECORD: Mapping[str, object] = {}  # stands for what is no object: told once, not once a column


@dataclass(frozen=True)
class Problem:
    """One fault of a batch: where, and what."""

    row: int
    column: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, object]:
        """Give it as the answer shows it."""
        return {"row": self.row, "column": self.column, "code": self.code, "message": self.message}

    def __str__(self) -> str:
        return (
            f"row {self.row}" + (f", column {self.column!r}" if self.column is not None else "") + f": {self.message}"
        )


class InputRefused(WrongData):
    """Rows that the model cannot be asked about.

    Attributes
    ----------
    problems : tuple of Problem
        The first hundred faults.
    rows : frozenset of int
        Every row that has one.
    """

    def __init__(
        self, problems: Sequence[Problem], *, mend: str = "noria models show MODEL says what it accepts"
    ) -> None:
        shown = tuple(problems[:_MOST_PROBLEMS])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"the input does not fit the model: {problems[0]}{more}",
            why="\n".join(map(str, shown[:10])),
            mend=mend,
            code="N-SCORING-001",
        )
        self.problems = shown
        self.rows = frozenset(problem.row for problem in problems)


@dataclass(frozen=True)
class Policies:
    """What a deployment wants of unusual input, whatever was learned.

    Attributes
    ----------
    missing : str
        ``auto`` leaves it to what training saw; else as `SignatureColumn` has it, for every column.
    unseen, range, extra : str
        As `SignatureColumn` and `Signature` have them.
    """

    missing: MissingPolicy | Literal["auto"] = "auto"
    unseen: UnseenPolicy = "refuse"
    range: RangePolicy = "flag"
    extra: Literal["refuse", "ignore"] = "refuse"


@dataclass(frozen=True)
class Checked:
    """Rows that fit.

    Attributes
    ----------
    columns : mapping of name to list
        Features, as the model gets them.
    carried : mapping of name to list
        Keys and times that came along, None where they did not.
    flags : list of tuple of str
        For each row what is unusual: ``missing:income``, ``unseen:grade``, ``range:age``.
    """

    rows: int
    columns: Mapping[str, list[object]]
    carried: Mapping[str, list[object]]
    flags: list[tuple[str, ...]]


@dataclass(frozen=True)
class Signature:
    """The input and output of a model version.

    Attributes
    ----------
    columns : tuple of SignatureColumn
        The features.
    carried : tuple of SignatureColumn
        Columns a client may send along, such as key and time: logged, never shown to the model.
    task : str
        ``classification``, ``regression`` or ``clustering``.
    target : str, optional
        Name of what is predicted.
    positive : str or int or bool, optional
        The class whose probability is the score.
    extra : str
        For a column that is neither: ``refuse`` or ``ignore``.
    """

    columns: tuple[SignatureColumn, ...]
    carried: tuple[SignatureColumn, ...] = ()
    task: str = "classification"
    target: str | None = None
    positive: str | int | bool | None = None
    extra: Literal["refuse", "ignore"] = "refuse"
    version: int = field(default=1)

    def to_json(self) -> dict[str, object]:
        """Give the signature as JSON."""
        return {
            "version": self.version,
            "task": self.task,
            "target": self.target,
            "positive": self.positive,
            "extra": self.extra,
            "columns": [column.to_json() for column in self.columns],
            "carried": [column.to_json() for column in self.carried],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Signature:
        """Read a signature back.

        Raises
        ------
        WrongData
            It was written by a newer noria, or is none.
        """
        if value.get("version") != 1:
            raise WrongData(
                f"cannot read a signature of version {value.get('version')!r}",
                mend="take the noria that wrote it, or a newer one",
                code="N-SCORING-002",
            )
        return cls(
            columns=_columns(value["columns"]),
            carried=_columns(value.get("carried", [])),
            task=str(value["task"]),
            target=cast("str | None", value.get("target")),
            positive=cast("str | int | bool | None", value.get("positive")),
            extra=cast("Literal['refuse', 'ignore']", value.get("extra", "refuse")),
        )

    @cached_property
    def features(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the features, in order."""
        return tuple((column.name, column.type) for column in self.columns)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(column.name for column in (*self.columns, *self.carried))

    def under(self, policies: Policies) -> Signature:
        """Give the same signature with a deployment's policies."""
        columns = tuple(
            replace(
                column,
                missing=column.missing if policies.missing == "auto" else policies.missing,
                unseen=policies.unseen,
                range=policies.range,
            )
            for column in self.columns
        )
        return replace(self, columns=columns, extra=policies.extra)

    def check(self, records: Sequence[object]) -> Checked:
        """Check records as they came out of JSON.

        Parameters
        ----------
        records : sequence
            One mapping of column to value a row.

        Raises
        ------
        InputRefused
            At least one row does not fit. Nothing is scored then.
        """
        problems: list[Problem] = []
        rows: list[Mapping[str, object]] = []
        names = self._names
        for number, record in enumerate(records):
            if not isinstance(record, Mapping):
                problems.append(Problem(number, None, "not_an_object", "expected an object of column names and values"))
                rows.append(_NO_RECORD)
                continue
            rows.append(record)
            if self.extra == "refuse" and not names >= record.keys():
                problems += [_extra(number, name, names) for name in record if name not in names]
        flags: list[list[str]] = [[] for _ in rows]
        columns = {column.name: _checked(column, rows, flags, problems) for column in self.columns}
        carried = {column.name: _checked(column, rows, flags, problems, optional=True) for column in self.carried}
        if problems:
            raise InputRefused(sorted(problems, key=lambda problem: problem.row))
        return Checked(len(rows), columns, carried, [tuple(each) for each in flags])

    def check_table(self, table: pa.Table) -> Checked:
        """Check the rows of a table; columns the model does not know are left alone.

        Raises
        ------
        InputRefused
            A column is not there, or a value does not fit.
        """
        import pyarrow as pa  # noqa: PLC0415 - only where a table is given

        present = set(table.column_names)
        missing = [column.name for column in self.columns if column.name not in present]
        if missing:
            raise InputRefused([_no_column(0, name, present) for name in missing])
        problems: list[Problem] = []
        flags: list[list[str]] = [[] for _ in range(table.num_rows)]
        made: dict[str, list[object]] = {}
        for column in (*self.columns, *self.carried):
            if column.name in present:
                values = _plain(column, table.column(column.name), pa)
                made[column.name] = _values(column, values, flags, problems)
            else:
                made[column.name] = [None] * table.num_rows
        if problems:
            raise InputRefused(sorted(problems, key=lambda problem: problem.row))
        return Checked(
            table.num_rows,
            {column.name: made[column.name] for column in self.columns},
            {column.name: made[column.name] for column in self.carried},
            [tuple(each) for each in flags],
        )

    def example(self) -> dict[str, object]:
        """Make up a row that fits, to warm a model up or to show its shape."""
        return {column.name: _example(column) for column in self.columns}


def learn(
    table: pa.Table,
    columns: Sequence[tuple[str, str]],
    *,
    carried: Sequence[tuple[str, str]] = (),
    task: str = "classification",
    target: str | None = None,
    positive: str | int | bool | None = None,
    missing: MissingPolicy | Literal["auto"] = "auto",
    unseen: UnseenPolicy = "refuse",
    range: RangePolicy = "flag",
    extra: Literal["refuse", "ignore"] = "refuse",
) -> Signature:
    """Learn what a model accepts from the data it was trained on.

    Parameters
    ----------
    table : pyarrow.Table
        The training data, with all columns named below.
    columns : sequence of (name, type)
        The features in the model's order; types of the dataset's schema.
    carried : sequence of (name, type)
        Key, time and group columns that a client may send along.
    task, target, positive : str
        See `Signature`.
    missing : str
        ``auto`` imputes where training had missing values and refuses elsewhere.
    unseen, range, extra : str
        See `SignatureColumn` and `Signature`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signature = learn(pa.table({"age": [18, 75], "grade": ["A", None]}), [("age", "int"), ("grade", "category")])
    >>> signature.check([{"age": 30, "grade": "A"}]).columns
    {'age': [30], 'grade': ['A']}
    >>> signature.check([{"age": "30", "grade": "C"}])
    Traceback (most recent call last):
    noria.scoring.signature.InputRefused: the input does not fit the model: row 0, column 'age': expected an \
integer, got '30' (and 1 more)
      row 0, column 'age': expected an integer, got '30'
      row 0, column 'grade': 'C' is none of training's categories: 'A'
      mend: noria models show MODEL says what it accepts
    """
    return Signature(
        columns=tuple(_learned(table, name, kind, missing, unseen, range) for name, kind in columns),
        carried=tuple(SignatureColumn(name, cast("ColumnType", kind), missing="impute") for name, kind in carried),
        task=task,
        target=target,
        positive=positive,
        extra=extra,
    )


def _learned(
    table: pa.Table,
    name: str,
    kind: str,
    missing: MissingPolicy | Literal["auto"],
    unseen: UnseenPolicy,
    ranged: RangePolicy,
) -> SignatureColumn:
    import pyarrow as pa  # noqa: PLC0415 - only where a table is given
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    empty = column.null_count
    low = high = None
    categories: tuple[str, ...] | None = None
    if kind in ("int", "float"):
        finite = column.cast(pa.float64(), safe=False)
        finite = finite.filter(pc.is_finite(finite))
        empty = table.num_rows - len(finite)
        if len(finite):
            low, high = pc.min(finite).as_py(), pc.max(finite).as_py()
    elif kind == "category":
        distinct = column.cast(pa.string()).unique()
        if len(distinct) <= _MOST_CATEGORIES:
            categories = tuple(sorted(value for value in distinct.to_pylist() if value is not None))
    policy: MissingPolicy = ("impute" if empty else "refuse") if missing == "auto" else missing
    return SignatureColumn(
        name=name,
        type=cast("ColumnType", kind),
        missing=policy,
        unseen=unseen,
        range=ranged,
        categories=categories,
        integers=kind == "category" and pa.types.is_integer(column.type),
        min=low,
        max=high,
    )


def _checked(
    column: SignatureColumn,
    rows: Sequence[Mapping[str, object]],
    flags: list[list[str]],
    problems: list[Problem],
    *,
    optional: bool = False,
) -> list[object]:
    name = column.name
    values: list[object] = []
    for number, row in enumerate(rows):
        if name in row:
            values.append(row[name])
            continue
        values.append(None)
        if not optional and row is not _NO_RECORD:
            problems.append(_no_column(number, name, row))
    if problems:
        # Absent columns were told above; an absent value must not be told a second time as a missing one.
        return [
            None if name not in row else _value(column, number, value, flags, problems)
            for number, (row, value) in enumerate(zip(rows, values, strict=True))
        ]
    return _values(column, values, flags, problems)


def _values(
    column: SignatureColumn, values: list[object], flags: list[list[str]], problems: list[Problem]
) -> list[object]:
    return [_value(column, number, value, flags, problems) for number, value in enumerate(values)]


def _value(
    column: SignatureColumn, number: int, value: object, flags: list[list[str]], problems: list[Problem]
) -> object:
    found = column.check(value)
    if isinstance(found, Fault):
        problems.append(Problem(number, column.name, found.code, found.message))
        return None
    if found[1] is not None:
        flags[number].append(found[1])
    return found[0]


def _plain(column: SignatureColumn, values: pa.ChunkedArray, pa: object) -> list[object]:
    """Give a table's column as JSON would have given it."""
    from pyarrow import types  # noqa: PLC0415 - only where a table is given

    if types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if column.type in ("category", "text") and not types.is_string(values.type):
        values = values.cast("string")
    made = values.to_pylist()
    if column.type in ("int", "float") and types.is_floating(values.type):
        return [None if value is not None and value != value else value for value in made]
    return cast("list[object]", made)


def _extra(number: int, name: str, known: frozenset[str]) -> Problem:
    hint = did_you_mean(name, known)
    return Problem(number, name[:128], "extra_column", "the model has no such column" + (f"; {hint}" if hint else ""))


def _no_column(number: int, name: str, present: Mapping[str, object] | set[str]) -> Problem:
    hint = did_you_mean(name, present)
    return Problem(number, name, "missing_column", "the column is not there" + (f"; {hint}" if hint else ""))


def _example(column: SignatureColumn) -> object:
    if column.type in ("int", "float"):
        middle = ((column.min or 0.0) + (column.max or 0.0)) / 2
        return int(middle) if column.type == "int" else middle
    if column.type == "bool":
        return False
    if column.type == "timestamp":
        return "2026-01-01T00:00:00"
    return column.categories[0] if column.categories else ""


def _columns(values: object) -> tuple[SignatureColumn, ...]:
    return tuple(SignatureColumn.from_json(value) for value in cast("list[Mapping[str, object]]", values))
