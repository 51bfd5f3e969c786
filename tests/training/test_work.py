"""Fits beside the search: the same results, and no candidate takes the others along."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noria.errors import MissingExtra, WorkFailed
from noria.training import cluster
from noria.training.candidate import Selection
from noria.training.cluster import Cluster
from noria.training.family import Family, Fitting
from noria.training.processes import Processes
from noria.training.work import Work

Chosen = Callable[..., Selection]
Table = tuple[pd.DataFrame, np.ndarray]


class Mean:
    """Answers with the mean, unless it is told to do something worse."""

    def __init__(self, how: str, log: str = "") -> None:
        self.how, self.log = how, log

    def fit(self, X: np.ndarray, y: np.ndarray) -> Mean:
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()}\n")
        if self.how == "hang":
            time.sleep(3600)
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "leave":
            os._exit(3)
        if self.how == "die once" and len(Path(self.log).read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "raise":
            raise ZeroDivisionError("a bug of the user's own\nwith a second line")
        self.mean = float(y.mean())
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.mean)


def family(how: str, log: str = "") -> Family:
    def build(params: Mapping[str, object], fitting: Fitting) -> Mean:
        return Mean(how, log)

    return Family(how.replace(" ", "_"), how, build, is_own=True)


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    made = Processes(2)
    yield made
    made.close()


def told(made: Selection) -> list[object]:
    return [(row.name, dict(row.params), row.scores, row.mean, row.status, row.rounds) for row in made.table]


def beside(*families: Family) -> list[Family]:
    from noria.training.families import resolve

    return [*resolve(["ridge"], "regression"), *families]


def test_other_processes_give_the_same_bits(two: Work, cancer: Table, chosen: Chosen, area_error: object) -> None:
    options = {"error": area_error, "trials": 4, "ensemble": "always"}
    names = ["logistic", "boosting", "random_forest"]
    here = chosen(*cancer, "classification", names, **options)
    there = chosen(*cancer, "classification", names, work=lambda family: two, **options)
    assert told(there) == told(here)
    np.testing.assert_array_equal(there.oof, here.oof)
    np.testing.assert_array_equal(there.model.predict_proba(cancer[0]), here.model.predict_proba(cancer[0]))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("die", "was killed (signal 9), 2 times: most often that is a lack of memory"),
        ("crash", "crashed (SIGSEGV), 2 times"),
        ("leave", "ended with status 3, 2 times"),
        ("raise", "ZeroDivisionError: a bug of the user's own"),
    ],
)
def test_a_candidate_that_fails_is_told_and_the_others_go_on(
    how: str, why: str, two: Work, diabetes: Table, chosen: Chosen
) -> None:
    made = chosen(*diabetes, "regression", None, families=beside(family(how)), trials=2, work=lambda family: two)
    failed = next(row for row in made.table if row.family == how)
    assert failed.status == "failed"
    assert why in failed.note
    assert made.winner.family == "ridge"


def test_a_candidate_that_hangs_is_ended(two: Work, diabetes: Table, chosen: Chosen) -> None:
    start = time.monotonic()
    made = chosen(
        *diabetes, "regression", None, families=beside(family("hang")), budget_seconds=20.0,
        work=lambda family: two, threads=1,
    )  # fmt: skip
    hung = next(row for row in made.table if row.family == "hang")
    assert hung.status == "skipped"
    assert "did not end within 2 s, and was ended" in hung.note
    assert made.winner.family == "ridge"
    assert len(made.winner.scores) == 3
    assert time.monotonic() - start < 300


def test_a_process_that_was_killed_by_mistake_is_made_up_for(
    tmp_path: Path, two: Work, diabetes: Table, chosen: Chosen
) -> None:
    log = tmp_path / "fits"
    families = [family("die once", str(log))]
    made = chosen(*diabetes, "regression", None, families=families, trials=1, work=lambda family: two)
    assert made.winner.status == "complete"
    assert len(set(log.read_text().splitlines())) >= 3  # killed, done in others, and here in the end


def test_fits_go_on_side_by_side(tmp_path: Path, two: Work, diabetes: Table, chosen: Chosen) -> None:
    log = tmp_path / "fits"
    made = chosen(
        *diabetes, "regression", None, families=[family("mean", str(log))], trials=1, k=6, work=lambda family: two
    )
    pids = log.read_text().splitlines()
    assert len(made.winner.scores) == 6
    assert len(pids) == 7
    assert str(os.getpid()) == pids[-1]  # the final fit
    assert len(set(pids[:-1])) == 2
    assert made.winner.seconds < 60


def test_nobody_is_left_behind(diabetes: Table, chosen: Chosen) -> None:
    hands = Processes(2)
    chosen(*diabetes, "regression", None, families=[family("mean")], trials=1, work=lambda family: hands)
    pids = [hand.process.pid for hand in hands._hands]
    assert pids
    hands.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid or 0), 0)


def test_without_ray_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="needs Ray") as refused:
        Cluster("ray")
    assert "noria[ray]" in (refused.value.mend or "")


@pytest.mark.skipif(find_spec("ray") is None, reason="needs noria[ray]")
def test_a_cluster_that_is_not_there_is_told() -> None:
    with pytest.raises(WorkFailed, match=r"there is no Ray at ray://127\.0\.0\.1:1"):
        Cluster("ray://127.0.0.1:1").connect()


class LateRay:
    """A Ray whose node takes longer to start than Ray waits for it."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.calls: list[str | None] = []

    def init(self, address: str | None = None, **options: object) -> None:
        self.calls.append(address)
        if address == "auto":
            if self.calls.count(None) < self.late:
                raise ConnectionError("Could not find any running Ray instance.")
            return
        raise Exception("The current node timed out during startup. The GCS has become overloaded.")


