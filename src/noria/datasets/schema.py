"""What the columns of a dataset are: found from its rows, said by the project file, frozen with a version."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.datasets.casting import ColumnType
    from noria.datasets.settings import ColumnSettings, DataSettings

__all__ = ["RESERVED", "Column", "Schema", "from_json", "infer", "reseen", "restated", "retyped"]

RESERVED = "_noria_"
"""Prefix of noria's own bookkeeping columns: in no schema, never a feature."""

_FEW = 50
_MOST_VALUES = 1000
_REPEATED = 0.2
_ENOUGH_ROWS = 30
_IDENTIFIER = re.compile(
    r"(^|[_\W])(id|uuid|guid|key|nr|no|number|index|rownum)$|[a-z]I[dD]$|^unnamed: 0$", re.IGNORECASE
)

Scalar = int | float | str | bool


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        As in the table.
    type : str
        int, float, bool, category, text or timestamp.
    nullable : bool
        Values may be missing.
    min, max : int, float or str, optional
        Bounds: those declared, else those seen. ISO text for timestamps.
    values : tuple, optional
        Categories: those declared, else those seen, sorted.
    match : str, optional
        Regular expression declared for the values.
    use : bool
        False: no feature, for the `reason` given.
    pii : bool
        Personal data.
    reason : str
        Why it is no feature.
    declared : tuple of str
        Which of type, min, max, values, match, nullable the project file says: those are checked.
    severity : str, optional
        What a row that breaks one of them does, where the project file says it for this column.
    """

    name: str
    type: ColumnType
    nullable: bool = True
    min: int | float | str | None = None
    max: int | float | str | None = None
    values: tuple[Scalar, ...] | None = None
    match: str | None = None
    use: bool = True
    pii: bool = False
    reason: str = ""
    declared: tuple[str, ...] = ()
    severity: Literal["error", "warn", "quarantine"] | None = None

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "nullable": self.nullable,
            "min": self.min,
            "max": self.max,
            "values": None if self.values is None else list(self.values),
            "match": self.match,
            "use": self.use,
            "pii": self.pii,
            "reason": self.reason,
            "declared": list(self.declared),
            **({"severity": self.severity} if self.severity is not None else {}),
        }


@dataclass(frozen=True)
class Schema:
    """The columns in the order of the table."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Columns that are no features by themselves, each with the reason."""
        return {column.name: column.reason for column in self.columns if not column.use}

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in reversed(self.columns)}

    def features(
        self,
        *,
        target: str | None = None,
        key: Sequence[str] = (),
        time: str | None = None,
        group: str | None = None,
    ) -> tuple[str, ...]:
        """Name the columns a model may look at.

        Examples
        --------
        >>> schema = Schema((Column("id", "int"), Column("age", "int"), Column("bad", "bool")))
        >>> schema.features(target="bad", key=["id"])
        ('age',)
        """
        roles = {target, time, group, *key}
        return tuple(column.name for column in self.columns if column.use and column.name not in roles)

    def to_json(self) -> dict[str, object]:
        """Give the schema as JSON; `from_json` reads it back."""
        return {"columns": [column.to_json() for column in self.columns]}


def retyped(old: Schema, new: Schema) -> tuple[str, ...]:
    """Say which columns hold something else than they did, a sentence each.

    Examples
    --------
    >>> retyped(Schema((Column("age", "int"),)), Schema((Column("age", "text"), Column("new", "int"))))
    ('column age was int and is text',)
    """
    before = {column.name: column.type for column in old.columns}
    written = {"category", "text"}
    return tuple(
        f"column {column.name} was {before[column.name]} and is {column.type}"
        for column in new.columns
        if column.name in before
        and before[column.name] != column.type
        # How many different values there are moves a column between these two.
        and not {before[column.name], column.type} <= written
    )


