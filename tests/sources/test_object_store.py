"""Objects of a real S3 server: globs, states, and everything that goes wrong between."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pulling import Bucket, Wire

from noria.errors import NoriaError, SourceNotFound, WorkFailed, WrongArgument, WrongData, WrongSetting
from noria.sources.reference import parse
from noria.sources.source import read, token


def parquet(*values: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": list(values)}), sink)
    return sink.getvalue()


def test_globs_and_formats(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("y/2026/m01.csv", b"a\n1\n")
    bucket.put("y/2026/m02.csv", b"a\n2\n")
    bucket.put("y/2025/m12.csv", b"a\n0\n")
    bucket.put("y/2026/.m03.csv.part", b"half")
    bucket.put("y/all.parquet", parquet(7, 8))
    bucket.put("y/what? #1 ä.jsonl", b'{"a": 9}\n')
    place = f"s3://{bucket.name}/y"

    def values(pattern: str) -> list[int]:
        found: list[int] = read(f"{place}/{pattern}", root=tmp_path)["a"].to_pylist()
        return found

    assert values("2026/*.csv") == [1, 2]
    assert values("*/m*.csv") == values("**/*.csv") == [0, 1, 2]
    assert values("2026/m0[2-9].csv") == [2]
    assert values("all.parquet") == [7, 8]
    assert values("*.jsonl") == [9]
    with pytest.raises(SourceNotFound, match="no object matches"):
        values("2027/*.csv")
    bucket.put("y/2026/m04.csv", b"b\n1\n")
    with pytest.raises(WrongData, match=r"y/2026/m04.csv has other columns than y/2026/m01.csv"):
        values("2026/*.csv")


def test_the_state_is_known_without_reading(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", b"a\n1\n")
    with Wire(int(bucket.endpoint.rpartition(":")[2])) as wire:
        source = f"s3://{bucket.name}/*.csv#endpoint=http://127.0.0.1:{wire.port}"
        first = token(source, root=tmp_path)
        bucket.put("a.csv", b"a\n2\n")  # as long as before
        second = token(source, root=tmp_path)
        bucket.put("b.csv", b"a\n2\n")
        assert len({first, second, token(source, root=tmp_path)}) == 3
        assert read(source, root=tmp_path).num_rows == 2


def test_what_fails_in_passing_is_tried_again(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.05)
    bucket.put("403.csv", b"a\n1\n")  # a name, not a status
    notes: list[str] = []
    with Wire(int(bucket.endpoint.rpartition(":")[2]), refuse=2) as wire:
        source = f"s3://{bucket.name}/403.csv#endpoint=http://127.0.0.1:{wire.port}"
        assert read(source, root=tmp_path, note=notes.append).num_rows == 1
    assert notes
    assert "tried again" in notes[0]


def test_a_store_that_dies_half_way(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.05)
    bucket.put("big.csv", b"a\n" + b"1\n" * 3_000_000)
    told: list[str] = []
    with Wire(int(bucket.endpoint.rpartition(":")[2]), cut=1_000_000) as wire:
        source = f"s3://{bucket.name}/big.csv#endpoint=http://127.0.0.1:{wire.port}"
        with pytest.raises(WorkFailed) as caught:
            read(source, root=tmp_path, progress=lambda done, text: told.append(f"{done} {text}"))
    assert caught.value.code in {"N-SOURCE-082", "N-SOURCE-085"}
    assert "Debug source" not in caught.value.render()
    whole = f"s3://{bucket.name}/big.csv"
    assert read(whole, root=tmp_path, progress=lambda done, text: told.append(f"{done} {text}")).num_rows == 3_000_000
    assert told[-1] == "1.0 6.0 MB"


def test_credentials_are_those_of_the_environment(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.csv", b"a\n1\n")
    source = f"s3://{bucket.name}/a.csv"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-7Q2x")
    for ask in (token, read):
        with pytest.raises(WorkFailed, match="may not be read with these credentials") as caught:
            ask(source, root=tmp_path)
        assert "7Q2x" not in caught.value.render()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(WrongSetting, match="no credentials"):
        read(source, root=tmp_path)
    with pytest.raises(NoriaError):  # it does not let everybody in
        read(f"{source}#anonymous=true", root=tmp_path)


def test_nobody_at_the_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setattr("noria.sources.retrying.FIRST_SECONDS", 0.05)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(WorkFailed, match="does not answer"):
        read("s3://bucket/a.csv#endpoint=http://127.0.0.1:1", root=tmp_path)
    with pytest.raises(WrongArgument, match="not encrypted"):
        read("s3://bucket/a.csv#endpoint=http://minio.example", root=tmp_path)


@pytest.mark.parametrize(("prefix", "name"), [("gs", "GOOGLE_SERVICE_ACCOUNT"), ("az", "AZURE_STORAGE_ACCOUNT_KEY")])
def test_other_vendors_are_asked_for_theirs(
    tmp_path: Path, prefix: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    with pytest.raises(WrongSetting, match="no credentials") as caught:
        read(f"{prefix}://bucket/a.csv", root=tmp_path)
    assert name in caught.value.mend


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("s3://bucket", "names no object"),
        ("s3://bucket/folder/", "names no object"),
        ("s3:///a.csv", "names no object"),
        ("s3://key:secret@bucket/a.csv", "password"),
        ("s3://bucket/a.csv#endpoint=https://me:secret@host", "password"),
        ("s3://bucket/a.csv#acces_key=x", "unknown hint"),
    ],
)
def test_what_cannot_be_a_source(source: str, says: str) -> None:
    with pytest.raises(WrongArgument, match=says) as caught:
        parse(source)
    assert "secret@" not in caught.value.render()
