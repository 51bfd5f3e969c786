"""Several workers on one socket: they count together, die one by one, end together, and leave nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from typing import TYPE_CHECKING

from tests.serving.conftest import COLUMNS, NOW, trained
from tests.serving.fleet import Asker, fleet, is_running, workers_of

from noria.predictions.segment import OPEN
from noria.registry import format as formats
from noria.scoring.learning import learn
from noria.scoring.proof.compiled import compiled
from noria.scoring.proof.files import FOLDER, GOLDEN
from noria.scoring.scorer import Scorer
from noria.serving.stats import Traffic

if TYPE_CHECKING:
    from tests.serving.conftest import House, Wait


def answers_of(house: House, version: int) -> dict[int, float]:
    """Give the score of each age as the version's own scorer computes it."""
    scorer = Scorer.load(house.registry, house.registry.get("credit", version))
    ages = range(18, 76)
    made = scorer.score([{"age": age, "grade": "A"} for age in ages])
    return {age: float(answer.score or 0.0) for age, answer in zip(ages, made, strict=True)}


class Load:
    """Keeps asking from several threads, and holds every answer against what it must be."""

    def __init__(self, url: str, wanted: dict[int, float], threads: int = 4) -> None:
        self.ids: set[str] = set()
        self.broken = 0
        self.others: list[int] = []
        self.wrong: list[object] = []
        self._url, self._wanted = url, wanted
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, first: int) -> None:
        with Asker(self._url) as asker:
            number = first
            while not self._over.is_set():
                age = 18 + number % 58
                number += 1
                status, said = asker.predict(age)
                if status == 0:
                    self.broken += 1
                    time.sleep(0.01)
                elif status != 200:
                    self.others.append(status)
                else:
                    (prediction,) = said["predictions"]  # type: ignore[misc]
                    self.ids.add(prediction["id"])  # type: ignore[index]
                    if prediction["score"] != self._wanted[age]:  # type: ignore[index]
                        self.wrong.append(said)


def counted(text: str, metric: str) -> int:
    """Sum a metric over its labels."""
    return sum(int(value) for value in re.findall(rf"^{metric}{{[^}}]*}} (\d+)$", text, re.MULTILINE))


def test_any_worker_tells_what_all_have_counted(house: House, wait: Wait) -> None:
    house.promote(1)
    with fleet(house.root) as (child, url), Asker(url) as asker:
        with Load(url, answers_of(house, 1), threads=16) as load:
            wait(lambda: len(load.ids) > 400)
        assert (load.broken, load.others, load.wrong) == (0, [], [])
        told: dict[str, int] = {}

        def both_told() -> bool:
            _, text = asker.get("/metrics")
            (pid,) = re.findall(r'noria_answered_by{endpoint="credit-risk",pid="(\d+)"} 1', text)
            told[pid] = counted(text, "noria_requests_total")
            assert text.count("noria_requests_in_flight{") == 2
            return set(told) == {str(pid) for pid in workers_of(child.pid)} and set(told.values()) == {len(load.ids)}

        wait(both_told)
        wait(lambda: len(Traffic(house.database).processes("credit")) == 2)
        assert {process.pid for process in Traffic(house.database).processes("credit")} == {int(pid) for pid in told}


def test_a_killed_worker_is_back_and_nothing_is_answered_wrongly(house: House, wait: Wait) -> None:
    house.promote(1)
    with fleet(house.root) as (child, url), Asker(url) as asker:
        with Load(url, answers_of(house, 1)) as load:
            for _ in range(2):
                before = workers_of(child.pid)
                wait(lambda: len(load.ids) > 100)
                os.kill(before[0], signal.SIGKILL)
                wait(lambda dead=before[0]: dead not in workers_of(child.pid))  # type: ignore[misc]
                wait(lambda: len(workers_of(child.pid)) == 2)
                wait(lambda: asker.get("/metrics")[1].count("noria_requests_in_flight{") == 2)
            known = set(load.ids)
            wait(lambda: len(load.ids) > len(known) + 100)
        assert (load.others, load.wrong) == ([], [])
        # Each of the four callers may lose the one request that the dead had in hand.
        assert load.broken <= 8
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert err.count("has died and is started again") == 2
    # What was answered in the last half second before a kill may be lacking, what came after it may not.
    assert load.ids - known <= set(house.log.read("credit")["prediction_id"].to_pylist())
    wait(lambda: not list((house.root / "predictions").rglob(f"*{OPEN}")))  # the ones started again have begun it


