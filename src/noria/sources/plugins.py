"""The kinds of sources there are: ours, and those that other packages bring."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from noria.errors import WrongArgument, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from noria.sources.kind import Kind

__all__ = ["GROUP", "kind_of", "prefixes"]

GROUP = "noria.sources"
"""Entry points of this group: the name is a prefix, the value a class, or a function without arguments, that gives a
`noria.sources.kind.Kind`."""

_OURS = {
    "file": "noria.sources.kinds.file:File",
    "http": "noria.sources.kinds.web:Web",
    "https": "noria.sources.kinds.web:Web",
    "sql": "noria.sources.kinds.database:Database",
    "s3": "noria.sources.kinds.bucket:Bucket",
    "gs": "noria.sources.kinds.bucket:Bucket",
    "az": "noria.sources.kinds.bucket:Bucket",
    "mqtt": "noria.sources.kinds.broker:Broker",
    "mqtts": "noria.sources.kinds.broker:Broker",
    "package": "noria.sources.kinds.package:Package",
    "python": "noria.sources.kinds.function:Function",
}
"""Written as entry points are. They are not looked up as such: what `noria plan` needs must not wait for a search
through every installed package."""


def prefixes() -> tuple[str, ...]:
    """Name every prefix, ours first. Nothing is imported for it."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - what `noria plan` needs is ours, mostly

    return (*_OURS, *sorted({entry.name for entry in entry_points(group=GROUP)} - _OURS.keys()))


@cache
def kind_of(prefix: str) -> Kind:
    """Give the kind that reads what begins with a prefix.

    A package's code is loaded only where a source is written with its prefix.

    Raises
    ------
    WrongArgument
        There is none of this prefix.
    WrongSetting
        The package that brings it cannot be imported.

    Examples
    --------
    >>> kind_of("https").name
    'http'
    """
    if prefix in _OURS:
        module, _, name = _OURS[prefix].partition(":")
        return cast("Kind", getattr(import_module(module), name)())
    from importlib.metadata import entry_points  # noqa: PLC0415 - as above

    for entry in entry_points(group=GROUP):
        if entry.name == prefix:
            try:
                return cast("Kind", entry.load()())
            except Exception as error:
                # Whatever it is, it is the other package's.
                raise WrongSetting(
                    f"the source {prefix}: cannot be loaded from {entry.value}",
                    why=f"{type(error).__name__}: {error}",
                    mend="mend or uninstall the package that brings it",
                    code="N-SOURCE-007",
                ) from error
    known = [name for name in prefixes() if name != "file"]
    raise WrongArgument(
        f"source begins with an unknown prefix {prefix!r}",
        why="known: a file or glob, " + ", ".join(f"{name}:" for name in known),
        mend=did_you_mean(prefix, known) or "write a file, or one of the known prefixes",
        code="N-SOURCE-006",
    )
