"""Packs: what goes in comes out or is refused, and nothing half-written is ever one."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import CorruptedBlob, NoriaError, StoreUnavailable
from noria.store import packs as packs_module
from noria.store.blobs import Digest, digest_bytes, digest_file
from noria.store.pack import Pack, salvage
from noria.store.packs import Packs


def filled(root: Path, contents: list[bytes]) -> list[Digest]:
    with Packs(root).packing() as packing:
        digests = [packing.put(data) for data in contents]
        packing.settle()
    return digests


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(contents=st.lists(st.binary(max_size=600), max_size=40))
def test_what_goes_in_comes_out(tmp_path: Path, contents: list[bytes]) -> None:
    digests = filled(tmp_path / "packs", contents)
    packs = Packs(tmp_path / "packs")
    assert [packs.get(digest) for digest in digests] == contents
    assert digests == [digest_bytes(data) for data in contents]
    assert packs.get(digest_bytes(b"never put" * 100)) is None


def test_a_pack_is_named_by_its_own_hash_and_read_only(tmp_path: Path) -> None:
    filled(tmp_path, [b"one", b"two"])
    (path,) = tmp_path.iterdir()
    assert path.stem == digest_file(path)
    assert path.stat().st_mode & 0o777 == 0o444
    assert Pack(path).is_as_named()


def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    filled(tmp_path, [b"one", b"one", b"two"])
    filled(tmp_path, [b"two", b"one"])
    assert [pack.count for pack in Packs(tmp_path)] == [2]


def test_a_full_pack_is_closed_and_the_next_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs_module, "TARGET_BYTES", 1000)
    contents = [bytes([number]) * 300 for number in range(10)]
    digests = filled(tmp_path, contents)
    packs = Packs(tmp_path)
    assert len(list(packs)) > 2
    assert [packs.get(digest) for digest in packs.order(digests)] == [
        contents[digests.index(digest)] for digest in packs.order(digests)
    ]


def test_one_table_answers_when_many_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs_module, "_MANY", 3)
    digests = filled(tmp_path, [b"%d" % number for number in range(9)])
    packs = Packs(tmp_path)
    assert [packs.get(digest) for digest in digests] == [b"%d" % number for number in range(9)]
    assert packs.get(digest_bytes(b"no")) is None


def test_left_without_settling_nothing_stays(tmp_path: Path) -> None:
    with Packs(tmp_path).packing() as packing:
        packing.put(b"begun")
    assert list(tmp_path.iterdir()) == []


def test_packs_of_others_are_seen(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    assert packs.get(digest_bytes(b"late")) is None
    (digest,) = filled(tmp_path, [b"late"])
    assert packs.get(digest) == b"late"


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def test_a_bit_flipped_anywhere_never_gives_wrong_bytes_and_is_always_found(tmp_path: Path) -> None:
    contents = [b"one", b"two!", b"", b"four" * 4]
    digests = filled(tmp_path, contents)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for position in range(len(whole)):
        flip(path, position)
        packs = Packs(tmp_path)
        for digest, data in zip(digests, contents, strict=True):
            with suppress(CorruptedBlob):
                assert packs.get(digest) in (data, None)
        found = [pack for pack in packs if pack.damaged() or not pack.is_as_named()]
        assert found or packs.unreadable, position
        path.write_bytes(whole)


def test_a_content_is_read_from_the_pack_that_still_has_it(tmp_path: Path) -> None:
    (digest,) = filled(tmp_path / "a", [b"twice"])
    filled(tmp_path / "b", [b"twice", b"other"])
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / "a" / path.name)
    damaged = next(pack for pack in Packs(tmp_path / "a") if pack.count == 1)
    flip(damaged.path, damaged.offsets[0])
    assert Packs(tmp_path / "a").get(digest) == b"twice"


def test_a_pack_with_a_damaged_index_is_walked(tmp_path: Path) -> None:
    filled(tmp_path, [b"one", b"two"])
    (path,) = tmp_path.iterdir()
    flip(path, path.stat().st_size - 1)
    with pytest.raises(CorruptedBlob, match="damaged"):
        Pack(path)
    assert sorted(data for _, data in salvage(path)) == [b"one", b"two"]


def test_a_cut_off_pack_is_no_pack(tmp_path: Path) -> None:
    filled(tmp_path, [b"one"])
    (path,) = tmp_path.iterdir()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    packs = Packs(tmp_path)
    assert list(packs) == []
    assert list(packs.unreadable) == [path]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with Packs(tmp_path).packing() as packing:
        packing.put(b"x" * 100)
        monkeypatch.setattr("os.write", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            packing.settle()
    assert list(tmp_path.iterdir()) == []


def test_threads_read_while_others_write(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    digests = filled(tmp_path, [b"%d" % number * 50 for number in range(200)])
    wrong: list[object] = []

    def read() -> None:
        for _ in range(5):
            for number, digest in enumerate(digests):
                try:
                    if packs.get(digest) != b"%d" % number * 50:
                        wrong.append(number)
                except (NoriaError, OSError) as error:
                    wrong.append(error)

    def write(start: int) -> None:
        for number in range(start, start + 20):
            with packs.packing() as packing:
                packing.put(b"new %d" % number)
                packing.settle()

    threads = [threading.Thread(target=read) for _ in range(3)]
    threads += [threading.Thread(target=write, args=(start,)) for start in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
