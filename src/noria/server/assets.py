"""The style sheet and the modules, named by their content so that a browser keeps them for good."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from noria.plots.figure import PLOT_CSS
from noria.store.blobs import digest_bytes

__all__ = ["Asset", "assets", "version"]

_FOLDER = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Asset:
    """A file of this package, in memory."""

    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Give every static file by its name. Nothing outside this table can be asked for."""
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        media = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
        content = path.read_bytes()
        if path.suffix == ".js":
            content = _slim(content.decode()).encode()
        if path.suffix == ".css":
            # The drawings' few rules ride along: one request less.
            content += PLOT_CSS.encode()
        found[path.name] = Asset(content, media or "application/octet-stream")
    return found


def _slim(module: str) -> str:
    r"""Leave comment lines and indentation at home. Lines keep their numbers, so that an error can be found.

    Our modules have no text over several lines, which a test checks; nothing else could tell the difference.

    Examples
    --------
    >>> _slim("// why\n/** @type {number} */\n  let a = 1; // here\n")
    '\n\nlet a = 1; // here\n'
    """
    module = re.sub(r"(?ms)^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*$", lambda block: "\n" * block[0].count("\n"), module)
    return "\n".join("" if line.lstrip().startswith("//") else line.strip() for line in module.split("\n"))


@cache
def version() -> str:
    """Name the content of all static files together, so that modules may import each other by relative names."""
    return digest_bytes(b"".join(name.encode() + asset.content for name, asset in assets().items()))[:12]
