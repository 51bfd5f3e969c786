"""Rows from an object store, through obstore: listed once, fetched whole, told apart by ETag.

Credentials come from the environment alone, under the names that the vendors' own tools read.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from noria.errors import MissingExtra, SourceNotFound, WorkFailed, WrongArgument, WrongSetting
from noria.sources.globs import fixed_part, is_glob, translated
from noria.sources.retrying import Transient, retried
from noria.store.blobs import digest_json
from noria.store.endpoints import emulator_key, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from obstore.store import ObjectStore

    from noria.sources.kind import Pull, Reference

__all__ = ["objects_token", "read_objects"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CHUNK = 8 << 20
_SECONDS = 30.0
_CREDENTIALS = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
        "AWS_SKIP_SIGNATURE",
    ),
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SKIP_SIGNATURE",
        "STORAGE_EMULATOR_HOST",
    ),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_SKIP_SIGNATURE",
        "IDENTITY_ENDPOINT",
    ),
}
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


@dataclass(frozen=True)
class _Object:
    key: str
    size: int
    etag: str


def objects_token(reference: Reference, pull: Pull) -> str:
    """Digest keys, sizes and ETags; no object is read.

    Raises
    ------
    SourceNotFound
        No object matches.
    """
    found = _found(reference, pull)
    return digest_json([dict(reference.hints), [[one.key, one.size, one.etag] for one in found]])


def read_objects(reference: Reference, pull: Pull) -> tuple[pa.Table, bool]:
    """Fetch each object and read it as the file its ending says; several are stacked.

    Raises
    ------
    SourceNotFound
        No object matches.
    WorkFailed
        The store does not answer, breaks off, or an object changes while it is read.
    WrongData
        An object is no table.
    """
    from noria.sources.files import read_file, stacked  # noqa: PLC0415 - pyarrow only when rows are read

    found = _found(reference, pull)
    store = _store(reference)
    whole, before = sum(one.size for one in found), 0
    parts, shown = [], []
    for number, one in enumerate(found):
        # One folder an object: its name tells the format, and two keys may end in the same one.
        with tempfile.TemporaryDirectory(prefix="noria-") as folder:
            path = Path(folder) / (one.key.rpartition("/")[2].replace("\x00", "_")[-100:] or f"object-{number}")
            fetch = partial(_fetch, store, one, path, reference, pull, before, whole)
            retried(fetch, note=pull.note)
            shown.append(reference.text if len(found) == 1 else _visible(one.key))
            parts.append(read_file(path, reference.hints, pull.na_values, shown=shown[-1]))
        before += one.size
    return stacked(parts, shown)


def _found(reference: Reference, pull: Pull) -> list[_Object]:
    return retried(lambda: _listed(reference), note=pull.note)


def _listed(reference: Reference) -> list[_Object]:
    import obstore  # noqa: PLC0415 - loaded by _store first, which tells where it is missing

    store = _store(reference)
    _, bucket, key = _address(reference)
    try:
        if not is_glob(key):
            return [_object(obstore.head(store, key))]
        wanted = translated(key)
        found = [
            _object(meta)
            for batch in obstore.list(store, prefix=fixed_part(key) or None, chunk_size=1000)
            for meta in batch
            if wanted.match(str(meta["path"]))
        ]
    except Exception as error:
        raise _told(error, reference, bucket) from error
    # Hidden names are other programs' work in progress; an object without content is often a folder's marker.
    found = [one for one in found if not one.key.rpartition("/")[2].startswith(".") and one.size]
    if not found:
        raise SourceNotFound(
            f"no object matches {reference.text!r}",
            why=f"looked in bucket {bucket} below {fixed_part(key) or 'its root'}",
            mend="correct [data] source; * stays within a folder, ** goes down",
            code="N-SOURCE-081",
        )
    return sorted(found, key=lambda one: one.key)


def _fetch(
    store: ObjectStore, one: _Object, path: Path, reference: Reference, pull: Pull, before: int, whole: int
) -> None:
    import obstore  # noqa: PLC0415 - as above

    size = 0
    try:
        got = obstore.get(store, one.key, options={"if_match": one.etag} if one.etag else None)
        with path.open("wb") as file:
            for chunk in got.stream(min_chunk_size=_CHUNK):
                size += len(chunk)
                file.write(chunk)
                pull.progress((before + size) / max(whole, 1), f"{(before + size) / 1e6:,.1f} MB")
    except Exception as error:
        raise _told(error, reference, _visible(one.key)) from error
    if size != one.size:
        raise Transient(
            WorkFailed(
                f"{_visible(one.key)} broke off after {size:,} of {one.size:,} bytes",
                mend="run it again",
                code="N-SOURCE-082",
            )
        )


def _told(error: Exception, reference: Reference, what: str) -> Exception:
    """Tell what obstore raises; whether it may pass is told by its wrapping."""
    import obstore.exceptions as raised  # noqa: PLC0415 - as above

    text = " ".join(str(error).split())[:300]
    if isinstance(error, (Transient, MissingExtra, WrongSetting, SourceNotFound, WrongArgument)):
        return error
    if isinstance(error, (raised.NotFoundError, FileNotFoundError)):
        return SourceNotFound(
            f"there is no object {reference.text!r}", mend="correct [data] source", code="N-SOURCE-081"
        )
    if "404 Not Found" in text:
        return SourceNotFound(
            f"there is no bucket for {reference.text!r}", mend="correct [data] source", code="N-SOURCE-081"
        )
    if isinstance(error, raised.PreconditionError):
        changed = WorkFailed(f"{what} changed while it was read", mend="run it again", code="N-SOURCE-083")
        return changed
    if isinstance(error, (raised.UnauthenticatedError, raised.PermissionDeniedError)) or "403 Forbidden" in text:
        return WorkFailed(
            f"{reference.text} may not be read with these credentials",
            why=_first(text),
            mend=f"check what the environment holds: {_KEYS[_address(reference)[0]]}, or their like",
            code="N-SOURCE-084",
        )
    silent = WorkFailed(
        f"the object store does not answer for {what}",
        why=_first(text),
        mend="check the endpoint and the network, then run it again",
        code="N-SOURCE-085",
    )
    silent.__cause__ = error
    return Transient(silent)


def _first(text: str) -> str:
    # obstore appends the whole structure of what failed, which may hold a signed address.
    return text.partition("Debug source:")[0].partition("X-Amz-")[0].strip()


def _object(meta: Mapping[str, Any]) -> _Object:
    tag = meta.get("e_tag") or str(meta.get("last_modified", ""))
    return _Object(str(meta["path"]), int(meta["size"]), str(tag))


def _address(reference: Reference) -> tuple[str, str, str]:
    scheme, _, rest = reference.location.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme.lower(), bucket, key


def _store(reference: Reference) -> ObjectStore:
    try:
        from obstore import store as kinds  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"reading {reference.text} needs obstore, which is not installed",
            mend='pip install "noria[s3]"',
            code="N-SOURCE-086",
        ) from error
    scheme, bucket, _ = _address(reference)
    anonymous = reference.hints.get("anonymous") == "true"
    if not anonymous and not any(os.environ.get(name) for name in _CREDENTIALS[scheme]):
        raise WrongSetting(
            f"there are no credentials for {reference.text} in the environment",
            why=f"looked for {', '.join(_CREDENTIALS[scheme][:3])}",
            mend=f"export {_CREDENTIALS[scheme][0]}=…, or add #anonymous=true where everybody may read",
            code="N-SOURCE-087",
        )
    config: dict[str, Any] = {"skip_signature": True} if anonymous else {}
    endpoint = reference.hints.get("endpoint") or endpoint_of(scheme)
    client: dict[str, Any] = {"timeout": "600s", "connect_timeout": f"{int(_SECONDS)}s"}
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme == "http":
            if parts.hostname not in _LOOPBACK and os.environ.get("AWS_ALLOW_HTTP", "").lower() != "true":
                raise WrongArgument(
                    f"the endpoint {parts.scheme}://{parts.netloc.rpartition('@')[2]} is not encrypted on its way",
                    mend="write https://, or export AWS_ALLOW_HTTP=true where the network is your own",
                    code="N-SOURCE-088",
                )
            client["allow_http"] = True
        config |= {"service_account_key": emulator_key(endpoint)} if scheme == "gs" else {"endpoint": endpoint}
    if scheme == "s3":
        region = reference.hints.get("region")
        if region or not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
            config["region"] = region or "us-east-1"
    # What fails in passing is tried again by us, where the user hears of it.
    patience: dict[str, Any] = {"max_retries": 0, "retry_timeout": timedelta(seconds=10)}
    kind = {"s3": kinds.S3Store, "gs": kinds.GCSStore, "az": kinds.AzureStore}[scheme]
    try:
        return cast("ObjectStore", kind(bucket, client_options=client, retry_config=patience, **config))
    except Exception as error:
        raise WrongSetting(
            f"the object store of {reference.text} cannot be opened",
            why=_first(" ".join(str(error).split())[:300]),
            mend="check endpoint and region, and what the environment holds",
            code="N-SOURCE-089",
        ) from error


def _visible(key: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in key)
