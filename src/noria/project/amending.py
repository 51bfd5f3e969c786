"""Lines added to a project file by hand of a program: every line that stands there stays as it is, comments too."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from noria.errors import WrongSetting
from noria.project.toml import write_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["amended", "laid_out"]

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?\s*(#.*)?$")


def laid_out(tables: Mapping[str, Mapping[str, str]]) -> str:
    """Write tables as TOML.

    Parameters
    ----------
    tables : mapping of str to mapping
        Header -> key -> value, which is TOML already.

    Examples
    --------
    >>> print(laid_out({"data.checks": {"unique": '["id"]'}}))
    [data.checks]
    unique = ["id"]
    """
    blocks = []
    for header, entries in tables.items():
        if entries:
            lines = [f"{write_key(name)} = {value}" for name, value in entries.items()]
            blocks.append("\n".join([f"[{header}]", *lines]))
    return "\n\n".join(blocks)


def amended(text: str, tables: Mapping[str, Mapping[str, str]]) -> str:
    r"""Add keys to the tables of a project file, and tables that it does not have.

    Parameters
    ----------
    text : str
        The file.
    tables : mapping of str to mapping
        Header -> key -> value, which is TOML already. None of the keys may be there.

    Raises
    ------
    WrongSetting
        The file is laid out so that nothing can be added safely, as with a table written in one line.

    Examples
    --------
    >>> text = "[data]  # rows\nsource = 'a.csv'\n\n[split]\ntest = 0.2\n"
    >>> print(amended(text, {"data.checks": {"unique": '["id"]'}}))
    [data]  # rows
    source = 'a.csv'
    <BLANKLINE>
    [data.checks]
    unique = ["id"]
    <BLANKLINE>
    [split]
    test = 0.2
    <BLANKLINE>
    """
    made = text
    for header, entries in tables.items():
        if entries:
            made = _with(made, header, laid_out({header: entries}))
    try:
        found, wanted = tomllib.loads(made), tomllib.loads(text)
        for header, entries in tables.items():
            if entries:
                _merge(wanted, header.split("."), tomllib.loads(laid_out({header: entries})))
        is_sound = found == wanted
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        is_sound = False
    if not is_sound:
        raise WrongSetting(
            "noria.toml is laid out so that lines cannot be added to it safely",
            why=f"one of {', '.join(f'[{header}]' for header in tables)} is written in one line, or as dotted keys",
            mend="write it as a table of its own, or paste what `noria check --suggest` prints",
            code="N-PROJECT-040",
        )
    return made


def _with(text: str, header: str, block: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    headers = [(at, found["name"].replace(" ", "")) for at, line in enumerate(lines) if (found := _HEADER.match(line))]
    mine = next((place for place, (_, name) in enumerate(headers) if name == header), None)
    if mine is not None:
        end = _end(lines, headers, mine)
        return "".join([*lines[:end], *(line + "\n" for line in block.splitlines()[1:]), *lines[end:]])
    # After the last table of the same family, as [data.checks] after [data].
    family = header.partition(".")[0]
    near = [place for place, (_, name) in enumerate(headers) if name.partition(".")[0] == family]
    end = _end(lines, headers, near[-1]) if near else len(lines)
    return "".join([*lines[:end], "\n" if end else "", block + "\n", *lines[end:]])


def _end(lines: list[str], headers: list[tuple[int, str]], place: int) -> int:
    """Find where a table ends: what is said above the next header belongs to that."""
    end = headers[place + 1][0] if place + 1 < len(headers) else len(lines)
    while end - 1 > headers[place][0] and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _merge(into: dict[str, object], path: list[str], added: object) -> None:
    for name in path[:-1]:
        into = into.setdefault(name, {})  # type: ignore[assignment] # a table, or the comparison fails
        added = added[name] if isinstance(added, dict) and added else {}
    last = path[-1]
    table = into.setdefault(last, {})
    fresh = added.get(last, {}) if isinstance(added, dict) else {}
    if not isinstance(table, dict) or set(table) & set(fresh):
        raise KeyError(last)
    table.update(fresh)
