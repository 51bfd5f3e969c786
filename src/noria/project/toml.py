"""Read TOML within limits: no file may cost more than its size says, and no value may be one that JSON cannot hold."""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from typing import TYPE_CHECKING

from noria.errors import ProjectNotFound, StoreUnavailable, WrongSetting

if TYPE_CHECKING:
    from pathlib import Path

    from noria.project.lines import Path as KeyPath

__all__ = ["MAX_BYTES", "MAX_DEPTH", "parse", "read_text", "unfit", "write_key", "write_text"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
_INT64 = 2**63

# tomllib's time grows with the square of the parts of one dotted key: 20,000 parts take half a second.
_PARTS = (r"(?<![\w-])[\w-]+", r'"[^"\n]*"', r"'[^'\n]*'")
_LONG_KEY = re.compile("|".join(rf"(?:{part}\s*\.\s*){{{MAX_DEPTH + 1}}}" for part in _PARTS))
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_text(path: Path) -> str:
    """Read a project file as text.

    Raises
    ------
    ProjectNotFound
        The file does not exist.
    StoreUnavailable
        It cannot be read.
    WrongSetting
        It is larger than 1 MB or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ProjectNotFound(
            f"no {path.name} in {path.parent}",
            mend="noria init my-project --example credit\ncd my-project",
            code="N-PROJECT-001",
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be read: {error.strerror}",
            mend=f"check the permissions of {path}",
            code="N-PROJECT-002",
        ) from None
    if len(data) > MAX_BYTES:
        raise WrongSetting(
            f"{path.name} is larger than {MAX_BYTES:,} bytes",
            why="a project file says what is wanted; data belong in files of their own",
            mend="move the data out and name it under [data] source",
            code="N-PROJECT-003",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise WrongSetting(
            f"{path.name}:{line}: not UTF-8: byte 0x{data[error.start]:02x}",
            mend=f"save {path.name} as UTF-8",
            code="N-PROJECT-004",
        ) from None


def parse(text: str, *, name: str = "noria.toml") -> dict[str, object]:
    r"""Parse TOML, refusing what would take unfair time or room.

    Raises
    ------
    WrongSetting
        The text is no TOML; the line is named.

    Examples
    --------
    >>> parse("[model]\nfolds = 5")
    {'model': {'folds': 5}}
    """
    long_key = _LONG_KEY.search(text)
    if long_key:
        line = text.count("\n", 0, long_key.start()) + 1
        raise WrongSetting(
            f"{name}:{line}: a key of more than {MAX_DEPTH} dotted parts",
            mend="the deepest setting there is has five parts: see `noria schema`",
            code="N-PROJECT-005",
        )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise WrongSetting(
            f"{name}: arrays or tables nested deeper than can be read",
            mend=f"nest at most {MAX_DEPTH} levels",
            code="N-PROJECT-005",
        ) from None
    except ValueError as error:  # tomllib's own error is one; a number of more than 4,300 digits raises the plain kind
        raise WrongSetting(_syntax(str(error), text, name), mend="mend the line", code="N-PROJECT-006") from None


def unfit(value: object, path: KeyPath = ()) -> list[tuple[KeyPath, str]]:
    """List the values that TOML allows and a setting cannot be: NaN, times, huge integers, NUL, deep nesting.

    Examples
    --------
    >>> unfit({"model": {"folds": float("nan")}})
    [(('model', 'folds'), 'expected a finite number, got nan')]
    """
    if len(path) > MAX_DEPTH:
        return [(path[:4], f"nested deeper than {MAX_DEPTH} levels")]
    found: list[tuple[KeyPath, str]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            if "\x00" in key:
                found.append((path, "a key holds a NUL character"))
            else:
                found += unfit(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += unfit(item, (*path, index))
    else:
        why = _unfit_scalar(value)
        if why:
            found.append((path, why))
    return found


def write_key(name: str) -> str:
    """Write a key of TOML, in quotes where it needs them.

    Examples
    --------
    >>> print(write_key("max_age"), write_key("monthly income"))
    max_age "monthly income"
    """
    return name if _BARE.fullmatch(name) else write_text(name)


def write_text(value: str) -> str:
    r"""Write a text as TOML.

    Examples
    --------
    >>> write_text('say "hi"')
    '"say \\"hi\\""'
    """
    # JSON's escapes are TOML's; DEL alone may stand bare in JSON and not in TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _unfit_scalar(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected a finite number, got {value}"
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return "expected a whole number of at most 64 bits"
    if isinstance(value, str) and "\x00" in value:
        return "the text holds a NUL character"
    if isinstance(value, datetime.date | datetime.time):
        return f'expected text, got a TOML date: write it in quotes, "{value.isoformat()}"'
    return ""


def _syntax(message: str, text: str, name: str) -> str:
    if "integer string conversion" in message:
        return f"{name}: a number with more than 4,300 digits"
    found = _AT.search(message)
    if found is None:
        line = text.rstrip().count("\n") + 1
        return f"{name}:{line}: not TOML: {message.removesuffix(' (at end of document)')}"
    line = int(found.group(1))
    shown = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    return f"{name}:{line}: not TOML: {message[: found.start()].strip()}" + (f": {shown[:80]}" if shown else "")
