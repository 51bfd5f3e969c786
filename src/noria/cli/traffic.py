"""A client of the running scorer: real HTTP on a kept connection, every answer counted."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Caller", "Stream", "Tally"]

Record = dict[str, object]


@dataclass
class Tally:
    """What became of requests.

    Attributes
    ----------
    answered : int
        Requests answered with 200.
    refused : list of str
        Why requests got a 400: their input did not fit the model.
    failed : list of str
        What each other one got.
    versions : Counter of int
        Which version answered how often.
    milliseconds : list of float
        Time of each answered request, as the client saw it.
    """

    answered: int = 0
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Give the time within which this share of the requests was answered."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Caller:
    """Sends records and labels to one endpoint.

    Parameters
    ----------
    url : str
        Of the scorer.
    endpoint : str
        Its name.
    """

    def __init__(self, url: str, endpoint: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=30)
        self._endpoint = endpoint

    def predict(self, records: Sequence[Record], tally: Tally) -> list[str]:
        """Ask for predictions in one request; give their ids, none when it was not answered."""
        started = time.perf_counter()
        status, answer = self._post(f"/predict/{self._endpoint}", {"records": list(records)})
        if status == 400:
            tally.refused.append(str(answer.get("error", answer)))
            return []
        if status != 200:
            tally.failed.append(f"{status}: {json.dumps(answer)[:200]}")
            return []
        tally.milliseconds.append((time.perf_counter() - started) * 1000)
        tally.answered += 1
        tally.versions[int(cast("int", answer["version"]))] += 1
        return [one["id"] for one in cast("list[Mapping[str, str]]", answer["predictions"])]

    def label(self, labels: Sequence[tuple[str, object]]) -> int:
        """Say what turned out true; give how many were taken."""
        body = {"labels": [{"prediction_id": identity, "value": value} for identity, value in labels]}
        status, answer = self._post(f"/labels/{self._endpoint}", body)
        if status != 200:
            raise ConnectionError(f"labels were refused with {status}: {json.dumps(answer)[:300]}")
        return len(labels)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _post(self, path: str, body: object) -> tuple[int, dict[str, object]]:
        try:
            self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            return response.status, cast("dict[str, object]", json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            return 0, {"error": f"{type(error).__name__}: {error}"}


class Stream:
    """Requests without pause in a thread of its own, as long as the block runs.

    Parameters
    ----------
    url, endpoint : str
        Of the scorer.
    records : sequence of dict
        Sent round and round.
    pause_seconds : float
        Between two requests.
    """

    def __init__(self, url: str, endpoint: str, records: Sequence[Record], *, pause_seconds: float = 0.02) -> None:
        self.tally = Tally()
        self._caller = Caller(url, endpoint)
        self._records = records
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._flowing.set()
        self._thread.join(timeout=30)
        self._caller.close()

    def pause(self) -> None:
        """Send nothing until told to go on."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Send again."""
        self._flowing.set()

    def _send(self) -> None:
        for record in cycle(self._records):
            self._flowing.wait()
            if self._stop.is_set():
                return
            self._caller.predict([record], self.tally)
            time.sleep(self._pause)
