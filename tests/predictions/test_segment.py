"""Files of the log: every kind of value comes back, old forms are read, other processes tidy up."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.predictions import log as logs
from noria.predictions import segment as segments
from noria.predictions.columns import batch, schema
from noria.predictions.entry import Entry, encode, layout
from noria.predictions.frames import first_frame, frame, read_frames
from noria.predictions.log import PredictionLog
from noria.predictions.segment import CLOSED, GROWING, OPEN, read_segment
from noria.scoring.answers import Answers
from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Checked, Signature

if TYPE_CHECKING:
    from tests.predictions.conftest import MakeEntry

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
EVERY_KIND = Signature(
    tuple(
        SignatureColumn(kind, kind, missing="impute")
        for kind in ("float", "int", "bool", "category", "text", "timestamp")
    ),
    carried=(SignatureColumn("at", "timestamp", missing="impute"),),
)
TIMES = st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(allow_nan=False),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        TEXTS,
        TEXTS,
        TIMES,
        TIMES,
        st.floats(0, 1),
        st.lists(st.sampled_from(["range:float", "missing:int"]), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=5,
)


def of(rows: list[tuple[object, ...]]) -> Entry:
    *held, carried, scores, flags = (list(values) for values in zip(*rows, strict=True))
    checked = Checked(
        len(rows), dict(zip(("float", "int", "bool", "category", "text", "timestamp"), held, strict=True)),
        {"at": carried}, flags,
    )  # fmt: skip
    answers = Answers([True] * len(rows), scores, ("False", "True"), [[1 - score, score] for score in scores], flags)  # type: ignore[arg-type]
    return Entry("m", 3, "canary", NOW, 0.25, [f"p{row}" for row in range(len(rows))], answers, checked, EVERY_KIND)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_every_value_comes_back_as_it_was(requests: list[list[tuple[object, ...]]]) -> None:
    columns = layout(EVERY_KIND, ("False", "True"))
    whole = first_frame(columns) + frame([encode(of(rows)) for rows in requests])
    found = read_frames(io.BytesIO(whole))
    assert found is not None
    assert found[0] == columns
    (read,) = found[1]
    table = pa.Table.from_batches([batch(columns, read)])
    assert table.schema == schema(columns)
    rows = [row for each in requests for row in each]
    names = ["x.float", "x.int", "x.bool", "x.category", "x.text", "x.timestamp", "k.at", "score"]
    for place, name in enumerate(names):
        assert table[name].to_pylist() == [row[place] for row in rows]
    assert table["p.False"].to_pylist() == [1 - row[7] for row in rows]  # type: ignore[operator]
    assert table["flags"].to_pylist() == [list(row[8]) for row in rows]  # type: ignore[call-overload]
    assert table["prediction"].to_pylist() == ["True"] * len(rows)
    assert set(table["ts"].to_pylist()) == {NOW}
    assert table["prediction_id"].to_pylist() == [f"p{row}" for each in requests for row in range(len(each))]


def test_a_regression_logs_numbers(tmp_path: Path, entry: MakeEntry) -> None:
    made = entry(1, 2)
    signature = replace(made.signature, task="regression")
    answers = Answers([1.5, 2], [1.5, 2.0], (), None, made.answers.flags)
    log = PredictionLog(tmp_path)
    log.append(Entry("credit", 1, "live", NOW, 1.0, made.ids, answers, made.checked, signature))
    log.close()
    assert log.read("credit")["prediction"].to_pylist() == [1.5, 2.0]


def test_what_no_log_holds_is_counted_and_the_log_goes_on(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    odd = entry(1, 2)
    odd.checked.columns["age"][0] = object()
    assert not log.append(odd)
    assert (log.counts().dropped, log.counts().pending) == (2, 0)
    assert "object" in log.counts().error
    assert log.append(entry(3))
    log.close()
    assert log.read("credit")["prediction_id"].to_pylist() == ["p3"]


def test_a_frame_that_was_altered_ends_what_is_read(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1))
    log.flush()
    (path,) = tmp_path.rglob(f"*{OPEN}")
    first = path.stat().st_size
    log.append(entry(2))
    log.flush()
    whole = bytearray(path.read_bytes())
    log.close()
    other = tmp_path / f"other{OPEN}"
    for place in range(first, len(whole), 5):
        altered = bytearray(whole)
        altered[place] ^= 0x40
        other.write_bytes(altered)
        table = read_segment(other)
        assert table is not None
        assert table["prediction_id"].to_pylist() == ["p1"]


def test_only_the_columns_asked_for_are_read_of_a_growing_segment(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 2))
    log.flush()
    (path,) = tmp_path.rglob(f"*{OPEN}")
    table = read_segment(path, ["score", "ts", "nothing"])
    assert table is not None
    assert table.column_names == ["ts", "score"]
    log.close()


def test_segments_of_the_form_before_are_read_and_tidied_up(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 3))
    log.close()
    rows = log.read("credit")
    (path,) = tmp_path.rglob(f"*{CLOSED}")
    path.unlink()
    before = path.with_suffix(GROWING[1])
    with pa.ipc.new_stream(before, rows.schema) as stream:
        stream.write_table(rows)
    before.write_bytes(before.read_bytes()[:-8])  # the process was killed before it could end the stream
    assert log.read("credit").equals(rows)
    assert log.compact("credit") == 1
    assert not before.exists()
    assert log.read("credit").equals(rows)


def test_a_full_segment_is_compacted_by_another_process(
    tmp_path: Path, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_SEGMENT_ROWS", 3)
    monkeypatch.setattr(logs, "compact", lambda path: pytest.fail(f"{path} is compacted here") if path.exists() else 0)
    log = PredictionLog(tmp_path)
    for number in range(2):
        log.append(entry(10 * number, 3, at=NOW + timedelta(seconds=number)))
        log.flush()
    log.close()
    assert len(list(tmp_path.rglob(f"*{CLOSED}"))) == 2
    assert not list(tmp_path.rglob(f"*{OPEN}"))
    assert log.read("credit").num_rows == 6


def test_a_segment_becomes_parquet_part_by_part(
    tmp_path: Path, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PredictionLog(tmp_path)
    for number in range(5):
        log.append(entry(10 * number, 3, at=NOW + timedelta(seconds=number)))
        log.flush()
    grown = log.read("credit")
    monkeypatch.setattr(segments, "_GROUP_ROWS", 4)
    log.close()
    (path,) = tmp_path.rglob(f"*{CLOSED}")
    assert pq.ParquetFile(path).num_row_groups == 3
    assert log.read("credit").equals(grown)


def test_where_no_process_can_begin_the_segment_waits_and_no_row_is_lost(
    tmp_path: Path, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_paths: object) -> None:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(logs, "_SEGMENT_ROWS", 3)
    monkeypatch.setattr(logs, "apart", refuse)
    log = PredictionLog(tmp_path)
    log.append(entry(1, 3))
    log.flush()
    assert "too many processes" in caplog.text
    assert (log.counts().written, log.counts().dropped) == (3, 0)
    log.close()
    assert log.read("credit").num_rows == 3
    assert log.compact("credit") == 1


def test_tidying_up_leaves_what_grows_and_compacts_what_was_left(tmp_path: Path, entry: MakeEntry) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry(1, 3))
    log.flush()
    (growing,) = tmp_path.rglob(f"*{OPEN}")
    left = tmp_path / "credit" / "2026-02-01" / f"left{OPEN}"
    left.parent.mkdir()
    left.write_bytes(growing.read_bytes())
    log.tidy("credit")
    assert growing.exists()
    assert not left.exists()
    assert left.with_suffix(CLOSED).exists()
    log.close()