def from_json(value: object) -> Schema:
    """Read a schema back.

    Examples
    --------
    >>> schema = Schema((Column("grade", "category", values=("A", "B")),))
    >>> from_json(schema.to_json()) == schema
    True
    """
    fields = cast("Mapping[str, Sequence[Mapping[str, object]]]", value)
    made = []
    for entry in fields["columns"]:
        given = dict(entry)
        for name in ("values", "declared"):
            if given.get(name) is not None:
                given[name] = tuple(cast("Sequence[object]", given[name]))
        made.append(Column(**given))  # type: ignore[arg-type]
    return Schema(tuple(made))


def infer(table: pa.Table, settings: DataSettings | None = None) -> Schema:
    """Find what the columns are; what the project file says wins.

    Parameters
    ----------
    table : pyarrow.Table
        All rows: nothing is decided by a sample.
    settings : DataSettings, optional
        ``[data]``.

    Returns
    -------
    Schema
        Whole numbers with gaps stay int; text with few different values is a category. Left out as features, with
        the reason: constant and empty columns, identifiers, personal data.

    Raises
    ------
    WrongSetting
        The project file names a column that the table does not have.

    Examples
    --------
    >>> import pyarrow as pa
    >>> schema = infer(pa.table({"age": [31, None, 40], "grade": ["A", "B", "A"], "one": [1, 1, 1]}))
    >>> [(column.name, column.type) for column in schema.columns], schema.left_out
    ([('age', 'int'), ('grade', 'category'), ('one', 'int')], {'one': 'constant'})
    """
    names = [name for name in table.column_names if not name.startswith(RESERVED)]
    if settings is not None:
        _check_names(settings, names)
    declared = settings.columns if settings is not None else {}
    return Schema(tuple(_column(name, table.column(name), declared.get(name)) for name in names))


def restated(schema: Schema, settings: DataSettings) -> Schema:
    """Give a stored version's schema with what the project file says of its columns now; no row is looked at.

    Raises
    ------
    WrongSetting
        The project file names a column that the version does not have.

    Examples
    --------
    >>> from noria.datasets.settings import DataSettings
    >>> said = DataSettings.model_validate({"source": "a.csv", "columns": {"age": {"min": 18}}})
    >>> restated(Schema((Column("age", "int", min=17),)), said)["age"].min
    18
    """
    _check_names(settings, schema.names)
    plain = (replace(column, declared=(), severity=None) for column in schema.columns)
    return Schema(
        tuple(
            _said(column, settings.columns[column.name]) if column.name in settings.columns else column
            for column in plain
        )
    )


def reseen(schema: Schema, table: pa.Table) -> Schema:
    """Take anew what a schema says of values that were seen, from fewer rows; what was declared stays."""
    found = {column.name: column for column in infer(table).columns}
    made = []
    for column in schema.columns:
        seen = found.get(column.name, column)
        if column.pii and not column.use:
            made.append(column)  # nothing that was seen of it was kept
            continue
        changed = {name: getattr(seen, name) for name in ("min", "max", "values") if name not in column.declared}
        made.append(replace(column, **changed))
    return Schema(tuple(made))


def _check_names(settings: DataSettings, names: Sequence[str]) -> None:
    named = [("target", settings.target), ("time", settings.time), ("group", settings.group)]
    named += [("key", name) for name in settings.key]
    named += [(f"columns.{name}", name) for name in settings.columns]
    wrong = [(role, name) for role, name in named if name is not None and name not in names]
    if wrong:
        role, name = wrong[0]
        hints = [hint for _, other in wrong if (hint := did_you_mean(other, names))]
        raise WrongSetting(
            f"[data] {role} names the column {name!r}, which the data does not have"
            if len(wrong) == 1
            else f"[data] names {len(wrong)} columns that the data does not have",
            why="\n".join(
                [
                    *(f"{other!r} ({role})" for role, other in wrong if len(wrong) > 1),
                    f"columns: {', '.join(names[:40])}",
                ]
            ),
            mend="\n".join(dict.fromkeys(hints)) or f"correct [data] {role} in noria.toml",
            code="N-DATA-001",
        )


