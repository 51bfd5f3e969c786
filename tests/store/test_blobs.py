"""Bytes named by content: what goes in comes out, or is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import BlobNotFound, CorruptedBlob, StoreUnavailable
from noria.store.blobs import Blobs, Digest, canonical_json, digest_bytes, digest_file, digest_json


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=4096))
def test_what_goes_in_comes_out(blobs: Blobs, data: bytes) -> None:
    digest = blobs.put(data)
    assert blobs.get(digest) == data
    assert digest == digest_bytes(data)
    assert blobs.path(digest).read_bytes() == data


def test_a_file_is_kept_under_the_digest_of_its_bytes(blobs: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n" * 300_000)
    assert blobs.put_file(path) == digest_file(path)
    assert blobs.get(digest_file(path)) == path.read_bytes()


@pytest.mark.parametrize("position", [0, 5, 99])
def test_a_flipped_bit_is_found_at_every_read(blobs: Blobs, position: int) -> None:
    digest = blobs.put(b"x" * 100)
    path = blobs.path(digest)
    damaged = bytearray(path.read_bytes())
    damaged[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(damaged))
    with pytest.raises(CorruptedBlob, match="changed on disk"):
        blobs.get(digest)
    with pytest.raises(CorruptedBlob):
        blobs.path(digest)


def test_putting_the_good_bytes_again_mends_a_damaged_object(blobs: Blobs) -> None:
    digest = blobs.put(b"good")
    path = blobs.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"bad!")
    assert blobs.put(b"good") == digest
    assert blobs.get(digest) == b"good"


def test_what_was_never_put_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(BlobNotFound) as caught:
        blobs.get(Digest("0" * 64))
    assert caught.value.exit_status == 3
    # `noria run` computes again what the newest version needs; only fsck tells what becomes of an older one.
    assert caught.value.mend.startswith("noria fsck")


def test_objects_are_read_only_and_listed(blobs: Blobs) -> None:
    digests = {blobs.put(str(number).encode()) for number in range(5)}
    assert set(blobs) == digests
    assert all(blobs.path(digest).stat().st_mode & 0o222 == 0 for digest in digests)


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot write"):
        Blobs(tmp_path / "objects").put(b"x")


def test_equal_json_has_one_digest_and_nan_none() -> None:
    assert digest_json({"a": 1, "b": [1.5, None]}) == digest_json({"b": [1.5, None], "a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Ten processes are killed at any instruction; each digest they printed must read back."""
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from noria.store.blobs import Blobs
        blobs = Blobs(Path(sys.argv[1]))
        while True:
            print(blobs.put(os.urandom(20_000)), flush=True)
        """
    )
    root = tmp_path / "objects"
    acknowledged: list[Digest] = []
    for round_ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged.append(Digest(writer.stdout.readline().strip()))
        time.sleep(0.003 * round_)
        os.kill(writer.pid, signal.SIGKILL)
        lines = writer.communicate()[0].split("\n")
        acknowledged += [Digest(line) for line in lines[:-1]]
    blobs = Blobs(root)
    assert len(acknowledged) >= 10
    for digest in acknowledged:
        assert len(blobs.get(digest)) == 20_000
    assert all(digest_bytes(blobs.get(digest)) == digest for digest in blobs), "no half object under a final name"


def test_bytes_that_come_piece_by_piece(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        for piece in (b"a" * 5, b"", b"b" * (3 << 20)):
            writer.write(piece)
        digest = writer.finish()
    whole = b"a" * 5 + b"b" * (3 << 20)
    assert (digest, writer.size) == (digest_bytes(whole), len(whole))
    assert b"".join(blobs.pieces(digest)) == whole
    assert list(blobs) == [digest]


def test_what_was_begun_and_left_is_gone(blobs: Blobs) -> None:
    with pytest.raises(ZeroDivisionError), blobs.writer() as writer:  # noqa: PT012 - what is left is looked at inside
        writer.write(b"x" * 100)
        assert len(list(blobs.root.iterdir())) == 1
        raise ZeroDivisionError
    assert list(blobs.root.iterdir()) == []


@pytest.mark.parametrize("size", [0, 10, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_pieces_never_make_up_the_whole_of_a_damaged_object(blobs: Blobs, size: int) -> None:
    data = b"x" * size
    digest = blobs.put(data)
    assert b"".join(blobs.pieces(digest)) == data
    path = blobs.path(digest)
    path.chmod(0o644)
    path.write_bytes(data[:-1] + b"y" if data else b"y")
    got = b""
    with pytest.raises(CorruptedBlob):  # noqa: PT012 - what came before it counts
        for piece in blobs.pieces(digest):
            got += piece
    assert len(got) < max(size, 1)
    path.unlink()
    with pytest.raises(BlobNotFound):
        next(blobs.pieces(digest))


def test_what_was_left_half_written_is_swept_and_nothing_else(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    kept = blobs.put(b"whole")
    (tmp_path / ".tmp-old").write_bytes(b"ha")
    assert blobs.sweep(before=time.time() - 60) == 0
    assert blobs.sweep(before=time.time() + 60) == 1
    assert (blobs.get(kept), [path.name for path in tmp_path.glob(".tmp-*")]) == (b"whole", [])


def test_what_nobody_may_have_goes_at_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"rows")
    blobs.erase(digest)
    blobs.erase(digest)
    assert not blobs.has(digest)
