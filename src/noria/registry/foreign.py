"""What another client's model folder says about itself, and what in it could run code; nothing of it is ever loaded.

The description is YAML, a language in which a small file can ask for much: only plain mappings, lists and texts of it
are read (see `noria.security.strict_yaml`). What could run code is told by content first and by name only after that,
since a pickle is one under any name.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from noria.errors import UntrustedFormat, WrongData
from noria.security.strict_yaml import Node, parse

__all__ = ["Description", "read_description", "why_unsafe"]

DESCRIPTION = "MLmodel"

_HEAD = 4096
_OLD_PICKLE = 16 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PACKED = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d\x18")
"""How zlib, gzip, bzip2, xz and lz4 begin, in which joblib writes its pickles."""
_PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill")
_TORCH_NAMES = (".pt", ".pth", ".ckpt")
_CODE_NAMES = (".py", ".pyc", ".so", ".pyd", ".dll")


@dataclass(frozen=True)
class Description:
    """What a model folder says about itself.

    Parameters
    ----------
    flavors : mapping of str to mapping
        By which libraries it can be loaded, and what each needs to know.
    signature : mapping
        Its inputs and outputs, as the client wrote them.
    run_id, model_id : str
        Where it came from, as it says.
    mlflow_version : str
        What wrote it.
    """

    flavors: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    signature: Mapping[str, object] = field(default_factory=dict)
    run_id: str = ""
    model_id: str = ""
    mlflow_version: str = ""

    @property
    def family(self) -> str:
        """The library it is a model of; ``python_function`` where it is of none that is known."""
        return next((name for name in self.flavors if name != "python_function"), "python_function")


def read_description(content: bytes) -> Description:
    r"""Read an ``MLmodel`` file.

    Raises
    ------
    UntrustedFormat
        It is no plain YAML mapping within bounds.

    Examples
    --------
    >>> read_description(b"flavors:\n  sklearn:\n    pickled_model: model.pkl\nrun_id: abc").family
    'sklearn'
    """
    read = _plain(content)
    flavors = read.get("flavors")
    signature = read.get("signature")
    return Description(
        flavors={str(name): dict(one) if isinstance(one, dict) else {} for name, one in flavors.items()}
        if isinstance(flavors, dict)
        else {},
        signature={str(name): one for name, one in signature.items()} if isinstance(signature, dict) else {},
        run_id=_text(read.get("run_id")),
        model_id=_text(read.get("model_id")),
        mlflow_version=_text(read.get("mlflow_version")),
    )


def why_unsafe(files: Iterable[tuple[str, bytes]]) -> str:
    r"""Say which files of a model could run code when loaded, and why; empty when none is known to.

    Parameters
    ----------
    files : iterable of (path, bytes)
        Whole files, or at least their beginnings; an archive is looked into only when it is whole.

    Examples
    --------
    >>> why_unsafe([("model.txt", b"tree"), ("model.bin", b"\x80\x04\x95...")])
    'model.bin: a Python pickle'
    """
    found = [f"{path}: {why}" for path, content in files if (why := _danger(path, content))]
    shown = "; ".join(found[:5])
    return f"{shown}; and {len(found) - 5} more" if len(found) > 5 else shown


def _danger(path: str, content: bytes) -> str:
    name = path.lower()
    head = content[:_HEAD]
    if _is_pickle(content):
        return "a Python pickle"
    if head.startswith(_HDF5) or name.endswith((".h5", ".hdf5")):
        return "an HDF5 model, which may hold pickled layers"
    if head.startswith(b"PK\x03\x04") and (inside := _in_archive(content)):
        return inside
    if head.startswith(_PACKED) and not name.endswith((".gz", ".bz2", ".xz", ".tgz")):
        return "compressed, and perhaps a pickle"
    if name.endswith(_PICKLE_NAMES):
        return "a pickle by its name"
    if name.endswith(_TORCH_NAMES):
        return "a PyTorch file, which may hold a pickle"
    if name.endswith(_CODE_NAMES):
        return "code"
    return ""


def _is_pickle(content: bytes) -> bool:
    # Protocol 2 and later say so in their first two bytes.
    if len(content) > 1 and content[0] == 0x80 and 2 <= content[1] <= 5:
        return True
    # Earlier ones say nothing, but every pickle ends with a full stop. They are read as a list of instructions,
    # none of which is followed.
    if len(content) < 3 or len(content) > _OLD_PICKLE or not content.rstrip().endswith(b"."):
        return False
    imports = 0
    try:
        for operation, _argument, _place in pickletools.genops(content):
            imports += operation.name in ("GLOBAL", "INST", "REDUCE", "BUILD", "STACK_GLOBAL")
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError):
        return False
    return imports > 0


def _in_archive(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError):
        return ""
    if any(name.endswith(("data.pkl", ".pkl", ".pickle")) for name in names):
        return "an archive that holds a pickle"
    if any(name.endswith(".py") for name in names):
        return "an archive that holds code"
    return ""


def _plain(content: bytes) -> dict[str, Node]:
    try:
        return parse(content)
    except WrongData as error:
        raise _wrong(f"{error.what}: {error.why}" if error.why else error.what) from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _wrong(why: str) -> UntrustedFormat:
    return UntrustedFormat(
        f"the file {DESCRIPTION} of the model cannot be read",
        why=why,
        mend="log the model anew with an unmodified client",
        code="N-REGISTRY-033",
    )
