"""What a step gives back, as bytes in the store. Data only: nothing here can run code when it is read."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from noria.errors import WrongArgument
from noria.store.blobs import Blobs, Digest, canonical_json
from noria.store.files import contained

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    _Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

__all__ = ["ArtifactRef", "Files", "Kind", "decode", "decode_part", "encode"]

Kind = Literal["json", "text", "bytes", "table", "array", "files", "bundle"]
_DEEPEST = 50
_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "version": "2.6",
    "data_page_version": "1.0",
    "row_group_size": 1 << 20,
}


@dataclass(frozen=True)
class ArtifactRef:
    """Where an output lies.

    Parameters
    ----------
    kind : Kind
        How to read it.
    digest : Digest
        Its content.
    objects : tuple of Digest
        Every blob it needs, itself included.
    """

    kind: Kind
    digest: Digest
    objects: tuple[Digest, ...] = field(default=(), compare=False)

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {"kind": self.kind, "digest": self.digest, "objects": list(self.objects)}

    @classmethod
    def from_json(cls, fields: object) -> ArtifactRef:
        """Read the fields back."""
        given = cast("dict[str, str]", fields)
        objects = tuple(Digest(one) for one in given.get("objects", ()))
        return cls(cast("Kind", given["kind"]), Digest(given["digest"]), objects or (Digest(given["digest"]),))


class Files(Mapping[str, bytes]):
    """A folder of files as one output.

    Parameters
    ----------
    files : mapping of str to bytes
        Relative path -> content.

    Raises
    ------
    WrongArgument
        A path is absolute or climbs out of the folder.

    Examples
    --------
    >>> sorted(Files({"model/meta.json": b"{}", "model/a.bin": b"1"}))
    ['model/a.bin', 'model/meta.json']
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        from pathlib import Path  # noqa: PLC0415 - only where files are made

        for path in files:
            contained(Path(), path)
        self._files = {path: bytes(content) for path, content in sorted(files.items())}

    def __getitem__(self, path: str) -> bytes:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Files({', '.join(self._files)})"


def encode(value: object, blobs: Blobs, *, step: str = "") -> ArtifactRef:
    """Put an output in the store.

    Parameters
    ----------
    value : object
        A JSON value, str, bytes, `pyarrow.Table`, `pandas.DataFrame` (kept as a table, its unnamed index
        dropped), `numpy.ndarray`, `Files`, or a dict of these.
    blobs : Blobs
        The store.
    step : str
        Whose output it is, for the error.

    Raises
    ------
    WrongArgument
        The value, or a part of it, is of another type, or holds NaN where JSON is written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> blobs = Blobs(Path(tempfile.mkdtemp()))
    >>> ref = encode({"rows": 3, "columns": ["a"]}, blobs)
    >>> ref.kind, decode(ref, blobs)
    ('json', {'columns': ['a'], 'rows': 3})
    """
    return _Encoder(blobs, step).encode(value, "its output")


def decode(ref: ArtifactRef, blobs: Blobs) -> object:
    """Read an output back, every byte checked.

    Raises
    ------
    CorruptedBlob, BlobNotFound
        The store no longer holds what was written.
    """
    if ref.kind == "bytes":
        return blobs.get(ref.digest)
    if ref.kind == "text":
        return blobs.get(ref.digest).decode()
    if ref.kind == "table":
        return _read_table(blobs, ref.digest)
    if ref.kind == "array":
        return _read_array(blobs, ref.digest)
    value = json.loads(blobs.get(ref.digest))
    if ref.kind == "files":
        return Files({path: blobs.get(Digest(digest)) for path, digest in value.items()})
    if ref.kind == "bundle":
        return {name: decode(ArtifactRef(kind, Digest(digest)), blobs) for name, (kind, digest) in value.items()}
    return value


def decode_part(ref: ArtifactRef, name: str, blobs: Blobs) -> object:
    """Read one part of an output that was given as a dict, without the others; None where it has no such part.

    Raises
    ------
    CorruptedBlob, BlobNotFound
        The store no longer holds what was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> blobs = Blobs(Path(tempfile.mkdtemp()))
    >>> decode_part(encode({"model": b"...", "table": [1, 2]}, blobs), "table", blobs)
    [1, 2]
    """
    if ref.kind != "bundle":
        value = decode(ref, blobs) if ref.kind == "json" else None
        return value.get(name) if isinstance(value, dict) else None
    kind, digest = json.loads(blobs.get(ref.digest)).get(name, (None, None))
    return None if kind is None else decode(ArtifactRef(kind, Digest(digest)), blobs)


