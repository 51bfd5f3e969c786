"""Writing SVG: elements, numbers, text. Every text is escaped here and nowhere else."""

from __future__ import annotations

from html import escape

__all__ = ["group", "number", "path", "shorten", "tag", "text", "tooltip", "width_of"]

# Advance widths of a common sans serif in hundredths of the font size, close enough to lay labels out: a drawing made
# on a server cannot ask the reader's browser.
_NARROW = dict.fromkeys("ijl.,:;|'!I ()[]ft/", 34)
_WIDE = dict.fromkeys("mwMW@%—", 88)
_CAPITAL = 70
_OTHER = 59


def tag(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """Write an element. Underscores in names become hyphens; None leaves an attribute out.

    Classes are given in `class_` and get the prefix ``np-``, so that no style of the page around meets them.

    Examples
    --------
    >>> tag("line", x1=0, x2=10.004, class_="grid", stroke_width=1.5)
    '<line x1="0" x2="10" class="np-grid" stroke-width="1.5"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(key, value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def group(*parts: str, **attributes: str | float | None) -> str:
    """Put elements together; nothing inside gives nothing."""
    inside = "".join(parts)
    return tag("g", inside, **attributes) if inside else ""


def text(content: str, /, **attributes: str | float | None) -> str:
    """Write a text.

    Examples
    --------
    >>> text("a < b", x=1)
    '<text x="1">a &lt; b</text>'
    """
    return tag("text", escape(content, quote=False), **attributes)


def tooltip(content: str) -> str:
    """Write what a browser shows while the pointer rests on the element around it."""
    return tag("title", escape(content, quote=False))


def path(points: list[tuple[float, float]], *, closed: bool = False) -> str:
    """Join points by straight lines.

    Examples
    --------
    >>> path([(0, 0), (10, 5)])
    'M0 0L10 5'
    """
    joined = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f"M{joined}{'Z' if closed else ''}" if joined else ""


def number(value: float) -> str:
    """Write a coordinate with at most two decimals.

    Examples
    --------
    >>> number(3.0), number(2.456), number(-0.001)
    ('3', '2.46', '0')
    """
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def width_of(content: str, size: float) -> float:
    """Estimate how wide a text will be, in the units of its size.

    Examples
    --------
    >>> width_of("ill", 10) < width_of("MMM", 10)
    True
    """
    return size / 100 * sum(_advance(character) for character in content)


def shorten(content: str, size: float, room: float) -> str:
    """Cut a text to the room there is, with an ellipsis.

    Examples
    --------
    >>> shorten("a rather long name", 10, 50)
    'a rather…'
    """
    if width_of(content, size) <= room:
        return content
    while content and width_of(content + "…", size) > room:
        content = content[:-1]
    return content.rstrip() + "…"


def _value(key: str, value: str | float) -> str:
    if isinstance(value, int | float):
        return number(value)
    return " ".join(f"np-{each}" for each in value.split()) if key == "class_" else escape(value)


def _advance(character: str) -> int:
    if character in _NARROW:
        return _NARROW[character]
    if character in _WIDE:
        return _WIDE[character]
    return _CAPITAL if character.isupper() else _OTHER
