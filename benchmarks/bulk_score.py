"""A million rows scored from Parquet to Parquet: noria beside pandas and the fitted scikit-learn pipeline in chunks.

    python benchmarks/bulk_score.py [rows] > benchmarks/bulk_score.txt

Both read the same file block by block and write prediction and probabilities to Parquet; each measurement is a process
of its own with one thread. CPU is user and system of the process less that of one that only imports and loads; peak is
all of its resident memory. noria checks every cell against the signature and flags what is unusual; the peer takes what
comes. The probabilities of both are compared.
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

MODELS = ("logistic", "lightgbm", "forest")
CHUNK = 65_536


def lay_out(root: Path, rows: int) -> None:
    """Train and register three models on 20 columns, write the rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from serving_models import CATEGORIES, NUMERIC, lay_out

    lay_out(root, MODELS)
    rng = np.random.default_rng(2)
    made: dict[str, object] = {}
    for number in range(NUMERIC):
        made[f"n{number}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < (0.05 if number < 4 else 0))
    for number in range(CATEGORIES):
        made[f"c{number}"] = pa.array(list("abcdefgh")).take(pa.array(rng.integers(0, 8, rows)))
    pq.write_table(pa.table(made), root / "rows.parquet", row_group_size=CHUNK)


def opened(root: Path) -> object:
    from noria.registry.catalog import Registry
    from noria.store.blobs import Blobs
    from noria.store.database import Database

    return Registry(Database(f"sqlite:///{root}/.noria/noria.db"), Blobs(root / ".noria" / "objects"))


def pipeline(root: Path, name: str) -> object:
    from noria.registry import format as formats

    registry = opened(root)
    return formats.load(registry.files(registry.get(name, 1)))


def noria(root: Path, name: str, rows: int) -> None:
    from noria.scoring.bulk import Bulk
    from noria.scoring.output import writing
    from noria.scoring.scorer import Scorer
    from noria.sources.stream import stream

    registry = opened(root)
    scorer = Scorer.load(registry, registry.get(name, 1))
    bulk = Bulk(scorer.signature, lambda checked, _along, _first: scorer.answer_table(checked))
    with writing(root / "noria.parquet") as write:
        for table in bulk.scored(stream("rows.parquet", root=root, rows=CHUNK).tables):
            write(table)
            if bulk.tally.rows >= rows:
                break


def sklearn(root: Path, name: str, rows: int) -> None:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    model = pipeline(root, name)
    preparation, head = model.preparation, model.head
    labels = np.array(["bad", "good"])
    writer = None
    done = 0
    file = pq.ParquetFile(root / "rows.parquet", pre_buffer=False, buffer_size=1 << 20)
    for batch in file.iter_batches(batch_size=CHUNK):
        proba = head.predict_proba(preparation.transform(batch.to_pandas()))
        made = pd.DataFrame({"prediction": labels[proba.argmax(axis=1)], "p.bad": proba[:, 0], "p.good": proba[:, 1]})
        table = pa.Table.from_pandas(made, preserve_index=False)
        writer = writer or pq.ParquetWriter(root / "sklearn.parquet", table.schema, compression="zstd")
        writer.write_table(table)
        done += len(made)
        if done >= rows:
            break
    writer.close()


WORKS = {"noria": noria, "pandas + scikit-learn": sklearn}


def child(root: Path, work: str, name: str, rows: int) -> None:
    if rows:
        WORKS[work](root, name, rows)
    elif work == "noria":
        import noria.scoring.bulk
        import noria.scoring.output
        import noria.sources.stream  # noqa: F401
        from noria.scoring.scorer import Scorer

        registry = opened(root)
        Scorer.load(registry, registry.get(name, 1))
        import pandas  # noqa: F401 - pyarrow loads it with the first array, whoever asks for one
    else:
        import pyarrow.parquet  # noqa: F401

        pipeline(root, name)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def measured(root: Path, work: str, name: str, rows: int) -> tuple[float, float]:
    one = {key: "1" for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "ARROW_IO_THREADS")}
    command = [sys.executable, __file__, "--child", str(root), work, name, str(rows)]
    said = subprocess.run(command, env={**os.environ, **one}, check=True, capture_output=True, text=True).stdout
    seconds, memory = json.loads(said.splitlines()[-1])
    return seconds, memory


def alike(root: Path) -> float:
    import numpy as np
    import pyarrow.parquet as pq

    ours, theirs = (pq.read_table(root / f"{name}.parquet")["p.bad"].to_numpy() for name in ("noria", "sklearn"))
    return float(np.abs(ours - theirs).max())


def main(rows: int) -> None:
    print(f"# {platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, shared")
    print(f"# {rows:,} rows of 14 numbers and 6 categories; the forest, of 200 trees, a tenth of them")
    print(f"{'model':<10} {'with':<22} {'CPU s':>7} {'rows/CPU s':>11} {'peak MB':>8} {'CPU ratio':>10}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # In a process of its own: a child's peak begins at what its parent holds.
        subprocess.run([sys.executable, __file__, "--lay-out", str(root), str(rows)], check=True)
        for name in MODELS:
            some = rows // 10 if name == "forest" else rows
            spent = {}
            for work in WORKS:
                idle, _ = measured(root, work, name, 0)
                busy, peak = measured(root, work, name, some)
                spent[work] = busy - idle
                ratio = "" if work == "noria" else f"{spent[work] / spent['noria']:.1f}"
                print(
                    f"{name:<10} {work:<22} {spent[work]:>7.2f} {some / spent[work]:>11,.0f} {peak:>8.0f} {ratio:>10}"
                )
            print(f"{'':<10} largest difference of a probability {alike(root):.1e}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
    elif sys.argv[1:2] == ["--lay-out"]:
        lay_out(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
