"""Write a sensible noria.toml from what is known of a table. Text in, text out; reading the table is elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from noria.errors import WrongArgument, WrongData, did_you_mean
from noria.project.toml import write_key, write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Facts", "Task", "draft", "guess_key", "guess_positive", "guess_task", "guess_time"]

Task = Literal["regression", "classification", "clustering"]

_POSITIVE = frozenset(
    {"bad", "yes", "true", "1", "positive", "malignant", "default", "churn", "churned", "fraud", "sick"}
)
_FEW_CLASSES = 20
_ID = re.compile(r"(^|_)(id|key|number|no|nr|uuid)$", re.IGNORECASE)
_SVM_UP_TO = 4000


@dataclass(frozen=True)
class Facts:
    """What the profile says of one column.

    Attributes
    ----------
    name : str
        The column.
    type : str
        int, float, bool, category, text or timestamp.
    missing : float
        Share of empty cells, 0 to 1.
    distinct : int
        Different values, empty cells left out.
    values : tuple of str
        The values and how often each occurs, most frequent first; only where there are few.
    personal : str
        What of people it seems to hold, such as ``e-mail addresses``; empty where nothing says so.
    """

    name: str
    type: str
    missing: float
    distinct: int
    values: tuple[tuple[str, int], ...] = ()
    personal: str = ""


def guess_task(columns: Sequence[Facts], target: str | None) -> Task:
    """Say what kind of model a target asks for.

    Examples
    --------
    >>> guess_task([Facts("price", "float", 0.0, 900)], "price")
    'regression'
    >>> guess_task([Facts("status", "category", 0.0, 2)], "status")
    'classification'
    """
    if target is None:
        return "clustering"
    column = _column(columns, target)
    numeric = column.type in {"int", "float"}
    return "regression" if numeric and column.distinct > _FEW_CLASSES else "classification"


def guess_key(columns: Sequence[Facts], rows: int, target: str | None) -> str | None:
    """Find the column that names each row: called id or the like, never empty, never twice the same."""
    unique = [c for c in columns if c.missing == 0 and c.distinct == rows and c.type in {"int", "text", "category"}]
    named = [c.name for c in unique if c.name != target and _ID.search(c.name)]
    return named[0] if named else None


def guess_time(columns: Sequence[Facts], target: str | None) -> str | None:
    """Find the column that says when: the first that is a time and is never empty."""
    return next((c.name for c in columns if c.type == "timestamp" and c.missing == 0 and c.name != target), None)


def guess_positive(column: Facts) -> str | None:
    """Say which of two classes is the one to find: a known word for it, else the rarer.

    Examples
    --------
    >>> guess_positive(Facts("status", "category", 0.0, 2, (("good", 70), ("bad", 30))))
    'bad'
    """
    if len(column.values) != 2:
        return None
    known = [value for value, _ in column.values if value.casefold() in _POSITIVE]
    if len(known) == 1:
        return known[0]
    return column.values[-1][0]


def draft(
    name: str,
    *,
    source: str,
    columns: Sequence[Facts],
    rows: int,
    target: str | None,
    task: Task | None = None,
) -> str:
    """Write the project file.

    Parameters
    ----------
    name : str
        Name of the project.
    source : str
        What ``[data] source`` says.
    columns : sequence of Facts
        One for each column, in the table's order.
    rows : int
        Rows of the table.
    target : str or None
        Column to predict; None looks for groups instead.
    task : str, optional
        Left out, the target decides.

    Raises
    ------
    WrongArgument
        The target is no column of the table, or the task does not suit it.
    """
    if not rows:
        raise WrongData(f"{source} has no rows", mend="name a table with rows: --data FILE", code="N-PROJECT-025")
    chosen: Task = task or guess_task(columns, target)
    if chosen != "clustering" and target is None:
        raise WrongArgument(f"{chosen} needs a target", mend="noria init … --target COLUMN", code="N-PROJECT-023")
    if chosen == "clustering" and target is not None:
        raise WrongArgument(
            f"clustering has no target, got {target!r}", mend="leave --target out", code="N-PROJECT-023"
        )
    if target is not None:
        _suits(_column(columns, target), chosen)
    key, time = guess_key(columns, rows, target), guess_time(columns, target)
    parts = [
        _head(name, source, rows, len(columns)),
        _data(source, columns, target if chosen != "clustering" else None, chosen, key, time),
        _personal(columns, key, {target, time}),
        _checks(columns, rows, key, target),
        _split(chosen, time),
        _prepare(columns, {target, key, time}),
        _model(chosen, columns, rows, target),
        _gates(chosen, columns, target),
        _rest(name, rows),
    ]
    return "\n".join(part for part in parts if part)


def _column(columns: Sequence[Facts], name: str) -> Facts:
    found = next((column for column in columns if column.name == name), None)
    if found is None:
        names = [column.name for column in columns]
        hint = did_you_mean(name, names)
        raise WrongArgument(
            f"the data has no column {name!r}" + (f"; {hint}" if hint else ""),
            why="columns: " + ", ".join(names[:40]) + (" …" if len(names) > 40 else ""),
            mend="noria init … --target COLUMN",
            code="N-PROJECT-024",
        )
    return found


def _suits(target: Facts, task: Task) -> None:
    if task == "regression" and target.type not in {"int", "float", "bool"}:
        raise WrongArgument(
            f"regression needs a number to predict; {target.name!r} is {target.type}",
            mend="leave --task out, or name another --target",
            code="N-PROJECT-026",
        )
    if target.distinct < 2:
        got = target.values[0][0] if target.values else "nothing"
        raise WrongData(
            f"the target {target.name!r} has one value only: {got}",
            why="there is nothing to learn from a constant",
            mend="name another --target, or bring data in which it varies",
            code="N-PROJECT-027",
        )


def _head(name: str, source: str, rows: int, width: int) -> str:
    return f"""\
