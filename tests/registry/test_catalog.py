"""Versions: what is kept, once, and found again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import AliasNotFound, BlobNotFound, CorruptedBlob, ModelNotFound, WrongArgument
from noria.registry.catalog import Registry
from noria.registry.version import ModelRef, ModelVersion, model_digest, parse_ref

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def registry(database: Database, blobs: Blobs) -> Registry:
    return Registry(database, blobs)


def register(
    registry: Registry, content: bytes = b"weights", model: str = "credit-risk", **more: object
) -> ModelVersion:
    fields: dict[str, object] = {
        "run_id": "r1",
        "dataset": "credit@1",
        "data_digest": "d" * 64,
        "task": "classification",
        "family": "logistic",
        "created": NOW,
        "evidence": {"reference.json": b"{}"},
        "metrics": {"roc_auc": 0.78},
    } | more
    return registry.register(model, {"model.bin": content}, **fields)  # type: ignore[arg-type]


def test_a_version_comes_back_whole(registry: Registry) -> None:
    made = register(registry, params={"C": 1.0}, code_commit="abc", code_clean=True, tags={"by": "ann"})
    again = registry.get("credit-risk", 1)
    assert again == made
    assert again.ref == "credit-risk@1"
    assert again.created == NOW
    assert again.params == {"C": 1.0}
    assert again.model_digest == model_digest({"model.bin": b"weights"})
    assert registry.files(again) == {"model.bin": b"weights"}
    assert registry.file(again, "reference.json") == b"{}"


def test_the_same_model_is_kept_once(registry: Registry) -> None:
    first = register(registry)
    assert register(registry, run_id="another") == first
    assert register(registry, b"other weights").number == 2
    assert register(registry, data_digest="e" * 64).number == 3
    assert register(registry, evaluation_digest="f" * 64).number == 4
    assert [version.number for version in registry.versions("credit-risk")] == [4, 3, 2, 1]
    assert registry.models() == ("credit-risk",)


def test_many_register_at_once_and_no_number_is_lost(registry: Registry) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda n: register(registry, b"w%d" % (n % 4)), range(12)))
    assert sorted({version.number for version in made}) == [1, 2, 3, 4]


def test_what_is_not_there_is_told_with_its_mend(registry: Registry) -> None:
    register(registry)
    with pytest.raises(ModelNotFound, match="credit-riks") as misspelt:
        registry.get("credit-riks")
    assert "did you mean 'credit-risk'" in misspelt.value.why
    with pytest.raises(ModelNotFound, match="no version 7"):
        registry.get("credit-risk", 7)
    with pytest.raises(AliasNotFound, match="champion"):
        registry.get("credit-risk", "champion")
    with pytest.raises(BlobNotFound, match=r"referense\.json") as near:
        registry.file(registry.get("credit-risk"), "referense.json")
    assert "reference.json" in near.value.why


def test_a_flipped_bit_gives_nothing_of_the_model(registry: Registry) -> None:
    version = register(registry)
    path = registry.blobs.path(version.files["model/model.bin"])
    path.chmod(0o644)
    path.write_bytes(b"weighty")
    with pytest.raises(CorruptedBlob):
        registry.files(version)
    with pytest.raises(CorruptedBlob):
        registry.verify(version)


def spoil(registry: Registry, version: ModelVersion, path: str) -> None:
    file = registry.blobs.path(version.files[path])
    file.chmod(0o644)
    file.write_bytes(b"spoilt")


def test_what_a_version_lost_is_put_back_when_it_comes_again(registry: Registry) -> None:
    evidence = {"reference.json": b"{}", "report.html": b"made at 10"}
    version = register(registry, evidence=evidence)
    for path in ("model/model.bin", "reference.json", "report.html"):
        spoil(registry, version, path)
    # A report has its date in it, so that its very bytes never come again.
    mended = register(registry, evidence={**evidence, "report.html": b"made at 11"})
    registry.verify(mended)
    assert (mended.number, mended.model_digest) == (1, version.model_digest)
    assert registry.file(mended, "report.html") == b"made at 11"
    assert mended.files["reference.json"] == version.files["reference.json"]
    # What is whole stays as it was registered.
    assert register(registry, evidence={**evidence, "report.html": b"made at 12"}).files == mended.files


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "-rf", ".", "..", "a b", "x" * 129, "con", "a\x00", "ä"])
def test_a_name_that_could_be_a_path_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(WrongArgument):
        register(registry, model=name)


def test_references_as_people_write_them() -> None:
    assert parse_ref("credit-risk@3") == ModelRef("credit-risk", 3)
    assert parse_ref("credit-risk@v3") == ModelRef("credit-risk", 3)
    assert parse_ref("credit-risk") == ModelRef("credit-risk", "latest")
    assert parse_ref("3", model="m") == ModelRef("m", 3)
    assert parse_ref("champion", model="m") == ModelRef("m", "champion")
    for wrong in ("@3", "m@", ""):
        with pytest.raises(WrongArgument):
            parse_ref(wrong)
