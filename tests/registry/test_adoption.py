"""What other clients logged: kept, labelled, never loaded; and what can be changed about models and versions."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import Conflict, ModelNotFound, NotAllowed, UntrustedFormat, WrongArgument
from noria.registry.adoption import Whence, adopt
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.foreign import read_description, why_unsafe
from noria.registry.models import Models, checked_model_name
from noria.registry.promotion import assign, previous
from noria.registry.verdicts import Verdicts
from noria.runs.artifacts import Artifacts
from noria.runs.run import Run
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from pathlib import Path

    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MLMODEL = b"""
flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
model_id: m-1
signature:
  inputs: '[{"type": "double", "name": "x"}]'
"""


@pytest.fixture
def registry(database: Database, blobs: Blobs) -> Registry:
    return Registry(database, blobs)


def _logged(registry: Registry, files: dict[str, bytes], metrics: dict[str, float] | None = None) -> Run:
    book = Runs(registry.database)
    run = book.start("logged", "x", tags={"mlflow.source.git.commit": "c" * 40})
    book.log_batch(run, params={"c": "1"})
    book.log_metrics(run, metrics or {"auc": 0.7, "bad": float("nan")})
    for path, content in files.items():
        Artifacts(registry.database).add(run, path, registry.blobs.put(content), len(content))
    return book.get(run)


def _adopted(registry: Registry, model: str = "churn", **files: bytes) -> int:
    run = _logged(registry, {f"model/{name}": content for name, content in files.items()})
    return adopt(registry, model, Whence(f"runs:/{run.id}/model", run.id, "model", run), at=NOW).number


def test_a_version_is_a_snapshot_of_what_was_logged(registry: Registry) -> None:
    Models(registry.database).create("churn")
    run = _logged(registry, {"model/MLmodel": MLMODEL, "model/model.pkl": pickle.dumps([1]), "other": b"o"})
    version = adopt(
        registry, "churn", Whence("runs:/x/model", run.id, "model", run), description="d", tags={"a": "b"}, user_id="me"
    )
    Artifacts(registry.database).add(run.id, "model/model.pkl", registry.blobs.put(b"later"), 5)
    assert version.ref == "churn@1"
    assert set(version.files) == {"model/MLmodel", "model/model.pkl"}
    assert registry.file(version, "model/model.pkl") == pickle.dumps([1])
    assert (version.origin, version.family, version.code_commit) == ("mlflow", "sklearn", "c" * 40)
    assert (version.metrics, version.params, version.tags) == ({"auc": 0.7}, {"c": "1"}, {"a": "b"})
    assert (version.description, version.user_id, version.run_id) == ("d", "me", run.id)
    assert version.unsafe == "model.pkl: a Python pickle"
    assert registry.of_runs([run.id, "none"]) == {run.id: (version,)}


def test_it_is_never_loaded(registry: Registry) -> None:
    Models(registry.database).create("churn")
    number = _adopted(registry, **{"MLmodel": MLMODEL, "model.pkl": pickle.dumps([1])})
    with pytest.raises(UntrustedFormat, match="another client") as caught:
        registry.files(registry.get("churn", number))
    assert "noria models convert churn@1" in (caught.value.mend or "")


def test_a_model_must_be_there(registry: Registry) -> None:
    with pytest.raises(ModelNotFound):
        _adopted(registry, "nothing", a=b"")


def test_a_number_is_never_given_twice(registry: Registry) -> None:
    models = Models(registry.database)
    models.create("churn")
    assert [_adopted(registry, a=b"1"), _adopted(registry, a=b"2")] == [1, 2]
    models.delete_version("churn", 2, actor="me")
    assert _adopted(registry, a=b"3") == 3
    assert [version.number for version in registry.versions("churn")] == [3, 1]
    with pytest.raises(ModelNotFound):
        registry.get("churn", 2)
    with pytest.raises(ModelNotFound):
        models.delete_version("churn", 2, actor="me")
    models.delete("churn", actor="me")
    with pytest.raises(ModelNotFound):
        models.get("churn")
    models.create("churn")
    assert _adopted(registry, a=b"4") == 1


def test_many_who_register_at_once_get_numbers_without_gap(registry: Registry) -> None:
    Models(registry.database).create("churn")
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(_adopted(registry, a=b"1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9))


def test_what_can_be_changed_about_a_version(registry: Registry) -> None:
    models = Models(registry.database)
    models.create("churn", description="d", tags={"team": "risk"}, at=NOW)
    one, two = _adopted(registry, a=b"1"), _adopted(registry, a=b"2")
    models.describe("churn", "of November", number=one)
    models.set_tags("churn", {"x": "1", "y": "2"}, number=one)
    models.delete_tag("churn", "x", number=one)
    models.delete_tag("churn", "x", number=one)
    models.set_stage("churn", one, "Production")
    models.set_stage("churn", two, "Production", archive_others=True)
    found = registry.get("churn", one)
    assert (found.description, found.tags, found.stage) == ("of November", {"y": "2"}, "Archived")
    assert found.updated is not None
    assert found.updated > NOW
    model = models.get("churn")
    assert (model.description, model.tags) == ("d", {"team": "risk"})
    assert [(version.number, version.stage) for version in model.latest] == [(1, "Archived"), (2, "Production")]
    for refused in (
        lambda: models.describe("churn", "x", number=9),
        lambda: models.set_tags("none", {"a": "b"}),
        lambda: models.set_stage("churn", 9, "Staging"),
        lambda: models.delete_tag("churn", "a", number=9),
    ):
        with pytest.raises(ModelNotFound):
            refused()


def test_a_model_is_renamed_with_all_it_has(registry: Registry) -> None:
    models = Models(registry.database)
    models.create("old", tags={"a": "b"})
    models.create("taken")
    number = _adopted(registry, "old", a=b"1")
    assign(registry, "old", "champion", number, actor="me", reason="first", at=NOW)
    with pytest.raises(Conflict):
        models.rename("old", "taken")
    with pytest.raises(ModelNotFound):
        models.rename("none", "new")
    assert models.rename("old", "new").tags == {"a": "b"}
    assert registry.get("new", "champion").number == number
    with pytest.raises(ModelNotFound):
        models.get("old")
    with pytest.raises(Conflict):
        models.create("new")


def test_an_alias_moves_freely_until_gates_have_judged_the_model(registry: Registry) -> None:
    models = Models(registry.database)
    models.create("churn")
    one, two = _adopted(registry, a=b"1"), _adopted(registry, a=b"2")
    assign(registry, "churn", "champion", one, actor="me", reason="r", at=NOW)
    assign(registry, "churn", "champion", two, actor="me", reason="r", at=NOW)
    digest = registry.get("churn", two).model_digest
    Verdicts(registry.database).record("churn", digest, run_id="r", at=NOW, verdicts=[{"gate": "g", "passed": True}])
    with pytest.raises(NotAllowed, match="never judged"):
        assign(registry, "churn", "champion", one, actor="me", reason="r", at=NOW)
    assign(registry, "churn", "champion", two, actor="me", reason="r", at=NOW)
    assign(registry, "churn", "other", one, actor="me", reason="r", at=NOW)
    with pytest.raises(ModelNotFound):
        assign(registry, "churn", "other", 9, actor="me", reason="r", at=NOW)


def test_an_alias_that_is_taken_away_is_told_to_those_who_follow_it(registry: Registry) -> None:
    Models(registry.database).create("churn")
    one, two = _adopted(registry, a=b"1"), _adopted(registry, a=b"2")
    aliases = Aliases(registry.database)
    for number in (one, two):
        assign(registry, "churn", "champion", number, actor="me", reason="r", at=NOW)
    before = aliases.generation("churn")
    assert aliases.remove("churn", "champion", actor="me", reason="r", at=NOW)
    assert not aliases.remove("churn", "champion", actor="me", reason="r", at=NOW)
    assert aliases.current("churn") is None
    assert aliases.generation("churn") > before
    assert previous(aliases, "churn") == one
    assert [move.kind for move in aliases.history("churn")] == ["move", "move", "remove"]


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a:b", "a@b", "..", "a\x00", "a\n", "x" * 256, "a\\b"])
def test_a_name_that_cannot_be_one(name: str) -> None:
    with pytest.raises(WrongArgument):
        checked_model_name(name)


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('ran')",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_one_under_any_name(protocol: int) -> None:
    for value in (_Evil(), {"a": _Evil()}, [_Evil()]):
        content = pickle.dumps(value, protocol=protocol)
        assert "pickle" in why_unsafe([("weights.json", content)])
    assert "pickle" in why_unsafe([("model.txt", pickle.dumps(_Evil(), protocol=protocol))])


@pytest.mark.parametrize("name", ["model.pkl", "a/B.PICKLE", "m.joblib", "m.h5", "m.pt", "code/x.py", "lib.so"])
def test_what_is_told_by_its_name(name: str) -> None:
    assert why_unsafe([(name, b"harmless")])


@pytest.mark.parametrize("name", ["model.txt", "MLmodel", "model.json", "data.csv.gz", "model.skops", "weights.npz"])
def test_what_is_harmless(name: str) -> None:
    assert why_unsafe([(name, b'{"a": 1}')]) == ""


@pytest.mark.parametrize(
    "content",
    [
        b"a: &x [1]\nb: *x",
        b"!!python/object/apply:os.system [ls]",
        b"a: !!int 3",
        b"a: 1\na: 2",
        b"flavors: {x: {a: 1, a: 2}}",
        b"[" * 60 + b"]" * 60,
        b"- 1",
        b"\xff\xfe",
        b"a: [",
        b"x: " + b"y" * (1 << 20),
    ],
)
def test_a_description_that_asks_for_more_than_it_says(content: bytes) -> None:
    with pytest.raises(UntrustedFormat):
        read_description(content)


def test_a_description_holds_texts_only() -> None:
    found = read_description(b"flavors:\n  sklearn:\n    version: 1e-3\n    on: no\n    when: 2020-01-01\nrun_id: 0123")
    assert found.flavors == {"sklearn": {"version": "1e-3", "on": "no", "when": "2020-01-01"}}
    assert found.run_id == "0123"


def test_a_hostile_description_spoils_only_itself(registry: Registry) -> None:
    Models(registry.database).create("churn")
    number = _adopted(registry, MLmodel=b"a: &x [1]\nb: *x")
    version = registry.get("churn", number)
    assert (version.family, version.origin) == ("unknown", "mlflow")
    assert version.unsafe.startswith("MLmodel: ")


def test_nothing_that_could_load_a_pickle_is_imported_by_the_registry() -> None:
    names = "'joblib' in sys.modules, 'cloudpickle' in sys.modules"
    script = f"import noria.registry.adoption, noria.registry.models, sys; print({names})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_many_processes_that_register_at_once_get_numbers_without_gap(registry: Registry, tmp_path: Path) -> None:
    Models(registry.database).create("churn")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from noria.registry.adoption import Whence, adopt\n"
        "from noria.registry.catalog import Registry\n"
        "from noria.store.blobs import Blobs\n"
        "from noria.store.database import Database\n"
        "registry = Registry(Database(sys.argv[1]), Blobs(Path(sys.argv[2])))\n"
        "print(*[adopt(registry, 'churn', Whence('s3://x/y')).number for _ in range(20)])\n"
    )
    command = [sys.executable, "-c", script, registry.database.url, str(tmp_path / "objects")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    numbers = [int(word) for process in started for word in process.communicate()[0].split()]
    assert all(process.returncode == 0 for process in started)
    assert sorted(numbers) == list(range(1, 81))
