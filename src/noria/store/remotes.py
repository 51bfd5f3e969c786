"""Which kind of remote an address means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from noria.errors import WrongSetting

if TYPE_CHECKING:
    from noria.store.remote import Remote

__all__ = ["SCHEMES", "fault_of", "open_remote"]

SCHEMES = ("s3", "gs", "az", "file")


def fault_of(address: str) -> str:
    """Say what is wrong with an address, or "".

    Examples
    --------
    >>> fault_of("s3://bucket/team")
    ''
    >>> fault_of("s3://key:secret@bucket")
    'it holds credentials: keep them in the environment'
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        return str(error)
    if parts.scheme not in SCHEMES:
        return 'expected s3://bucket/prefix, gs://…, az://…, file:///folder or "env:NAME"'
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "it holds credentials: keep them in the environment"
    if parts.scheme == "file":
        return "" if parts.path.startswith("/") and not parts.netloc else "a folder is written file:///its/whole/path"
    return "" if parts.netloc else "it names no bucket"


def _mend(address: str) -> str:
    if address.startswith(("/", "~", ".")) or Path(address).is_dir():
        whole = Path(address).expanduser().absolute()
        return f"a folder is written {Path(os.path.normpath(whole)).as_uri()}"
    return 'remote = "s3://bucket/prefix"     in [store] of noria.toml, or --remote s3://bucket/prefix'


def open_remote(address: str) -> Remote:
    """Open a remote.

    Parameters
    ----------
    address : str
        As ``[store] remote`` has it; ``env:NAME`` is looked up.

    Raises
    ------
    WrongSetting
        The address is none, or the variable is not set.

    Examples
    --------
    >>> open_remote("file:///tmp/shared").address
    'file:///tmp/shared'
    """
    if address.startswith("env:"):
        name = address.removeprefix("env:")
        address = os.environ.get(name, "")
        if not address:
            raise WrongSetting(
                f"[store] remote names the environment variable {name}, which is not set",
                mend=f"export {name}=s3://bucket/prefix",
                code="N-STORE-068",
            )
    fault = fault_of(address)
    if fault:
        raise WrongSetting(
            f"the remote {address.rpartition('@')[2]} cannot be used",
            why=fault,
            mend=_mend(address),
            code="N-STORE-069",
        )
    parts = urlsplit(address)
    if parts.scheme == "file":
        from noria.store.remote_folder import RemoteFolder  # noqa: PLC0415 - one of the two is opened

        return RemoteFolder(Path(unquote(parts.path)))
    from noria.store.cloud import Cloud  # noqa: PLC0415 - as above

    return Cloud(address)
