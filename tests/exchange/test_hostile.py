"""Folders, databases and servers that somebody filled to get at other files, or to bring the reader down."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import AnExperiment, ARun, put, run_id, world, write_database, write_folder, write_run

from noria.errors import NoriaError, SourceNotFound, WorkFailed, WrongData
from noria.exchange.mlruns import MlrunsFolder
from noria.exchange.places import open_source
from noria.exchange.report import Report
from noria.exchange.source import Skips
from noria.exchange.tree import Tree, is_sound_path
from noria.runs.artifacts import Artifacts
from noria.runs.runs import Runs
from noria.security.strict_yaml import parse, write
from noria.store.database import Database

Take = Callable[..., Report]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one run, and a secret outside it."""
    put(tmp_path / "secret" / "key.txt", "secret")
    run = ARun(run_id(1), "r", files={"fine.txt": b"fine"}, params={"p": "1"}, points=[("m", 1.0, 1, 1)])
    return write_folder(tmp_path / "mlruns", [AnExperiment("1", "one", [run])])


def test_links_are_not_followed(root: Path, tmp_path: Path, take: Take, database: Database) -> None:
    here = root / "1" / run_id(1)
    (here / "artifacts" / "link.txt").symlink_to(tmp_path / "secret" / "key.txt")
    (here / "artifacts" / "folder").symlink_to(tmp_path / "secret")
    (here / "params" / "stolen").symlink_to(tmp_path / "secret" / "key.txt")
    (here / "metrics" / "stolen").symlink_to(tmp_path / "secret" / "key.txt")
    os.mkfifo(here / "artifacts" / "pipe")
    write_run(root / "1", "1", ARun(run_id(2), "second"))
    (root / "1" / run_id(2) / "artifacts").symlink_to(tmp_path / "secret")
    (root / "1" / run_id(3)).symlink_to(here)
    (root / "9").symlink_to(root / "1")
    report = take(MlrunsFolder(root))
    assert [file.path for file in Artifacts(database).all(run_id(1))] == ["fine.txt"]
    assert Artifacts(database).all(run_id(2)) == ()
    assert Runs(database).get(run_id(1)).params == {"p": "1"}
    assert report["runs"].found == 2
    assert report.skipped["a symbolic link is not followed"][0] >= 3
    assert not report.is_whole


def test_a_link_put_in_between_is_not_followed(root: Path, tmp_path: Path) -> None:
    tree = Tree(root)
    (root / "1" / run_id(1) / "artifacts" / "late.txt").symlink_to(tmp_path / "secret" / "key.txt")
    for path in (f"1/{run_id(1)}/artifacts/late.txt", "../secret/key.txt", f"1/{run_id(1)}/../../../secret/key.txt"):
        with pytest.raises(SourceNotFound):
            tree.open(path)
    tree.close()


def test_names_that_cannot_be_kept_are_told(root: Path, take: Take, database: Database) -> None:
    odd = root / "1" / run_id(1) / "artifacts"
    for name in (b"back\\slash", b"new\nline", b"\xff\xfe", b"%2e%2e%2fup", b"a#b", b"ok%20.txt"):
        put(Path(os.fsdecode(os.fsencode(odd) + b"/" + name)), "x")
    report = take(MlrunsFolder(root))
    assert [file.path for file in Artifacts(database).all(run_id(1))] == ["fine.txt", "ok%20.txt"]
    assert report.skipped["a file has a name that cannot be kept"][0] == 5


@pytest.mark.parametrize(
    "meta",
    [
        "a: &a [x]\nb: *a\n",
        "!!python/object/apply:os.system ['true']\n",
        "name: !!python/name:os.system x\n",
        "? a\n: b\n",
        "--- \na: b\n--- \nc: d\n",
        "a: {b: c}\n",
        "a: |\n  x\n",
        "a: b\na: c\n",
        "\ta: b\n",
        "a: 'b\n",
        'a: "\\ud800"\n',
        "a: b\n c: d\n",
        "- a\n- b\n",
        "a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 80)),
        "a: " + "x" * (1 << 20),
        "a: \x00\n",
        b"a: \xff\n",
        "%YAML 1.1\n---\na: b\n",
    ],
)
def test_yaml_that_means_more_is_refused(meta: str | bytes, root: Path, take: Take) -> None:
    with pytest.raises(WrongData):
        parse(meta.encode() if isinstance(meta, str) else meta)
    put(root / "1" / run_id(7) / "meta.yaml", meta)
    report = take(MlrunsFolder(root))
    assert report["runs"].new == 1
    assert report.skipped["a meta.yaml cannot be read"][0] == 1


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200)


