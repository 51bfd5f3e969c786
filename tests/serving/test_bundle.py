"""A version as a folder: written, read back, and refused when a byte of it changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.errors import CorruptedBlob, NoriaError, WrongArgument, WrongData
from noria.scoring.policies import Policies
from noria.scoring.scorer import Scorer
from noria.serving.bundle import MANIFEST, Bundle

if TYPE_CHECKING:
    from tests.serving.conftest import House

RECORDS = [{"age": age, "grade": grade} for age in range(18, 76, 7) for grade in ("A", "B", None)]
POLICIES = Policies(range="refuse", extra="ignore")


@pytest.fixture
def bundle(house: House) -> Bundle:
    return Bundle.of(house.registry, house.versions[0], endpoint="risk", policies=POLICIES)


def test_it_answers_as_the_registry_does(house: House, bundle: Bundle, tmp_path: Path) -> None:
    bundle.write(tmp_path / "out")
    read = Bundle.read(tmp_path / "out", digest=bundle.digest)
    assert (read.digest, read.endpoint, read.policies) == (bundle.digest, "risk", POLICIES)
    assert read.version.ref == "credit@1"
    assert read.contents == bundle.contents
    there = Scorer.load(house.registry, house.versions[0], policies=POLICIES)
    assert read.scorer().score(RECORDS) == there.score(RECORDS)


def test_equal_versions_are_equal_bytes(house: House, bundle: Bundle) -> None:
    again = Bundle.of(house.registry, house.versions[0], endpoint="risk", policies=POLICIES)
    assert again.contents == bundle.contents
    other = Bundle.of(house.registry, house.versions[0], endpoint="risk", policies=None)
    assert other.digest != bundle.digest


def test_it_says_nothing_of_people(bundle: Bundle) -> None:
    manifest = json.loads(bundle.contents[MANIFEST])
    assert not {"user_id", "tags", "params", "environment"} & manifest["version"].keys()


def test_each_altered_file_is_found(bundle: Bundle, tmp_path: Path) -> None:
    for number, path in enumerate(bundle.contents):
        folder = tmp_path / str(number)
        bundle.write(folder)
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        with pytest.raises((CorruptedBlob, WrongData)):
            Bundle.read(folder, digest=bundle.digest)
        (folder / path).unlink()
        with pytest.raises(WrongArgument):
            Bundle.read(folder)


def test_another_bundle_than_demanded(house: House, bundle: Bundle, tmp_path: Path) -> None:
    other = Bundle.of(house.registry, house.versions[1], endpoint="risk", policies=POLICIES)
    other.write(tmp_path / "out")
    with pytest.raises(CorruptedBlob) as refused:
        Bundle.read(tmp_path / "out", digest=bundle.digest)
    assert refused.value.code == "N-SERVING-073"


@pytest.mark.parametrize(
    "manifest",
    [
        b"", b"[]", b"{", b"{}", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "files": {}, "version": {}}',
        b'{"format": 1, "files": {"../../etc/passwd": "0"}, "version": {}}',
        b'{"format": 1, "files": {"/etc/passwd": "0"}, "version": {}}',
        b'{"format": 1, "files": {"signature.json": 7}, "version": {}}',
        b"[" * 100_000,
    ],
    ids=range(11),
)  # fmt: skip
def test_a_hostile_manifest(manifest: bytes, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(manifest)
    with pytest.raises(NoriaError):
        Bundle.read(tmp_path)