class _Encoder:
    def __init__(self, blobs: Blobs, step: str) -> None:
        self._blobs = blobs
        self._step = step

    def encode(self, value: object, where: str) -> ArtifactRef:
        if isinstance(value, str):
            return self._put("text", value.encode())
        if isinstance(value, bytes | bytearray | memoryview):
            return self._put("bytes", bytes(value))
        if isinstance(value, Files):
            digests = {path: self._blobs.put(content) for path, content in value.items()}
            return self._put("files", canonical_json(digests).encode(), tuple(digests.values()))
        if _is(value, "pyarrow", "Table"):
            return self._table(cast("pa.Table", value))
        if _is(value, "pandas", "DataFrame"):
            return self._table(_from_frame(cast("pd.DataFrame", value)))
        if _is(value, "numpy", "ndarray"):
            return self._put(
                "array", self._array_bytes(cast("np.ndarray[tuple[int, ...], np.dtype[np.generic]]", value))
            )
        if isinstance(value, Mapping) and not self._plain_enough(value):
            return self._bundle(value, where)
        text = canonical_json(self._plain(value, where, 0))
        return self._put("json", text.encode())

    def _put(self, kind: Kind, data: bytes, inner: tuple[Digest, ...] = ()) -> ArtifactRef:
        digest = self._blobs.put(data)
        return ArtifactRef(kind, digest, tuple(dict.fromkeys((digest, *inner))))

    def _table(self, table: pa.Table) -> ArtifactRef:
        from noria.store.memory import is_large  # noqa: PLC0415 - a table is here, so pyarrow is loaded
        from noria.store.parquet import keep_rows, write_rows  # noqa: PLC0415 - as above

        if is_large(table.nbytes):
            digest = keep_rows(table, self._blobs, **_PARQUET)
            return ArtifactRef("table", digest, (digest,))
        buffer = io.BytesIO()
        write_rows(table, buffer, **_PARQUET)
        return self._put("table", buffer.getvalue())

    def _bundle(self, value: Mapping[object, object], where: str) -> ArtifactRef:
        refs: dict[str, ArtifactRef] = {}
        for name, part in value.items():
            if not isinstance(name, str):
                raise self._refuse(name, f"a key of {where}")
            refs[name] = self.encode(part, f"{where}[{name!r}]")
        manifest = {name: [ref.kind, ref.digest] for name, ref in refs.items()}
        inner = tuple(digest for ref in refs.values() for digest in ref.objects)
        return self._put("bundle", canonical_json(manifest).encode(), inner)

    def _plain_enough(self, value: object) -> bool:
        """Say whether a mapping is JSON all through, as opposed to one that holds tables or bytes."""
        if isinstance(value, Mapping):
            return all(self._plain_enough(part) for part in value.values())
        if isinstance(value, list | tuple):
            return all(self._plain_enough(part) for part in value)
        heavy = isinstance(value, bytes | bytearray | memoryview | Files)
        return not (heavy or _is(value, "pyarrow", "Table") or _is(value, "pandas", "DataFrame") or _is_array(value))

    def _plain(self, value: object, where: str, depth: int) -> object:
        if _is_scalar(value):
            value = value.item()  # type: ignore[attr-defined] # a numpy number is the Python number it holds
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            if value != value or value in (float("inf"), float("-inf")):
                raise WrongArgument(
                    f"step {self._step!r} gives back {value} in {where}, which JSON cannot hold",
                    mend="give None for a number that is not known",
                    code="N-PIPELINE-040",
                )
            return value
        if depth > _DEEPEST:
            raise self._refuse(value, f"{where}, nested deeper than {_DEEPEST} levels")
        if isinstance(value, Mapping):
            plain: dict[str, object] = {}
            for key, part in value.items():
                if not isinstance(key, str):
                    raise self._refuse(key, f"a key of {where}")
                plain[key] = self._plain(part, f"{where}[{key!r}]", depth + 1)
            return plain
        if isinstance(value, list | tuple):
            return [self._plain(part, f"{where}[{number}]", depth + 1) for number, part in enumerate(value)]
        raise self._refuse(value, where)

    def _array_bytes(self, array: _Array) -> bytes:
        import numpy as np  # noqa: PLC0415 - an array is here, so numpy is loaded

        if array.dtype.hasobject:
            raise WrongArgument(
                f"step {self._step!r} gives back an array of Python objects, which noria does not keep",
                why=f"its dtype is {array.dtype}",
                mend="give it a number, bool, text or time dtype, or give a table back",
                code="N-PIPELINE-041",
            )
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
        return buffer.getvalue()

    def _refuse(self, value: object, where: str) -> WrongArgument:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        return WrongArgument(
            f"step {self._step!r} gives back a {kind} as {where}, which noria does not keep",
            mend="give back JSON values, text, bytes, a pyarrow.Table, a pandas.DataFrame, a numpy array, "
            "noria.Files, or a dict of these",
            code="N-PIPELINE-042",
        )


def _is(value: object, library: str, name: str) -> bool:
    # A value of a library's type can only exist where the library is loaded already.
    loaded = sys.modules.get(library)
    kind = getattr(loaded, name, None) if loaded is not None else None
    return isinstance(kind, type) and isinstance(value, kind)


def _is_scalar(value: object) -> bool:
    return _is(value, "numpy", "generic")


def _is_array(value: object) -> bool:
    return _is(value, "numpy", "ndarray")


def _from_frame(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - only when a frame is kept

    named = any(name is not None for name in frame.index.names)
    table = pa.Table.from_pandas(frame.reset_index() if named else frame, preserve_index=False)
    return table.replace_schema_metadata(None)  # it names the pandas version, so equal rows would differ


def _read_table(blobs: Blobs, digest: Digest) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - only when a table is read
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    from noria.store.memory import is_large  # noqa: PLC0415 - as above
    from noria.store.parquet import GROWTH, read_rows  # noqa: PLC0415 - as above

    if is_large(GROWTH * blobs.size(digest)):
        return read_rows(blobs.path(digest))
    # Arrow's threads let go of what they read a little later. Python's bytes need the interpreter for that, and where
    # it is just leaving they take the process down (apache/arrow#39862); Arrow's own memory needs nobody.
    content = blobs.get(digest)
    memory = pa.allocate_buffer(len(content))
    memoryview(memory).cast("B")[:] = content
    return pq.read_table(pa.BufferReader(memory))


def _read_array(blobs: Blobs, digest: Digest) -> _Array:
    import numpy as np  # noqa: PLC0415 - only when an array is read

    return cast(
        "_Array",
        np.lib.format.read_array(io.BytesIO(blobs.get(digest)), allow_pickle=False),
    )
