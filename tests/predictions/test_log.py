"""The log: nothing lost silently, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from noria.errors import WrongArgument
from noria.predictions.log import PredictionLog
from noria.predictions.segment import CLOSED, OPEN, Segment, compact, read_segment
from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Signature

if TYPE_CHECKING:
    from tests.predictions.conftest import MakeEntry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_rows_come_back_as_they_were_answered(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    assert log.append(entry(1, 3))
    log.flush()
    rows = log.read("credit")
    assert rows.column_names == [
        "prediction_id", "ts", "model", "version", "arm", "latency_ms", "prediction", "score", "flags",
        "p.bad", "p.good", "x.age", "x.grade", "k.id",
    ]  # fmt: skip
    assert rows["prediction_id"].to_pylist() == ["p1", "p2", "p3"]
    assert rows["prediction"].to_pylist() == ["bad", "good", "bad"]
    assert rows["p.bad"].to_pylist() == pytest.approx([0.1, 0.2, 0.3])
    assert rows["x.age"].to_pylist() == [21, 22, 23]
    assert rows["k.id"].to_pylist() == [1, 2, 3]
    assert rows["ts"].to_pylist() == [NOW] * 3
    assert log.counts().written == 3
    log.close()
    assert not list(tmp_path.rglob(f"*{OPEN}"))
    assert len(list(tmp_path.rglob(f"*{CLOSED}"))) == 1
    assert log.read("credit").equals(rows)


def test_reading_needs_no_writer_and_an_empty_log_has_columns(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path / "none")
    assert log.read("credit").num_rows == 0
    assert "prediction_id" in log.read("credit").column_names
    log.flush()
    log.close()
    assert not (tmp_path / "none").exists()


def test_only_what_was_asked_for(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    for day in range(3):
        log.append(entry(10 * day, at=NOW + timedelta(days=day)))
    log.append(entry(99, model="other"))
    log.close()
    assert log.read("credit", since=NOW + timedelta(days=1))["prediction_id"].to_pylist() == ["p10", "p20"]
    assert log.read("credit", until=NOW + timedelta(days=1))["prediction_id"].to_pylist() == ["p0"]
    assert log.read("credit", columns=["score", "x.age", "nothing"]).column_names == ["score", "x.age"]
    assert log.read("other").num_rows == 1
    with pytest.raises(WrongArgument):
        log.read("../credit")


def test_versions_with_other_columns_are_read_together(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    other = Signature((SignatureColumn("age", "float"), SignatureColumn("grade", "category", missing="impute"),
                       SignatureColumn("id", "int")))  # fmt: skip
    log.append(entry(1))
    log.append(entry(2, version=2, signature=other, at=NOW + timedelta(seconds=1)))
    log.close()
    rows = log.read("credit")
    assert rows["version"].to_pylist() == [1, 2]
    assert rows["x.age"].to_pylist() == [21.0, 22.0]
    assert rows["k.id"].to_pylist() == [1, None]
    assert rows["x.id"].to_pylist() == [None, 2]


def test_a_full_queue_drops_and_counts(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path, capacity=5, flush_seconds=60)
    accepted = [log.append(entry(number, 2)) for number in range(0, 8, 2)]
    assert accepted[:2] == [True, True]
    log.close()
    counts = log.counts()
    assert counts.dropped == 2 * accepted.count(False)
    assert counts.written == 2 * accepted.count(True)
    assert counts.pending == 0


def test_a_disk_that_refuses_is_counted_and_does_not_stop_the_log(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    (tmp_path / "credit").write_text("a file where the folder should be")
    log.append(entry(1, 4))
    log.flush()
    counts = log.counts()
    assert (counts.written, counts.dropped) == (0, 4)
    assert counts.error
    (tmp_path / "credit").unlink()
    log.append(entry(5))
    log.close()
    assert log.read("credit")["prediction_id"].to_pylist() == ["p5"]
    assert log.counts().error == ""


def test_whatever_goes_wrong_while_it_writes_the_log_goes_on(
    tmp_path: Path, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PredictionLog(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(Segment, "write", lambda *_: {}["nobody thought of this"])
        log.append(entry(1, 4))
        log.flush()
        assert (log.counts().dropped, log.counts().pending) == (4, 0)
        assert "nobody thought of this" in log.counts().error
    log.append(entry(5))
    log.flush()
    assert (log.counts().written, log.counts().error) == (1, "")
    log.close()


def test_a_segment_cut_off_anywhere_gives_its_complete_batches(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    ends = []
    for number in range(4):
        log.append(entry(number))
        log.flush()
        (path,) = tmp_path.rglob(f"*{OPEN}")
        ends.append(path.stat().st_size)
    whole = path.read_bytes()
    cut = tmp_path / "cut" / f"x{OPEN}"
    cut.parent.mkdir()
    for length in range(0, len(whole), 7):
        cut.write_bytes(whole[:length])
        table = read_segment(cut)
        complete = sum(end <= length for end in ends)
        if table is None:
            assert length < ends[0]
        else:
            assert table.num_rows == complete
            assert table.num_rows == 0 or table["prediction_id"].to_pylist() == [f"p{n}" for n in range(complete)]
    log.close()


def test_both_forms_of_a_segment_are_read_once(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 5))
    log.flush()
    (path,) = tmp_path.rglob(f"*{OPEN}")
    assert compact(path) is None, "a segment that is being written must be left alone"
    kept = path.read_bytes()
    log.close()
    path.write_bytes(kept)  # as a kill between the two steps leaves it
    assert log.read("credit").num_rows == 5
    assert log.compact("credit") == 1
    assert not path.exists()
    assert log.read("credit").num_rows == 5


WRITER = """
import sys, time
from pathlib import Path
from noria.predictions.log import PredictionLog
from tests.predictions.conftest import make
log = PredictionLog(Path(sys.argv[1]), flush_seconds=0.2)
number = 0
while True:
    log.append(make(number, 1))
    number += 1
    if number % 20 == 0:
        print(log.counts().written, number, flush=True)
    time.sleep(0.002)
