r"""The little YAML that MLflow keeps its records in: mappings, lists and text, nothing that refers or constructs.

A reader of all of YAML is a reader of bombs (aliases), of constructors (tags) and of surprises (``no`` is false,
``1e3`` is text). Here every scalar is text, or None for ``null``; whoever asks for a number converts it. Refused:
anchors, aliases, tags, directives, several documents, complex keys, a key twice, flow collections with anything
inside, more than 1 MB, more than 50 levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Union

from noria.errors import WrongData

__all__ = ["LIMIT", "Node", "parse", "write"]

Node = Union[str, None, "dict[str, Node]", "list[Node]"]

LIMIT = 1 << 20
"""Bytes that a file may have at most."""

_DEPTH = 50
_BLANK = " \t\r"
_PLAIN_KEY = r"""(?:[^\s'"\-?:,\[\]{}#&*!|>@`%]|[-?:](?=[^\s]))(?:[^:\s]|:(?=\S)|[ ](?=[^#]))*?"""
_KEY = re.compile(rf"""(?:'((?:[^']|'')*)'|"((?:[^"\\]|\\.)*)"|({_PLAIN_KEY}))[ ]*:(?:[ \r]+|$)""")
_REFUSED = frozenset("&*!|>%@`,]}")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX = {"x": 2, "u": 4, "U": 8}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


def parse(data: bytes) -> dict[str, Node]:
    r"""Read a mapping.

    Raises
    ------
    WrongData
        It is not the YAML that is read here, or not UTF-8.

    Examples
    --------
    >>> parse(b"name: 'a: b'\ntags:\n  team: risk\nend_time: null\nids: []\n")
    {'name': 'a: b', 'tags': {'team': 'risk'}, 'end_time': None, 'ids': []}
    """
    if len(data) > LIMIT:
        raise _wrong(0, f"more than {LIMIT:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(0, "not UTF-8") from error
    if strange := re.search("[\x00\x85\u2028\u2029]", text):
        # To one version of YAML these end a line, to the next they do not.
        raise _wrong(0, f"the character U+{ord(strange[0]):04X}")
    reader = _Reader(text)
    found = reader.block(0, 0)
    reader.must_be_over()
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong(1, "no mapping")
    return found


def write(value: Mapping[str, object]) -> str:
    r"""Write a mapping so that any reader of YAML reads it back: every text in double quotes.

    Examples
    --------
    >>> print(write({"name": "a: 'b'\n", "status": 3, "tags": {}, "end": None, "of": {"x": "1"}}), end="")
    "name": "a: 'b'\n"
    "status": 3
    "tags": {}
    "end": null
    "of":
      "x": "1"
    """
    return "".join(f"{line}\n" for line in _written(value, ""))


def _written(value: Mapping[str, object], indent: str) -> list[str]:
    lines = []
    for key, item in value.items():
        head = f"{indent}{_quoted(key)}:"
        if isinstance(item, Mapping) and item:
            lines += [head, *_written(item, indent + "  ")]
        elif isinstance(item, Mapping):
            lines.append(f"{head} {{}}")
        elif isinstance(item, Sequence) and not isinstance(item, str):
            lines.append(f"{head} []" if not item else head)
            lines += [f"{indent}- {_scalar(one)}" for one in item]
        else:
            lines.append(f"{head} {_scalar(item)}")
    return lines


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _quoted(str(value))


def _quoted(text: str) -> str:
    plain = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", plain) + '"'


class _Reader:
    """Lines with their indentation, read from the top."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0

    def block(self, indent: int, depth: int) -> Node:
        """Read the mapping or list that stands at this indentation or deeper; None where there is none."""
        if depth > _DEPTH:
            raise self.wrong(f"nested deeper than {_DEPTH} levels")
        if not self.skip_empty():
            return None
        here = self.indentation()
        if here < indent:
            return None
        body = self.lines[self.at][here:]
        return self.sequence(here, depth) if body == "-" or body.startswith("- ") else self.mapping(here, depth)

    def mapping(self, indent: int, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while self.skip_empty() and self.indentation() == indent:
            line = self.lines[self.at]
            body = line[indent:]
            if body.startswith(("---", "...")):
                raise self.wrong("several documents")
            match = _KEY.match(body)
            if match is None:
                raise self.wrong("no 'key: value'")
            key = self.key(match)
            if key in found:
                raise self.wrong(f"the key {key[:80]!r} is there twice")
            rest = body[match.end() :]
            found[key] = self.value(rest, indent, depth)
        return found

    def sequence(self, indent: int, depth: int) -> list[Node]:
        found: list[Node] = []
        while self.skip_empty() and self.indentation() == indent:
            body = self.lines[self.at][indent:]
            if not (body == "-" or body.startswith("- ")):
                break
            rest = body[1:].lstrip(" ")
            if _KEY.match(rest):
                # "- key: value" begins a mapping whose other keys stand beneath its first.
                inner = indent + len(body) - len(rest)
                self.lines[self.at] = " " * inner + rest
                if depth > _DEPTH:
                    raise self.wrong(f"nested deeper than {_DEPTH} levels")
                found.append(self.mapping(inner, depth + 1))
            else:
                found.append(self.value(rest, indent, depth))
        return found

    def value(self, rest: str, indent: int, depth: int) -> Node:
        """Read what follows a key or a dash; the reader stands on that line."""
        rest = rest.strip(" \r")
        if not rest or rest.startswith("#"):
            self.at += 1
            if not self.skip_empty():
                return None
            deeper = self.indentation()
            body = self.lines[self.at][deeper:]
            if deeper > indent:
                return self.block(indent + 1, depth + 1)
            if deeper == indent and (body == "-" or body.startswith("- ")):
                return self.sequence(indent, depth + 1)
            return None
        if rest in ("{}", "[]"):
            self.at += 1
            return {} if rest == "{}" else []
        if rest[0] == "'":
            return self.quoted(rest[1:], "'")
        if rest[0] == '"':
            return self.quoted(rest[1:], '"')
        if rest[0] in _REFUSED or rest[0] in "[{" or (rest[0] in "?-:" and rest[1:2] in ("", " ")):
            raise self.wrong(f"{rest[0]!r} begins something that is not read here")
        return self.plain(rest, indent)

    def plain(self, first: str, indent: int) -> str | None:
        parts = [_uncommented(first)]
        self.at += 1
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip(_BLANK):
                # Blank lines belong to a text only if the text goes on after them.
                ahead = self.after_blanks()
                if not self.goes_on(ahead, indent):
                    break
                parts += [""] * (ahead - self.at)
                self.at = ahead
                continue
            if self.indentation() <= indent or line.lstrip(_BLANK).startswith("#"):
                break
            if _KEY.match(line.strip(_BLANK)):
                raise self.wrong("a key inside a text")
            parts.append(_uncommented(line.strip(_BLANK)))
            self.at += 1
        text = _folded(parts)
        return None if text in ("null", "~", "Null", "NULL") else text

    def after_blanks(self) -> int:
        ahead = self.at
        while ahead < len(self.lines) and not self.lines[ahead].strip(_BLANK):
            ahead += 1
        return ahead

    def goes_on(self, ahead: int, indent: int) -> bool:
        if ahead == len(self.lines):
            return False
        line = self.lines[ahead]
        return len(line) - len(line.lstrip(" ")) > indent and not line.lstrip(_BLANK).startswith("#")

    def quoted(self, rest: str, quote: str) -> str:
        parts: list[str] = []
        line = rest
        while True:
            end = _closing(line, quote)
            if end is not None:
                parts.append(line[:end])
                after = line[end + 1 :].strip(_BLANK)
                if after and not after.startswith("#"):
                    raise self.wrong("something after the closing quote")
                self.at += 1
                break
            parts.append(line)
            self.at += 1
            if self.at >= len(self.lines):
                raise self.wrong("a quote that is not closed")
            line = self.lines[self.at]
        if quote == "'":
            return _folded([part.strip(" ") if i else part.rstrip(" ") if len(parts) > 1 else part
                            for i, part in enumerate(parts)], keep_last=parts[-1]).replace("''", "'")  # fmt: skip
        return self.unescaped(parts)

    def unescaped(self, parts: list[str]) -> str:
        text = ""
        blank = 0
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            piece = part if number == 0 else part.lstrip(" \t")
            joined = not last and (len(piece) - len(piece.rstrip("\\"))) % 2 == 1
            if not last and not joined:
                piece = piece.rstrip(" \t")
            if number and not piece and not last:
                blank += 1
                continue
            if number and not self.glued:
                text += "\n" * blank if blank else " "
            elif number:
                text += "\n" * blank
            blank = 0
            self.glued = joined
            text += self.decoded(piece[:-1] if joined else piece)
        return text

    glued = False

    def decoded(self, piece: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(piece):
            char = piece[at]
            if char != "\\":
                out.append(char)
                at += 1
                continue
            letter = piece[at + 1 : at + 2]
            if letter in _HEX:
                digits = piece[at + 2 : at + 2 + _HEX[letter]]
                if len(digits) != _HEX[letter] or not re.fullmatch("[0-9a-fA-F]+", digits):
                    raise self.wrong("an escape without its digits")
                number = int(digits, 16)
                if number > 0x10FFFF or number == 0 or 0xD800 <= number < 0xE000:
                    raise self.wrong("an escape of what is no letter")
                out.append(chr(number))
                at += 2 + len(digits)
            elif letter in _ESCAPES and letter not in ("", "0"):
                out.append(_ESCAPES[letter])
                at += 2
            else:
                raise self.wrong(f"an unknown escape \\{letter}")
        return "".join(out)

    def key(self, match: re.Match[str]) -> str:
        single, double, plain = match.groups()
        if single is not None:
            return single.replace("''", "'")
        return self.decoded(double) if double is not None else plain.strip(_BLANK)

    def skip_empty(self) -> bool:
        """Go to the next line that says something."""
        while self.at < len(self.lines):
            stripped = self.lines[self.at].strip(_BLANK)
            if stripped and not stripped.startswith("#"):
                return True
            self.at += 1
        return False

    def indentation(self) -> int:
        line = self.lines[self.at]
        if line.lstrip(" ").startswith("\t"):
            raise self.wrong("a tab for indentation")
        return len(line) - len(line.lstrip(" "))

    def must_be_over(self) -> None:
        if self.skip_empty():
            raise self.wrong("the indentation does not fit")

    def wrong(self, what: str) -> WrongData:
        return _wrong(self.at + 1, what)


def _closing(line: str, quote: str) -> int | None:
    at = 0
    while at < len(line):
        if quote == '"' and line[at] == "\\":
            at += 2
            continue
        if line[at] == quote:
            if quote == "'" and line[at + 1 : at + 2] == "'":
                at += 2
                continue
            return at
        at += 1
    return None


def _folded(parts: list[str], keep_last: str | None = None) -> str:
    """Join lines: one break is a space, several are one less."""
    text = parts[0]
    blank = 0
    for number, part in enumerate(parts[1:], 1):
        last = number == len(parts) - 1
        if keep_last is not None and last:
            part = keep_last.lstrip(" ")
        if not part and not (last and keep_last is not None):
            blank += 1
            continue
        text += ("\n" * blank if blank else " ") + part
        blank = 0
    return text + "\n" * blank


def _uncommented(text: str) -> str:
    comment = re.search("[ \t]#", text)
    return (text[: comment.start()] if comment else text).strip(_BLANK)


def _wrong(line: int, what: str) -> WrongData:
    return WrongData(
        f"line {line}: {what}" if line else what,
        why="only the plain YAML that MLflow writes is read",
        mend="mend the file by hand, or read the same from MLflow's server",
        code="N-EXCHANGE-010",
    )
