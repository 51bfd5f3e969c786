"""Errors of a source that stands on the command line: they mend the command, not a noria.toml that may not exist."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import NoriaError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reading_given", "reworded"]

_WRITTEN = re.compile(r"(?<!noria\.toml as )\[data\] source")
_SETTING = re.compile(r'source = "([^"]*)"')


@contextmanager
def reading_given(word: str) -> Iterator[None]:
    """Tell what is wrong with a source in the words of the command that it was given to.

    Parameters
    ----------
    word : str
        How the help calls it: ``--data`` or ``FILE``.
    """
    try:
        yield
    except NoriaError as error:
        mend = reworded(error.mend, word, Path.cwd())
        if mend == error.mend:
            raise
        raise type(error)(error.what, why=error.why, mend=mend, code=error.code) from error


def reworded(mend: str, word: str, folder: Path) -> str:
    """Say a mend of ``[data] source`` for the command line.

    Examples
    --------
    >>> here = Path("/srv")
    >>> reworded("correct [data] source; a relative path starts at the folder of noria.toml", "--data", here)
    'correct --data; a relative path starts at the folder you are in: /srv'
    >>> reworded('name the files in it: source = "dir/*.csv"', "--data", here)
    "name the files in it: --data 'dir/*.csv'"
    >>> reworded('say what it is: source = "a.zip#format=csv"', "FILE", here)
    "say what it is: 'a.zip#format=csv'"
    """
    flag = f"{word} " if word.startswith("-") else ""
    mend = _SETTING.sub(lambda found: f"{flag}'{found[1]}'", mend)
    mend = mend.replace("the folder of noria.toml", f"the folder you are in: {folder}")
    mend = mend.replace("beside noria.toml", f"in {folder}")
    return _WRITTEN.sub(lambda _: word, mend)
