"""Rows pulled bit by bit are the rows of the source: none lost, none twice, whatever happens between two pulls."""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from pulling import Server, noria

from noria.datasets.catalog import Datasets
from noria.datasets.merging import merge, unlike
from noria.errors import NoriaError, WrongData, WrongSetting
from noria.project.file import load
from noria.project.origin import Origin
from noria.project.pulls import Pulls
from noria.sources.mark import set_back
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.workspace import MIGRATIONS, Workspace

FORMS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ"]


class Puller:
    """A project that pulls, without the rest of a run."""

    def __init__(
        self, folder: Path, source: str, *, column: str = "at", key: tuple[str, ...] = ("id",), **more: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        database = Database(f"sqlite:///{folder}/noria.db")
        upgrade(database, MIGRATIONS)
        self.datasets = Datasets(database, Blobs(folder / "objects"))
        self.folder, self.source, self.key = folder, source, key
        self.wanted = {"column": column, "lag": None, **more}
        self.notes: list[str] = []

    def pull(self, *, whole: bool = False, **more: Any) -> pa.Table:
        self.notes = []
        origin = Origin(self.source, incremental=self.wanted)
        pulls = Pulls("p", self.datasets, whole=whole)
        return origin.read(root=self.folder, note=self.notes.append, pulls=pulls, key=self.key, **more)

    def ids(self, **more: Any) -> list[int]:
        return sorted(self.pull(**more)["id"].to_pylist())

    @property
    def told(self) -> str:
        return "\n".join(self.notes)


@pytest.fixture
def loans(server: Server) -> Server:
    server.run("CREATE TABLE loans (id INTEGER, at TIMESTAMP(6) NULL, y INTEGER)"
               if server.kind != "sqlite" else "CREATE TABLE loans (id INTEGER, at TEXT, y INTEGER)")  # fmt: skip
    return server


def put(server: Server, ident: int, at: str | None, y: int = 0) -> None:
    server.run("DELETE FROM loans WHERE id = :id", id=ident)
    server.run("INSERT INTO loans VALUES (:id, :at, :y)", id=ident, at=at, y=y)


def test_only_what_is_new_is_fetched_and_ties_are_kept(
    loans: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOANS_DB", loans.url)
    puller = Puller(tmp_path / "p", "sql:env:LOANS_DB?table=loans")
    for ident in (1, 2, 3):
        put(loans, ident, f"2026-05-0{ident} 12:00:00")
    assert puller.ids() == [1, 2, 3]
    first = puller.datasets.get("p-pulled")
    assert puller.ids() == [1, 2, 3]
    assert puller.datasets.get("p-pulled").number == first.number  # nothing new, no new version
    put(loans, 4, "2026-05-03 12:00:00")  # the same instant as the newest: a strict comparison would miss it
    put(loans, 5, None)
    assert puller.ids() == [1, 2, 3, 4, 5]
    assert "LOANS_DB?table=loans: new rows: 2; known, and looked at again: 1" in puller.told
    put(loans, 1, "2026-05-09 12:00:00.000001", y=7)
    table = puller.pull()
    assert dict(zip(table["id"].to_pylist(), table["y"].to_pylist(), strict=True)) == {1: 7, 2: 0, 3: 0, 4: 0, 5: 0}
    assert str(table.schema.field("at").type) == "timestamp[us]"
    assert table["id"].to_pylist()[:3] == [1, 2, 3]  # a changed row stays in its place


def test_what_is_gone_is_told_and_read_anew_on_demand(
    loans: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOANS_DB", loans.url)
    puller = Puller(tmp_path / "p", "sql:env:LOANS_DB?query=SELECT * FROM loans -- all")
    for ident in (1, 2, 3):
        put(loans, ident, f"2026-05-0{ident} 12:00:00")
    puller.pull()
    loans.run("DELETE FROM loans WHERE id = 2")
    assert puller.ids() == [1, 2, 3]
    assert "?query=SELECT * FROM loans -- all, and kept: 1;" in puller.told
    assert "--force ingest" in puller.told
    assert puller.ids(whole=True) == [1, 3]
    assert "and gone now: 1" in puller.told
    assert puller.ids() == [1, 3]


def test_without_a_key(loans: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_DB", loans.url)
    puller = Puller(tmp_path / "p", "sql:env:LOANS_DB?table=loans", key=())
    for ident in (1, 2):
        put(loans, ident, "2026-05-01 12:00:00")
    assert puller.ids() == [1, 2]
    assert "no key" in puller.told
    put(loans, 3, "2026-05-01 12:00:00")
    assert puller.ids() == [1, 2, 3]
    put(loans, 4, "2026-05-02 12:00:00")
    assert puller.ids() == [1, 2, 3, 4]
    put(loans, 1, "2026-05-03 12:00:00", y=1)
    assert puller.ids() == [1, 1, 2, 3, 4]  # as the note says


def test_rows_that_are_committed_late(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_DB", server.url)
    kind = "TEXT" if server.kind == "sqlite" else "TIMESTAMP(6) NULL"  # SQLite has no times of its own
    server.run(f"CREATE TABLE loans (id INTEGER, at {kind}, y INTEGER)")
    put(server, 1, "2026-05-01 12:00:00")
    eager = Puller(tmp_path / "a", "sql:env:LOANS_DB?table=loans")
    patient = Puller(tmp_path / "b", "sql:env:LOANS_DB?table=loans", lag="1h")
    loose = Puller(tmp_path / "c", "sql:env:LOANS_DB?table=loans", lag="1h", key=())
    for puller in (eager, patient, loose):
        puller.pull()
    put(server, 2, "2026-05-01 11:30:00")
    assert [puller.ids() for puller in (eager, patient, loose)] == [[1], [1, 2], [1, 2]]


def test_a_lag_needs_times(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 1)")
    puller = Puller(tmp_path, "sql:sqlite:///a.db?table=t", lag="1h")
    with pytest.raises(WrongSetting, match="has a lag"):  # and not only when the second pull looks back
        puller.pull()


@pytest.mark.parametrize(
    ("first", "late", "too_late"),
    [
        ("2026-05-01 12:00:00", "2026-05-01 11:00:00", "2026-05-01 10:59:59"),
        ("2026-05-01T12:00:00.250", "2026-05-01T11:00:00.250", "2026-05-01T11:00:00.249"),
        ("2026-05-01T12:00:00Z", "2026-05-01T11:00:00Z", "2026-05-01T10:59:59Z"),
        ("2026-05-01 12:00+02:00", "2026-05-01 11:00+02:00", "2026-05-01 10:59+02:00"),
        ("2026-05-01", "2026-04-30", "2026-04-29"),
    ],
)
def test_a_lag_goes_back_from_times_written_as_text(tmp_path: Path, first: str, late: str, too_late: str) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at TEXT)")
        connection.execute("INSERT INTO t VALUES (1, ?)", (first,))
    keyed = Puller(tmp_path / "a", "sql:sqlite:///../a.db?table=t", lag="1h")
    loose = Puller(tmp_path / "b", "sql:sqlite:///../a.db?table=t", lag="1h", key=())
    assert keyed.ids() == loose.ids() == [1]
    for ident, at in ((2, late), (3, too_late)):
        with sqlite3.connect(tmp_path / "a.db") as connection:
            connection.execute("INSERT INTO t VALUES (?, ?)", (ident, at))
        # Who has no key replaces what lies between by what came, and doubles nothing.
        assert keyed.ids() == loose.ids() == [1, 2]
    assert keyed.ids(whole=True) == [1, 2, 3]


@pytest.mark.parametrize("at", ["late", "2026-5-1", "01/05/2026", "2026-13-01 12:00:00"])
def test_a_lag_over_text_that_is_no_time_is_refused_at_once(tmp_path: Path, at: str) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at TEXT)")
        connection.execute("INSERT INTO t VALUES (1, ?)", (at,))
    with pytest.raises(WrongSetting, match="text that is no time") as refused:
        Puller(tmp_path, "sql:sqlite:///a.db?table=t", lag="1h").pull()
    assert at in refused.value.why


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), st.integers(1, 10**7), st.sampled_from(FORMS))
def test_what_is_set_back_as_text_is_set_back_as_time(at: datetime, seconds: int, form: str) -> None:
    text = f"{at:{form}}"
    said, meant = set_back(text, seconds), datetime.fromisoformat(text) - timedelta(seconds=seconds)
    assert len(said) == len(text)
    # A form without seconds, or without a time, goes back to the next whole one before.
    gap = meant - datetime.fromisoformat(said)
    assert timedelta(0) <= gap < (timedelta(days=1) if "%H" not in form else timedelta(minutes=1))
    assert "%S" not in form or not gap


def test_other_columns_or_types_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    puller = Puller(tmp_path, "sql:sqlite:///a.db?table=t")

    def run(*statements: str) -> None:
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)

    run("CREATE TABLE t (id INTEGER, at INTEGER, v)", "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)")
    puller.pull()
    run("INSERT INTO t VALUES (3, 3, 'many')")
    assert puller.pull()["v"].to_pylist() == ["1", "2", "many"]
    assert "is read whole: column v was int64 and is string" in puller.told
    run("ALTER TABLE t ADD COLUMN w INTEGER DEFAULT 5", "INSERT INTO t VALUES (4, 4, 'x', 6)")
    assert puller.pull()["w"].to_pylist() == [5, 5, 5, 6]
    assert "w came" in puller.told


