"""Schemas to pandera and from it: its YAML, Python that builds it, its objects. pandera itself is not imported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from noria.errors import WrongData
from noria.security.strict_yaml import parse

if TYPE_CHECKING:
    from noria.datasets.schema import Column, Schema

__all__ = ["Imported", "from_schema", "from_yaml", "to_python", "to_yaml"]

_DTYPES = {
    "int": "Int64", "float": "float64", "bool": "boolean", "category": "str", "text": "str",
    "timestamp": "datetime64[ns]",
}  # fmt: skip
_BOUNDS = {
    "greater_than_or_equal_to": ("min", ""), "ge": ("min", ""), "less_than_or_equal_to": ("max", ""), "le": ("max", ""),
    "greater_than": ("", ">"), "gt": ("", ">"), "less_than": ("", "<"), "lt": ("", "<"),
    "equal_to": ("", "="), "eq": ("", "="), "not_equal_to": ("", "<>"), "ne": ("", "<>"),
}  # fmt: skip
_NEVER_CHECKS = frozenset(
    {"dtype", "nullable", "unique", "coerce", "required", "regex", "title", "description", "default", "metadata",
     "checks", "report_duplicates", "drop_invalid_rows"}
)  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """What became of a pandera schema.

    Parameters
    ----------
    columns : mapping of str to mapping
        Column -> key of ``[data.columns]`` -> value.
    unique : tuple
        For ``[data.checks] unique``: columns, and tuples of columns.
    rules : tuple of str
        For ``[data.checks] rules``.
    notes : tuple of str
        What could not be taken over.
    """

    columns: Mapping[str, Mapping[str, object]]
    unique: tuple[str | tuple[str, ...], ...] = ()
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    """A schema while it is read."""

    columns: dict[str, dict[str, object]] = field(default_factory=dict)
    unique: list[str | tuple[str, ...]] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def done(self) -> Imported:
        return Imported(self.columns, tuple(dict.fromkeys(self.unique)), tuple(self.rules), tuple(self.notes))


def to_yaml(schema: Schema, *, unique: Sequence[str | tuple[str, ...]] = ()) -> str:
    """Write a schema as pandera's YAML, for ``pandera.io.from_yaml``.

    Parameters
    ----------
    schema : Schema
        Of a dataset version: what the project file declares of it becomes checks, and the values of categories.
    unique : sequence of str or tuple of str
        Keys that must not repeat.

    Examples
    --------
    >>> from noria.datasets.schema import Column, Schema
    >>> made = to_yaml(Schema((Column("age", "int", min=18, declared=("min",)),)), unique=["age"])
    >>> from_yaml(made).columns["age"]
    {'type': 'int', 'min': 18}
    """
    lines = ["schema_type: dataframe", "api: pandas", "columns:"]
    single = _single(unique)
    for column in schema.columns:
        lines.append(f"  {_text(column.name)}:")
        lines.append(f"    dtype: {_DTYPES[column.type]}")
        lines.append(f"    nullable: {_truth(_is_nullable(column))}")
        if column.name in single:
            lines.append("    unique: true")
        for name, value in _checks(column):
            lines += [f"    {name}:", *(f"    - {_text(item)}" for item in value)] if isinstance(value, list) else [
                f"    {name}: {_text(value)}"
            ]  # fmt: skip
    lines += ["coerce: true", "strict: false"]
    several = [key for key in unique if not isinstance(key, str) and len(key) > 1]
    if several:
        lines += ["unique:", *(f"- {_text(name)}" for name in several[0])]
    return "\n".join(lines) + "\n"


def to_python(schema: Schema, *, unique: Sequence[str | tuple[str, ...]] = ()) -> str:
    """Write a schema as Python that builds a pandera ``DataFrameSchema`` called ``schema``.

    Parameters
    ----------
    schema, unique
        As for `to_yaml`.
    """
    methods = {
        "greater_than_or_equal_to": "ge", "less_than_or_equal_to": "le", "isin": "isin", "str_contains": "str_contains",
    }  # fmt: skip
    single = _single(unique)
    lines = ["import pandera.pandas as pa", "", "schema = pa.DataFrameSchema(", "    columns={"]
    for column in schema.columns:
        checks = ", ".join(f"pa.Check.{methods[name]}({value!r})" for name, value in _checks(column))
        parts = [repr(_DTYPES[column.type])]
        if checks:
            parts.append(f"checks=[{checks}]")
        parts.append(f"nullable={_is_nullable(column)}")
        if column.name in single:
            parts.append("unique=True")
        lines.append(f"        {column.name!r}: pa.Column({', '.join(parts)}),")
    lines += ["    },", "    coerce=True,"]
    several = [list(key) for key in unique if not isinstance(key, str) and len(key) > 1]
    if several:
        lines.append(f"    unique={several[0]!r},")
    return "\n".join([*lines, ")", ""])


def from_yaml(text: str) -> Imported:
    """Read a schema that pandera wrote as YAML.

    Parameters
    ----------
    text : str
        As of ``DataFrameSchema.to_yaml()``.

    Raises
    ------
    WrongData
        It is no schema of a data frame, or no YAML of the plain kind that pandera writes.
    """
    try:
        value = parse(text.encode())
    except WrongData as error:
        raise WrongData(
            f"this is not the YAML that pandera writes: {error.what}",
            why="it is read as plain YAML, without anchors, tags and values over several lines",
            mend="write it anew with schema.to_yaml()",
            code="N-EXCHANGE-073",
        ) from error
    columns = value.get("columns")
    if value.get("schema_type") not in {None, "dataframe"} or not isinstance(columns, dict):
        raise WrongData(
            "this is no pandera schema of a data frame",
            why="it has no columns" if not isinstance(columns, dict) else f"it is a {value.get('schema_type')}",
            mend="write it with: schema.to_yaml('schema.yaml')",
            code="N-EXCHANGE-070",
        )
    found = _Found()
    for name, entry in columns.items():
        given = cast("Mapping[str, object]", entry or {})
        inline = {check: said for check, said in given.items() if check not in _NEVER_CHECKS}
        listed = given.get("checks") or {}
        checks = [*inline.items(), *_listed(listed)]
        _column(
            found, name, dtype=str(given.get("dtype") or ""), nullable=_is(given.get("nullable")),
            unique=_is(given.get("unique")), required=given.get("required") is None or _is(given.get("required")),
            checks=checks, is_text=True,
        )  # fmt: skip
    _whole(found, value.get("unique"), value.get("strict"), value.get("checks"))
    return found.done()


def from_schema(schema: object) -> Imported:
    """Read a ``pandera.DataFrameSchema``.

    Parameters
    ----------
    schema : DataFrameSchema
        Of pandas or polars; also a ``DataFrameModel``, through its ``to_schema``.
    """
    made = schema.to_schema() if hasattr(schema, "to_schema") else schema
    columns = getattr(made, "columns", None)
    if not isinstance(columns, Mapping):
        raise WrongData(
            f"{type(made).__name__} is no pandera schema of a data frame",
            mend="give a pandera DataFrameSchema",
            code="N-EXCHANGE-070",
        )
    found = _Found()
    for name, column in columns.items():
        checks = [
            (str(check.name), _statistics(getattr(check, "statistics", None)))
            for check in getattr(column, "checks", None) or ()
        ]
        _column(
            found, str(name), dtype=str(column.dtype or ""), nullable=bool(column.nullable),
            unique=bool(column.unique), required=bool(column.required), checks=checks, is_text=False,
        )  # fmt: skip
    wide = [check.name for check in getattr(made, "checks", None) or ()]
    _whole(found, getattr(made, "unique", None), getattr(made, "strict", False), wide)
    return found.done()


def _column(
    found: _Found,
    name: str,
    *,
    dtype: str,
    nullable: bool,
    unique: bool,
    required: bool,
    checks: Iterable[tuple[str, object]],
    is_text: bool,
) -> None:
    kind = _kind(dtype)
    entry: dict[str, object] = {}
    if kind is None and dtype:
        found.notes.append(f"{name}: the type {dtype} has no counterpart: noria finds out itself")
    elif kind is not None:
        entry["type"] = kind
    if not nullable:
        entry["nullable"] = False
    for check, said in checks:
        if check in _NEVER_CHECKS:
            continue
        if not _take(found, name, entry, check, said, kind=kind or "text", is_text=is_text):
            found.notes.append(f"{name}: the check {check} has no counterpart")
    if not required:
        found.notes.append(f"{name}: it may be absent for pandera; noria wants every column that is named")
    found.columns[name] = entry
    if unique:
        found.unique.append(name)


def _take(
    found: _Found, name: str, entry: dict[str, object], check: str, said: object, *, kind: str, is_text: bool
) -> bool:
    options = said if isinstance(said, Mapping) else {}
    value = options.get("value", options.get("min_value", options.get("max_value"))) if options else said

    def typed(item: object) -> object:
        return _typed(item, kind) if is_text else _scalar(item)

    if check in _BOUNDS:
        bound, sign = _BOUNDS[check]
        if bound:
            entry[bound] = typed(value)
        else:
            found.rules.append(f"{_sql_name(name)} {sign} {_sql(typed(value))}")
    elif check in {"in_range", "between"}:
        low, high = typed(options.get("min_value")), typed(options.get("max_value"))
        for bound, sign, limit, inside in (("min", ">", low, "include_min"), ("max", "<", high, "include_max")):
            if _is(options.get(inside, True)):
                entry[bound] = limit
            else:
                found.rules.append(f"{_sql_name(name)} {sign} {_sql(limit)}")
    elif check in {"isin", "notin"}:
        listed = options.get("allowed_values", options.get("forbidden_values")) if options else said
        values = [typed(item) for item in cast("Iterable[object]", listed or ())]
        if check == "isin":
            entry["values"] = sorted(values, key=str) if isinstance(listed, (set, frozenset)) else values
        else:
            found.rules.append(f"{_sql_name(name)} not in ({', '.join(map(_sql, values))})")
    elif check in {"str_matches", "str_contains", "str_startswith", "str_endswith"}:
        pattern = str(next(iter(options.values())) if options else said)
        written = {
            "str_matches": f"^(?:{pattern})" if not pattern.startswith("^") else pattern,
            "str_contains": pattern,
            "str_startswith": f"^{re.escape(pattern)}",
            "str_endswith": f"{re.escape(pattern)}$",
        }[check]
        if "match" in entry:
            return False
        entry["match"] = written
    elif check == "str_length":
        low, high = options.get("min_value"), options.get("max_value")
        bounds = [f"length({_sql_name(name)}) {sign} {limit}" for sign, limit in ((">=", low), ("<=", high))
                  if limit not in (None, "")]  # fmt: skip
        found.rules.extend(bounds)
        return bool(bounds)
    else:
        return False
    return True


def _whole(found: _Found, unique: object, strict: object, checks: object) -> None:
    if unique:
        names = [unique] if isinstance(unique, str) else [str(name) for name in cast("Iterable[object]", unique)]
        found.unique.append(names[0] if len(names) == 1 else tuple(names))
    if strict == "filter" or _is(strict):
        found.notes.append("strict: noria lets further columns be; leave them out with use = false")
    for name in checks if isinstance(checks, (list, Mapping)) else ():
        found.notes.append(f"the check {name} of the whole frame has no counterpart; write it under rules")


def _listed(checks: object) -> list[tuple[str, object]]:
    if isinstance(checks, Mapping):
        return [(str(name), said) for name, said in checks.items()]
    made = []
    for each in checks if isinstance(checks, list) else ():
        if isinstance(each, Mapping):
            made += [(str(name), said) for name, said in each.items()]
    return made


def _statistics(given: object) -> object:
    return dict(given) if isinstance(given, Mapping) else given


def _kind(dtype: str) -> str | None:
    low = dtype.lower()
    for beginning, kind in (
        ("int", "int"), ("uint", "int"), ("float", "float"), ("double", "float"),
        ("decimal", "float"), ("bool", "bool"),
        ("category", "category"), ("enum", "category"), ("categorical", "category"), ("datetime", "timestamp"),
        ("timestamp", "timestamp"), ("date", "timestamp"), ("str", "text"), ("string", "text"), ("object", "text"),
        ("utf8", "text"),
    ):  # fmt: skip
        if low.startswith(beginning):
            return kind
    return None


def _typed(item: object, kind: str) -> object:
    """Give a scalar of YAML, which is read as text, the type of its column."""
    if not isinstance(item, str):
        return item
    try:
        if kind == "int":
            number = float(item)
            return int(item) if re.fullmatch(r"[+-]?\d+", item) else int(number) if number.is_integer() else number
        if kind == "float":
            return float(item)
    except ValueError:
        return item
    return item.lower() == "true" if kind == "bool" and item.lower() in {"true", "false"} else item


def _scalar(item: object) -> object:
    plain = item.item() if hasattr(item, "item") else item
    if hasattr(plain, "isoformat"):
        return str(plain.isoformat())
    return plain if isinstance(plain, (bool, int, float, str)) or plain is None else str(plain)


def _checks(column: Column) -> list[tuple[str, object]]:
    made: list[tuple[str, object]] = []
    if "min" in column.declared and column.min is not None:
        made.append(("greater_than_or_equal_to", column.min))
    if "max" in column.declared and column.max is not None:
        made.append(("less_than_or_equal_to", column.max))
    if column.values is not None and not column.pii and (column.type == "category" or "values" in column.declared):
        made.append(("isin", list(column.values)))
    if "match" in column.declared and column.match is not None:
        made.append(("str_contains", column.match))
    return made


def _is_nullable(column: Column) -> bool:
    return column.nullable if "nullable" in column.declared else True


def _single(unique: Sequence[str | tuple[str, ...]]) -> set[str]:
    return {key if isinstance(key, str) else key[0] for key in unique if isinstance(key, str) or len(key) == 1}


def _is(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _text(value: object) -> str:
    # JSON is YAML; ends of lines that only YAML knows are escaped.
    written = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f\x85\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", written)


def _sql_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _sql(value: object) -> str:
    if isinstance(value, bool):
        return _truth(value)
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
