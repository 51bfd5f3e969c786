"""What the cells of `models.py` come to: errors, ranks, wins with their chance, and where the promise fails."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata

from models import HOME, SEARCHES, Cell
from models_data import TABLES
from models_systems import SYSTEMS
from noria.evaluation.paired_tests import holm
from noria.training.model import Prediction, decoded
from training_search import error_of

PROMISE = 0.03
"""Noria is to be worse than a peer by no more than this share of the peer's error."""

WIDELY = 0.9
"""A system that was run on a smaller share of noria's tables is shown apart, with the others on the same."""

RESAMPLES = 300
LEAST = 1e-4
"""Errors are taken to be no smaller in ratios: 1 - AUC of a perfect ranking is zero."""


@dataclass(frozen=True)
class Answered:
    """What a system said of the test rows of a split, and what is true."""

    y: np.ndarray
    said: np.ndarray
    classes: tuple[str, ...] | None
    error: Callable[[np.ndarray, Prediction], float]

    def on(self, rows: np.ndarray | slice = slice(None)) -> float:
        """Give the error on some of the rows."""
        return self.error(self.y[rows], decoded(self.said[rows], self.classes))


@cache
def answered(cell: Cell) -> Answered | None:
    """Read a cell; None where it failed or was not run."""
    if not cell.path.with_suffix(".npz").exists() or not cell.path.with_suffix(".json").exists():
        return None
    task = TABLES[cell.table].task
    y = truth(cell.table, cell.split)
    with np.load(cell.path.with_suffix(".npz")) as kept:
        said, classes = kept["said"], tuple(kept["classes"].tolist())
    if task == "regression":
        return Answered(y, said, None, error_of(y, task))
    order = sorted(range(len(classes)), key=lambda place: classes[place])
    made = np.clip(said[:, order], 1e-15, None)
    return Answered(y, made / made.sum(axis=1, keepdims=True), tuple(classes[n] for n in order), error_of(y, task))


@cache
def truth(table: str, split: int) -> np.ndarray:
    read = pd.read_parquet(HOME / "tables" / f"{table}-{split}-test.parquet", columns=["target"])["target"]
    return read.to_numpy(np.float64 if TABLES[table].task == "regression" else object)


@cache
def about(cell: Cell) -> dict[str, Any]:
    path = cell.path.with_suffix(".json")
    return json.loads(path.read_text()) if path.exists() else {}


def cell_of(system: str, table: str, split: int, budget: float) -> Cell:
    return Cell(system, table, split, budget if system in SEARCHES else 0)


def boards(tables: list[str], splits: int, budget: float) -> list[Board]:
    """Give a board of the systems that were run nearly everywhere, and one with each further system where it was."""
    done = {s: sum(cell_of(s, table, 1, budget).is_done for table in tables) for s in SYSTEMS}
    widely = [system for system in SYSTEMS if done[system] >= max(1, WIDELY * done["noria"])]
    also = [system for system in SYSTEMS if done[system] > 0 and system not in widely]
    return [Board(tables, splits, budget, [*widely, *more]) for more in ([], *([system] for system in also))]