@pytest.mark.skipif(find_spec("ray") is None, reason="needs noria[ray]")
def test_a_ray_that_starts_late_is_joined_when_it_is_there() -> None:
    ray = LateRay(late=1)
    Cluster("ray")._init(ray)
    assert ray.calls == ["auto", None, "auto"]


@pytest.mark.skipif(find_spec("ray") is None, reason="needs noria[ray]")
def test_a_ray_that_never_starts_is_told() -> None:
    with pytest.raises(WorkFailed, match="there is no Ray at ray") as refused:
        Cluster("ray")._init(LateRay(late=9))
    assert "tried 3 times" in refused.value.why
    assert 'executor = "processes"' in (refused.value.mend or "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.skipif(find_spec("ray") is None, reason="needs noria[ray]")
def test_ray_gives_the_same_bits_and_survives_a_death(
    tmp_path: Path, cancer: Table, diabetes: Table, chosen: Chosen, area_error: object
) -> None:
    hands = Cluster("ray")
    hands.connect()
    gc.collect()  # a first try that came to nothing leaves its logs open
    try:
        options = {"error": area_error, "trials": 3, "ensemble": "always"}
        here = chosen(*cancer, "classification", ["logistic", "boosting"], **options)
        there = chosen(*cancer, "classification", ["logistic", "boosting"], work=lambda family: hands, **options)
        assert told(there) == told(here)
        np.testing.assert_array_equal(there.oof, here.oof)
        log = tmp_path / "fits"
        families = beside(family("die"), family("raise"), family("die once", str(log)))
        made = chosen(*diabetes, "regression", None, families=families, trials=4, work=lambda family: hands)
        rows = {row.family: row for row in made.table}
        assert rows["die"].status == "failed"
        assert "its process was ended" in rows["die"].note
        assert "ZeroDivisionError: a bug" in rows["raise"].note
        assert rows["die_once"].status == "complete"
        assert made.winner.family == "ridge"
        families = beside(family("hang"), family("mean"))
        made = chosen(*diabetes, "regression", None, families=families, budget_seconds=40.0, work=lambda family: hands)
        rows = {row.family: row for row in made.table}
        assert "did not end within 4 s, and was ended" in rows["hang"].note
        assert rows["mean"].status == "complete"
        assert made.winner.family == "ridge"
    finally:
        hands.close()
