"""Rows from databases, the web, packages and functions."""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from noria.errors import NoriaError, SourceNotFound, WorkFailed, WrongArgument, WrongData, WrongSetting
from noria.sources.source import VOLATILE, read, token


def test_planning_loads_no_table_library(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    code = (
        "import sys; from pathlib import Path; from noria.sources.source import token; import noria.datasets.catalog,"
        " noria.datasets.schema, noria.datasets.settings, noria.checks.settings;"
        " token('a.csv', root=Path(sys.argv[1]));"
        " print([m for m in ('numpy', 'pandas', 'pyarrow', 'duckdb', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def table_url(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, sa.Engine]]:
    """An environment variable's name and an engine on a database with a table `loans`."""
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE loans (id INTEGER PRIMARY KEY, amount NUMERIC(8, 2), grade TEXT)"))
        connection.execute(sa.text("INSERT INTO loans VALUES (1, 10.5, 'A'), (2, NULL, 'B'), (3, 7, NULL)"))
    monkeypatch.setenv("LOANS_DB", store_url)
    yield "sql:env:LOANS_DB", engine
    engine.dispose()


def test_tables_and_queries(table_url: tuple[str, sa.Engine], tmp_path: Path) -> None:
    url, _ = table_url
    rows = [{"id": 1, "amount": 10.5, "grade": "A"}, {"id": 2, "amount": None, "grade": "B"},
            {"id": 3, "amount": 7.0, "grade": None}]  # fmt: skip
    assert read(f"{url}?table=loans", root=tmp_path).to_pylist() == rows
    query = "SELECT id, grade FROM loans WHERE grade <> 'A' AND amount IS NULL OR id = 3 ORDER BY id"
    assert read(f"{url}?query={query}", root=tmp_path)["id"].to_pylist() == [2, 3]


def test_the_token_moves_with_every_change(table_url: tuple[str, sa.Engine], tmp_path: Path) -> None:
    url, engine = table_url
    places = [f"{url}?table=loans", f"{url}?query=SELECT * FROM loans WHERE id > 1"]
    seen = [token(place, root=tmp_path) for place in places]
    assert seen == [token(place, root=tmp_path) for place in places]
    for change in ("UPDATE loans SET grade = 'C' WHERE id = 2", "INSERT INTO loans VALUES (4, 1, 'D')",
                   "DELETE FROM loans WHERE id = 3"):  # fmt: skip
        with engine.begin() as connection:
            connection.execute(sa.text(change))
        now = [token(place, root=tmp_path) for place in places]
        assert all(old != new for old, new in zip(seen, now, strict=True)), change
        seen = now


def test_what_the_database_refuses_is_told(table_url: tuple[str, sa.Engine], tmp_path: Path) -> None:
    url, engine = table_url
    with pytest.raises(SourceNotFound, match="no table 'loan'") as caught:
        read(f"{url}?table=loan", root=tmp_path)
    assert caught.value.mend == "did you mean 'loans'?"
    with pytest.raises(WrongData, match="refused the query"):
        read(f"{url}?query=SELEC 1", root=tmp_path)
    with pytest.raises(WrongArgument, match="must name a table or a query"):
        read(url, root=tmp_path)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM loans"))
    with pytest.raises(WrongData, match="has a header but no rows"):
        read(f"{url}?table=loans", root=tmp_path)


def test_a_database_is_never_made_or_changed(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no database file"):
        read("sql:sqlite:///loans.db?table=loans", root=tmp_path)
    assert not (tmp_path / "loans.db").exists()
    with sqlite3.connect(tmp_path / "loans.db") as connection:
        connection.execute("CREATE TABLE loans (id INTEGER)")
        connection.execute("INSERT INTO loans VALUES (1)")
    with pytest.raises(WrongData) as caught:
        read("sql:sqlite:///loans.db?query=DELETE FROM loans RETURNING id", root=tmp_path)
    assert "readonly" in caught.value.why
    assert read("sql:sqlite:///loans.db?table=loans", root=tmp_path).num_rows == 1


def test_a_database_in_an_oddly_named_folder(tmp_path: Path) -> None:
    folder = tmp_path / "which? 100%25 #1"
    folder.mkdir()
    with sqlite3.connect(folder / "loans.db") as connection:
        connection.execute("CREATE TABLE loans (id INTEGER)")
        connection.execute("INSERT INTO loans VALUES (1)")
    before = token("sql:sqlite:///loans.db?table=loans", root=folder)
    assert read("sql:sqlite:///loans.db?table=loans", root=folder).num_rows == 1
    with sqlite3.connect(folder / "loans.db") as connection:
        connection.execute("INSERT INTO loans VALUES (2)")
    assert token("sql:sqlite:///loans.db?table=loans", root=folder) != before
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


def test_a_variable_that_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="NO_SUCH_DB"):
        read("sql:env:NO_SUCH_DB?table=t", root=tmp_path)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="does not answer"):
        read("sql:postgresql://nobody@127.0.0.1:1/none?table=t", root=tmp_path)


class _Pages(BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}

    def do_GET(self) -> None:
        status, headers, body = self.pages.get(self.path, (404, {}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        if self.path.startswith("/get-only/"):
            self.send_error(403)
        else:
            self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_from_the_web(web: str, tmp_path: Path) -> None:
    _Pages.pages = {
        "/a.csv": (200, {"ETag": '"v1"'}, b"a\n1\n"),
        "/rows?id=7": (200, {"Content-Type": "application/json", "Last-Modified": "x"}, b'[{"a": 2}]'),
        "/plain.csv": (200, {}, b"a\n3\n"),
        "/moved.csv": (302, {"Location": "/a.csv"}, b""),
    }
    assert read(f"{web}/a.csv", root=tmp_path).to_pylist() == [{"a": 1}]
    assert read(f"{web}/moved.csv", root=tmp_path).to_pylist() == [{"a": 1}]
    assert read(f"{web}/rows?id=7", root=tmp_path).to_pylist() == [{"a": 2}]
    assert token(f"{web}/a.csv", root=tmp_path) == 'etag:"v1"'
    assert token(f"{web}/rows?id=7", root=tmp_path).startswith("modified:x")
    assert token(f"{web}/plain.csv", root=tmp_path) == VOLATILE


def test_a_server_that_refuses_to_be_asked_without_reading(web: str, tmp_path: Path) -> None:
    _Pages.pages = {"/get-only/a.csv": (200, {"ETag": '"v1"'}, b"a\n1\n")}
    assert token(f"{web}/get-only/a.csv", root=tmp_path) == VOLATILE
    assert read(f"{web}/get-only/a.csv", root=tmp_path).to_pylist() == [{"a": 1}]


def test_what_the_web_refuses(web: str, tmp_path: Path) -> None:
    _Pages.pages = {
        "/cut.csv": (200, {"Content-Length": "900"}, b"a\n1\n"),
        "/away.csv": (302, {"Location": "http://example.org/a.csv"}, b""),
        "/login.csv": (200, {}, b"<html>please log in</html>"),
    }
    with pytest.raises(SourceNotFound, match="404"):
        read(f"{web}/none.csv", root=tmp_path)
    with pytest.raises(WorkFailed, match="broke off"):
        read(f"{web}/cut.csv", root=tmp_path)
    with pytest.raises(NoriaError, match="not encrypted"):
        read(f"{web}/away.csv", root=tmp_path)
    with pytest.raises(WrongData, match="web page"):
        read(f"{web}/login.csv", root=tmp_path)
    with pytest.raises(WorkFailed, match="does not answer"):
        read("http://127.0.0.1:1/a.csv", root=tmp_path)


def test_a_file_of_a_package(tmp_path: Path) -> None:
    place = "package:sklearn/datasets/data/iris.csv"
    assert read(place, root=tmp_path).num_rows == 150
    assert token(place, root=tmp_path) == token(place, root=tmp_path)
    with pytest.raises(SourceNotFound, match="no package 'sklaern'"):
        read("package:sklaern/a.csv", root=tmp_path)
    with pytest.raises(SourceNotFound, match="no file"):
        read("package:sklearn/none.csv", root=tmp_path)
    with pytest.raises(WrongArgument, match="does not stay inside"):
        read("package:sklearn/../a.csv", root=tmp_path)


def test_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_rows_for_tests.py").write_text(
        "import pandas as pd\nimport pyarrow as pa\n"
        "def frame(): return pd.DataFrame({'a': [1, None], 'b': ['x', None]})\n"
        "def arrow(): return pa.table({'a': [1]})\n"
        "def columns(): return {'a': [1, 2]}\n"
        "def rows(): return [{'a': 1}, {'b': 'x'}]\n"
        "def nothing(): return 7\n"
    )
    place = "python:my_rows_for_tests"
    assert token(f"{place}.frame", root=tmp_path) == VOLATILE
    assert read(f"{place}.frame", root=tmp_path).to_pylist() == [{"a": 1.0, "b": "x"}, {"a": None, "b": None}]
    assert read(f"{place}:arrow", root=tmp_path).to_pylist() == [{"a": 1}]
    assert read(f"{place}.columns", root=tmp_path)["a"].to_pylist() == [1, 2]
    assert read(f"{place}.rows", root=tmp_path).to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]
    with pytest.raises(WrongData, match="returned int, not rows"):
        read(f"{place}.nothing", root=tmp_path)
    with pytest.raises(SourceNotFound, match="no function 'row'") as caught:
        read(f"{place}.row", root=tmp_path)
    assert caught.value.mend == "did you mean 'rows'?"
    with pytest.raises(SourceNotFound, match="no module 'my_rows_for_test'"):
        read("python:my_rows_for_test.rows", root=tmp_path)


def test_a_function_that_fails_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "failing_rows.py").write_text(
        "def wrong():\n    raise KeyError('x')\ndef uneven():\n    return {'a': [1, 2], 'b': [1]}\n"
    )
    with pytest.raises(WorkFailed, match="KeyError: 'x'") as told:
        read("python:failing_rows.wrong", root=tmp_path)
    assert "failing_rows.py, line 2, in wrong" in told.value.why
    with pytest.raises(WorkFailed, match="expected length"):
        read("python:failing_rows.uneven", root=tmp_path)