"""


def test_kill_9_loses_at_most_what_was_not_flushed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}/src:{root}"},
    )
    assert child.stdout is not None
    written = appended = 0
    until = time.monotonic() + 60
    while written < 100 and time.monotonic() < until:
        written, appended = map(int, child.stdout.readline().split())
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split("\n")
    child.wait()
    child.stdout.close()
    whole = [line.split() for line in rest if len(line.split()) == 2]
    written = int(whole[-1][0]) if whole else written
    rows = PredictionLog(tmp_path).read("credit")
    assert rows.num_rows >= written >= 100
    assert rows["prediction_id"].to_pylist() == [f"p{number}" for number in range(rows.num_rows)]
    assert PredictionLog(tmp_path).compact("credit") == 1
    assert PredictionLog(tmp_path).read("credit").equals(rows)
    assert isinstance(rows, pa.Table)
    assert appended


def test_tidying_up_waits_where_it_cannot_write(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 3))
    log.flush()
    (path,) = tmp_path.rglob(f"*{OPEN}")
    left = tmp_path / "credit" / "2026-02-01" / f"left{OPEN}"
    left.parent.mkdir()
    left.write_bytes(path.read_bytes())
    log.close()
    left.with_suffix(CLOSED).mkdir()  # in the way of the Parquet file
    assert log.compact("credit") == 0
    left.with_suffix(CLOSED).rmdir()
    assert log.compact("credit") == 1
    assert log.read("credit").num_rows == 6


def test_closed_and_growing_segments_are_read_together(tmp_path: Path, entry: MakeEntry) -> None:
    """A second start of the scorer finds closed segments beside the one it writes."""
    first = PredictionLog(tmp_path)
    first.append(entry(1))
    first.close()
    assert list(tmp_path.rglob(f"*{CLOSED}")), "closing makes the compact form"
    second = PredictionLog(tmp_path)
    second.append(entry(2))
    second.flush()
    read = second.read("credit")
    assert read["prediction_id"].to_pylist() == ["p1", "p2"]
    assert read["flags"].to_pylist() == [[], []]
    second.close()
