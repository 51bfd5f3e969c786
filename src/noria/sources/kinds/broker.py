"""``mqtt://host:port/topic/#``: messages that ``noria collect`` took from a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from noria.errors import SourceNotFound, WrongArgument, WrongSetting
from noria.sources.credential import hidden, is_reference, written_out
from noria.sources.kind import Pull, Reference, Rows, taken_apart

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Broker"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MEND = "name it: mqtts://host/topic#user=me&password=env:NAME"


class Broker:
    """Messages of an MQTT broker; what has been collected is read, nothing is asked of the broker."""

    name = "mqtt"
    summary = "mqtt://host:port/topic/#: messages that `noria collect` takes from a broker; mqtts: over TLS"

    def parse(self, text: str) -> Reference:
        """Take host, topic and hints apart."""
        found = taken_apart(text, "mqtt", hints=("user", "password", "ca"))
        shown = hidden(text)
        scheme, _, rest = found.location.partition("://")
        if found.hints and rest.endswith("#") and not rest.endswith("/#"):
            rest = rest.removesuffix("#")  # hints may follow ## after any topic, as they must after one that ends in #
        host, slash, topic = rest.partition("/")
        if "@" in host or not is_reference(found.hints.get("password", "env:NONE")):
            raise written_out(text, _MEND)
        if not host or not topic:
            raise WrongArgument(
                f"source {shown!r} names no topic",
                mend="write mqtt://host/plant/+/temperature, or mqtt://host/plant/# for all below",
                code="N-SOURCE-094",
            )
        name, colon, port = host.rpartition(":")
        if colon and not host.endswith("]") and not (port.isdigit() and 0 < int(port) < 65_536):
            raise WrongArgument(f"source {shown!r}: {port!r} is no port", mend="write mqtt://host:1883/topic",
                                code="N-SOURCE-094")  # fmt: skip
        _check_topic(topic, shown)
        is_here = (name or port) in _LOOPBACK or host in _LOOPBACK
        if "password" in found.hints and scheme.lower() == "mqtt" and not is_here:
            raise WrongArgument(
                f"{shown} would carry a password that is not encrypted on its way",
                mend=f"write mqtts://{rest}",
                code="N-SOURCE-003",
            )
        if "ca" in found.hints and scheme.lower() != "mqtts":
            raise WrongArgument(
                f"source {shown!r} names a certificate, and is not encrypted",
                mend=f"write mqtts://{rest}",
                code="N-SOURCE-094",
            )
        return Reference("mqtt", f"{scheme.lower()}://{host}{slash}{unquote(topic)}", found.hints, text)

    def token(self, reference: Reference, pull: Pull) -> str:
        """Name the newest message that was collected."""
        from noria.sources.collector import spool_of  # noqa: PLC0415 - when asked

        spool = spool_of(_store(reference, pull), reference)
        last = spool.last
        if last == 0:
            raise SourceNotFound(
                f"nothing has been collected from {reference.text} yet",
                mend="noria collect     takes the messages as they come; noria up does it too",
                code="N-SOURCE-090",
            )
        return f"spool:{spool.folder.name}:{last}"

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Read what has been collected."""
        from noria.sources.collector import spool_of  # noqa: PLC0415 - when asked
        from noria.sources.messages import read_spool  # noqa: PLC0415 - pyarrow only when rows are read

        spool = spool_of(_store(reference, pull), reference)
        return Rows(read_spool(spool, reference.text, note=pull.note, progress=pull.progress))


def _store(reference: Reference, pull: Pull) -> Path:
    if pull.store is None:
        raise WrongSetting(
            f"{reference.text} is collected into a project, and this is read outside of one",
            mend="write it in noria.toml as [data] source, then: noria collect",
            code="N-SOURCE-095",
        )
    return pull.store


def _check_topic(topic: str, shown: str) -> None:
    levels = topic.split("/")
    wrong = [level for level in levels if ("#" in level and level != "#") or ("+" in level and level != "+")]
    if wrong or "#" in levels[:-1]:
        raise WrongArgument(
            f"source {shown!r}: # stands alone at the end of a topic, + for one whole level",
            mend="write mqtt://host/plant/+/temperature, or mqtt://host/plant/#",
            code="N-SOURCE-094",
        )
