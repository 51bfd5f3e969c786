"""Migrations and the rooms' tables agree; a database is brought up once, by one process."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from noria.errors import Conflict
from noria.store.database import Database, metadata
from noria.store.migrations import heads, upgrade
from noria.workspace import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping


def _load_tables() -> None:
    for folder in MIGRATIONS:
        import_module(f"noria.{folder.parent.name}.tables")


# SQLite cannot read an index over an expression back; PostgreSQL can, and compares it here.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_tables_and_migrations_agree(database: Database) -> None:
    _load_tables()
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = [
            change
            for change in compare_metadata(context, metadata)
            if not (change[0] == "remove_table" and change[1].name == "alembic_version")
        ]
    assert differences == []


def test_every_room_has_a_table_and_owns_it() -> None:
    _load_tables()
    assert len(metadata.tables) > len(MIGRATIONS) > 3


def test_a_second_upgrade_has_nothing_to_do(database: Database) -> None:
    assert upgrade(database, MIGRATIONS) is False


def test_processes_that_start_together_migrate_once(store_url: str) -> None:
    script = (
        "import sys; from noria.store.database import Database; from noria.store.migrations import upgrade\n"
        "from noria.workspace import MIGRATIONS\n"
        "upgrade(Database(sys.argv[1]), MIGRATIONS)\n"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", script, store_url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for starter in starters:
        errors = starter.communicate()[1]
        assert starter.returncode == 0, errors
    store = Database(store_url)
    with store.reading() as connection:
        versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    assert sorted(versions) == sorted(heads(MIGRATIONS))
    store.close()


def test_a_newer_database_is_refused(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('runs_9999')"))
    with pytest.raises(Conflict, match="newer noria"):
        upgrade(database, MIGRATIONS)


def test_heads_are_the_newest_of_each_room(tmp_path: Path) -> None:
    wanted: Mapping[str, list[str]] = {"runs": ["runs_0001", "runs_0002"], "registry": ["registry_0001"]}
    for room, names in wanted.items():
        (tmp_path / room).mkdir()
        for name in names:
            (tmp_path / room / f"{name}.py").write_text("")
    assert heads([tmp_path / room for room in wanted]) == {"runs_0002", "registry_0001"}
