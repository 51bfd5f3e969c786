"""The running noria as a wheel, so that an image answers with the code that exported it.

Reference: PyPA specification, binary distribution format, version 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import noria.errors

__all__ = ["package_files", "wheel"]

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Where the time of a zip file begins."""


def package_files() -> dict[str, bytes]:
    """Give the package and its metadata as they lie in a folder of site-packages, by path."""
    package = Path(noria.errors.__file__).parent
    files = {
        f"noria/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    installed = distribution("noria")
    folder = f"noria-{installed.version}.dist-info"
    files[f"{folder}/METADATA"] = (installed.read_text("METADATA") or "").encode()
    files[f"{folder}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: noria\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{folder}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    record = f"{folder}/RECORD"
    lines = [f"{path},sha256={_hash(data)},{len(data)}" for path, data in sorted(files.items())]
    files[record] = "\n".join([*lines, f"{record},,"]).encode() + b"\n"
    return files


def wheel() -> tuple[str, bytes]:
    """Give the wheel's name and its bytes, the same for the same code."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(package_files().items()):
            entry = zipfile.ZipInfo(path, _EARLIEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return f"noria-{distribution('noria').version}-py3-none-any.whl", held.getvalue()


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
