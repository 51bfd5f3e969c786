"""What says that the server is there, and what it can do."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import NoReturn

from noria.errors import NotAllowed
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form

__all__ = ["Nothing", "Text", "health", "not_offered", "server_info", "version"]


class Nothing(Form):
    """A request without fields."""


class Text(str):
    """An answer that is a text and no JSON."""

    __slots__ = ()


def health(_desk: Desk, form: Nothing) -> Text:
    """Say that the server is there."""
    return Text("OK")


def version(_desk: Desk, form: Nothing) -> Text:
    """Say which noria this is."""
    return Text(version_of("noria"))


def server_info(_desk: Desk, form: Nothing) -> Json:
    """Say what is offered beyond the plain protocol."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "artifacts_presigned_only": False,
    }


def not_offered(_desk: Desk, form: Nothing) -> NoReturn:
    """Refuse what `server_info` says is not offered; clients then send files in one piece."""
    raise NotAllowed(
        "files are sent and fetched in one piece here",
        why="they are kept by this server, which reads and writes them as they come",
        mend="use PUT and GET of mlflow-artifacts/artifacts",
        code="N-SERVER-055",
    )
