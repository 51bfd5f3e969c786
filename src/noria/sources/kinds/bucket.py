"""``s3://bucket/key-or-glob``, ``gs://…``, ``az://…``: files in an object store."""

from __future__ import annotations

from urllib.parse import urlsplit

from noria.errors import WrongArgument
from noria.sources.credential import written_out
from noria.sources.kind import FILE_HINTS, Pull, Reference, Rows, taken_apart

__all__ = ["Bucket"]


class Bucket:
    """Objects of S3, Google Cloud Storage and Azure."""

    name = "s3"
    summary = "s3://bucket/key-or-glob, gs://bucket/…, az://container/…: files in an object store"

    def parse(self, text: str) -> Reference:
        """Take bucket, key and hints apart."""
        found = taken_apart(text, "s3", hints=(*FILE_HINTS, "endpoint", "region", "anonymous"))
        scheme, _, rest = found.location.partition("://")
        bucket, _, key = rest.partition("/")
        if "@" in bucket:
            raise written_out(text, "credentials come from the environment alone: export AWS_ACCESS_KEY_ID=…")
        if not bucket or not key or key.endswith("/"):
            raise WrongArgument(
                f"source {text!r} names no object",
                mend=f"write {scheme or 's3'}://bucket/path/file.csv, or a glob: {scheme or 's3'}://bucket/path/*.csv",
                code="N-SOURCE-080",
            )
        endpoint = urlsplit(found.hints.get("endpoint", "https://"))
        if endpoint.password is not None:
            raise written_out(text, "credentials come from the environment alone: export AWS_ACCESS_KEY_ID=…")
        return found

    def token(self, reference: Reference, pull: Pull) -> str:
        """List the objects: their ETags tell."""
        from noria.sources.objects import objects_token  # noqa: PLC0415 - the network only when asked for

        return objects_token(reference, pull)

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Fetch them one after the other, stacked."""
        from noria.sources.objects import read_objects  # noqa: PLC0415 - pyarrow only when rows are read

        return Rows(*read_objects(reference, pull))
