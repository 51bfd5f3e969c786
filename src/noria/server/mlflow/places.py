"""Where a file of a client goes: the name it gave, checked, in the store of the run or model it belongs to.

A name never reaches the disk (see `noria.runs.artifacts`), so none can climb anywhere. The rules keep it a name that
every client can write to its own disk again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from noria.errors import NotFound, WrongArgument

__all__ = ["Place", "checked_path", "file_not_found", "place_of"]

_ODD = re.compile(r"[\\#\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_BYTES = 1_500
_VERSION = re.compile(r"versions/([^/]{1,255})/([0-9]{1,9})/model(?:/(.*))?")
_PLACE = re.compile(r"([0-9]{1,10})/(?:models/(m-[0-9A-Za-z]{1,64})|([0-9A-Za-z][\w\-]{0,255}))/artifacts(?:/(.*))?")


@dataclass(frozen=True)
class Place:
    """A name within what belongs to a run or a logged model.

    Parameters
    ----------
    experiment_id : int
        Of both.
    owner : str
        Id of the run or model.
    is_model : bool
        Which of them.
    path : str
        The name; empty for the folder of all.
    version : tuple of str and int, or None
        The registered version whose files these are; they can only be read.
    """

    experiment_id: int
    owner: str
    is_model: bool
    path: str
    version: tuple[str, int] | None = None


def checked_path(path: str, where: str = "path") -> str:
    """Give a relative name back when it is one, however often it was encoded; a slash at its end is taken off.

    Raises
    ------
    WrongArgument
        It climbs, is absolute, or holds what a file's name should not.

    Examples
    --------
    >>> checked_path("plots/roc curve.png")
    'plots/roc curve.png'
    """
    path = path if path == "/" else path.removesuffix("/")
    plain = path
    for _ in range(20):
        if plain and (_ODD.search(plain) or _DRIVE.match(plain)):
            _invalid(path, where, "backslashes, '#', drives and control characters are no part of a name")
        if plain and not all(part and part not in (".", "..") for part in plain.split("/")):
            _invalid(path, where, "give a relative path without '..', '.' or empty parts")
        plain, before = unquote(plain), plain
        if plain == before:
            break
    else:
        _invalid(path, where, "it is encoded over and over")
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        _invalid(path, where, "it is not UTF-8")
    if length > _MOST_BYTES or "\ufffd" in path:
        _invalid(path, where, f"a name has at most {_MOST_BYTES} bytes of UTF-8")
    return path


def place_of(path: str) -> Place | None:
    """Read a name of the proxy.

    It is ``EXPERIMENT/RUN/artifacts/NAME``, ``EXPERIMENT/models/MODEL/artifacts/NAME`` or, for the files of a
    registered version, ``versions/MODEL/NUMBER/model/NAME``.

    None for any other: nothing lies there.

    Raises
    ------
    WrongArgument
        See `checked_path`.

    Examples
    --------
    >>> place_of("3/models/m-5f/artifacts/MLmodel")  # doctest: +ELLIPSIS
    Place(experiment_id=3, owner='m-5f', is_model=True, path='MLmodel'...)
    >>> place_of("3/5f/artifacts").path, place_of("3")
    ('', None)
    """
    path = checked_path(path)
    if version := _VERSION.fullmatch(path):
        model, digits, name = version.groups()
        return Place(-1, "", is_model=True, path=checked_path(name or ""), version=(model, int(digits)))
    found = _PLACE.fullmatch(path)
    if found is None:
        return None
    number, model, run, name = found.groups()
    return Place(int(number), model or run, model is not None, checked_path(name or ""))


def file_not_found(path: str) -> NotFound:
    """Make the error that says there is no such file."""
    return NotFound(
        f"there is no file {path[:200]!r}", mend="list the folder to see what there is", code="N-SERVER-062"
    )


def _invalid(path: str, where: str, why: str) -> NoReturn:
    shown = repr(path if len(path) <= 80 else path[:77] + "...")
    raise WrongArgument(f"Invalid {where}: {shown}", why=why, mend="give another name", code="N-SERVER-063")
