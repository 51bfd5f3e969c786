"""The stat cache: what is trusted, and what never is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.errors import StoreUnavailable
from noria.store.blobs import Digest
from noria.store.stat_cache import RACY_NS, Stamp, StatCache

STAMP = Stamp(size=5, modified=10 * RACY_NS, changed=10 * RACY_NS, inode=3)
LATE = 12 * RACY_NS
D = Digest("d" * 64)


def test_what_was_read_is_known_again(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "s.db")
    cache.record("f", {"a/b": (STAMP, D), "ü": (STAMP, D)}, seen=LATE)
    assert cache.known("f") == {"a/b": (*STAMP, D), "ü": (*STAMP, D)}
    assert cache.known("other") == {}
    cache.record("f", {}, seen=LATE, gone=["ü"])
    assert list(cache.known("f")) == ["a/b"]


@pytest.mark.parametrize("late", ["modified", "changed"])
@pytest.mark.parametrize(("age", "trusted"), [(0, False), (RACY_NS - 1, False), (RACY_NS, True), (-RACY_NS, False)])
def test_what_changed_shortly_before_it_was_read_is_not_trusted(
    tmp_path: Path, late: str, age: int, trusted: bool
) -> None:
    cache = StatCache(tmp_path / "s.db")
    cache.record("f", {"a": (STAMP, D)}, seen=LATE)
    young = STAMP._replace(**{late: LATE - age})
    cache.record("f", {"a": (young, D)}, seen=LATE)
    assert ("a" in cache.known("f")) == trusted


def test_a_name_that_is_no_text_is_not_remembered(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "s.db")
    cache.record("f", {"a\udcff": (STAMP, D), "b": (STAMP, D)}, seen=LATE, gone=["c\udcff"])
    assert list(cache.known("f")) == ["b"]


def test_contents_are_forgotten(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "s.db")
    cache.record("f", {"a": (STAMP, D), "b": (STAMP, Digest("e" * 64))}, seen=LATE)
    cache.set_note("f", "kept")
    cache.forget([D])
    assert list(cache.known("f")) == ["b"]
    cache.clear()
    assert cache.known("f") == {}
    assert (cache.note("f"), cache.note("g")) == ("kept", "")


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "s.db")
    cache.record("f", {"a": (STAMP, D)}, seen=LATE)
    (tmp_path / "s.db").write_bytes(b"no database at all" * 100)
    assert cache.known("f") == {}
    cache.record("f", {"a": (STAMP, D)}, seen=LATE)
    assert list(cache.known("f")) == ["a"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot use"):
        StatCache(tmp_path / "s.db").known("f")


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from noria.store.stat_cache import *; from noria.store.blobs import Digest\n"
        "cache = StatCache(pathlib.Path(sys.argv[1]))\n"
        "cache.record(sys.argv[2], {'a': (Stamp(1, 0, 0, 1), Digest('d'))}, seen=RACY_NS)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "s.db", str(number)]) for number in range(8)]
    assert [process.wait() for process in running] == [0] * 8
    assert all(StatCache(tmp_path / "s.db").known(str(number)) for number in range(8))
