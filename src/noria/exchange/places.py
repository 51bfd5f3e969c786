"""Which kind of source or destination an address means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from noria.errors import SourceNotFound, WrongArgument

if TYPE_CHECKING:
    from noria.exchange.source import Source

__all__ = ["folder_of", "is_server", "open_source"]

_DATABASES = frozenset({"sqlite", "postgresql", "postgres", "mysql", "mariadb"})


def is_server(address: str) -> bool:
    """Say whether an address is that of a server.

    Examples
    --------
    >>> is_server("http://127.0.0.1:5000"), is_server("mlruns")
    (True, False)
    """
    return address.lower().startswith(("http://", "https://"))


def folder_of(address: str) -> Path | None:
    """Give the folder that an address means, or None where it means something else.

    Examples
    --------
    >>> folder_of("mlruns"), folder_of("file:///data/my%20runs"), folder_of("sqlite:///mlflow.db")
    (PosixPath('mlruns'), PosixPath('/data/my runs'), None)
    """
    if address.startswith("file:"):
        parts = urlsplit(address)
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return None if "://" in address else Path(address)


def open_source(address: str, *, artifacts: Path | None = None) -> Source:
    """Open a source.

    Parameters
    ----------
    address : str
        URL of a server (``http://…``) or database (``sqlite:///…``, ``postgresql://…``, ``mysql://…``), or a folder.
    artifacts : Path, optional
        Where the files of a database's runs lie, when not where the database says.

    Raises
    ------
    WrongArgument
        It is none of these.
    SourceNotFound, WorkFailed
        Nothing like it is there, or it does not answer.
    """
    if is_server(address):
        from noria.exchange.server import MlflowServer  # noqa: PLC0415 - the kind of source in use only

        return MlflowServer(address)
    scheme = address.partition(":")[0].partition("+")[0].lower()
    if "://" in address and scheme in _DATABASES:
        from noria.exchange.database import MlflowDatabase  # noqa: PLC0415 - as above

        return MlflowDatabase(address, artifacts=artifacts)
    folder = folder_of(address)
    if folder is None:
        raise WrongArgument(
            f"{address!r} is no place that noria can read",
            mend="name a server (http://…), a database (sqlite:///mlflow.db, postgresql://…, mysql://…) or a folder",
            code="N-EXCHANGE-030",
        )
    if folder.is_file():
        raise WrongArgument(
            f"{address} is a file",
            why="the database file of MLflow is named by a URL" if folder.suffix in (".db", ".sqlite") else "",
            mend=f"noria import mlflow sqlite:///{address}",
            code="N-EXCHANGE-031",
        )
    if not folder.is_dir():
        raise SourceNotFound(
            f"there is no folder {address}",
            mend="check the path; a server is named by its URL, as http://127.0.0.1:5000",
            code="N-EXCHANGE-032",
        )
    from noria.exchange.mlruns import MlrunsFolder  # noqa: PLC0415 - as above

    return MlrunsFolder(folder)
