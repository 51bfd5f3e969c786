"""YAML as people read it, written the same way every time. Plain JSON values go in; there is no reader here.

Reference: YAML Ain't Markup Language, version 1.2.2, https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["dumps"]

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*(?:[:=][A-Za-z0-9_./@+-]+)*")
# What one reader or another takes for something else than text.
_MEANT = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"})


def dumps(*documents: Mapping[str, object], comment: str = "") -> str:
    r"""Write documents, keys in the order given.

    Parameters
    ----------
    documents : mapping
        Of JSON values.
    comment : str
        Lines for the reader, at the top.

    Examples
    --------
    >>> print(dumps({"kind": "Service", "ports": [{"port": 80}], "on": "yes", "none": []}), end="")
    kind: Service
    ports:
      - port: 80
    "on": "yes"
    none: []
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + "---\n".join("\n".join(_lines(document, 0)) + "\n" for document in documents)


def _lines(value: object, depth: int) -> list[str]:
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            if _is_leaf(inner):
                lines.append(f"{pad}{_scalar(key)}: {_scalar(inner)}")
            else:
                lines += [f"{pad}{_scalar(key)}:", *_lines(inner, depth + 1)]
        return lines
    if _is_list(value) and value:
        for inner in value:  # type: ignore[attr-defined]  # a list
            if _is_leaf(inner):
                lines.append(f"{pad}- {_scalar(inner)}")
            else:
                first, *rest = _lines(inner, depth + 1)
                lines += [f"{pad}- {first.removeprefix(pad + '  ')}", *rest]
        return lines
    return [pad + _scalar(value)]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_leaf(value: object) -> bool:
    return not value or not (isinstance(value, Mapping) or _is_list(value))


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _MEANT else _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # 1e-07 is a text to readers of YAML 1.1, which want a point.
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return "{}" if isinstance(value, Mapping) else "[]"


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    # Python's idea of printable is narrower than YAML's, and an escape is right for any character.
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) < 1 << 16 else f"\\U{ord(char):08X}"
