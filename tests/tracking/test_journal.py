"""A journal is whole up to its last whole line, whatever a crash or a flipped bit does to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import WrongData
from noria.tracking.journal import Header, Journal, Reader, claimed

HEADER = Header("a" * 32, "b" * 16, "", "first", 7)
RECORDS = [b'{"n":%d}' % number for number in range(50)]


def new(folder: Path) -> Path:
    path = folder / "a-b.journal"
    for leftover in folder.iterdir():
        leftover.unlink()
    journal = Journal(path, HEADER)
    journal.append(RECORDS[:20])
    journal.append(RECORDS[20:])
    assert journal.number == 50
    journal.close()
    return path


def rest(path: Path, most: int = 7) -> list[bytes]:
    reader = Reader(path)
    assert reader.header == HEADER
    found: list[bytes] = []
    waiting = reader.waiting()
    first = reader.arrived + 1
    while (piece := reader.next(most)).records:
        assert piece.first == first + len(found)
        found += piece.records
        reader.mark(piece.records)
    reader.close()
    assert waiting == len(found)
    return found


def test_what_was_written_is_read_and_remembered(tmp_path: Path) -> None:
    path = new(tmp_path)
    reader = Reader(path)
    piece = reader.next(30)
    reader.mark(piece.records)
    reader.close()
    assert piece.records + rest(path) == RECORDS
    assert rest(path) == []
    Reader(path).remove()
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cut_anywhere_it_is_whole_up_to_there(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = new(tmp_path_factory.mktemp("cut"))
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    lines = whole[:cut].count(b"\n")
    if lines == 0:
        with pytest.raises(WrongData):
            Reader(path)
    else:
        assert rest(path) == RECORDS[: lines - 1]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_ends_it_and_never_alters_a_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = new(tmp_path_factory.mktemp("flip"))
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    try:
        found = rest(path)
    except WrongData:
        return
    assert found == RECORDS[: len(found)]
    # Upper and lower case of a digit are the same number: then nothing was altered.
    assert len(found) == 50 or len(found) <= bytes(whole[:place]).count(b"\n")


def test_marks_that_make_no_sense_are_not_believed(tmp_path: Path) -> None:
    path = new(tmp_path)
    for text in ("", "x y", "1", "-1 5", "5 99999999", "\x00\x00"):
        path.with_suffix(".arrived").write_text(text)
        assert rest(path) == RECORDS
        path.with_suffix(".arrived").unlink()


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.journal"
    journal = Journal(path, HEADER)
    journal.append(RECORDS[:5])
    before = path.read_bytes()
    write, calls = os.pwrite, []

    def full(handle: int, data: bytes, at: int) -> int:
        calls.append(at)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write(handle, bytes(data)[:3], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        journal.append(RECORDS[5:])
    monkeypatch.undo()
    assert path.read_bytes() == before
    journal.append(RECORDS[5:])
    journal.close()
    assert rest(path) == RECORDS


def test_a_journal_in_use_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.journal", HEADER)
    with claimed(journal.path) as mine:
        assert not mine
    journal.close()
    with claimed(journal.path) as mine:
        assert mine
        with claimed(journal.path) as second:
            assert not second
