"""A running endpoint asked from outside: many rows over a few kept connections."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
import numpy as np

from noria.errors import NotFound, WorkFailed, WrongArgument
from noria.scoring.coded import Coded
from noria.scoring.signature import Signature

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.scoring.column import SignatureColumn
    from noria.scoring.signature import Checked

__all__ = ["Asked", "Client"]

_TIMEOUT_SECONDS = 60.0
_TRIES = 8
_LONGEST_WAIT_SECONDS = 30.0
_PASSING = frozenset({429, 502, 503, 504})
"""Statuses that tell of a state which passes."""


@dataclass(frozen=True)
class Asked:
    """What an endpoint says of itself.

    Attributes
    ----------
    endpoint, model, version : str, str, int
        Its name, and what answers there.
    signature : Signature
        What it accepts.
    """

    endpoint: str
    model: str
    version: int
    signature: Signature


class Client:
    """Asks one endpoint.

    Parameters
    ----------
    url : str
        ``http://HOST:PORT``, with or without ``/predict/NAME``.
    connections : int
        How many are kept open, and so how many requests are at work at once.
    wait : callable
        Sleeps some seconds before a request is tried again.

    Raises
    ------
    WrongArgument
        It is no such address.
    """

    def __init__(self, url: str, *, connections: int = 4, wait: Callable[[float], None] = time.sleep) -> None:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname:
            raise WrongArgument(
                f"{url!r} is no address of an endpoint",
                mend="write http://HOST:PORT, as noria serve prints it",
                code="N-SERVING-085",
            )
        self.url = f"{split.scheme}://{split.netloc}"
        self._kind = http.client.HTTPSConnection if split.scheme == "https" else http.client.HTTPConnection
        self._place = split.netloc
        self._wait = wait
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="noria-asking")
        self._free: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()
        for _ in range(connections):
            self._free.put(self._kind(self._place, timeout=_TIMEOUT_SECONDS))

    def about(self) -> Asked:
        """Ask what answers there.

        Raises
        ------
        NotFound
            No version answers yet, or it is another server.
        WorkFailed
            Nobody answers.
        """
        said = self._call("GET", "/", b"")
        if said.get("version") is None or not isinstance(said.get("signature"), Mapping):
            raise NotFound(
                f"{self.url} has no version that answers",
                why=str(said.get("error") or ""),
                mend="noria models promote MODEL@VERSION",
                code="N-SERVING-086",
            )
        return Asked(
            str(said["endpoint"]), str(said["model"]), int(said["version"]), Signature.from_json(said["signature"])
        )

    def answer(self, asked: Asked, checked: Checked, along: pa.Table, *, ids: Sequence[str], rows: int) -> pa.Table:
        """Ask about rows, some at once, and put the answers together in their order.

        Parameters
        ----------
        asked : Asked
            The endpoint.
        checked, along : Checked, pyarrow.Table
            The rows, and the key columns to be logged with them.
        ids : sequence of str
            Id of each request.
        rows : int
            Rows of each request.

        Returns
        -------
        pyarrow.Table
            As the scorer makes it, with each row's ``id`` and the ``version`` that answered.
        """
        columns = _sent(asked.signature, checked, along)
        path = f"/predict/{asked.endpoint}"
        starts = range(0, checked.rows, rows)

        def one(number: int, start: int) -> list[dict[str, Any]]:
            part = zip(*(values[start : start + rows] for values in columns.values()), strict=True)
            records = [dict(zip(columns, row, strict=True)) for row in part]
            said = self._call("POST", path, msgspec.json.encode({"records": records, "request_id": ids[number]}))
            return [{**answer, "version": said["version"]} for answer in said["predictions"]]

        found = self._pool.map(one, range(len(starts)), starts)
        return _table([answer for part in found for answer in part])

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        while not self._free.empty():
            self._free.get().close()

    def _call(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """Ask until there is an answer, or somebody says that there will be none."""
        told: object = ""
        for attempt in range(_TRIES):
            with self._connection() as connection:
                try:
                    connection.request(method, path, body or None, {"Content-Type": "application/json"})
                    response = connection.getresponse()
                    content = response.read()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()  # the next request opens it again
                    told, pause = error, 0.0
                else:
                    if response.status == 200:
                        return cast("dict[str, Any]", msgspec.json.decode(content))
                    told, pause = _told(content), _pause(response.headers.get("Retry-After"))
                    if response.status not in _PASSING:
                        raise self._failed(f"refuses with {response.status}", told)
            if attempt + 1 < _TRIES:
                self._wait(min(pause or 0.1 * 2**attempt, _LONGEST_WAIT_SECONDS))
        raise self._failed(f"gave no answer in {_TRIES} tries", told)

    def _failed(self, what: str, told: object) -> WorkFailed:
        return WorkFailed(
            f"{self.url} {what}", why=str(told)[:300], mend="look whether noria serve runs there", code="N-SERVING-087"
        )

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = self._free.get()
        try:
            yield connection
        finally:
            self._free.put(connection)


def unclipped(signature: Signature) -> Signature:
    """Give the signature that lets numbers through as they are, for the server to clip and to flag."""
    columns = tuple(replace(one, range="flag" if one.range == "clip" else one.range) for one in signature.columns)
    return replace(signature, columns=columns)


def _sent(signature: Signature, checked: Checked, along: pa.Table) -> dict[str, list[object]]:
    """Give the columns as JSON has them."""
    columns = {column.name: _plain(column, checked.columns[column.name]) for column in signature.columns}
    for name in along.column_names:
        cells = along.column(name)
        columns[name] = (cells.cast("string") if str(cells.type).startswith("timestamp") else cells).to_pylist()
    return columns


def _plain(column: SignatureColumn, values: Sequence[object]) -> list[object]:
    if isinstance(values, Coded) or not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "M":
        texts = np.datetime_as_string(values, unit="us").tolist()
        return [None if text == "NaT" else text for text in texts]
    numbers = values.tolist()
    if column.type == "int":
        return [None if number != number else int(number) for number in numbers]
    return [None if number != number else number for number in numbers]


def _table(answers: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - only where tables are

    made: dict[str, object] = {
        "id": pa.array([answer["id"] for answer in answers], pa.string()),
        "version": pa.array([answer["version"] for answer in answers], pa.int64()),
        "prediction": pa.array([answer["prediction"] for answer in answers]),
        "score": pa.array([answer.get("score") for answer in answers], pa.float64()),
    }
    for name in (answers[0].get("probabilities") or ()) if answers else ():
        made[f"p.{name}"] = pa.array([answer["probabilities"][name] for answer in answers], pa.float64())
    made["flags"] = pa.array([" ".join(answer["flags"]) for answer in answers], pa.string())
    return pa.table(made)


def _told(content: bytes) -> object:
    try:
        said = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content[:300].decode(errors="replace")
    return said.get("error", said) if isinstance(said, dict) else said


def _pause(header: str | None) -> float:
    """Read ``Retry-After`` in seconds; a date in it counts as nothing said.

    Examples
    --------
    >>> _pause("2"), _pause("Wed, 21 Oct 2026 07:28:00 GMT"), _pause(None)
    (2.0, 0.0, 0.0)
    """
    return float(header) if header is not None and header.strip().isdigit() else 0.0