@settings(deadline=None)
@given(
    st.dictionaries(
        _TEXT, st.one_of(_TEXT, st.none(), st.dictionaries(_TEXT, _TEXT, max_size=3)), min_size=1, max_size=5
    )
)
def test_what_is_written_any_reader_of_yaml_reads(value: dict[str, object]) -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(write(value)) == value
    assert parse(write(value).encode()) == value


_KEYS = st.text("ab:-. /_é'\"#", min_size=1, max_size=20)
_PLAIN = st.text("ab :#'\"-\n\t,[]{}&*!|>%@`?\\éž~null\r", max_size=120)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.text("ab:-. /_é'\"#", min_size=1, max_size=20), st.one_of(_PLAIN, st.none()), min_size=1, max_size=5
    )
)
def test_what_the_usual_writer_writes_is_read(value: dict[str, str | None]) -> None:
    yaml = pytest.importorskip("yaml")
    text = yaml.dump(value, default_flow_style=False, allow_unicode=True)
    assert parse(text.encode()) == value


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_bring_the_reader_down(data: bytes) -> None:
    with contextlib.suppress(WrongData):
        assert isinstance(parse(data), dict)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_sound_path_stays_where_it_is(path: str) -> None:
    if is_sound_path(path):
        assert Path("/a/b", path).resolve().is_relative_to("/a/b")
        assert not path.startswith("/")


def test_broken_contents_cost_themselves_only(root: Path, take: Take, database: Database) -> None:
    here = root / "1" / run_id(1)
    put(here / "metrics" / "bad", "soon 1.0 1\n1 two 3\n1 1.5 99999999999999999999\n5\n7 0.5 2\n")
    put(here / "metrics" / "long", b"9" * 100_000)
    put(here / "params" / "huge", "x" * ((1 << 20) + 1))
    put(here / "params" / "nul", "a\x00b")
    put(here / "tags" / "bytes", b"\xff")
    put(root / "1" / run_id(8) / "meta.yaml", f"run_id: '{run_id(9)}'\n")
    report = take(MlrunsFolder(root))
    assert [point.value for point in Runs(database).history(run_id(1), "bad")] == [0.5]
    assert Runs(database).get(run_id(1)).params == {"p": "1"}
    assert report.skipped["a line of a metric cannot be read"][0] >= 5
    assert report.skipped["a param or tag cannot be read"][0] == 2
    assert report.skipped["a param or tag holds the character NUL"][0] == 1
    assert report.skipped["a run's folder has another name than the run"][0] == 1


def test_a_database_cannot_name_any_folder(tmp_path: Path, take: Take, database: Database) -> None:
    put(tmp_path / "secret" / "key.txt", "secret")
    put(tmp_path / "secret" / run_id(2) / "artifacts" / "fine.txt", "fine")
    runs = [ARun(run_id(number), "r") for number in (1, 2, 3, 4)]
    url = write_database(f"sqlite:///{tmp_path}/m.db", [AnExperiment("1", "one", runs)], tmp_path / "files")
    import sqlite3

    uris = {
        1: str(tmp_path / "secret"),
        2: f"file://{tmp_path}/secret/{run_id(2)}/artifacts",
        3: f"{tmp_path}/files/../secret/{run_id(3)}/artifacts",
        4: "s3://bucket/1/" + run_id(4) + "/artifacts",
    }
    with sqlite3.connect(tmp_path / "m.db") as connection:
        for number, uri in uris.items():
            connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (uri, run_id(number)))
    connection.close()
    report = take(open_source(url))
    kept = {number: [file.path for file in Artifacts(database).all(run_id(number))] for number in uris}
    assert kept == {1: [], 2: ["fine.txt"], 3: [], 4: []}
    assert report.skipped["files do not lie in a folder of the run's own, and are not read"][0] == 2
    assert any("s3:" in reason for reason in report.skipped)


def test_files_are_found_under_another_root(tmp_path: Path, take: Take, database: Database) -> None:
    there = world(infinities=False)
    url = write_database(f"sqlite:///{tmp_path}/m.db", there, tmp_path / "files")
    (tmp_path / "files").rename(tmp_path / "moved")
    assert not take(open_source(url)).is_whole
    assert take(open_source(url, artifacts=tmp_path / "moved")).is_whole
    assert len(Artifacts(database).all(run_id(1))) == 3