class Board:
    """The cells of some systems with one budget, on the tables and splits where all of them were run, or failed."""

    def __init__(self, tables: Iterable[str], splits: int, budget: float, run: list[str]) -> None:
        self.budget = budget
        whole = {t: [n for n in range(1, splits + 1) if all(self.cell(s, t, n).is_done for s in run)] for t in tables}
        self.splits = {table: numbers for table, numbers in whole.items() if numbers}
        self.systems = run
        self.left_out = [table for table, numbers in whole.items() if not numbers]
        self.failed = [
            f"{s} on {t}, split {n}: {self.cell(s, t, n).path.with_suffix('.failed').read_text()[:200]}"
            for s in run
            for t, numbers in self.splits.items()
            for n in numbers
            if answered(self.cell(s, t, n)) is None
        ]

    def cell(self, system: str, table: str, split: int) -> Cell:
        return cell_of(system, table, split, self.budget)

    @cache  # noqa: B019 - a board lives as long as the script
    def error(self, system: str, table: str) -> float:
        """Give the mean over the splits; infinite where one failed."""
        made = [answered(self.cell(system, table, split)) for split in self.splits[table]]
        return float(np.mean([math.inf if one is None else one.on() for one in made]))

    def all(self, system: str, key: str) -> list[float]:
        """Give a figure of every cell of a system."""
        found = [about(self.cell(system, t, n)) for t, numbers in self.splits.items() for n in numbers]
        return [each[key] for each in found if key in each]

    def ratios(self, ours: str, peer: str) -> dict[str, float]:
        return {
            table: max(self.error(ours, table), LEAST) / max(self.error(peer, table), LEAST)
            for table in self.splits
            if math.isfinite(self.error(ours, table)) and math.isfinite(self.error(peer, table))
        }

    def interval(self, ours: str, peer: str, table: str) -> tuple[float, float]:
        """Give 95 % of the ratio by resampling the test rows of each split, both systems' together."""
        rng = np.random.default_rng(1)
        pairs = [
            (answered(self.cell(ours, table, split)), answered(self.cell(peer, table, split)))
            for split in self.splits[table]
        ]
        found = []
        for _ in range(RESAMPLES):
            sides = np.zeros(2)
            for one, other in pairs:
                if one is None or other is None:
                    return math.nan, math.nan
                rows = rng.integers(0, len(one.y), len(one.y))
                if one.classes is not None and len(one.classes) == 2 and len(set(one.y[rows])) < 2:
                    rows = np.arange(len(one.y))
                sides += [one.on(rows), other.on(rows)]
            found.append(max(sides[0], LEAST) / max(sides[1], LEAST))
        low, high = np.quantile(found, [0.025, 0.975])
        return float(low), float(high)


# --- printing ---------------------------------------------------------------------------------------------------------


def shown(value: float) -> str:
    return "failed" if not math.isfinite(value) else f"{value:.0f}" if value >= 10_000 else f"{value:.4g}"


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan


def tell_errors(board: Board) -> None:
    print(f"{'error':14}" + "".join(f"{name[:13]:>14}" for name in board.systems))
    for table in board.splits:
        best = min(board.error(system, table) for system in board.systems)
        cells = (board.error(system, table) for system in board.systems)
        marks = (shown(value) + ("*" if value == best else " ") for value in cells)
        print(f"{table:14}" + "".join(f"{mark:>14}" for mark in marks))
    print("* the least: 1 - AUC of two classes, log-loss of more, RMSE of numbers; the mean over splits\n")


def tell_systems(board: Board) -> None:
    errors = np.array([[board.error(s, t) for s in board.systems] for t in board.splits])
    ranks = np.mean([rankdata(row) for row in errors], axis=0)
    floor = np.maximum(errors, LEAST)
    above = np.exp(np.mean(np.log(floor / floor.min(axis=1, keepdims=True)), axis=0)) - 1
    print(
        f"{'':22}{'mean rank':>10}{'above best':>12}{'best':>6}{'fit CPU-s':>11}{'most':>8}{'1 row ms':>10}"
        f"{'1000 ms':>9}{'kB':>9}"
    )
    for place in np.argsort(ranks, kind="stable"):
        name = board.systems[place]
        wins = int((errors[:, place] == errors.min(axis=1)).sum())
        fit = board.all(name, "fit_seconds")
        print(
            f"{name:22}{ranks[place]:10.2f}{above[place]:12.1%}{wins:6}{median(fit):11.1f}{max(fit, default=0):8.1f}"
            f"{median(board.all(name, 'row_ms')):10.3f}{median(board.all(name, 'rows_ms')):9.1f}"
            f"{median(board.all(name, 'bytes')) / 1000:9.0f}"
        )
    print(
        "mean rank among these; above best: geometric mean over tables; best: tables with the least error;\n"
        "the rest medians over tables and splits, CPU time\n"
    )


def tell_peers(board: Board, ours: str) -> None:
    peers = [name for name in board.systems if not name.startswith("noria")]
    rows = []
    for peer in peers:
        ratios = board.ratios(ours, peer)
        won = sum(ratio < 1 for ratio in ratios.values())
        lost = sum(ratio > 1 for ratio in ratios.values())
        chance = binomtest(won, won + lost).pvalue if won + lost else 1.0
        each = list(ratios.values())
        rows.append((peer, won, lost, chance, float(np.exp(np.mean(np.log(each)))), float(np.median(each))))
    corrected = holm([row[3] for row in rows]) if rows else []
    print(f"{ours + ' against':22}{'won':>5}{'lost':>5}{'sign p':>9}{'Holm':>8}{'ratio of errors':>17}{'median':>8}")
    for (peer, won, lost, chance, ratio, middle), p in zip(rows, corrected, strict=True):
        print(f"{peer:22}{won:5}{lost:5}{chance:9.3f}{p:8.3f}{ratio:17.3f}{middle:8.3f}")
    print()


