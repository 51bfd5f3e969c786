"""The style sheet and the modules, named by their content so that a browser keeps them for good."""

from __future__ import annotations

import mimetypes
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
        if path.suffix == ".css":
            # The drawings' few rules ride along: one request less.
            content += PLOT_CSS.encode()
        found[path.name] = Asset(content, media or "application/octet-stream")
    return found


@cache
def version() -> str:
    """Name the content of all static files together, so that modules may import each other by relative names."""
    return digest_bytes(b"".join(name.encode() + asset.content for name, asset in assets().items()))[:12]
