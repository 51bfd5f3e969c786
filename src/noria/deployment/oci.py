"""Images without a daemon: an OCI image layout written from files, the same bytes for the same files.

Layers are tar archives, sorted by path, of time 0 and owner 0. Two machines whose zlib differs may compress
differently; their ``diff_ids``, which are of the uncompressed archives, agree all the same.

References
----------
Open Container Initiative: Image Format Specification 1.1, https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from noria.store.files import contained, ensure_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Layer", "Process", "base_layer", "faults", "file_layer", "write_layout"]

_EPOCH = "1970-01-01T00:00:00Z"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A layer that lies among the blobs.

    Attributes
    ----------
    digest, size : str, int
        Of the compressed archive.
    diff_id : str
        Digest of the archive itself.
    """

    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True)
class Process:
    """What a container of the image runs."""

    entrypoint: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    user: str
    port: int
    labels: Mapping[str, str]


def file_layer(folder: Path, files: Mapping[str, bytes | Path]) -> Layer:
    """Write a layer of files.

    Parameters
    ----------
    folder : Path
        Of the layout.
    files : mapping of path to content
        Paths inside the image, without a leading slash; content as bytes, or where it lies. A file that its owner may
        execute stays so.
    """

    def fill(stream: BinaryIO) -> None:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
            for path in sorted({*folders, *files}):
                if path in files:
                    _add_file(archive, path, files[path])
                else:
                    archive.addfile(_entry(path, tarfile.DIRTYPE, 0o755))

    return _blob(folder, fill)


def base_layer(folder: Path, archive: Path) -> Layer:
    """Take a root file system as the lowest layer: a tar archive, perhaps compressed with gzip, kept as it is."""

    def fill(stream: BinaryIO) -> None:
        with archive.open("rb") as opened:
            packed = opened.read(2) == b"\x1f\x8b"
            opened.seek(0)
            source = cast("BinaryIO", gzip.GzipFile(fileobj=opened)) if packed else opened
            while chunk := source.read(_CHUNK):
                stream.write(chunk)

    return _blob(folder, fill)


def write_layout(folder: Path, layers: Sequence[Layer], process: Process, *, reference: str) -> str:
    """Write what makes an image of layers; give the digest of its manifest.

    Parameters
    ----------
    folder : Path
        Of the layout.
    layers : sequence of Layer
        The lowest first.
    process : Process
        What it runs.
    reference : str
        Tag inside the layout, as in ``oci:FOLDER:TAG``.
    """
    config = _json_blob(folder, _CONFIG, _configuration(layers, process))
    manifest = _json_blob(
        folder,
        _MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": config,
            "layers": [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
            "annotations": dict(process.labels),
        },
    )
    named = manifest | {"annotations": {"org.opencontainers.image.ref.name": reference}}
    write_atomic(folder / "index.json", _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}))
    write_atomic(folder / "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    return str(manifest["digest"])


def faults(folder: Path) -> list[str]:
    """Read a layout through; name each blob that is missing or not what its name says."""
    try:
        index = json.loads((folder / "index.json").read_bytes())
        manifest = json.loads(_held(folder, index["manifests"][0]["digest"]).read_bytes())
        config = json.loads(_held(folder, manifest["config"]["digest"]).read_bytes())
        described = [*index["manifests"], manifest["config"], *manifest["layers"]]
        found = [fault for each in described if (fault := _fault(folder, each))]
        if len(config["rootfs"]["diff_ids"]) != len(manifest["layers"]):
            found.append("the image's configuration names another number of layers than its manifest")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        return [f"the image layout cannot be read: {type(error).__name__}: {error}"]
    return found


def _configuration(layers: Sequence[Layer], process: Process) -> dict[str, object]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": _EPOCH,
        "config": {
            "User": process.user,
            "Env": [f"{name}={value}" for name, value in process.environment.items()],
            "Entrypoint": list(process.entrypoint),
            "Cmd": list(process.arguments),
            "WorkingDir": "/",
            "ExposedPorts": {f"{process.port}/tcp": {}},
            "StopSignal": "SIGTERM",
            "Labels": dict(process.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": _EPOCH, "created_by": "noria deploy export container"} for _ in layers],
    }


class _Hashed(io.RawIOBase):
    """Passes bytes on and names them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(cast("bytes", data)).cast("B")
        self._hash.update(view)
        self._stream.write(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        return self.size

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _blob(folder: Path, fill: Callable[[BinaryIO], None]) -> Layer:
    blobs = ensure_folder(folder / "blobs" / "sha256")
    partial = blobs / "partial"
    with partial.open("wb") as file:
        outer = _Hashed(file)
        # Neither a time nor a name in gzip's head: both would differ from build to build.
        with gzip.GzipFile(filename="", mode="wb", fileobj=cast("BinaryIO", outer), mtime=0, compresslevel=6) as packed:
            inner = _Hashed(cast("BinaryIO", packed))
            fill(cast("BinaryIO", inner))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(_held(folder, outer.digest))
    return Layer(outer.digest, outer.size, inner.digest)


def _add_file(archive: tarfile.TarFile, path: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        entry = _entry(path, tarfile.REGTYPE, 0o644)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    with content.open("rb") as file:
        status = os.fstat(file.fileno())
        entry = _entry(path, tarfile.REGTYPE, 0o755 if status.st_mode & 0o100 else 0o644)
        entry.size = status.st_size
        archive.addfile(entry, file)


def _entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    contained(Path("/image"), path)  # raises where it would climb out of the image
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _json_blob(folder: Path, media_type: str, value: object) -> dict[str, object]:
    data = _json(value)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    write_atomic(_held(folder, digest), data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _held(folder: Path, digest: str) -> Path:
    return contained(folder / "blobs" / "sha256", digest.removeprefix("sha256:"))


def _fault(folder: Path, described: Mapping[str, object]) -> str:
    hasher, size = hashlib.sha256(), 0
    with _held(folder, str(described["digest"])).open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    if (f"sha256:{hasher.hexdigest()}", size) != (described["digest"], described["size"]):
        return f"blob {described['digest']} is not what its name says"
    return ""
