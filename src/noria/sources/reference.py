"""A source's text taken apart: what kind it is, where, and with which hints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlsplit

from noria.errors import WrongArgument, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HINTS", "Kind", "Reference", "parse"]

Kind = Literal["file", "sql", "http", "package", "python"]

HINTS = ("encoding", "delimiter", "sheet", "format")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_KINDS: Mapping[str, Kind] = {"sql": "sql", "https": "http", "http": "http", "package": "package", "python": "python"}
_LATER = ("s3", "gs", "az", "mqtt", "kafka")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Reference:
    """One source.

    Parameters
    ----------
    kind : str
        What reads it.
    location : str
        Path, glob, URL or dotted name, without prefix and hints.
    hints : mapping
        ``encoding``, ``delimiter``, ``sheet``, ``format``.
    text : str
        As the user wrote it.
    """

    kind: Kind
    location: str
    hints: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


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
    prefix = _SCHEME.match(text)
    if prefix is None:
        location, hints = _hints(text)
        return Reference("file", location, hints, text)
    scheme = prefix[1].lower()
    kind = _KINDS.get(scheme)
    if kind is None:
        raise _unknown(scheme, text)
    if kind == "http":
        location, hints = _hints(text)
        _check_url(location, scheme)
        return Reference(kind, location, hints, text)
    rest = text[prefix.end() :]
    if kind == "sql":
        _check_secret(rest)
        return Reference(kind, rest, {}, text)
    if kind == "package":
        location, hints = _hints(rest.lstrip("/"))
        return Reference(kind, location, hints, text)
    return Reference(kind, rest, {}, text)


def _hints(text: str) -> tuple[str, Mapping[str, str]]:
    location, mark, tail = text.rpartition("#")
    if not mark or "=" not in tail:
        return text, {}  # a '#' that is part of a file's name
    hints = dict(parse_qsl(tail.replace("=;", "=%3B").replace("=\t", "=%09"), keep_blank_values=True))
    for name in hints:
        if name not in HINTS:
            hint = did_you_mean(name, HINTS)
            raise WrongArgument(
                f"source {text!r} has an unknown hint {name!r}",
                why=f"known: {', '.join(HINTS)}",
                mend=hint or f"leave #{tail} out",
                code="N-SOURCE-002",
            )
    return location, hints


def _check_url(url: str, scheme: str) -> None:
    parts = urlsplit(url)
    if parts.password is not None:
        raise _secret(url)
    if scheme == "http" and parts.hostname not in _LOOPBACK:
        raise WrongArgument(
            f"{url} is not encrypted on its way", mend=f"write https://{url.partition('://')[2]}", code="N-SOURCE-003"
        )


def _check_secret(url: str) -> None:
    if "://" in url and "@" in url and ":" in url.partition("://")[2].rpartition("@")[0]:
        raise _secret("sql:" + url)


def _secret(text: str) -> WrongArgument:
    shown = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", text)
    return WrongArgument(
        f"source {shown} holds a password",
        why="noria.toml is shared and kept in Git",
        mend='put the whole URL in an environment variable and write source = "sql:env:NAME?table=…"',
        code="N-SOURCE-004",
    )


def _unknown(scheme: str, text: str) -> WrongArgument:
    known = ("sql", "https", "package", "python")
    if scheme in _LATER:
        return WrongArgument(
            f"source {text!r}: noria cannot read {scheme}: yet",
            mend='read it in a function of your own: source = "python:rows.load"',
            code="N-SOURCE-005",
        )
    hint = did_you_mean(scheme, known)
    return WrongArgument(
        f"source {text!r} begins with an unknown prefix {scheme!r}",
        why="known: a file or glob, " + ", ".join(f"{name}:" for name in known),
        mend=hint or "write a file, or one of the known prefixes",
        code="N-SOURCE-006",
    )
