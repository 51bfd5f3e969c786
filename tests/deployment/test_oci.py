"""Images without a daemon: the same bytes twice, sorted and timeless, and read through before they are believed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from noria.deployment import oci
from noria.deployment.container import Container
from noria.deployment.exporting import export, wishes
from noria.deployment.target import Wishes, Written
from noria.errors import WorkFailed, WrongArgument
from noria.serving.bundle import Bundle
from noria.store.files import contained

PROCESS = oci.Process(("python3",), ("serve",), {"A": "1"}, "10001:10001", 8080, {"noria.bundle": "x"})
FILES: dict[str, bytes | Path] = {"srv/b": b"two", "srv/a/deep/c": b"one", "srv/a-b": b"", "opt/ü": b"\x00" * 5000}
LONG = "opt/" + "d" * 90 + "/" + "e" * 90 + "/" + "f" * 90


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A root file system of one file."""
    path = tmp_path / "base.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("etc/os-release")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"x=1"))
    return path


def build(folder: Path, base: Path, files: dict[str, bytes | Path] = FILES) -> str:
    layers = [oci.base_layer(folder, base), oci.file_layer(folder, files)]
    return oci.write_layout(folder, layers, PROCESS, reference="1")


def held(folder: Path, digest: str) -> bytes:
    return contained(folder / "blobs" / "sha256", digest.removeprefix("sha256:")).read_bytes()


def test_two_builds_are_one(rootfs: Path, tmp_path: Path) -> None:
    first = build(tmp_path / "a", rootfs)
    os.utime(rootfs, (0, 0))
    second = build(tmp_path / "b", rootfs, dict(reversed(FILES.items())))
    assert first == second
    names = [sorted(path.name for path in (tmp_path / each / "blobs" / "sha256").iterdir()) for each in "ab"]
    assert names[0] == names[1]
    assert (tmp_path / "a" / "index.json").read_bytes() == (tmp_path / "b" / "index.json").read_bytes()


def test_a_layer_is_sorted_and_timeless(tmp_path: Path) -> None:
    layer = oci.file_layer(tmp_path, {**FILES, LONG: b"long"})
    data = held(tmp_path, layer.digest)
    assert data[4:8] == b"\0\0\0\0", "no time in gzip's head"
    assert data[3] & 8 == 0, "no name either"
    plain = gzip.decompress(data)
    assert layer.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        entries = archive.getmembers()
        contents = {entry.name: archive.extractfile(entry).read() for entry in entries if entry.isfile()}  # type: ignore[union-attr]
    names = [entry.name for entry in entries]
    assert names == sorted(names)
    assert contents == {**FILES, LONG: b"long"}
    assert {"srv", "srv/a", "srv/a/deep", "opt"} <= set(names), "each folder is there before what lies in it"
    told = {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries}
    assert told == {(0, 0, 0, "", "")}
    assert {entry.mode for entry in entries if entry.isfile()} == {0o644}


