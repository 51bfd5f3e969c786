"""Paths of requests that name a model: ``/v1/models/NAME/versions/3:predict``, ``/v2/models/NAME/infer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from noria.serving.http import Problem

if TYPE_CHECKING:
    from noria.serving.endpoint import Endpoint

__all__ = ["Address", "address", "answering"]


class Address(NamedTuple):
    """What a path says.

    Attributes
    ----------
    protocol : str
        ``v1``, ``v2`` or ``repository``.
    name : str
        Of the model.
    verb : str
        What is asked; empty for the model itself.
    version, label : str or None
        Which one, where the path says so.
    """

    protocol: str
    name: str
    verb: str = ""
    version: str | None = None
    label: str | None = None


def address(path: str) -> Address | None:
    """Read a path; None where it names no model.

    Examples
    --------
    >>> address("/v1/models/risk/versions/3:predict")
    Address(protocol='v1', name='risk', verb='predict', version='3', label=None)
    >>> address("/v2/models/risk/ready").verb, address("/v2/health")
    ('ready', None)
    """
    if path.startswith("/v2/models/"):
        return _read("v2", path[len("/v2/models/") :].split("/"), "")
    if path.startswith("/v1/models/"):
        path, colon, verb = path[len("/v1/models/") :].partition(":")
        return _read("v1", path.split("/"), verb or colon)  # a bare colon is no verb, and must not pass for none
    if path.startswith("/v2/repository/models/"):
        return _read("repository", path[len("/v2/repository/models/") :].split("/"), "")
    return None


def _read(protocol: str, parts: list[str], verb: str) -> Address | None:
    name, *rest = parts
    version = label = None
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
    elif len(rest) >= 2 and rest[0] == "labels" and protocol == "v1":
        label, rest = rest[1], rest[2:]
    if verb and rest:
        return None
    return Address(protocol, name, verb or "/".join(rest), version, label)


def answering(endpoint: Endpoint, name: str, version: str | None) -> int | None:
    """Say which version is meant by its text; None leaves the choice to the rollout.

    Raises
    ------
    Problem
        404: it does not answer now.
    NoVersion
        None does.
    """
    if version is None:
        return None
    now = endpoint.current().number
    for number in endpoint.answering:
        if version == str(number):
            return number
    raise Problem(404, f"version {version[:40]} of {name} is not served; {now} is", code="N-SERVING-053")
