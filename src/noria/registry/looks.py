"""How often the same test rows were looked at: each version judged on them is one chance more to be lucky."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import CorruptedBlob

if TYPE_CHECKING:
    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion

__all__ = ["Looks", "looks_at"]

_FILE = "data.json"
"""Evidence beside a version that says which rows were held back."""


@dataclass(frozen=True)
class Looks:
    """Versions that were judged on the same rows.

    Attributes
    ----------
    digest : str
        Of the test rows.
    versions : tuple of int
        Upwards, the one that is asked about last.
    """

    digest: str
    versions: tuple[int, ...]

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {"digest": self.digest, "versions": list(self.versions)}


def looks_at(registry: Registry, model: str, digest: str, *, number: int | None = None) -> Looks:
    """Find the versions of a model that were judged on these test rows.

    Parameters
    ----------
    registry : Registry
        Where the versions are.
    model : str
        Its name.
    digest : str
        ``test_digest`` of the step `split`.
    number : int, optional
        Only up to this version: what was known when it was judged.
    """
    found = [
        version.number
        for version in registry.versions(model)
        if (number is None or version.number <= number) and _digest_of(registry, version) == digest
    ]
    return Looks(digest, tuple(sorted(found)))


def _digest_of(registry: Registry, version: ModelVersion) -> str | None:
    if _FILE not in version.files:
        return None
    try:
        said = json.loads(registry.file(version, _FILE))
    except (CorruptedBlob, ValueError):
        return None  # `noria fsck` tells it; here it only is one look fewer
    found = (said.get("split") or {}).get("test_digest") if isinstance(said, dict) else None
    return str(found) if found else None
