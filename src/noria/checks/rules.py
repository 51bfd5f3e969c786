"""Rules in SQL over one row, taken apart before they run.

A rule comes from a project file that may come from anybody, so its syntax tree is read first: columns of the table,
constants, comparisons and functions of a list, nothing that reads elsewhere, sums up rows or changes by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from noria.datasets.sql import one_row, quoted
from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

__all__ = ["FUNCTIONS", "ParsedRule", "parse"]

# fmt: off
FUNCTIONS = frozenset({
    "+", "-", "*", "/", "//", "%", "**", "^", "||", "~~", "!~~", "~~*", "!~~*", "~~~", "like_escape",
    "not_like_escape", "ilike_escape", "not_ilike_escape", "&", "|", "<<", ">>", "abs", "acos", "asin", "atan",
    "atan2", "ceil", "ceiling", "cos", "degrees", "exp", "floor", "fmod", "greatest", "isfinite", "isinf", "isnan",
    "least", "ln", "log", "log10", "log2", "mod", "pi", "pow", "power", "radians", "round", "sign", "sin", "sqrt",
    "tan", "trunc", "coalesce", "if", "ifnull", "nullif", "concat", "concat_ws", "contains", "ends_with", "left",
    "length", "lower", "lpad", "ltrim", "prefix", "regexp_extract", "regexp_full_match", "regexp_matches",
    "regexp_replace", "repeat", "replace", "reverse", "right", "rpad", "rtrim", "split_part", "starts_with",
    "strlen", "strpos", "substr", "substring", "suffix", "trim", "upper", "instr", "position", "array_length",
    "len", "list_value", "list_contains", "date_diff", "datediff", "date_part", "datepart", "date_trunc",
    "datetrunc", "day", "dayofmonth", "dayofweek", "dayofyear", "epoch", "hour", "isodow", "last_day", "make_date",
    "make_timestamp", "minute", "month", "quarter", "second", "strftime", "strptime", "try_strptime", "to_days",
    "to_hours", "to_milliseconds", "to_minutes", "to_months", "to_seconds", "to_weeks", "to_years", "to_timestamp",
    "week", "weekday", "year", "add", "subtract", "multiply", "divide",
})
# fmt: on
"""What a rule may call: each gives the same answer for the same row, and reads nothing else."""

_NODES = frozenset(
    {"CONJUNCTION", "COMPARISON", "OPERATOR", "BETWEEN", "COLUMN_REF", "CONSTANT", "FUNCTION", "CASE", "CAST", "TYPE"}
)
_REFUSED = {
    "SUBQUERY": "a query inside it",
    "WINDOW": "a window over other rows",
    "STAR": "a star",
    "PARAMETER": "a placeholder",
    "LAMBDA": "a lambda",
}
_LONGEST = 2000
_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|[^\W\d]\w*|\d[\w.]*|.", re.DOTALL)
# fmt: off
_GRAMMAR = frozenset({
    "and", "or", "not", "is", "null", "in", "between", "like", "ilike", "case", "when", "then", "else", "end", "true",
    "false", "cast", "as", "escape", "similar", "to", "distinct", "from", "interval",
})
_TYPES = frozenset({"date", "time", "timestamp", "second", "minute", "hour", "day", "week", "month", "quarter", "year"})
# fmt: on


@dataclass(frozen=True)
class ParsedRule:
    """A rule that may run.

    Parameters
    ----------
    text : str
        As written.
    columns : tuple of str
        Columns it reads, by their names in the table.
    sql : str
        The same with the columns' names in quotes.
    """

    text: str
    columns: tuple[str, ...]
    sql: str

    @property
    def broken(self) -> str:
        """SQL that is true for rows that break the rule; missing says nothing."""
        # The line break ends a comment in the rule, so that the closing bracket stays ours.
        return f"(({self.sql}\n) IS FALSE)"


def parse(duck: duckdb.DuckDBPyConnection, text: str, columns: Sequence[str]) -> ParsedRule:
    """Read a rule's syntax tree and permit it, or say why not.

    Parameters
    ----------
    duck : DuckDBPyConnection
        Parses; nothing runs.
    text : str
        The rule.
    columns : sequence of str
        Columns of the table.

    Raises
    ------
    WrongSetting
        It is no SQL condition, names an unknown column, or asks for more than one row shows.

    Examples
    --------
    >>> import duckdb
    >>> rule = parse(duckdb.connect(), "amount <= limit", ["amount", "limit"])
    >>> rule.columns, rule.sql
    (('amount', 'limit'), '"amount" <= "limit"')
    """
    if len(text) > _LONGEST:
        raise _wrong(text[:60] + " …", f"it is longer than {_LONGEST} characters", "write it as several rules")
    known = {name.casefold(): name for name in columns}
    sql = _with_quoted_names(text, known)
    if not sql.strip():
        raise _wrong(text, "it is empty", "write a SQL condition, as in amount <= limit")
    parsed = one_row(duck, "SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT 1 WHERE ({sql}\n)"])
    tree: dict[str, Any] = json.loads(parsed[0])
    if tree.get("error"):
        raise _wrong(text, str(tree.get("error_message", "no SQL")).splitlines()[0], _hint(text))
    statements = tree["statements"]
    condition = statements[0]["node"].get("where_clause") if len(statements) == 1 else None
    if condition is None or statements[0]["node"].get("from_table", {}).get("type") not in {None, "EMPTY"}:
        raise _wrong(text, "it is more than one condition", "write one condition over the columns of a row")
    read: list[str] = []
    for node in _nodes(condition):
        kind = str(node["class"])
        if kind not in _NODES:
            raise _wrong(
                text, f"it holds {_REFUSED.get(kind, kind.lower())}", "a rule may look at the columns of one row only"
            )
        if kind == "COLUMN_REF":
            read.append(_column(text, cast("list[str]", node["column_names"]), known))
        if kind == "FUNCTION":
            _permit(text, str(node["function_name"]))
    if not read:
        raise _wrong(text, "it looks at no column", f"columns: {', '.join(list(columns)[:20])}")
    return ParsedRule(text, tuple(dict.fromkeys(read)), sql)


def _with_quoted_names(text: str, known: Mapping[str, str]) -> str:
    """Quote the columns: `limit`, `at` and `order` are good names for columns and reserved words of SQL."""
    made: list[str] = []
    for token in _TOKENS.finditer(text):
        word, after, before = token[0], text[token.end() :].lstrip(), "".join(made).rstrip()
        folded = word.casefold()
        is_comment = word.startswith(("--", "/*"))
        is_column = (
            folded in known
            and folded not in _GRAMMAR
            and not after.startswith("(")  # left(name, 1) is a function, whatever the columns are called
            and not (folded in _TYPES and after.startswith("'"))  # date '2026-01-01'
            and not before.endswith("::")
            and not (folded in _TYPES and re.search(r"\binterval\s+\S+$", before, re.IGNORECASE))
        )
        made.append(" " if is_comment else quoted(known[folded]) if is_column else word)
    return "".join(made)


def _nodes(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("class"), str) and "type" in value:
            yield value
        for inside in value.values():
            yield from _nodes(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _nodes(inside)


def _column(text: str, parts: list[str], known: Mapping[str, str]) -> str:
    name = known.get(parts[-1].casefold()) if len(parts) == 1 else None
    if name is None:
        shown = ".".join(parts)
        if shown.casefold() in {"current_date", "current_timestamp", "current_time", "now"}:
            raise _wrong(text, "it asks for the time of day, so it would change by itself", "use max_age for freshness")
        strange = [other for other in known.values() if not other.isidentifier()]
        spaced = f"; write odd names in quotes: {quoted(strange[0])}" if strange else ""
        raise _wrong(
            text,
            f"there is no column {shown!r}",
            (did_you_mean(shown, known.values()) or f"columns: {', '.join(list(known.values())[:20])}") + spaced,
        )
    return name


def _permit(text: str, function: str) -> None:
    name = function.lower()
    if name in FUNCTIONS:
        return
    if name in {"now", "today", "random", "uuid", "current_date", "current_timestamp", "get_current_time"}:
        raise _wrong(text, f"{name}() gives another answer each time", "use max_age for freshness")
    if name in {"sum", "avg", "mean", "count", "count_star", "min", "max", "median", "stddev", "quantile"}:
        raise _wrong(text, f"{name}() sums up many rows", "a rule may look at the columns of one row only")
    raise _wrong(
        text,
        f"the function {function} is not among those a rule may call",
        did_you_mean(name, FUNCTIONS) or "use comparisons, arithmetic, text and date functions",
    )


def _hint(text: str) -> str:
    if "==" in text:
        return "SQL compares with a single =, as in grade = 'A'"
    if "&&" in text or "||" in text:
        return "SQL says and, or, not"
    if '"' in text:
        return "SQL puts text in single quotes, as in grade = 'A'"
    return "write a SQL condition, as in amount <= limit"


def _wrong(text: str, why: str, mend: str) -> WrongSetting:
    return WrongSetting(f"[data.checks] rule {text!r} cannot be used", why=why, mend=mend, code="N-CHECKS-010")
