"""What a platform tells a container by its environment: where to listen, and on which routes.

References
----------
Vertex AI, custom container requirements: ``AIP_HTTP_PORT``, ``AIP_HEALTH_ROUTE``, ``AIP_PREDICT_ROUTE``.
Cloud Run, container runtime contract: ``PORT``; SIGTERM, ten seconds later SIGKILL.
Amazon SageMaker, custom inference code: port 8080, argument ``serve``, model under ``/opt/ml/model``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Platform"]

_PORTS = ("AIP_HTTP_PORT", "PORT")
_ROUTES = {"AIP_HEALTH_ROUTE": "/ping", "AIP_PREDICT_ROUTE": "/invocations"}


@dataclass(frozen=True)
class Platform:
    """Where a server of one bundle stands.

    Attributes
    ----------
    bundle : Path
        The bundle's folder.
    host, port : str, int
        Where to listen.
    routes : mapping of str to str
        The platform's own routes, each to the route of ours that it means.
    digest : str or None
        The bundle it must be.
    log : str
        ``off``, ``stdout``, or a folder for the prediction log.
    grpc_port : int or None
        Where to answer over gRPC, too.
    """

    bundle: Path
    host: str = "127.0.0.1"
    port: int = 8080
    routes: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    log: str = "off"
    grpc_port: int | None = None

    @classmethod
    def told(
        cls,
        environment: Mapping[str, str],
        *,
        bundle: str | None = None,
        host: str | None = None,
        port: int | None = None,
        log: str | None = None,
        grpc_port: int | None = None,
    ) -> Platform:
        """Read the environment; what is given wins over it.

        Raises
        ------
        WrongArgument
            No bundle is named, or a value cannot be one.

        Examples
        --------
        >>> told = Platform.told({"NORIA_BUNDLE": "/srv/bundle", "PORT": "9000", "AIP_HEALTH_ROUTE": "/alive"})
        >>> told.port, told.routes
        (9000, {'/alive': '/ping'})
        """
        named = bundle or environment.get("NORIA_BUNDLE")
        if not named:
            raise WrongArgument(
                "no bundle is named",
                mend="python -m noria.serving --bundle FOLDER, or NORIA_BUNDLE=FOLDER",
                code="N-SERVING-076",
            )
        return cls(
            Path(named),
            host or environment.get("NORIA_HOST") or "127.0.0.1",
            _port(environment) if port is None else port,
            {_route(name, environment[name]): own for name, own in _ROUTES.items() if environment.get(name)},
            environment.get("NORIA_BUNDLE_DIGEST") or None,
            log or environment.get("NORIA_PREDICTION_LOG") or "off",
            _given("NORIA_GRPC_PORT", environment) if grpc_port is None else grpc_port,
        )


def _port(environment: Mapping[str, str]) -> int:
    given = [_given(name, environment) for name in _PORTS]
    return next((port for port in given if port is not None), 8080)


def _given(name: str, environment: Mapping[str, str]) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise WrongArgument(f"{name} is {text[:40]!r}, no port", mend="give 1 to 65535", code="N-SERVING-077")
    return int(text)


def _route(name: str, text: str) -> str:
    if not text.startswith("/") or "?" in text or not text.isprintable():
        raise WrongArgument(
            f"{name} is {text[:80]!r}, no route", mend="a route begins with / and has no query", code="N-SERVING-078"
        )
    return text