# Written by `noria init` from a look at {_comment(source)}: {rows:,} rows, {width} columns. It is yours now.
# `noria check` explains every value, also those that are left out; `noria schema` lists all there is.

[project]
name = {write_text(name)}
"""


def _data(
    source: str, columns: Sequence[Facts], target: str | None, task: Task, key: str | None, time: str | None
) -> str:
    lines = ["[data]", f"source = {write_text(source)}"]
    if target is not None:
        lines.append(f"target = {write_text(target)}")
        column = _column(columns, target)
        positive = guess_positive(column) if task == "classification" else None
        if positive is not None:
            shares = ", ".join(f"{value}: {count:,}" for value, count in column.values)
            lines.append(f"positive = {_class(positive, column.type)}  # the class to find ({_comment(shares)})")
    if key:
        lines.append(f"key = [{write_text(key)}]  # row identity: diffs, duplicates, joining labels that come late")
    else:
        lines.append('# key = ["id"]  # no column names each row; with one, late labels find their row')
    if time:
        lines.append(f"time = {write_text(time)}  # the split below is by time: learn from what was, test on what came")
    return "\n".join(lines) + "\n"


def _personal(columns: Sequence[Facts], key: str | None, needed: Collection[str | None]) -> str:
    found = [column for column in columns if column.personal and column.name not in needed]
    if not found:
        return ""
    lines = ["[data.columns]  # what seems to be personal is not stored; pii = false where it only looks so"]
    for column in found:
        kept = "pseudonym" if column.name == key else "drop"
        lines.append(f'{write_key(column.name)} = {{ pii = true, store = "{kept}" }}  # {_comment(column.personal)}')
    return "\n".join(lines) + "\n"


def _checks(columns: Sequence[Facts], rows: int, key: str | None, target: str | None) -> str:
    worst = max((column.missing for column in columns if column.missing < 1), default=0.0)
    lines = ["[data.checks]", f"rows = {{ min = {max(rows // 2, 2)} }}"]
    allowed = min(0.95, round(worst + 0.1, 1))
    empty = ", ".join(f"{write_key(column.name)} = 1.0" for column in columns if column.missing == 1)
    of_empty = f", columns = {{ {empty} }}" if empty else ""
    lines.append(f"missing = {{ max = {allowed}{of_empty} }}  # today's worst column has {worst:.0%}")
    if key:
        lines.append(f"unique = [{write_text(key)}]")
    numeric = next((c.name for c in columns if c.type in {"int", "float"} and c.name not in {key, target}), None)
    if numeric:
        rule = f'"{numeric}" >= 0' if not re.fullmatch(r"[A-Za-z_]\w*", numeric) else f"{numeric} >= 0"
        lines.append(f"# rules = [{write_text(rule)}]  # SQL that must hold in every row")
    return "\n".join(lines) + "\n"


def _split(task: Task, time: str | None) -> str:
    if task == "clustering":
        return ""
    if time:
        return '[split]  # the newest rows are locked away until the end\nmethod = "time"\ntest = 0.2\n'
    method = "stratified" if task == "classification" else "random"
    return f'[split]  # the test rows are locked away until the end\nmethod = "{method}"\ntest = 0.2\nseed = 7\n'


def _prepare(columns: Sequence[Facts], aside: set[str | None]) -> str:
    kinds = {column.type for column in columns if column.name not in aside}
    lines = ["[prepare]  # fitted inside each training fold only, saved with the model"]
    if kinds & {"int", "float", "bool"}:
        lines.append('numeric = ["impute:median", "indicator", "scale:standard"]')
    if kinds & {"category", "text"}:
        lines.append('category = ["impute:most_frequent", "onehot:rare=0.01"]')
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def _model(task: Task, columns: Sequence[Facts], rows: int, target: str | None) -> str:
    small = rows <= _SVM_UP_TO
    candidates = {
        "regression": ["ridge", "random_forest", "boosting", *(["svr"] if small else [])],
        "classification": ["logistic", "random_forest", "boosting", *(["svm"] if small else [])],
        "clustering": ["kmeans", "dbscan"],
    }[task]
    shown = ", ".join(f'"{name}"' for name in candidates)
    folds = "" if task == "clustering" else f"folds = {5 if rows >= 100 else 3}\n"
    return (
        f'[model]\ntask = "{task}"\ncandidates = [{shown}]  # or "auto"\n'
        f'metric = "{_metric(task, columns, target)}"\n{folds}budget = "60s"\n'
    )


def _metric(task: Task, columns: Sequence[Facts], target: str | None) -> str:
    if task == "regression":
        return "rmse"
    if task == "clustering":
        return "silhouette"
    return "roc_auc" if target is not None and _column(columns, target).distinct == 2 else "log_loss"


def _gates(task: Task, columns: Sequence[Facts], target: str | None) -> str:
    if task == "clustering":
        return '[[gates]]  # what a version must pass before it may be promoted\nmetric = "silhouette"\nmin = 0.1\n'
    metric = _metric(task, columns, target)
    against = (
        f'[[gates]]  # not worse than the champion on the same test rows\nmetric = "{metric}"\nagainst = "champion"\n'
    )
    if metric == "roc_auc":
        return (
            "[[gates]]  # what a version must pass before it may be promoted; 0.5 is a coin\n"
            f'metric = "roc_auc"\nmin = 0.6\n\n{against}margin = 0.01\n'
        )
    return against


def _rest(name: str, rows: int) -> str:
    window = max(100, min(1000, rows // 5 // 100 * 100))
    return f"""\
[deploy]
endpoint = {write_text(name)}

[monitor]
window = "{window} rows"
labels_after = "30d"  # how long the truth takes to come in
on_drift = "alert"  # or "retrain"
on_regression = "alert"  # or "retrain", "rollback"
"""


def _comment(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value)


def _class(value: str, kind: str) -> str:
    if kind == "bool":
        return value.lower()
    return value if kind == "int" and re.fullmatch(r"-?\d+", value) else write_text(value)
