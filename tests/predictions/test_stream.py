"""The log as lines of a stream, and the log that is none."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading

from tests.predictions.conftest import make

from noria.predictions.log import PredictionLog
from noria.predictions.stream import LineLog, NoLog


def test_each_row_is_a_line() -> None:
    stream = io.BytesIO()
    log = LineLog(stream)
    for number in range(20):
        assert log.append(make(number))
    log.flush()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    expected = [identity for number in range(20) for identity in make(number).ids]
    assert [line["prediction_id"] for line in lines] == expected
    counts = log.counts()
    assert (counts.written, counts.dropped, counts.pending) == (len(expected), 0, 0)
    log.close()


def test_a_reader_that_stops_costs_rows_and_no_answers() -> None:
    class Stuck(io.BytesIO):
        go = threading.Event()

        def write(self, data: object) -> int:
            self.go.wait()
            return super().write(data)  # type: ignore[arg-type]  # as its parent has it

    stream = Stuck()
    log = LineLog(stream, capacity=50)
    taken = sum(log.append(make(number)) for number in range(200))
    assert log.counts().dropped > 0
    stream.go.set()
    log.flush()
    assert len(stream.getvalue().splitlines()) == log.counts().written >= taken
    log.close()


def test_a_stream_that_is_closed_costs_rows_and_no_answers() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as stream:
        log = LineLog(stream)
        log.append(make(1))
        log.flush()
        counts = log.counts()
        log.close()
    assert counts.dropped == 1
    assert "Broken pipe" in counts.error


def test_no_log() -> None:
    log = NoLog()
    assert log.append(make(1))
    log.flush()
    log.close()
    assert not log.folder.exists()
    assert log.counts() == PredictionLog(log.folder).counts()


def test_no_place_to_write_is_needed() -> None:
    code = "import tempfile; tempfile._candidate_tempdir_list = list; import noria.predictions.stream"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