def test_files_from_disk_keep_whether_they_run(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_bytes(b"#!")
    tool.chmod(0o777)
    layer = oci.file_layer(tmp_path / "out", {"bin/tool": tool})
    with tarfile.open(fileobj=io.BytesIO(held(tmp_path / "out", layer.digest))) as archive:
        assert archive.getmember("bin/tool").mode == 0o755


@pytest.mark.parametrize("path", ["../etc/passwd", "/etc/passwd", "a/../../b"])
def test_nothing_leads_out_of_the_image(path: str, tmp_path: Path) -> None:
    with pytest.raises(WrongArgument):
        oci.file_layer(tmp_path, {path: b""})


def test_a_packed_base_is_the_same_layer(rootfs: Path, tmp_path: Path) -> None:
    packed = tmp_path / "base.tar.gz"
    packed.write_bytes(gzip.compress(rootfs.read_bytes(), 1))
    assert oci.base_layer(tmp_path / "a", rootfs) == oci.base_layer(tmp_path / "b", packed)


def test_the_documents(rootfs: Path, tmp_path: Path) -> None:
    digest = build(tmp_path, rootfs)
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert [each["digest"] for each in index["manifests"]] == [digest]
    manifest = json.loads(held(tmp_path, digest))
    config = json.loads(held(tmp_path, manifest["config"]["digest"]))
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        data = held(tmp_path, layer["digest"])
        assert (len(data), f"sha256:{hashlib.sha256(gzip.decompress(data)).hexdigest()}") == (layer["size"], diff_id)
    assert (config["created"], config["config"]["User"]) == ("1970-01-01T00:00:00Z", "10001:10001")


def test_faults_are_found(rootfs: Path, tmp_path: Path) -> None:
    build(tmp_path / "out", rootfs)
    assert oci.faults(tmp_path / "out") == []
    for number, path in enumerate(sorted((tmp_path / "out").rglob("*"))):
        if path.is_file() and path.name != "oci-layout":
            copy = tmp_path / str(number)
            shutil.copytree(tmp_path / "out", copy)
            other = copy / path.relative_to(tmp_path / "out")
            other.write_bytes(other.read_bytes()[:-1])
            assert oci.faults(copy), path.name
            other.unlink()
            assert oci.faults(copy), path.name


def test_a_rootfs_that_is_not_there(bundle: Bundle, tmp_path: Path) -> None:
    target = Container()
    with pytest.raises(WrongArgument, match="is no file"):
        export(target, bundle, tmp_path / "out", wishes(target, bundle, options={"rootfs": "/nowhere.tar"}))
    assert not (tmp_path / "out").exists()


def test_an_altered_image_is_no_export(bundle: Bundle, rootfs: Path, tmp_path: Path) -> None:
    class Forgetful(Container):
        def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
            written = super().write(bundle, folder, wishes)
            max((folder / "oci").rglob("*"), key=lambda path: path.stat().st_size).write_bytes(b"")
            return written

    target = Forgetful()
    with pytest.raises(WorkFailed, match="not in order"):
        export(target, bundle, tmp_path / "out", wishes(target, bundle, options={"rootfs": str(rootfs)}))
    assert not (tmp_path / "out").exists()


# ── the real thing, where the machine has it: NORIA_TEST_ROOTFS names a tar with python3 of this version ──────────────


@pytest.mark.slow
def test_podman_runs_it_as_nobody(bundle: Bundle, tmp_path: Path) -> None:
    lacking = [name for name in ("podman", "runc") if shutil.which(name) is None]
    rootfs = os.environ.get("NORIA_TEST_ROOTFS", "")
    if lacking or not rootfs:
        pytest.skip(f"{', '.join(lacking) or 'NORIA_TEST_ROOTFS'} is not here")
    target, out = Container(), tmp_path / "out"
    export(target, bundle, out, wishes(target, bundle, options={"rootfs": rootfs}))
    short = tempfile.mkdtemp(prefix="pod-")  # a run root of more than 50 characters is refused
    stores = ["--root", f"{short}/store", "--runroot", f"{short}/run", "--storage-driver", "vfs"]
    podman = ["podman", *stores, "--cgroup-manager", "cgroupfs", "--runtime", "runc"]

    def call(*arguments: str) -> str:
        done = subprocess.run([*podman, *arguments], capture_output=True, text=True, cwd=out, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    try:
        image = call("pull", "-q", f"oci:oci:{bundle.version.number}").splitlines()[-1]
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--security-opt", "no-new-privileges"]
        bounds = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", *limits]
        call("run", "-d", "--name", "model", "--network=host", *bounds, "-e", f"PORT={port}", image)
        record = {"age": 30, "income": 1200.5, "grade": "A", "member": 1}
        made = _asked(f"http://127.0.0.1:{port}/predict/credit-risk", record)
        expected = bundle.scorer().score([record])[0]
        assert made["predictions"][0]["score"] == expected.score  # type: ignore[index]
        assert "uid=10001" in call("exec", "model", "id")
        call("stop", "-t", "10", "model")
        assert call("inspect", "model", "--format", "{{.State.ExitCode}}") == "0"
    finally:
        subprocess.run([*podman, "rm", "-f", "model"], capture_output=True)
        subprocess.run([*podman, "rmi", "-af"], capture_output=True)
        shutil.rmtree(short, ignore_errors=True)


def _asked(url: str, record: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(url, json.dumps(record).encode(), {"Content-Type": "application/json"})
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                told: dict[str, object] = json.load(answer)
                return told
        except OSError:
            time.sleep(0.25)
    raise AssertionError("it never answered")