def tell_promise(board: Board, ours: str) -> None:
    """List every table on which noria is worse than a peer by more than the promise, with what chance has in it."""
    print(f"{ours} worse by more than {PROMISE:.0%} (the promise fails), with 95 % of the ratio over test rows:")
    peers = [name for name in board.systems if not name.startswith("noria")]
    for peer in peers:
        failed = {table: ratio for table, ratio in board.ratios(ours, peer).items() if ratio > 1 + PROMISE}
        said = []
        for table, ratio in sorted(failed.items(), key=lambda each: -each[1]):
            low, high = board.interval(ours, peer, table)
            said.append(f"{table} {ratio - 1:+.1%} [{low - 1:+.0%}, {high - 1:+.0%}]")
        print(f"  {peer}: {len(failed)} of {len(board.splits)}" + ("; " if said else "") + ", ".join(said))
    print()


def tell_noria(board: Board) -> None:
    print(f"{'noria':14}{'split':>6}{'CPU-s':>8}{'compile':>8}{'row ms':>8}  winner; how it answers; why it stopped")
    for table, numbers in board.splits.items():
        for split in numbers:
            said = about(board.cell("noria", table, split))
            if not said:
                continue
            members = next((each["members"] for each in said["finalists"] if each["chosen"]), {})
            mix = " + ".join(f"{share:.0%} {name}" for name, share in members.items())
            how = said["engine"] if said["engine"] == "plan" else f"by its libraries ({said['reason']})"
            print(
                f"{table:14}{split:6}{said['fit_seconds']:8.1f}{said['compile_seconds']:8.1f}{said['row_ms']:8.3f}  "
                f"{mix or said['winner']}; {how}; {said['stopped_by']}, {said['tried']} tried"
            )
    print()


def tell_versions(shown_here: list[Board], tables: list[str]) -> None:
    versions: dict[str, set[str]] = {}
    for board in shown_here:
        for system in board.systems:
            for found in board.all(system, "versions"):
                for name, number in found.items():
                    versions.setdefault(name, set()).add(str(number))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; one thread each")
    print("; ".join(f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items())) + "\n")
    print(f"{'table':14}{'learned':>8}{'judged':>8}{'columns':>8}  source")
    for table in tables:
        if (HOME / "tables" / f"{table}-1-test.parquet").exists():
            parts = [pd.read_parquet(HOME / "tables" / f"{table}-1-{part}.parquet") for part in ("train", "test")]
            rows = f"{len(parts[0]):8}{len(parts[1]):8}{parts[0].shape[1] - 1:8}"
            print(f"{table:14}{rows}  {TABLES[table].source}")
    print()


def tell(board: Board, *, further: bool) -> None:
    if not board.splits:
        print(f"== {board.budget:g} CPU-seconds: no table was run with {', '.join(board.systems) or 'any system'}\n")
        return
    how_many = sorted({len(numbers) for numbers in board.splits.values()})
    print(
        f"== {board.budget:g} CPU-seconds: {len(board.splits)} tables, {' or '.join(map(str, how_many))} "
        f"split{'s' if how_many != [1] else ''} each" + (f", with {board.systems[-1]}" if further else "")
    )
    twice = [table for table, numbers in board.splits.items() if len(numbers) > how_many[0]]
    if twice:
        print(f"with more than {how_many[0]}: {', '.join(twice)}")
    if board.left_out:
        print(f"not run: {', '.join(board.left_out)}")
    for line in board.failed:
        print(f"failed: {line}")
    print()
    tell_errors(board)
    tell_systems(board)
    ours = board.systems[-1] if further else "noria"
    if ours.startswith("noria") and ours in board.systems:
        tell_peers(board, ours)
    if ours == "noria" and ours in board.systems:
        if "noria single" in board.systems:
            tell_peers(board, "noria single")
        tell_promise(board, ours)
        tell_noria(board)


def report(tables: list[str], splits: int, budgets: list[float]) -> None:
    found = [boards(tables, splits, budget) for budget in budgets]
    tell_versions([board for each in found for board in each], tables)
    for each in found:
        for number, board in enumerate(each):
            tell(board, further=number > 0)
        absent = [system for system in SYSTEMS if not any(system in board.systems for board in each)]
        if absent:
            print(f"not measured with {each[0].budget:g} CPU-seconds: {'; '.join(absent)}\n")
