"""Rows from a function of the user's own."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from noria.errors import NoriaError, SourceNotFound, WorkFailed, WrongData, WrongSetting, did_you_mean
from noria.sources.cells import columns_of
from noria.sources.kind import Increment
from noria.sources.mark import mark_of, set_back, unmark

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["call", "call_since"]

_T = TypeVar("_T")


def call(location: str, root: Path, **given: object) -> pa.Table:
    """Call ``module.function`` of the project folder, or of an installed package, and take what it returns as rows.

    The function takes no arguments, or what `given` holds, and returns a pyarrow or pandas table, anything else that
    speaks the Arrow stream protocol, a dict of columns or a list of dicts.

    Raises
    ------
    SourceNotFound
        There is no such module or function.
    WrongData
        It returned something else than rows.
    WorkFailed
        It or its module raised an error, or its rows are no table.
    """
    return _told(location, root, lambda: _rows(_find(location, root)(**given), location))


def _told(location: str, root: Path, work: Callable[[], _T]) -> _T:
    try:
        return work()
    except NoriaError:
        raise
    except Exception as error:
        # Whatever it is, it is the user's: told with its line, not as a fault of noria.
        raise WorkFailed(
            f"python:{location} failed: {type(error).__name__}: {error}",
            why=_place(error, root),
            mend="correct it; it is called without arguments, or with since= where [data] incremental is set",
            code="N-SOURCE-041",
        ) from error


def call_since(location: str, root: Path, *, column: str, since: object, lag: float) -> Increment:
    """Call a function that takes ``since``; the greatest value of the column in its rows is the next mark.

    Parameters
    ----------
    location, root
        As `call` takes them.
    column : str
        Column that grows with each change.
    since : JSON value
        The greatest value seen, as a time where it was one; None for all rows.
    lag : float
        Seconds to go back before a time.

    Raises
    ------
    WrongSetting
        The function does not take ``since``.
    WrongData
        Its rows do not have the column.
    """
    if "since" not in _told(location, root, lambda: inspect.signature(_find(location, root)).parameters):
        raise WrongSetting(
            f"python:{location} does not take `since`, which [data] incremental needs",
            why="it is called with the greatest value seen, or None for all rows, and returns the rows from there on",
            mend="def load(since=None): …",
            code="N-SOURCE-042",
        )
    mark = set_back(unmark(since), lag)
    table = call(location, root, since=mark)
    if table.num_columns == 0:
        return Increment(table, since, location, bound=mark)
    if column not in table.column_names:
        raise WrongData(
            f"python:{location} gives no column {column!r}, which [data] incremental names",
            why=f"columns: {', '.join(table.column_names[:30])}",
            mend=did_you_mean(column, table.column_names) or "return it as well",
            code="N-SOURCE-043",
        )
    cells = table.column(column)
    high = pc.max(cells).as_py() if len(cells) > cells.null_count else None
    set_back(high, lag)  # a lag that the next pull could not keep is refused at the first
    seen = unmark(since)
    # The function may have given nothing new, or only older rows.
    older = high is None or (seen is not None and seen > high)
    return Increment(table, since if older else mark_of(high), location, bound=mark)


def _place(error: Exception, root: Path) -> str:
    """Name the line of the user's own file, or of whatever raised, where that is known."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = [frame for frame in extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    last = next(reversed(own or frames), None)
    return f"{last.filename}, line {last.lineno}, in {last.name}" if last else ""


def _rows(result: object, location: str) -> pa.Table:
    if isinstance(result, pa.Table):
        return result
    if hasattr(result, "__arrow_c_stream__"):
        return pa.table(result)
    if isinstance(result, pa.RecordBatchReader):
        return result.read_all()
    if isinstance(result, dict):
        return pa.table(result)
    if isinstance(result, list) and all(isinstance(row, dict) for row in result):
        return columns_of(result)
    raise WrongData(
        f"python:{location} returned {type(result).__name__}, not rows",
        mend="return a pyarrow.Table, a pandas.DataFrame, a dict of columns or a list of dicts",
        code="N-SOURCE-040",
    )


def _find(location: str, root: Path) -> Callable[..., object]:
    module, _, name = location.replace(":", ".").rpartition(".")
    if not module:
        raise SourceNotFound(
            f"python:{location} names no function", mend="write python:module.function", code="N-SOURCE-014"
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in {module, module.partition(".")[0]}:
            raise
        near = did_you_mean(module, [path.stem for path in root.glob("*.py")])
        raise SourceNotFound(
            f"python:{location}: there is no module {module!r}",
            why=f"looked in {root} and among the installed packages",
            mend=near or f"write {module.replace('.', '/')}.py beside noria.toml",
            code="N-SOURCE-014",
        ) from error
    function = getattr(loaded, name, None)
    if not callable(function):
        known = [key for key, value in vars(loaded).items() if callable(value) and not key.startswith("_")]
        raise SourceNotFound(
            f"module {module!r} has no function {name!r}",
            mend=did_you_mean(name, known) or f"define it: def {name}() -> pandas.DataFrame: …",
            code="N-SOURCE-014",
        )
    found: Callable[..., object] = function
    return found
