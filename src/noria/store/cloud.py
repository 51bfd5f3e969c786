"""S3, Google Cloud Storage and Azure as remotes: the one file that uses obstore."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from noria.errors import MissingExtra, NotAllowed, WrongSetting
from noria.store.endpoints import emulator_key, endpoint_of
from noria.store.remote import Found, RemoteUnavailable, checked_name, not_there

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cloud"]

# One more than a hiccup: what takes longer is tried again by whoever sends or fetches, and told.
_RETRY: dict[str, Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_CLIENT: dict[str, Any] = {"timeout": timedelta(seconds=300), "connect_timeout": timedelta(seconds=10)}


class Cloud:
    """Objects under a prefix of a bucket.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``, ``gs://…`` or ``az://…``. Credentials, region and endpoint come from the environment,
        as each cloud's own tools read them (``AWS_ACCESS_KEY_ID``, ``GOOGLE_APPLICATION_CREDENTIALS``,
        ``AZURE_STORAGE_ACCOUNT_NAME`` and so on), or from the machine's role.

    Raises
    ------
    MissingExtra
        obstore is not installed.
    WrongSetting
        The address is none.
    """

    def __init__(self, address: str) -> None:
        try:
            import obstore  # noqa: PLC0415 - an extra
            from obstore import exceptions, store  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"the remote {address} needs obstore, which is not installed",
                mend='pip install "noria[s3]"',
                code="N-STORE-064",
            ) from error
        self.address = address
        self._api, self._errors = obstore, exceptions
        open_store: Any = store.from_url  # its overloads know each cloud's options, and not what all share
        try:
            self._store = open_store(address, retry_config=_RETRY, **_options(address.partition("://")[0]))
        except (exceptions.BaseError, ValueError) as error:
            raise WrongSetting(
                f"the remote {address} cannot be opened", why=_first_line(error), mend=_MEND, code="N-STORE-065"
            ) from error

    def put_new(self, name: str, data: bytes) -> bool:
        """Write bytes under a new name, by If-None-Match; see `Remote`."""
        with self._told():
            try:
                self._api.put(self._store, checked_name(name), data, mode="create", use_multipart=False)
            except self._errors.AlreadyExistsError:
                return False
        return True

    def get(self, name: str) -> bytes:
        """Read bytes; see `Remote`."""
        with self._told():
            try:
                return bytes(self._api.get(self._store, checked_name(name)).bytes())
            except FileNotFoundError as error:
                raise not_there(self.address, name) from error

    def size(self, name: str) -> int | None:
        """Say how many bytes a name has; see `Remote`."""
        with self._told():
            try:
                return int(self._api.head(self._store, checked_name(name))["size"])
            except FileNotFoundError:
                return None

    def names(self, prefix: str) -> Iterator[str]:
        """Walk names; see `Remote`."""
        with self._told():
            for page in self._api.list(self._store, prefix=checked_name(prefix)):
                yield from (entry["path"] for entry in page)

    def walk(self, prefix: str) -> Iterator[Found]:
        """Walk names with their sizes and ages; see `Remote`."""
        with self._told():
            for page in self._api.list(self._store, prefix=checked_name(prefix)):
                yield from (Found(entry["path"], int(entry["size"]), entry["last_modified"]) for entry in page)

    def delete(self, name: str) -> None:
        """Let go of a name; see `Remote`."""
        with self._told(), suppress(FileNotFoundError):
            self._api.delete(self._store, checked_name(name))

    @contextmanager
    def _told(self) -> Iterator[None]:
        denied = (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError)
        try:
            yield
        except denied as error:
            raise NotAllowed(
                f"the remote {self.address} refuses the credentials of this environment",
                why=_first_line(error),
                mend=_MEND,
                code="N-STORE-066",
            ) from error
        except (self._errors.BaseError, OSError) as error:
            if isinstance(error, FileNotFoundError) or "404 Not Found" in str(error):
                raise WrongSetting(
                    f"the remote {self.address} names a bucket that is not there",
                    why=_first_line(error),
                    mend="make the bucket, or correct [store] remote",
                    code="N-STORE-074",
                ) from error
            # Without credentials the machine's own role is asked for, which only a machine of that cloud has.
            unnamed = any(host in str(error) for host in ("169.254.169.254", "metadata.google.internal"))
            raise RemoteUnavailable(
                f"the remote {self.address} fails: {_first_line(error)}",
                why="the environment names no credentials, and this machine has no role" if unnamed else "",
                mend=_MEND
                if unnamed
                else "see whether it can be reached from here, and run it again: it goes on where it was",
                code="N-STORE-067",
            ) from error


_MEND = (
    "set the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; "
    "GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME and _KEY) and look at the bucket's name"
)


def _options(scheme: str) -> dict[str, Any]:
    endpoint = endpoint_of(scheme) or ""
    # Whoever names an http:// endpoint means it: a server of the house, or one for tests.
    client = {**_CLIENT, "allow_http": True} if endpoint.startswith("http://") else dict(_CLIENT)
    if scheme == "gs" and endpoint:
        return {"client_options": client, "service_account_key": emulator_key(endpoint)}
    return {"client_options": client, **({"endpoint": endpoint} if endpoint else {})}


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
