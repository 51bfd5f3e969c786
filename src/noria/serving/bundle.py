"""One model version as a folder: all that a server needs where there is no registry.

::

    manifest.json    which version this is and where it comes from; the digest of every other file
    signature.json   what it accepts
    settings.json    its endpoint, and what happens to unusual input
    model/…          the model's own files, as registered

The manifest's own digest names the whole: who starts the server may demand it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast

from noria.errors import BlobNotFound, CorruptedBlob, WrongArgument, WrongData
from noria.registry.version import MODEL_FOLDER, ModelVersion
from noria.scoring.policies import Policies
from noria.scoring.scorer import Scorer
from noria.store.blobs import Digest, digest_bytes
from noria.store.files import contained, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from noria.registry.catalog import Registry

__all__ = ["FORMAT", "MANIFEST", "Bundle"]

FORMAT = 1
"""Number of this layout."""

MANIFEST = "manifest.json"

_SERVED = (MODEL_FOLDER, "plan")
"""What answers; evidence such as reports and reference profiles stays in the registry."""

_FACTS = (
    "model", "number", "created", "run_id", "dataset", "data_digest", "code_commit", "code_clean", "model_digest",
    "evaluation_digest", "family", "task",
)  # fmt: skip
# No parameters, tags or user names: a bundle goes to places where they are nobody's business.


@dataclass(frozen=True)
class Bundle:
    """A version with its files, in memory.

    Attributes
    ----------
    version : ModelVersion
        Which; `files` of it are those of the bundle.
    endpoint : str
        Its name in the address ``/predict/NAME``.
    policies : Policies or None
        What the deployment wants of unusual input; None where it is as learned.
    held : mapping of path to bytes
        The version's files.
    """

    version: ModelVersion
    endpoint: str
    policies: Policies | None
    held: Mapping[str, bytes]

    @classmethod
    def of(cls, registry: Registry, version: ModelVersion, *, endpoint: str, policies: Policies | None) -> Bundle:
        """Take a version out of the registry, every file's digest checked.

        Raises
        ------
        CorruptedBlob, BlobNotFound
            A file is not what was registered.
        UntrustedFormat
            Another client logged the model: noria does not load it.
        """
        model = {MODEL_FOLDER + path: data for path, data in registry.files(version).items()}
        further = {path for path in version.files if path.startswith(_SERVED) and path not in model}
        held = model | {path: registry.file(version, path) for path in further}
        return cls(version, endpoint, policies, dict(sorted(held.items())))

    @classmethod
    def read(cls, folder: Path, *, digest: str | None = None) -> Bundle:
        """Read a bundle back, every byte checked.

        Parameters
        ----------
        folder : Path
            As `write` left it.
        digest : str, optional
            The one it must have.

        Raises
        ------
        WrongArgument
            The folder holds no bundle.
        WrongData
            A newer noria wrote it, or its manifest was altered.
        CorruptedBlob
            A file, or the whole, is not what it should be.
        """
        written = _read(folder, MANIFEST)
        manifest = _manifest(written, folder)
        if digest is not None and digest_bytes(written) != digest:
            raise CorruptedBlob(
                f"the bundle in {folder} is not the one demanded",
                why=f"its digest is {digest_bytes(written)}, not {digest[:80]}",
                mend="deploy the bundle that belongs to these settings, or export both again",
                code="N-SERVING-073",
            )
        files = {path: _checked(folder, path, wanted) for path, wanted in manifest["files"].items()}
        try:
            signature = json.loads(files.pop("signature.json"))
            settings = json.loads(files.pop("settings.json"))
            facts = dict(cast("Mapping[str, object]", manifest["version"]))
            version = ModelVersion(
                **{name: facts[name] for name in _FACTS if name != "created"},  # type: ignore[arg-type]  # as written
                created=datetime.fromisoformat(str(facts["created"])),
                environment={},
                params={},
                metrics={},
                tags={},
                signature=signature,
                files={path: Digest(manifest["files"][path]) for path in files},
            )
            policies = Policies.from_json(settings["policies"]) if settings["policies"] is not None else None
            return cls(version, str(settings["endpoint"]), policies, files)
        except (KeyError, TypeError, ValueError) as error:
            raise _altered(folder, f"{type(error).__name__}: {error}") from error

    @cached_property
    def contents(self) -> Mapping[str, bytes]:
        """All files of the folder, by path."""
        files = dict(self.held)
        files["signature.json"] = _json(self.version.signature)
        files["settings.json"] = _json(
            {"endpoint": self.endpoint, "policies": asdict(self.policies) if self.policies is not None else None}
        )
        facts = {name: getattr(self.version, name) for name in _FACTS} | {"created": self.version.created.isoformat()}
        files[MANIFEST] = _json(
            {
                "format": FORMAT,
                "version": facts,
                "files": {path: digest_bytes(data) for path, data in sorted(files.items())},
            }
        )
        return files

    @property
    def digest(self) -> Digest:
        """Name the whole by its content."""
        return digest_bytes(self.contents[MANIFEST])

    def write(self, folder: Path) -> tuple[str, ...]:
        """Write the folder; give the paths."""
        for path, data in self.contents.items():
            write_atomic(contained(folder, path), data)
        return tuple(sorted(self.contents))

    def scorer(self) -> Scorer:
        """Load the version and let it answer made-up rows.

        Raises
        ------
        UntrustedFormat
            A file holds something that noria does not load, such as a class of the project's own: its code is not
            here.
        """
        scorer = Scorer.load(_Shelf(self), self.version, policies=self.policies)
        scorer.warm()
        return scorer


class _Shelf:
    """The registry's side of loading, for one version."""

    def __init__(self, bundle: Bundle) -> None:
        self._held = bundle.held

    def files(self, version: ModelVersion, folder: str = MODEL_FOLDER) -> dict[str, bytes]:
        return {path.removeprefix(folder): data for path, data in self._held.items() if path.startswith(folder)}

    def file(self, version: ModelVersion, path: str) -> bytes:
        if path not in self._held:
            raise BlobNotFound(f"the bundle of {version.ref} has no file {path!r}", code="N-SERVING-074")
        return self._held[path]


