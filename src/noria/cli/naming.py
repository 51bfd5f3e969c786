"""Everything that the records name: what a sweep must leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.store.blobs import Digest
    from noria.workspace import Workspace

__all__ = ["named_objects", "objects_of_versions"]


def named_objects(ws: Workspace) -> set[Digest]:
    """Name every object that a version, a run or a step names; folders of files aside."""
    from noria.pipeline.records import Records

    return objects_of_versions(ws) | {file.digest for _, file in ws.artifacts.named()} | Records(ws.database).named()


def objects_of_versions(ws: Workspace) -> set[Digest]:
    """Name the objects that versions of tables and models are made of."""
    used = {
        digest
        for name in ws.datasets.names()
        for version in ws.datasets.versions(name)
        for digest in ws.datasets.objects(version)
    }
    for name in ws.registry.models():
        for known in ws.registry.versions(name):
            used |= set(known.files.values())
    return used
