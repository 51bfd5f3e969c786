"""Which files of the store a folder's version lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.manifest import entries, read

if TYPE_CHECKING:
    from pathlib import Path

    from noria.store.blobs import Digest
    from noria.store.contents import Contents

__all__ = ["manifest_files"]


def manifest_files(manifest: Digest, contents: Contents) -> list[Path]:
    """Name the packs and objects that hold a folder's list and its contents, each content read and checked.

    Parameters
    ----------
    manifest : Digest
        The list.
    contents : Contents
        Where they lie.

    Returns
    -------
    list of Path
        Those that others need come first.

    Raises
    ------
    BlobNotFound, CorruptedBlob
        One is not here, or no longer what it was.
    """
    listed = read(manifest, contents.get)
    named = {manifest, *(part.stored for part in listed.parts)}
    named |= {entry.digest for entry in entries(listed, contents.get).values()}
    files: dict[Path, None] = {}
    for digest in contents.packs.order(named):
        pack = contents.packs.holder(digest)
        if pack is not None:
            contents.get(digest)
            files[pack] = None
        else:
            if not contents.blobs.is_whole(digest):
                contents.blobs.get(digest)  # which says what is wrong with it
            files.update(dict.fromkeys(reversed(contents.blobs.files(digest))))
    return list(files)