def test_another_database_behind_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, ident in (("a", 1), ("b", 2)):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.execute("CREATE TABLE t (id INTEGER, at INTEGER)")
            connection.execute(f"INSERT INTO t VALUES ({ident}, 5)")
    puller = Puller(tmp_path, "sql:env:LOANS_DB?table=t")
    monkeypatch.setenv("LOANS_DB", "sqlite:///a.db")
    assert puller.ids() == [1]
    monkeypatch.setenv("LOANS_DB", "sqlite:///b.db")
    assert puller.ids() == [2]
    assert "comes from" in puller.told


def test_a_pull_that_breaks_off_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at INTEGER, v INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 1, 1)")
    puller = Puller(tmp_path, "sql:sqlite:///a.db?query=SELECT id, at, abs(v) AS v FROM t")
    puller.pull()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO t VALUES (2, 2, 2), (3, 3, -9223372036854775808)")  # abs() of it overflows
    with pytest.raises(WrongData, match="refused the query"):
        puller.pull()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE t SET v = 3 WHERE id = 3")
    assert puller.ids() == [1, 2, 3]


def test_a_column_or_key_that_is_not_there(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 1)")
    source = "sql:sqlite:///a.db?table=t"
    with pytest.raises(NoriaError, match=r"no column 'Updated At'|no such column"):
        Puller(tmp_path, source, column="Updated At").pull()
    with pytest.raises(WrongSetting, match="no column 'ident', which the key names"):
        Puller(tmp_path, source, key=("ident",)).pull()