def test_a_file_token_is_remembered_and_moves(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.csv", tmp_path / "cache"
    path.write_text("a\n1\n")
    first = token("a.csv", root=tmp_path, cache=cache)
    assert first == token("a.csv", root=tmp_path, cache=cache) == token("a.csv", root=tmp_path)
    # Same size, written within the same tick of the clock: a stamp that was trusted too early would miss it.
    path.write_text("a\n2\n")
    assert token("a.csv", root=tmp_path, cache=cache) != first
    old = path.stat().st_mtime - 3600
    os.utime(path, (old, old))
    assert token("a.csv", root=tmp_path, cache=cache) == token("a.csv", root=tmp_path)


def test_tokens_of_a_glob_tell_a_new_file_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    one = token("*.csv", root=tmp_path)
    (tmp_path / "b.csv").write_text("a\n1\n")
    assert token("*.csv", root=tmp_path) != one
    assert token("a.csv#delimiter=;", root=tmp_path) != token("a.csv", root=tmp_path)


@pytest.mark.parametrize(
    ("code", "told", "where"),
    [
        ("def rows():\n    return 1 / 0\n", "ZeroDivisionError", "line 2"),
        ("def rows(:\n", "SyntaxError", "line 1"),
        ("import no_such_module_at_all\n", "No module named 'no_such_module_at_all'", "line 1"),
        ("x = 1\n1 / 0\n", "ZeroDivisionError", "line 2"),
    ],
)
def test_what_a_function_of_the_users_throws_is_told_as_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str, where: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "throwing_rows.py").write_text(code)
    monkeypatch.delitem(sys.modules, "throwing_rows", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(WorkFailed) as failed:
        read("python:throwing_rows.rows", root=tmp_path)
    sys.modules.pop("throwing_rows", None)
    assert told in failed.value.render()
    assert where in failed.value.render()
