"""A source's text taken apart: what kind it is, where, and with which hints."""

from __future__ import annotations

import re

from noria.errors import WrongArgument
from noria.sources.kind import Reference
from noria.sources.plugins import kind_of

__all__ = ["Reference", "parse", "prefix_of"]

_PREFIX = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")


def parse(source: str) -> Reference:
    """Take a source apart; nothing is opened.

    Raises
    ------
    WrongArgument
        The prefix or a hint is unknown, or the text holds a password.

    Examples
    --------
    >>> parse("data/loans.csv#encoding=cp1252").hints
    {'encoding': 'cp1252'}
    >>> parse("python:rows.load").kind
    'python'
    """
    text = source.strip()
    if not text or "\x00" in text:
        raise WrongArgument(
            "the source is empty", mend='write a file, as in source = "data/loans.csv"', code="N-SOURCE-001"
        )
    return kind_of(prefix_of(text)).parse(text)


def prefix_of(source: str) -> str:
    """Give the prefix that says who reads a source; without one it is a file.

    Examples
    --------
    >>> prefix_of("s3://bucket/a.csv"), prefix_of("data/a.csv")
    ('s3', 'file')
    """
    found = _PREFIX.match(source.strip())
    return found[1].lower() if found is not None else "file"