def _manifest(written: bytes, folder: Path) -> dict[str, dict[str, str]]:
    try:
        manifest = json.loads(written)
    except (ValueError, RecursionError):
        raise _altered(folder, "manifest.json is not JSON") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        got = manifest.get("format") if isinstance(manifest, dict) else None
        raise WrongData(
            f"the bundle in {folder} has format {got!r}, this noria reads {FORMAT}",
            mend="serve it with the noria that exported it, or export it again",
            code="N-SERVING-071",
        )
    files, version = manifest.get("files"), manifest.get("version")
    if not isinstance(files, dict) or not isinstance(version, dict) or not all(map(_is_text, files.values())):
        raise _altered(folder, "manifest.json lacks its version or its files")
    return manifest


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _checked(folder: Path, path: str, wanted: str) -> bytes:
    data = _read(folder, path)
    if digest_bytes(data) != wanted:
        raise CorruptedBlob(
            f"{path} of the bundle in {folder} is not what was exported",
            why=f"its digest is {digest_bytes(data)}, the manifest says {wanted[:80]}",
            mend="export the version again",
            code="N-SERVING-072",
        )
    return data


def _read(folder: Path, path: str) -> bytes:
    try:
        return contained(folder, path).read_bytes()
    except OSError as error:
        raise WrongArgument(
            f"{folder} is no bundle: {path} cannot be read: {error.strerror or error}",
            mend="noria deploy export local MODEL@VERSION --out FOLDER     writes one",
            code="N-SERVING-070",
        ) from error


def _altered(folder: Path, why: str) -> WrongData:
    return WrongData(
        f"the manifest of the bundle in {folder} was altered",
        why=why,
        mend="export the version again",
        code="N-SERVING-075",
    )


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
