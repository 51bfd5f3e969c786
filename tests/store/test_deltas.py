"""Objects kept as what they add to others: the same bytes come out, and nothing they need goes."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import BlobNotFound, CorruptedBlob
from noria.store import prefix
from noria.store.blobs import Blobs, Digest, digest_bytes
from noria.store.compression import zstd
from noria.store.deltas import DEEPEST

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


def lines(count: int, seed: int = 0, start: int = 0) -> list[bytes]:
    draw = random.Random(seed)
    return [
        f"{start + i},{draw.random():.9f},{draw.randrange(10**6)},{draw.choice('ABC')}\n".encode() for i in range(count)
    ]


def stored(blobs: Blobs) -> int:
    return sum(path.stat().st_size for path in blobs.root.rglob("*") if path.is_file())


OLD = lines(60_000)
WHOLE = b"".join(OLD)


def scattered(old: list[bytes], seed: int, share: float = 0.01) -> bytes:
    draw, fresh = random.Random(seed), iter(lines(len(old), seed + 1, 10**6))
    return b"".join(next(fresh) if draw.random() < share else line for line in old)


def test_scattered_changes_cost_what_changed(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    before = stored(blobs)
    new = scattered(OLD, 1)
    digest = blobs.put(new, base=base)
    assert digest == digest_bytes(new)
    assert stored(blobs) - before < 0.02 * len(new)
    assert blobs.get(digest) == new == b"".join(blobs.pieces(digest)) == blobs.path(digest).read_bytes()
    assert blobs.size(digest) == len(new)
    assert blobs.has(digest)
    assert blobs.is_whole(digest)
    assert list(blobs) == sorted([base, digest])
    assert [path.name for path in blobs.files(digest)] == [f"{digest}.{base}", base]


def test_scattered_inserts_cost_what_came_in(blobs: Blobs) -> None:
    draw, fresh, new = random.Random(4), lines(len(OLD) // 100, 8, 10**6), list(OLD)
    for line in fresh:
        new.insert(draw.randrange(len(new)), line)
    base = blobs.put(WHOLE)
    before = stored(blobs)
    digest = blobs.put(b"".join(new), base=base)
    assert blobs.get(digest) == b"".join(new)
    # Beside the rows themselves: where each came in, and the footer.
    assert stored(blobs) - before < len(zstd.compress(b"".join(fresh))) + 8 * len(fresh) + 500


def test_deltas_of_before_pieces_were_compressed_twice_are_read_and_built_upon(blobs: Blobs) -> None:
    base, new = blobs.put(WHOLE), scattered(OLD, 1, 0.001)
    (older,) = (Path(__file__).parent / "older_deltas").iterdir()
    digest = digest_bytes(new)
    assert older.name == f"{digest}.{base}"
    final = blobs.deltas.name(digest, base)
    final.parent.mkdir(parents=True)
    shutil.copyfile(older, final)
    assert blobs.get(digest) == new
    further = scattered(OLD, 2, 0.001)
    on_it = blobs.put(further, base=digest)
    assert [path.name for path in blobs.files(on_it)] == [f"{on_it}.{digest}", older.name, base]
    assert blobs.get(on_it) == further


def test_pieces_of_a_newer_make_are_told(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    base = blobs.put(WHOLE)
    digest = blobs.put(scattered(OLD, 1, 0.001), base=base)
    monkeypatch.setattr(prefix, "LAYERS", 1)
    with pytest.raises(CorruptedBlob, match="a newer noria wrote it"):
        blobs.get(digest)


def test_a_file_against_an_older_one(blobs: Blobs, tmp_path: Path) -> None:
    base = blobs.put(WHOLE)
    path = tmp_path / "rows.csv"
    path.write_bytes(b"".join(OLD[:20_000] + lines(4_000, 5) + OLD[20_000:]))
    before = stored(blobs)
    digest = blobs.put_file(path, base=base)
    assert blobs.get(digest) == path.read_bytes()
    assert stored(blobs) - before < 0.08 * path.stat().st_size
    assert blobs.put_file(path, base=base) == digest
    path.write_bytes(WHOLE)
    assert blobs.put_file(path, base=digest) == base
    assert len(list(blobs)) == 2


def test_what_does_not_pay_is_kept_whole(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    other, small = os.urandom(2 << 20), WHOLE[: 1 << 19]
    for data in (other, small):
        digest = blobs.put(data, base=base)
        assert blobs.files(digest) == (blobs.root / digest[:2] / digest,)
        assert blobs.get(digest) == data
    assert blobs.get(blobs.put(WHOLE + b"more", base=Digest("0" * 64))) == WHOLE + b"more"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "_SEGMENT", 4096)
    monkeypatch.setattr(prefix, "_PAD", 512)


class InMemory:
    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]


def encoded(new: bytes, old: bytes) -> tuple[prefix.Decoded, int]:
    """Give what reads the new bytes again, and how many bytes it needs for that."""
    kept = bytearray()
    pieces = prefix.encode(io.BytesIO(new).read, len(new), InMemory(old), kept.extend, limit=1e9)
    assert pieces is not None
    return prefix.Decoded(pieces, InMemory(old), lambda start, end: bytes(kept[start:end])), len(kept)


@SETTINGS
@given(data=st.data())
def test_whatever_was_edited_comes_out_again(data: st.DataObject, blobs: Blobs, small_segments: None) -> None:
    old = data.draw(st.binary(max_size=20_000)) + WHOLE[:20_000]
    new = old
    for _ in range(data.draw(st.integers(0, 4))):
        at, cut = data.draw(st.integers(0, len(new))), data.draw(st.integers(0, 6000))
        new = new[:at] + data.draw(st.binary(max_size=6000)) + new[at + cut :]
    made = encoded(new, old)[0]
    assert b"".join(made.segments()) == new
    start, end = sorted(data.draw(st.integers(0, len(new))) for _ in "ab")
    assert made.read(start, end) == new[start:end]


def test_what_was_put_in_in_one_place_moves_the_rest(small_segments: None, monkeypatch: pytest.MonkeyPatch) -> None:
    new = b"".join(OLD[:2000] + lines(1500, 9) + OLD[2000:8000])
    old = b"".join(OLD[:8000])
    found = encoded(new, old)[1]
    monkeypatch.setattr(prefix, "_POOR", 2.0)
    assert found < 0.6 * encoded(new, old)[1]


def test_rows_that_went_from_one_half_are_followed(small_segments: None, monkeypatch: pytest.MonkeyPatch) -> None:
    new = b"".join(line for number, line in enumerate(OLD[:12_000]) if number % 40 or number > 6000)
    old = b"".join(OLD[:12_000])
    monkeypatch.setattr(prefix, "_POOR", 2.0)  # it does not come so far that the place has to be looked for
    made, followed = encoded(new, old)
    assert b"".join(made.segments()) == new
    monkeypatch.setattr(prefix, "_followed", lambda *_: None)
    assert followed < 0.6 * encoded(new, old)[1]


def test_chains_are_short_and_read_back(blobs: Blobs) -> None:
    versions = [WHOLE] + [scattered(OLD, seed, 0.02) for seed in range(1, 8)]
    digests = [blobs.put(versions[0])]
    for data in versions[1:]:
        digests.append(blobs.put(data, base=digests[-1]))
    assert [len(blobs.files(digest)) - 1 for digest in digests] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert DEEPEST == 4
    for digest, data in zip(digests, versions, strict=True):
        assert blobs.get(digest) == data


def test_a_base_stays_while_a_delta_needs_it(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    digest = blobs.put(scattered(OLD, 1), base=base)
    later = time.time() + 10
    assert blobs.discard(base, unused_since=later) == 0
    assert blobs.is_whole(digest)
    assert blobs.discard(digest, unused_since=later) > 0
    assert not blobs.has(digest)
    assert blobs.discard(base, unused_since=later) == len(WHOLE)
    assert list(blobs) == []
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == []


def test_a_base_that_went_meanwhile_makes_a_whole_object(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    base = blobs.put(WHOLE)
    encode, new = prefix.encode, scattered(OLD, 1)

    def gone(*given: object, **more: object) -> object:
        made = encode(*given, **more)  # type: ignore[arg-type]
        (blobs.root / base[:2] / base).rename(blobs.root / "aside")
        return made

    monkeypatch.setattr(prefix, "encode", gone)
    digest = blobs.put(new, base=base)
    monkeypatch.undo()
    assert blobs.get(digest) == new
    assert len(blobs.files(digest)) == 1


@pytest.mark.parametrize("where", ["delta", "base"])
def test_a_flipped_bit_in_a_delta_or_its_base_is_found(blobs: Blobs, where: str) -> None:
    base = blobs.put(WHOLE)
    new = scattered(OLD, 1)
    digest = blobs.put(new, base=base)
    path = blobs.files(digest)[0 if where == "delta" else 1]
    path.chmod(0o644)
    sound = path.read_bytes()
    draw = random.Random(0)
    for position in [0, 1, len(sound) - 1, len(sound) - 20, *(draw.randrange(len(sound)) for _ in range(20))]:
        damaged = bytearray(sound)
        damaged[position] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(damaged))
        try:
            assert blobs.get(digest) == new, "what is not read again changes nothing"
        except CorruptedBlob:
            assert not blobs.is_whole(digest)
            assert b"".join(piece for piece in _until_told(blobs, digest)) != new
    path.write_bytes(sound)
    assert blobs.get(digest) == new
    path.unlink()
    with pytest.raises(BlobNotFound):
        blobs.get(digest)
    with pytest.raises(BlobNotFound):
        blobs.path(digest)


def _until_told(blobs: Blobs, digest: Digest) -> list[bytes]:
    got: list[bytes] = []
    with pytest.raises(CorruptedBlob):  # noqa: PT012 - what came before it counts
        for piece in blobs.pieces(digest):
            got.append(piece)
    return got


def test_putting_the_good_bytes_again_mends_a_damaged_delta(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    new = scattered(OLD, 1)
    digest = blobs.put(new, base=base)
    path = blobs.files(digest)[0]
    path.chmod(0o644)
    path.write_bytes(b"nothing")
    assert blobs.put(new) == digest
    assert blobs.get(digest) == new


def test_no_ring_can_come_about(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    new = scattered(OLD, 1)
    digest = blobs.put(new, base=base)
    whole = blobs.files(base)[0]
    whole.chmod(0o644)
    whole.write_bytes(WHOLE[:-1] + b"x")
    assert blobs.put(WHOLE, base=digest) == base
    assert (blobs.get(base), blobs.get(digest)) == (WHOLE, new)


def test_a_file_made_for_mapping_is_made_again_when_it_was_touched(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    new = scattered(OLD, 1)
    digest = blobs.put(new, base=base)
    made = blobs.path(digest)
    made.chmod(0o644)
    made.write_bytes(b"edited")
    assert blobs.path(digest).read_bytes() == new
    assert blobs.rebuilt.shrink() == 0, "somebody may be about to open it"
    os.utime(made, (0, 0))
    assert blobs.rebuilt.shrink() == len(new)
    assert blobs.path(digest).read_bytes() == new


def test_what_was_acknowledged_as_a_delta_survives_kill_9(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from noria.store.blobs import Blobs, Digest
        blobs, base = Blobs(Path(sys.argv[1])), Digest(sys.argv[2])
        whole = bytearray(blobs.get(base))
        while True:
            for _ in range(50):
                at = int.from_bytes(os.urandom(4)) % len(whole)
                whole[at] = 48
            print(blobs.put(bytes(whole), base=base), flush=True)
        """
    )
    blobs = Blobs(tmp_path / "objects")
    base = blobs.put(WHOLE)
    acknowledged: list[Digest] = []
    for round_ in range(6):
        command = [sys.executable, "-c", script, str(blobs.root), base]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged.append(Digest(writer.stdout.readline().strip()))
        time.sleep(0.02 * round_)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [Digest(line) for line in writer.communicate()[0].split("\n")[:-1]]
    assert len(acknowledged) >= 6
    assert all(blobs.is_whole(digest) for digest in {*acknowledged, *blobs})
    assert any(len(blobs.files(digest)) == 2 for digest in acknowledged)


