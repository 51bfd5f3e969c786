"""What a model version accepts: learned from its training data, checked before every answer.

Columns are matched by name, never by position. A batch is accepted whole or refused whole, and the refusal names
row and column of each fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from noria.errors import WrongData, WrongSetting, did_you_mean
from noria.evaluation.regions import Regions
from noria.scoring.column import (
    Fault,
    SignatureColumn,
)
from noria.scoring.decoding import RowReader
from noria.scoring.plain import plain_column, plain_value
from noria.scoring.refusal import InputRefused, Problem, extra_column, no_column
from noria.scoring.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.scoring.policies import Policies

__all__ = ["Checked", "InputRefused", "Problem", "Signature", "SignatureColumn"]

_INT64 = 2.0**63
_Look = Callable[[Any], bool]
_NO_RECORD: Mapping[str, object] = {}  # stands for what is no object: told once, not once a column


class Checked(msgspec.Struct, frozen=True):
    """Rows that fit.

    Attributes
    ----------
    columns : mapping of name to sequence
        Features, as the model gets them: lists out of a request, arrays and `Coded` out of a table.
    carried : mapping of name to sequence
        Keys and times that came along, None where they did not.
    flags : list of tuple of str
        For each row what is unusual: ``missing:income``, ``unseen:grade``, ``range:age``.
    """

    rows: int
    columns: Mapping[str, Sequence[object]]
    carried: Mapping[str, Sequence[object]]
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
    threshold : float, optional
        Rows whose score is at least this are called positive; the likelier class where None.
    regions : Regions, optional
        How far the truth may lie from an answer.
    extra : str
        For a column that is neither: ``refuse`` or ``ignore``.
    """

    columns: tuple[SignatureColumn, ...]
    carried: tuple[SignatureColumn, ...] = ()
    task: str = "classification"
    target: str | None = None
    positive: str | int | bool | None = None
    extra: Literal["refuse", "ignore"] = "refuse"
    threshold: float | None = None
    regions: Regions | None = None

    @property
    def version(self) -> int:
        """Of the format: the first one knows no threshold, and who reads only that must not answer without it."""
        return 1 if self.threshold is None else 2

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
            **({} if self.threshold is None else {"threshold": self.threshold}),
            **({} if self.regions is None else {"regions": self.regions.to_json()}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Signature:
        """Read a signature back.

        Raises
        ------
        WrongData
            It was written by a newer noria, or is none.
        """
        if value.get("version") not in (1, 2):
            raise WrongData(
                f"cannot read a signature of version {value.get('version')!r}",
                mend="take the noria that wrote it, or a newer one",
                code="N-SCORING-002",
            )
        regions = cast("Mapping[str, object] | None", value.get("regions"))
        return cls(
            columns=_columns(value["columns"]),
            carried=_columns(value.get("carried", [])),
            task=str(value["task"]),
            target=cast("str | None", value.get("target")),
            positive=cast("str | int | bool | None", value.get("positive")),
            extra=cast("Literal['refuse', 'ignore']", value.get("extra", "refuse")),
            threshold=cast("float | None", value.get("threshold")),
            regions=None if regions is None else Regions.from_json(regions),
        )

    @cached_property
    def features(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the features, in order."""
        return tuple((column.name, column.type) for column in self.columns)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(column.name for column in (*self.columns, *self.carried))

    def under(self, policies: Policies) -> Signature:
        """Give the same signature with a deployment's policies.

        Raises
        ------
        WrongSetting
            They name a column that the model does not take.
        """
        names = [column.name for column in self.columns]
        unknown = next((name for name in policies.columns if name not in names), None)
        if unknown is not None:
            raise WrongSetting(
                f"[deploy.input.columns] names {unknown!r}, which the model does not take",
                why=did_you_mean(unknown, names) or f"it takes {', '.join(names)}",
                mend="correct the name, or remove the lines",
                code="N-SCORING-004",
            )
        return replace(self, columns=tuple(policies.of(column) for column in self.columns), extra=policies.extra)

    @cached_property
    def pseudonyms(self) -> frozenset[str]:
        """Columns that come along of which only pseudonyms are kept."""
        return frozenset(column.name for column in self.carried if column.pseudonym)

    @cached_property
    def reader(self) -> RowReader:
        """What reads requests for this signature."""
        # Where any further column is allowed, types cannot tell what a body holds.
        return RowReader(self.columns, self.carried) if self.extra == "refuse" else RowReader(())

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def _looks(self) -> Sequence[tuple[SignatureColumn, _Look, _Look]]:
        return [(column, plain_value(column), plain_column(column)) for column in (*self.columns, *self.carried)]

    @cached_property
    def _carried_may_lack(self) -> bool:
        return all(column.missing == "impute" for column in self.carried)

    @cached_property
    def _single(self) -> Sequence[tuple[str, _Look]]:
        return [(column.name, is_plain) for column, is_plain, _ in self._looks[: len(self.columns)]]

    def check(self, records: Sequence[object] | Rows) -> Checked:
        """Check records as they came out of JSON.

        Parameters
        ----------
        records : sequence or Rows
            One mapping of column to value a row.

        Raises
        ------
        InputRefused
            At least one row does not fit. Nothing is scored then.
        """
        side_by_side = records if isinstance(records, Rows) else Rows.of(records)
        if side_by_side is not None:
            checked = self._check_columns(side_by_side)
            if checked is not None:
                return checked
        return self._check_each(records.records() if isinstance(records, Rows) else records)

    def _check_columns(self, rows: Rows) -> Checked | None:
        """Check rows by whole columns; None where one must be refused, which `_check_each` does."""
        given, length = rows.columns, rows.length
        if tuple(given) != self._order:
            names = given.keys()
            if not names >= set(self._order) or (self.extra == "refuse" and not names <= self._names):
                return None
        elif length == 1 and self._carried_may_lack:
            # The commonest request of all: one row, and nothing unusual about it.
            for name, is_plain in self._single:
                if not is_plain(given[name][0]):
                    break
            else:
                return Checked(1, given, {column.name: [None] for column in self.carried}, [()])
        taken: dict[str, list[object]] = {}
        flags: list[list[str]] | None = None
        for column, is_plain_value, is_plain_column in self._looks:
            values = given.get(column.name)
            if values is None:
                values = [None] * length
            if not (is_plain_value(values[0]) if length == 1 else is_plain_column(values)):
                if column.type == "float" and any(map(_beyond_int64, values)):
                    return None  # perhaps written as an integer, which strict JSON then refuses
                flags = flags or [[] for _ in range(length)]
                problems: list[Problem] = []
                values = _values(column, values, flags, problems)
                if problems:
                    return None
            taken[column.name] = values
        carried = {column.name: taken.pop(column.name) for column in self.carried}
        return Checked(length, taken, carried, [tuple(each) for each in flags] if flags else [()] * length)

    def _check_each(self, records: Sequence[object]) -> Checked:
        """Check row by row, so that every fault of every row is named."""
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
                problems += [extra_column(number, name, names) for name in record if name not in names]
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
        checked, problems = self.look_over(table)
        if problems:
            raise InputRefused(problems)
        return checked

    def look_over(self, table: pa.Table, *, written: bool = False) -> tuple[Checked, list[Problem]]:
        """Check the rows of a table and tell every fault, in order of rows, instead of raising.

        Parameters
        ----------
        table : pyarrow.Table
            The rows.
        written : bool
            They come from a text file, where a number is a text until somebody reads it.

        Returns
        -------
        (Checked, list of Problem)
            Rows with a problem hold nothing of meaning in `Checked`.

        Raises
        ------
        InputRefused
            A column is not there.
        """
        from noria.scoring.arrays import look_all  # noqa: PLC0415 - pyarrow, only where a table is given

        present = set(table.column_names)
        missing = [column.name for column in self.columns if column.name not in present]
        if missing:
            raise InputRefused([no_column(0, name, present) for name in missing])
        made, flags, problems = look_all((*self.columns, *self.carried), table, written=written)
        columns = {column.name: made[column.name] for column in self.columns}
        carried = {column.name: made[column.name] for column in self.carried}
        return Checked(table.num_rows, columns, carried, flags), problems

    def example(self) -> dict[str, object]:
        """Make up a row that fits, to warm a model up or to show its shape."""
        return {column.name: column.example() for column in self.columns}


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
            problems.append(no_column(number, name, row))
    if problems:
        # Absent columns were told above; an absent value must not be told a second time as a missing one.
        return [
            None if name not in row else _value(column, number, value, flags, problems)
            for number, (row, value) in enumerate(zip(rows, values, strict=True))
        ]
    return _values(column, values, flags, problems)


def _beyond_int64(value: object) -> bool:
    return type(value) is float and not -_INT64 <= value < _INT64


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


def _columns(values: object) -> tuple[SignatureColumn, ...]:
    return tuple(SignatureColumn.from_json(value) for value in cast("list[Mapping[str, object]]", values))
