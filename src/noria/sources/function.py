"""Rows from a function of the user's own."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import NoriaError, SourceNotFound, WorkFailed, WrongData, did_you_mean
from noria.sources.cells import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["call"]


def call(location: str, root: Path) -> pa.Table:
    """Call ``module.function`` of the project folder, or of an installed package, and take what it returns as rows.

    The function takes no arguments and returns a pyarrow or pandas table, anything else that speaks the Arrow
    stream protocol, a dict of columns or a list of dicts.

    Raises
    ------
    SourceNotFound
        There is no such module or function.
    WrongData
        It returned something else than rows.
    WorkFailed
        It or its module raised an error, or its rows are no table.
    """
    try:
        return _rows(_find(location, root)(), location)
    except NoriaError:
        raise
    except Exception as error:
        # Whatever it is, it is the user's: told with its line, not as a fault of noria.
        raise WorkFailed(
            f"python:{location} failed: {type(error).__name__}: {error}",
            why=_place(error, root),
            mend="correct it; it is called without arguments",
            code="N-SOURCE-041",
        ) from error


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


def _find(location: str, root: Path) -> Callable[[], object]:
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
    found: Callable[[], object] = function
    return found
