"""A million rows pulled from a database: CPU seconds and peak memory, beside pandas, and ADBC if it is installed.

Run:  python benchmarks/sql_pull.py [rows]
Each line is a process of its own; CPU is user and system of that process less that of one that reads a single row with
the same libraries. noria's result is an Arrow table of settled types; pandas' (in chunks of 20,000 too) a DataFrame.
The last lines are `[data] incremental`: one row in a hundred has changed since the last pull; what is measured is the
pull with its merge, and the version that is kept.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

POSTGRES = os.environ.get("NORIA_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
MYSQL = os.environ.get("NORIA_TEST_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/test")
COLUMNS = "id, at, amount, share, grade, ok, city, note"
SERIES = {
    "postgresql": "SELECT i AS id, TIMESTAMP '2026-01-01' + i * INTERVAL '1 second' AS at,"
    " (i % 9973)::numeric(12,2) AS amount, i / 7.0::float8 AS share, chr(65 + i % 7) AS grade, i % 3 = 0 AS ok,"
    " 'city ' || i % 500 AS city, 'some text of row ' || i AS note FROM generate_series(1, {n}) AS g(i)",
    "mysql": "SELECT seq AS id, TIMESTAMPADD(SECOND, seq, '2026-01-01') AS at,"
    " CAST(seq % 9973 AS DECIMAL(12,2)) AS amount, seq / 7e0 AS share, CHAR(65 + seq % 7 USING utf8mb4) AS grade,"
    " seq % 3 = 0 AS ok, CONCAT('city ', seq % 500) AS city, CONCAT('some text of row ', seq) AS note"
    " FROM seq_1_to_{n}",
}  # fmt: skip


def read_noria(url: str, table: str, limit: str) -> int:
    from noria.sources.source import read

    os.environ["BENCH_DB"] = url
    return int(read(f"sql:env:BENCH_DB?query=SELECT {COLUMNS} FROM {table}{limit}", root=Path()).num_rows)


def read_pandas(url: str, table: str, limit: str) -> int:
    import pandas as pd

    with sa.create_engine(url).connect().execution_options(stream_results=True) as connection:
        parts = pd.read_sql(sa.text(f"SELECT {COLUMNS} FROM {table}{limit}"), connection, chunksize=20_000)
        return len(pd.concat(list(parts)))


def read_adbc(url: str, table: str, limit: str) -> int:
    import adbc_driver_postgresql.dbapi as adbc

    plain = url.replace("postgresql+psycopg", "postgresql")
    with adbc.connect(plain) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM {table}{limit}")
        return int(cursor.fetch_arrow_table().num_rows)


READERS = {"noria": read_noria, "pandas": read_pandas, "adbc": read_adbc}


def child(who: str, url: str, table: str, limit: str) -> None:
    rows = READERS[who](url, table, limit)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([rows, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def pull_child(url: str, table: str, folder: str) -> None:
    from noria.datasets.catalog import Datasets
    from noria.project.origin import Origin
    from noria.project.pulls import Pulls
    from noria.store.blobs import Blobs
    from noria.store.database import Database
    from noria.store.migrations import upgrade
    from noria.workspace import MIGRATIONS

    os.environ["BENCH_DB"] = url
    database = Database(f"sqlite:///{folder}/noria.db")
    upgrade(database, MIGRATIONS)
    before = resource.getrusage(resource.RUSAGE_SELF)
    notes: list[str] = []
    pulls = Pulls("bench", Datasets(database, Blobs(Path(folder) / "objects")))
    origin = Origin(f"sql:env:BENCH_DB?table={table}", incremental={"column": "at", "lag": None})
    rows = origin.read(root=Path(folder), pulls=pulls, key=["id"], note=notes.append).num_rows
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([rows, cpu, used.ru_maxrss / 1024, notes]))


def run(*arguments: str) -> list[object]:
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1][:60], 0.0, 0.0]
    return list(json.loads(done.stdout.splitlines()[-1]))


def main(rows: int) -> None:
    print(f"{rows:,} rows, 8 columns; {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{'':<34}{'CPU s':>8}{'peak MB':>10}{'rows/CPU s':>14}")
    for name, url in (("postgresql", POSTGRES), ("mysql", MYSQL)):
        engine = sa.create_engine(url)
        table = "noria_bench_pull"
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
            connection.exec_driver_sql(f"CREATE TABLE {table} AS {SERIES[name].format(n=rows)}".replace("%", "%%"))
        try:
            for who in ("noria", "pandas", *(("adbc",) if name == "postgresql" else ())):
                empty, whole = run(who, url, table, " LIMIT 1"), run(who, url, table, "")
                if isinstance(whole[0], str):
                    print(f"{name + ', ' + who:<34} {whole[0]}")
                    continue
                cpu = float(str(whole[1])) - float(str(empty[1]))
                print(f"{name + ', ' + who:<34}{cpu:8.2f}{float(str(whole[2])):10.0f}{rows / cpu:14,.0f}")
            with tempfile.TemporaryDirectory() as folder:
                first = run("pull", url, table, folder)
                later = "TIMESTAMP '2027-06-01 00:00:00'"
                with engine.begin() as connection:
                    connection.execute(sa.text(f"UPDATE {table} SET at = {later}, share = 0 WHERE id % 100 = 7"))
                second = run("pull", url, table, folder)
                print(f"{name + ', first pull and version':<34}{float(str(first[1])):8.2f}{float(str(first[2])):10.0f}")
                print(
                    f"{name + ', next pull, 1% changed':<34}{float(str(second[1])):8.2f}{float(str(second[2])):10.0f}"
                )
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP TABLE {table}")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in READERS:
        child(*sys.argv[1:5])
    elif len(sys.argv) > 2 and sys.argv[1] == "pull":
        pull_child(*sys.argv[2:5])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
