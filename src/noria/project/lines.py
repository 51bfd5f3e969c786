"""Where in a TOML file each key stands, so that an error can name the line.

`tomllib` gives values without positions. This walks the same text once more; it runs only when there is an error to
tell, and only over text that tomllib has accepted, so it need not judge the syntax again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Path", "find_lines", "line_of"]

Path = tuple[str | int, ...]
"""Keys and array positions from the top of the file."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def find_lines(text: str) -> dict[Path, int]:
    r"""Give the line, counted from 1, of every key, table and array item.

    Parameters
    ----------
    text : str
        TOML that `tomllib` accepts.

    Returns
    -------
    dict
        Path to line. A table is where it is first opened.

    Examples
    --------
    >>> found = find_lines('[model]\nfolds = 5\n\n[[gates]]\nmin = 0.7\n')
    >>> found["model", "folds"], found["gates", 0, "min"]
    (2, 5)
    """
    return _Walk(text).lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Give the line of a path, or of the nearest thing around it that the file does write.

    Examples
    --------
    >>> line_of({("model",): 4}, ("model", "metric"))
    4
    """
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}  # array of tables -> items so far
        self.at = 0
        self.line = 1
        self.table: Path = ()
        self._document()

    def _move(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def _blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        if found:
            self._move(found.end())

    def _note(self, path: Path) -> None:
        for size in range(1, len(path) + 1):
            self.lines.setdefault(path[:size], self.line)

    def _document(self) -> None:
        self._blank()
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                self._header()
            else:
                self._pair(self.table)
            self._blank()

    def _header(self) -> None:
        many = self.text.startswith("[[", self.at)
        self._move(self.at + (2 if many else 1))
        keys = list(self._keys("]"))
        path = (*self._inside(keys[:-1]), keys[-1])
        if many:
            self._note(path)
            index = self.tables.get(path, 0)
            self.tables[path] = index + 1
            path = (*path, index)
        elif path in self.tables:
            path = (*path, self.tables[path] - 1)
        self._note(path)
        self.table = path
        self._move(self.at + (2 if many else 1))

    def _inside(self, keys: list[str]) -> Path:
        # [gates.extra] after [[gates]] opens a table in the last gate.
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
        return path

    def _keys(self, end: str) -> Iterator[str]:
        while True:
            self._blank()
            yield self._key()
            self._blank()
            if self.text.startswith(end, self.at) or not self.text.startswith(".", self.at):
                return
            self._move(self.at + 1)

    def _key(self) -> str:
        for pattern in _STRINGS[2:]:
            quoted = pattern.match(self.text, self.at)
            if quoted:
                self._move(quoted.end())
                return _unquote(quoted.group())
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            raise ValueError(f"no key on line {self.line}")
        self._move(bare.end())
        return bare.group()

    def _pair(self, inside: Path) -> None:
        line = self.line
        path = (*inside, *self._keys("="))
        for size in range(len(inside) + 1, len(path) + 1):
            self.lines.setdefault(path[:size], line)
        self._move(self.at + 1)
        self._blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        for pattern in _STRINGS:
            found = pattern.match(self.text, self.at)
            if found:
                self._move(found.end())
                return
        if self.text.startswith("[", self.at):
            self._array(path)
        elif self.text.startswith("{", self.at):
            self._inline(path)
        else:
            scalar = _SCALAR.match(self.text, self.at)
            self._move(scalar.end() if scalar else self.at + 1)

    def _array(self, path: Path) -> None:
        self._move(self.at + 1)
        index = 0
        self._blank()
        while not self.text.startswith("]", self.at):
            self.lines.setdefault((*path, index), self.line)
            self._value((*path, index))
            index += 1
            self._comma()
        self._move(self.at + 1)

    def _inline(self, path: Path) -> None:
        self._move(self.at + 1)
        self._blank()
        while not self.text.startswith("}", self.at):
            self._pair(path)
            self._comma()
        self._move(self.at + 1)

    def _comma(self) -> None:
        self._blank()
        if self.text.startswith(",", self.at):
            self._move(self.at + 1)
            self._blank()


def _unquote(quoted: str) -> str:
    if quoted.startswith("'") or "\\" not in quoted:
        return quoted[1:-1]
    import tomllib  # noqa: PLC0415 - rare: a key with an escape in it

    value = tomllib.loads(f"key = {quoted}")["key"]
    return str(value)