def test_a_function_is_told_from_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "growing_rows.py").write_text(
        "from datetime import datetime\nASKED = []\nROWS = [{'id': 1, 'at': datetime(2026, 5, 1)}]\n"
        "def load(since=None):\n    ASKED.append(since)\n"
        "    return [row for row in ROWS if since is None or row['at'] >= since]\n"
        "def all_of_it():\n    return ROWS\n"
    )
    puller = Puller(tmp_path, "python:growing_rows.load")
    assert puller.ids() == [1]
    module = sys.modules["growing_rows"]
    module.ROWS.append({"id": 2, "at": datetime(2026, 5, 2)})
    assert puller.ids() == [1, 2]
    assert puller.ids() == [1, 2]
    assert [None, datetime(2026, 5, 1), datetime(2026, 5, 2)] == module.ASKED
    with pytest.raises(WrongSetting, match="does not take `since`"):
        Puller(tmp_path, "python:growing_rows.all_of_it").pull()
    sys.modules.pop("growing_rows")


Change = tuple[str, int, int]


@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "pull"]), st.integers(0, 5), st.integers(0, 3)), max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_between_pulls(tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    """With a key: what the source has, as it has it, and what it had and lost."""
    folder = tmp_path_factory.mktemp("pulls")
    puller = Puller(folder, "sql:sqlite:///a.db?table=t")
    connection = sqlite3.connect(folder / "a.db", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER, at INTEGER, v INTEGER)")
    held: dict[int, int] = {}
    clock = 0
    for number, (what, ident, step) in enumerate([*changes, ("put", 0, 1), ("pull", 0, 0)]):
        if what == "put":
            clock += step // 2  # often the same instant as the change before
            connection.execute("DELETE FROM t WHERE id = ?", (ident,))
            connection.execute("INSERT INTO t VALUES (?, ?, ?)", (ident, clock, number))
        elif what == "drop":
            connection.execute("DELETE FROM t WHERE id = ?", (ident,))
        else:
            now = dict(connection.execute("SELECT id, v FROM t").fetchall())
            if not now and not held:
                continue
            table = puller.pull()
            held.update(now)
            assert dict(zip(table["id"].to_pylist(), table["v"].to_pylist(), strict=True)) == held
            assert table.num_rows == len(held)
    connection.close()


ROW = st.tuples(st.integers(0, 9), st.integers(0, 4))


@given(st.lists(ROW, min_size=1, max_size=12), st.lists(ROW, max_size=12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rows_that_are_only_added_come_once(
    old: list[tuple[int, int]], new: list[tuple[int, int]], keyed: bool
) -> None:
    """Without a key too, and where a key repeats: from the bound on come all rows there are."""
    bound = max(at for _, at in old)
    new = [(ident, bound + at) for ident, at in new]

    def rows(pairs: list[tuple[int, int]]) -> pa.Table:
        return pa.table(
            {"id": pa.array([p[0] for p in pairs], pa.int64()), "at": pa.array([p[1] for p in pairs], pa.int64())}
        )

    fetched = rows([pair for pair in [*old, *new] if pair[1] >= bound])
    made = merge(rows(old), fetched, key=["id"] if keyed else [], column="at", bound=bound).table
    if keyed:
        latest = {**dict(old), **dict(new)}
        assert set(made["id"].to_pylist()) == set(latest)
    else:
        assert Counter(zip(made["id"].to_pylist(), made["at"].to_pylist(), strict=True)) == Counter([*old, *new])


def test_what_may_be_merged() -> None:
    base = pa.table({"a": [1], "b": ["x"]})
    assert unlike(base, pa.table({"b": pa.nulls(1, pa.string()), "a": [1.5]})) == ""
    assert unlike(base, pa.table({"b": [1], "a": [1]})) == "column b was string and is int64"


PROJECT = """
[project]
name = "loans"
[data]
source = "sql:sqlite:///loans.db?table=loans"
incremental = { column = "updated" }
target = "bad"
key = ["id"]
[clean]
rename = { ident = "id" }
[model]
candidates = ["logistic"]
trials = 1
"""


def _insert(path: Path, first: int, last: int) -> None:
    start = datetime(2026, 5, 1)
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO loans VALUES (?, ?, ?, ?)",
            [(i, (start + timedelta(hours=i)).isoformat(" "), i % 13, int(i % 13 > 6)) for i in range(first, last)],
        )


@pytest.mark.slow
def test_a_project_pulls_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "loans.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE loans (ident INTEGER, updated TEXT, amount INTEGER, bad INTEGER)")
    _insert(path, 0, 300)
    (tmp_path / "noria.toml").write_text(PROJECT)

    def run(*arguments: str) -> str:
        done = noria(tmp_path, "run", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr + done.stdout

    def rows() -> int:
        workspace = Workspace(tmp_path)
        try:
            return workspace.datasets.get("loans").rows
        finally:
            workspace.close()

    run()
    assert rows() == 300
    assert "nothing changed" in run()
    _insert(path, 300, 320)
    said = run()
    assert "?table=loans: new rows: 20; known, and looked at again: 1" in said
    assert rows() == 320
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM loans WHERE ident < 10")
    assert "and kept: 10;" in run()
    assert rows() == 320
    assert "and gone now: 10" in run("--force", "ingest")
    assert rows() == 310


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('source = "a.csv"\nincremental = { column = "at" }', "file sources are read whole"),
        ('source = "https://host/a.csv"\nincremental = { column = "at" }', "http sources are read whole"),
        ('query = "SELECT 1"\nincremental = { column = "at" }\n[tables.t]\nsource = "a.csv"', "incremental belongs"),
        ('source = "sql:sqlite:///a.db?table=t"\nincremental = { column = "at", lag = "x" }', "no duration"),
        ('source = "sql:sqlite:///a.db?table=t"\nincremental = { colum = "at" }', "colum"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, data: str, says: str) -> None:
    (tmp_path / "noria.toml").write_text(f'[project]\nname = "x"\n[data]\n{data}\n')
    with pytest.raises(NoriaError) as caught:
        load(tmp_path)
    assert says in caught.value.render()


def test_tables_of_a_query_pull_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, at INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    puller = Puller(tmp_path, "")
    origin = Origin(
        None,
        "SELECT * FROM t ORDER BY id",
        {"t": {"source": "sql:sqlite:///a.db?table=t", "key": ["id"], "incremental": {"column": "at"}, "checks": {}}},
    )
    notes: list[str] = []

    def pull() -> list[int]:
        pulls = Pulls("p", puller.datasets)
        found: list[int] = origin.read(root=tmp_path, pulls=pulls, note=notes.append)["id"].to_pylist()
        return found

    tokens: list[str] = []
    ask: Callable[[], None] = lambda: tokens.append(origin.token(root=tmp_path, cache=tmp_path / "cache"))  # noqa: E731
    ask()
    assert pull() == [1, 2]
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t VALUES (3, 3)")
    ask()
    assert pull() == [1, 2, 3]
    assert len(set(tokens)) == 2
    assert any("new rows: 1;" in note for note in notes)
    assert puller.datasets.get("p-pulled-t").rows == 3


PERSONAL = """
[project]
name = "people"
[data]
{data}
target = "y"
key = ["id"]
[data.columns]
mail = {{ pii = true, store = "pseudonym" }}
name = {{ store = "drop" }}
[clean]
rename = {{ Mail = "mail" }}
[model]
candidates = ["logistic"]
trials = 1
{tables}
"""


def _people(path: Path, first: int, last: int) -> None:
    with sqlite3.connect(path) as connection:
        columns = "id INTEGER, at INTEGER, Mail TEXT, name TEXT, a INTEGER, y INTEGER"
        connection.execute(f"CREATE TABLE IF NOT EXISTS p ({columns})")
        connection.executemany(
            "INSERT INTO p VALUES (?, ?, ?, ?, ?, ?)",
            [(i, i, f"secret{i}@example.org", f"Zoe Secret{i}", i % 13, int(i % 13 > 6)) for i in range(first, last)],
        )


@pytest.mark.slow
def test_what_may_not_be_stored_is_not_in_what_was_pulled(tmp_path: Path) -> None:
    data = 'source = "sql:sqlite:///p.db?table=p"\nincremental = { column = "at" }'
    (tmp_path / "noria.toml").write_text(PERSONAL.format(data=data, tables=""))
    path = tmp_path / "p.db"
    for first, last in ((0, 200), (200, 210)):
        _people(path, first, last)
        done = noria(tmp_path, "run")
        assert done.returncode == 0, done.stderr
    assert "new rows: 10; known, and looked at again: 1" in done.stderr
    workspace = Workspace(tmp_path)
    rows = workspace.datasets.read(workspace.datasets.get("people-pulled"))
    assert rows.column_names == ["id", "at", "mail", "a", "y"]
    assert rows.num_rows == workspace.datasets.get("people").rows == 210
    assert all(name.startswith("nym-") for name in rows["mail"].to_pylist())
    workspace.close()
    kept = [found for found in (tmp_path / ".noria").rglob("*") if found.is_file() and b"ecret1" in found.read_bytes()]
    assert kept == []


def _state(root: Path) -> tuple[list[str], set[str]]:
    """Give everything the store says and has."""
    with sqlite3.connect(root / ".noria" / "noria.db") as connection:
        said = list(connection.iterdump())
    objects = {str(path.relative_to(root)) for path in (root / ".noria" / "objects").rglob("*") if path.is_file()}
    return said, objects


@pytest.mark.slow
def test_a_check_reads_what_a_run_would_and_keeps_nothing(tmp_path: Path) -> None:
    data = 'source = "sql:sqlite:///p.db?table=p"\nincremental = { column = "at" }'
    text = PERSONAL.format(data=data, tables="[data.checks]\nrows = { min = 210 }")
    (tmp_path / "noria.toml").write_text(text.replace("min = 210", "min = 1"))
    path = tmp_path / "p.db"
    _people(path, 0, 200)
    first = noria(tmp_path, "check")
    assert first.returncode == 0, first.stderr
    assert not (tmp_path / ".noria" / "noria.db").exists()
    done = noria(tmp_path, "run")
    assert done.returncode == 0, done.stderr
    _people(path, 200, 210)
    with sqlite3.connect(path) as connection:  # a run keeps what it pulled, though it is gone from the source
        connection.execute("DELETE FROM p WHERE id < 50")
    before = _state(tmp_path)
    (tmp_path / "noria.toml").write_text(text)
    for _ in range(2):  # and the second sees what the first saw
        told = noria(tmp_path, "check")
        assert told.returncode == 0, told.stderr  # all 210 rows, as the run will have them
        assert "nothing of it is kept" in told.stdout
        assert "new rows: 10; known, and looked at again: 1" in told.stdout
        assert "rows no longer seen in sql:sqlite:///p.db?table=p, and kept: 50" in told.stdout
    assert _state(tmp_path) == before
    (tmp_path / "noria.toml").write_text(text.replace("min = 210", "min = 211"))
    assert noria(tmp_path, "check").returncode == 1
    assert _state(tmp_path) == before


def test_a_function_that_takes_a_value_is_checked_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text(
        "def load(since):\n"
        "    rows = [{'id': n, 'at': f'2026-05-01 12:00:{n:02d}', 'a': n % 7, 'y': n % 2} for n in range(60)]\n"
        "    return [row for row in rows if since is None or row['at'] >= since]\n"
    )
    head = '[project]\nname = "x"\n[data]\nsource = "python:told.load"\ntarget = "y"\nkey = ["id"]\n'
    (tmp_path / "noria.toml").write_text(head + 'incremental = { column = "at", lag = "5s" }\n')
    told = noria(tmp_path, "check")
    assert told.returncode == 0, told.stderr
    (tmp_path / "noria.toml").write_text(head + 'incremental = { column = "id", lag = "5s" }\n')
    told = noria(tmp_path, "check")
    assert told.returncode == 2
    assert "has a lag, and its column holds int, not times" in told.stderr


@pytest.mark.slow
def test_a_table_of_a_query_with_personal_data_is_not_kept(tmp_path: Path) -> None:
    tables = '[tables.p]\nsource = "sql:sqlite:///p.db?table=p"\nkey = ["id"]\nincremental = { column = "at" }'
    text = PERSONAL.format(data='query = "SELECT id, a, y FROM p ORDER BY id"', tables=tables)
    text = text.replace('mail = { pii = true, store = "pseudonym" }\nname = { store = "drop" }\n', "")
    (tmp_path / "noria.toml").write_text(text.replace('rename = { Mail = "mail" }\n', ""))
    _people(tmp_path / "p.db", 0, 200)
    done = noria(tmp_path, "run")
    assert done.returncode == 0, done.stderr
    assert "table p is read whole each time, as nothing of it is stored: column 'Mail' holds e-mail" in done.stderr
    workspace = Workspace(tmp_path)
    assert set(workspace.datasets.names()) == {"people"}
    workspace.close()
