"""How versions of folders and what changed in them are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from noria.datasets.folder_changes import FolderChanges

__all__ = ["print_changes", "print_paths", "size", "summary", "tell_links", "tell_unfinished"]

_SHOWN = 20


def size(count: int) -> str:
    """Write a number of bytes for a person.

    Examples
    --------
    >>> size(0), size(1023), size(1536), size(3 << 30)
    ('0 B', '1023 B', '1.5 KB', '3.0 GB')
    """
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:,.1f} {unit}"


def summary(changes: FolderChanges) -> str:
    """Count what changed."""
    return f"{len(changes.added):,} added, {len(changes.changed):,} changed, {len(changes.removed):,} removed"


def print_changes(changes: FolderChanges, *, most: int | None = None) -> None:
    """Print a line a path: what became of it, and its size."""
    lines = [(path, "+", size(count)) for path, count in changes.added.items()]
    lines += [(path, "-", size(count)) for path, count in changes.removed.items()]
    lines += [(path, "~", f"{size(old)} -> {size(new)}") for path, (old, new) in changes.changed.items()]
    shown = sorted(lines)[:most]
    for path, sign, amount in shown:
        click.echo(f"{sign} {_path(path)}  {amount}")
    if len(lines) > len(shown):
        click.echo(f"… and {len(lines) - len(shown):,} more")


def print_paths(files: Mapping[str, int], *, most: int | None = None) -> None:
    """Print paths with their sizes."""
    for path in sorted(files)[:most]:
        click.echo(f"{_path(path)}  {size(files[path])}")
    if most is not None and len(files) > most:
        click.echo(f"… and {len(files) - most:,} more: --all", err=True)


def tell_links(links: Iterable[str]) -> None:
    """Say which symbolic links were passed over."""
    paths = sorted(links)
    for path in paths[:_SHOWN]:
        click.echo(f"passed over: {_path(path)} is a symbolic link", err=True)
    if len(paths) > _SHOWN:
        click.echo(f"passed over: {len(paths) - _SHOWN:,} more symbolic links", err=True)


def tell_unfinished(ref: str) -> None:
    """Say that a checkout was broken off."""
    if ref:
        click.echo(f"a checkout of {ref} into it was broken off: noria data checkout {ref} finishes it", err=True)


def _path(path: str) -> str:
    from noria.datasets.folder_changes import shown_path

    return visible(shown_path(path))