class Answers(BaseHTTPRequestHandler):
    """A server that answers what the test says, and notes what it was asked."""

    answer: Callable[[str, str], tuple[int, object]]
    asked: list[tuple[str, str, str | None]]
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, self.headers.get("Authorization")))
        status, body = type(self).answer(self.command, self.path)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://elsewhere.invalid/")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _do

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd_server() -> Iterator[Callable[[Callable[[str, str], tuple[int, object]]], tuple[str, list]]]:
    """Start a server that answers anything."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[str, str], tuple[int, object]]) -> tuple[str, list]:
        kind = type("Handler", (Answers,), {"answer": staticmethod(answer), "asked": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}", kind.asked

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>hello</html>", "does not answer as MLflow does"),
        (200, b"[" * 100_000, "does not answer as MLflow does"),
        (302, b"", "answers 302"),
        (404, {"message": "no"}, "is no MLflow server"),
        (401, {"message": "who?"}, "does not let us in"),
        (400, {"message": "bad"}, "answers 400"),
    ],
)
def test_what_is_no_server_of_ours_is_told(status: int, body: object, text: str, odd_server: Callable) -> None:
    url, _asked = odd_server(lambda _method, _path: (status, body))
    with pytest.raises(NoriaError, match=text):
        open_source(url)


def test_a_server_cannot_send_the_reader_elsewhere(
    odd_server: Callable, take: Take, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_method: str, path: str) -> tuple[int, object]:
        if "experiments/search" in path:
            return 200, {"experiments": [{"experiment_id": "1", "name": "one"}], "next_page_token": "again"}
        if "runs/search" in path:
            info = {"run_id": run_id(1), "status": "FINISHED", "start_time": "5", "lifecycle_stage": "active",
                    "artifact_uri": f"mlflow-artifacts://elsewhere.invalid:80/1/{run_id(1)}/artifacts"}  # fmt: skip
            return 200, {"runs": [{"info": info, "data": {"metrics": [{"key": "m"}], "params": "none"}}, 7]}
        if "artifacts/list" in path:
            files = [{"path": path} for path in ("a.txt", "../up", "/etc/passwd", "a\x00b", "b/../c")]
            return 200, {"root_uri": "file:///etc", "files": [*files, {"path": ".", "is_dir": True}]}
        if "mlflow-artifacts" in path:
            return 200, b"four"
        if "get-history" in path:
            return 200, {"metrics": [{"key": "m", "value": "NaN", "timestamp": "3", "step": "x"},
                                     {"key": "m", "value": "Infinity", "timestamp": "3", "step": 4}]}  # fmt: skip
        return 404, {}

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    url, asked = odd_server(answer)
    report = take(open_source(url), models=False)
    assert [file.path for file in Artifacts(database).all(run_id(1))] == ["a.txt"]
    assert [point.value for point in Runs(database).history(run_id(1), "m")] == [float("inf")]
    assert report.skipped["the server gives the same page again and again"][0] == 1
    assert {authorization for _method, _path, authorization in asked} == {"Bearer t0ken"}
    assert report.source == f"server {url}"


def test_a_file_that_breaks_off_is_not_kept(odd_server: Callable, take: Take, database: Database) -> None:
    def answer(_method: str, path: str) -> tuple[int, object]:
        if "experiments/search" in path:
            return 200, {"experiments": [{"experiment_id": "1", "name": "one"}]}
        if "runs/search" in path:
            return 200, {"runs": [{"info": {"run_id": run_id(1), "start_time": 5, "artifact_uri": "s3://x"}}]}
        if "artifacts/list" in path:
            return 200, {"files": [{"path": "a.txt", "file_size": 9}]}
        return (200, b"short") if "get-artifact" in path else (404, {})

    url, _asked = odd_server(answer)
    report = take(open_source(url), models=False)
    assert report.differences == [f"{run_id(1)}/a.txt has 9 bytes at the source, 5 came"]


def test_a_server_that_goes_away_is_told(odd_server: Callable, take: Take) -> None:
    calls = 0

    def answer(_method: str, path: str) -> tuple[int, object]:
        nonlocal calls
        calls += 1
        return (200, {"experiments": [{"experiment_id": "1", "name": "one"}]}) if calls < 3 else (410, {})

    url, _asked = odd_server(answer)
    with pytest.raises(WorkFailed, match="answers 410"):
        take(open_source(url))


def test_skips_are_counted() -> None:
    skips = Skips()
    for number in range(3):
        skips.add("why", str(number))
    assert skips.found == {"why": (3, "0")}