def _column(name: str, cells: pa.ChunkedArray, settings: ColumnSettings | None) -> Column:
    import pyarrow as pa  # noqa: PLC0415 - a schema is read back without it

    from noria.datasets.casting import fits, to_types  # noqa: PLC0415 - as above

    said = settings.type if settings is not None else None
    if said is not None and not fits(cells.type, said):
        cells = to_types(pa.table({name: cells}), {name: said})[0].column(name)
    found = _found(name, cells, said)
    return found if settings is None else _said(found, settings)


def _said(found: Column, settings: ColumnSettings) -> Column:
    given = {
        field: getattr(settings, field)
        for field in ("type", "min", "max", "values", "match", "nullable")
        if getattr(settings, field) is not None
    }
    if "values" in given and given.get("type", found.type) in {"category", "text"}:
        given["values"] = tuple(str(value) for value in given["values"])
    made = replace(found, **given, pii=settings.is_personal, declared=tuple(given), severity=settings.severity)
    if settings.use is True:
        return replace(made, use=True, reason="")
    if made.pii or settings.store == "pseudonym":
        # What was seen of personal data is kept nowhere; what the project file itself says of it is no secret.
        kept = {field: given.get(field) for field in ("min", "max", "values")}
        made = replace(made, min=kept["min"], max=kept["max"], values=kept["values"])
    if settings.use is False:
        return replace(made, use=False, reason="use = false")
    if settings.store == "pseudonym":
        return replace(made, pii=True, use=False, reason="a pseudonym")
    if settings.protected:
        return replace(made, use=False, reason="people may not be treated differently for it (protected = true)")
    return replace(made, use=False, reason="personal data (pii = true)") if settings.is_personal else made


def _found(name: str, cells: pa.ChunkedArray, said: ColumnType | None) -> Column:
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    kind, present = cells.type, len(cells) - cells.null_count
    nullable = cells.null_count > 0
    if pa.types.is_string(kind):
        return _text(name, cells, said)
    type_: ColumnType = "float"
    if pa.types.is_boolean(kind):
        type_ = "bool"
    elif pa.types.is_integer(kind):
        type_ = "int"
    elif pa.types.is_timestamp(kind):
        type_ = "timestamp"
    if present == 0:
        return Column(name, said or type_, True, use=False, reason="no values at all")
    bounds = pc.min_max(cells)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    distinct = pc.count_distinct(cells).as_py()
    reason = ""
    if distinct == 1 and not nullable:
        reason = "constant"
    elif type_ == "int" and distinct == present and not nullable and present >= _ENOUGH_ROWS:
        if high - low + 1 == present:
            reason = "a row number: consecutive and never repeated"
        elif _IDENTIFIER.search(name):
            reason = "an identifier: never repeated"
    column = Column(name, type_, nullable, use=not reason, reason=reason)
    if type_ == "bool":
        return column
    if type_ == "timestamp":
        return replace(column, min=low.isoformat(), max=high.isoformat())
    return replace(column, min=_finite(low), max=_finite(high))


def _text(name: str, cells: pa.ChunkedArray, said: ColumnType | None) -> Column:
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    present, nullable = len(cells) - cells.null_count, cells.null_count > 0
    if present == 0:
        return Column(name, said or "text", True, use=False, reason="no values at all")
    distinct = pc.count_distinct(cells).as_py()
    few = distinct <= _FEW or distinct <= min(_MOST_VALUES, _REPEATED * present)
    type_: ColumnType = said or ("category" if few else "text")
    reason = ""
    if distinct == 1 and not nullable:
        reason = "constant"
    elif present >= _ENOUGH_ROWS and distinct == present:
        reason = "an identifier: never repeated"
    elif type_ == "text" and distinct > 0.5 * present:
        reason = "free text: most values occur once"
    values = None
    if type_ == "category" and distinct <= _MOST_VALUES:
        values = tuple(sorted(pc.unique(cells.drop_null()).to_pylist()))
    return Column(name, type_, nullable, values=values, use=not reason, reason=reason)


def _finite(value: int | float) -> int | float | None:
    return value if isinstance(value, int) or math.isfinite(value) else None