def test_a_stop_answers_what_has_begun_in_every_worker_and_logs_it(house: House, wait: Wait) -> None:
    house.promote(1)
    with fleet(house.root) as (child, url):
        pids = workers_of(child.pid)
        with Load(url, answers_of(house, 1)) as load:
            wait(lambda: len(load.ids) > 200)
            child.send_signal(signal.SIGTERM)
            _, err = child.communicate(timeout=60)
    assert (child.returncode, err.strip()) == (0, "ended")
    assert (load.others, load.wrong) == ([], [])
    assert load.ids <= set(house.log.read("credit")["prediction_id"].to_pylist())
    assert not [pid for pid in pids if is_running(pid)]


def test_workers_end_when_their_supervisor_is_killed(house: House, wait: Wait) -> None:
    house.promote(1)
    with fleet(house.root) as (child, url):
        pids = workers_of(child.pid)
        with Load(url, answers_of(house, 1)) as load:
            wait(lambda: len(load.ids) > 50)
            child.kill()
            wait(lambda: not [pid for pid in pids if is_running(pid)])
        assert (load.others, load.wrong) == ([], [])
        assert load.ids <= set(house.log.read("credit")["prediction_id"].to_pylist())


def test_all_workers_follow_the_champion(house: House, wait: Wait) -> None:
    house.promote(1)
    with fleet(house.root) as (_, url), Asker(url) as asker:
        house.promote(2)
        wait(lambda: asker.get("/metrics")[1].count("} 2\n") >= 2)
        versions = re.findall(r"noria_serving_version{[^}]*} (\d)", asker.get("/metrics")[1])
        assert versions == ["2", "2"]


def elsewhere(house: House) -> None:
    """Register a version whose proven answers are not what this machine computes."""
    model, table = trained(5)
    signature = learn(table, COLUMNS, carried=[("id", "int")], target="status", positive="bad")
    evidence = compiled(model, signature, table)
    kept = json.loads(evidence[FOLDER + GOLDEN])
    kept["answers"][0] = [(float.fromhex(each) + 1e-6).hex() for each in kept["answers"][0]]
    evidence[FOLDER + GOLDEN] = json.dumps(kept).encode()
    house.registry.register(
        "credit", formats.save(model), run_id="r", dataset="credit@1", data_digest="d", task="classification",
        family="logistic", created=NOW, signature=signature.to_json(), evidence=evidence,
    )  # fmt: skip


def test_a_machine_that_computes_otherwise_keeps_to_the_version_before(house: House, wait: Wait) -> None:
    elsewhere(house)
    house.promote(1)
    with fleet(house.root) as (_, url), Asker(url) as asker:
        house.promote(4)
        wait(lambda: counted(asker.get("/metrics")[1], "noria_load_failures_total") == 2)
        assert "computes otherwise here: 1 of" in asker.get("/")[1]
        assert asker.get("/v2/health/ready")[0] == 200
        assert asker.predict(30)[1]["version"] == 1


def test_a_worker_that_computes_otherwise_is_not_ready(house: House) -> None:
    elsewhere(house)
    house.promote(4)
    with fleet(house.root, 1) as (_, url), Asker(url) as asker:
        assert asker.get("/v2/health/live")[0] == 200
        assert asker.get("/v2/health/ready")[0] == 503
        assert asker.get("/ping")[0] == 503
        status, said = asker.predict(30)
        assert (status, "computes otherwise here" in str(said["error"])) == (503, True)
