"""Kinds of other packages, held to their word: what they raise and give is told as theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from noria.errors import NoriaError, WorkFailed, WrongData
from noria.sources.kind import Rows
from noria.sources.plugins import kind_of
from noria.sources.reference import prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.sources.kind import Kind, Reference

__all__ = ["guarded", "taken"]

_T = TypeVar("_T")


def guarded(reference: Reference, ask: Callable[[Kind], _T]) -> _T:
    """Ask the kind of a reference; what is raised and is no error of noria's is told with its name.

    Raises
    ------
    WorkFailed
        The kind of another package raised what it should not.
    """
    kind = kind_of(prefix_of(reference.text))
    if type(kind).__module__.startswith("noria."):
        return ask(kind)
    try:
        return ask(kind)
    except NoriaError:
        raise
    except Exception as error:
        raise WorkFailed(
            f"{reference.text} failed in {type(kind).__module__}: {type(error).__name__}: {error}",
            mend=f"tell whoever brings the source {kind.name}:",
            code="N-SOURCE-008",
        ) from error


def taken(given: object, source: str) -> Rows:
    """Take what a kind gave as rows.

    Raises
    ------
    WrongData
        It is something else.
    """
    if isinstance(given, Rows):
        return given
    import pyarrow as pa  # noqa: PLC0415 - only when rows are read

    if isinstance(given, pa.Table):
        return Rows(given)
    if hasattr(given, "__arrow_c_stream__"):
        return Rows(pa.table(given))
    raise WrongData(
        f"the kind that reads {source} gave {type(given).__name__}, not rows",
        mend="return a pyarrow.Table, or anything that speaks the Arrow stream protocol, from its read()",
        code="N-SOURCE-009",
    )
