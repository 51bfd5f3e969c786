"""A registry with real models, and a real server over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from noria.predictions.log import PredictionLog
from noria.preparation.frame import frame
from noria.preparation.recipe import preparation
from noria.registry import format as formats
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.version import ModelVersion
from noria.scoring.learning import learn
from noria.scoring.proof.compiled import compiled
from noria.serving.run import ScoringServer
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.training.model import TabularModel

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [("age", "int"), ("grade", "category")]
RECORD = {"age": 30, "grade": "A"}
MIGRATIONS = sorted((Path(__file__).parents[2] / "src" / "noria").glob("*/migrations"))


def trained(seed: int) -> tuple[TabularModel, pa.Table]:
    """Train a small model whose answers depend on the seed."""
    rng = np.random.default_rng(seed)
    table = pa.table({"age": rng.integers(18, 76, 200), "grade": rng.choice(["A", "B", None], 200)})
    X = frame(table, COLUMNS)
    prepared = preparation(COLUMNS, encoding="linear").fit(X)
    y = (X["age"].to_numpy() + rng.normal(0, 10, 200) > 45).astype(int)
    head = LogisticRegression().fit(prepared.transform(X), y)
    kinds = (("age", "number"), ("grade", "string"))
    return TabularModel("classification", "logistic", kinds, prepared, head, ("bad", "good")), table  # type: ignore[arg-type]


class House:
    """A store in a folder, with versions 1 to 3 of the model ``credit``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = Database(f"sqlite:///{root}/noria.db")
        upgrade(self.database, MIGRATIONS)
        self.registry = Registry(self.database, Blobs(root / "objects"))
        self.aliases = Aliases(self.database)
        self.log = PredictionLog(root / "predictions")
        self.versions: list[ModelVersion] = []
        for seed in (1, 2, 3):
            self.register(seed)

    def register(self, seed: int, **chosen: object) -> ModelVersion:
        """Train and register one more, with what was chosen when it was judged."""
        model, table = trained(seed)
        signature = learn(table, COLUMNS, carried=[("id", "int")], target="status", positive="bad", **chosen)  # type: ignore[arg-type]
        version = self.registry.register(
            "credit",
            formats.save(model),
            run_id="r",
            dataset="credit@1",
            data_digest="d",
            task="classification",
            family="logistic",
            created=NOW,
            signature=signature.to_json(),
            evaluation_digest=str(chosen),
            evidence=compiled(model, signature, table),
        )
        self.versions.append(version)
        return version

    def promote(self, number: int, *, ago: timedelta = timedelta(0)) -> None:
        """Move the champion, gates aside."""
        self.aliases.move("credit", "champion", number, actor="t", reason="t", at=datetime.now(UTC) - ago)

    def roll_back(self, number: int) -> None:
        """Move the champion back, as `noria.registry.promotion.rollback` does."""
        self.aliases.move("credit", "champion", number, actor="t", reason="t", at=datetime.now(UTC), kind="rollback")

    def damage(self, number: int) -> None:
        """Change the end of a file that a version answers with."""
        path = self.registry.blobs.path(self.versions[number - 1].files["plan/plan.npz"])
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    @contextmanager
    def serving(self, **more: object) -> Iterator[tuple[ScoringServer, httpx.Client]]:
        """Run a server in a thread, stop it at the end."""
        ready = threading.Event()
        server = ScoringServer(
            database=self.database,
            blobs=self.registry.blobs,
            model="credit",
            endpoint="credit-risk",
            predictions=self.root / "predictions",
            port=0,
            poll_seconds=0.05,
            on_ready=lambda _: ready.set(),
            **more,  # type: ignore[arg-type]
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        assert ready.wait(120)
        try:
            with httpx.Client(base_url=server.url, timeout=90) as client:
                yield server, client
        finally:
            server.stop()
            thread.join()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.log.close()
    made.database.close()


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with version 1 as champion, for tests that change nothing."""
    made = House(tmp_path_factory.mktemp("house"))
    made.promote(1)
    yield made
    made.log.close()
    made.database.close()


@pytest.fixture(scope="module")
def shared(promoted: House) -> Iterator[httpx.Client]:
    """A server with version 1 as champion, for tests that only ask."""
    with promoted.serving(max_body=100_000) as (_, client):
        yield client


Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def wait() -> Wait:
    """Wait until something holds, up to two minutes."""

    def until(holds: Callable[[], bool]) -> None:
        clock = threading.Event()
        for _ in range(2400):
            if holds():
                return
            clock.wait(0.05)
        raise AssertionError("it never came to hold")

    return until