def test_what_is_erased_takes_nothing_else_with_it(blobs: Blobs) -> None:
    versions = [WHOLE] + [scattered(OLD, seed) for seed in range(1, 4)]
    digests = [blobs.put(versions[0])]
    for data in versions[1:]:
        digests.append(blobs.put(data, base=digests[-1]))
    blobs.path(digests[1])
    blobs.erase(digests[1])
    assert not blobs.has(digests[1])
    assert not any(digests[1] in path.name for path in blobs.root.rglob("*"))
    kept = [0, 2, 3]
    assert [blobs.get(digests[number]) for number in kept] == [versions[number] for number in kept]
    assert [len(blobs.files(digests[number])) for number in kept] == [1, 1, 2]
    assert blobs.discard(digests[0], unused_since=time.time() + 10) == len(WHOLE)


def test_a_sweep_takes_what_was_made_of_deltas_and_half_written(blobs: Blobs) -> None:
    base = blobs.put(WHOLE)
    digest = blobs.put(scattered(OLD, 1), base=base)
    made = blobs.path(digest)
    (blobs.root / ".tmp-left").write_bytes(b"half")
    assert blobs.sweep(before=time.time() - 60) == 0
    assert blobs.sweep(before=time.time() + 60) == 2
    assert not made.exists()
    assert blobs.is_whole(digest)
