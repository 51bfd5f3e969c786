"""A winner fitted again from its record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from loans import FILE, rows, start, turn

from noria.cli.main import main
from noria.errors import NotFound, RunNotFound, WrongArgument
from noria.pipeline.artifact import ArtifactRef
from noria.steps.recorded import Recorded, recorded, split_of
from noria.steps.reproduce import Reproduction, _as_it_was, reproduce
from noria.training.space import Choice
from noria.workspace import Workspace


def looked_up(root: Path, what: str = "latest") -> tuple[Workspace, Recorded]:
    opened = Workspace(root)
    return opened, recorded(opened.database, opened.blobs, opened.registry, what, project="loans")


def again(root: Path, what: str = "latest", **options: object) -> Reproduction:
    opened, found = looked_up(root, what)
    return reproduce(found, opened.blobs, root=root, store=opened.store, **options)  # type: ignore[arg-type]


def test_a_run_is_made_again_to_the_bit(finished: Path) -> None:
    made = again(finished, folds=True)
    assert (made.outcome, made.differing, made.reasons) == ("bit-equal", 0, ())
    assert made.files_equal
    assert made.rows == 60
    assert made.before == made.after
    assert len(made.folds) == 2
    assert all(then == now for then, now in made.folds)


def test_a_run_is_found_by_its_first_digits_and_by_its_version(finished: Path) -> None:
    opened, by_version = looked_up(finished, "loans@1")
    by_run = recorded(opened.database, opened.blobs, opened.registry, by_version.run_id[:8], project="loans")
    assert by_run == by_version
    assert by_run.name == "loans@1"


@pytest.mark.parametrize("family", ["boosting", "random_forest"])
@pytest.mark.parametrize("balance", ["none", "class_weight"])
def test_rounds_seeds_and_balance_come_back(tmp_path: Path, family: str, balance: str) -> None:
    text = FILE.replace('candidates = ["logistic"]', f'candidates = ["{family}"]\nbalance = "{balance}"')
    root = start(tmp_path / "loans", text.replace("trials = 1", "trials = 3"), rows(600))
    assert turn(root).run().ok
    made = again(root)
    assert (made.outcome, made.files_equal) == ("bit-equal", True)
    assert len(made.folds) == (0 if balance == "none" else 2)
    assert all(then == now for then, now in made.folds)


def test_the_members_of_an_ensemble_come_back(tmp_path: Path) -> None:
    text = FILE.replace('candidates = ["logistic"]', 'candidates = ["boosting", "svm"]\nensemble = "always"')
    root = start(tmp_path / "loans", text.replace("trials = 1", "trials = 2"), rows(600))
    assert turn(root).run().ok
    made = again(root, folds=True)
    assert (made.family, made.outcome, made.files_equal) == ("ensemble", "bit-equal", True)
    assert len(made.folds) == 4
    assert all(then == now for then, now in made.folds)


@pytest.mark.parametrize("ensemble", ["never", "always"])
def test_temperatures_come_back(tmp_path: Path, ensemble: str) -> None:
    sure = 'metric = "log_loss"\ncandidates = ["extra_trees", "random_forest"]'
    text = FILE.replace('candidates = ["logistic"]', f'{sure}\nensemble = "{ensemble}"')
    root = start(tmp_path / "loans", text.replace("trials = 1", "trials = 2"), rows(600))
    assert turn(root).run().ok
    _, found = looked_up(root)
    selection = found.train["selection"]
    assert any("temperature" in row for row in selection["table"])  # type: ignore[index]
    for folds in (False, True):
        made = again(root, folds=folds)
        assert (made.outcome, made.files_equal) == ("bit-equal", True)
        assert all(then == now for then, now in made.folds)
    (root / "noria.toml").write_text(text.replace("trials = 1", 'trials = 2\ntemperature = "never"'))
    assert turn(root).run().ran[0] == "train"
    _, found = looked_up(root)
    assert not any("temperature" in row for row in found.train["selection"]["table"])  # type: ignore[index]


def test_a_clustering_is_made_again(tmp_path: Path) -> None:
    text = FILE.replace('target = "bad"\npositive = "yes"\n', "").replace("classification", "clustering")
    text = text.replace('"logistic"', '"kmeans"').replace(
        'metric = "roc_auc"\nmin = 0.5', 'metric = "silhouette"\nmin = -1'
    )
    root = start(tmp_path / "loans", text)
    assert turn(root).run().ok
    made = again(root)
    assert (made.outcome, made.before) == ("bit-equal", None)


@pytest.mark.parametrize(
    ("winner", "outcome"),
    [
        ({"params": {"C": 1e-4}}, "metric-equal"),  # other probabilities, the same order
        ({"family": "dummy", "params": {}}, "not reproduced"),
    ],
    ids=["other parameters", "other family"],
)
def test_another_winner_is_not_taken_for_the_registered_one(
    finished: Path, winner: dict[str, object], outcome: str
) -> None:
    opened, found = looked_up(finished)
    winner = {**found.train["selection"]["winner"], **winner}  # type: ignore[dict-item]
    found = replace(found, train={**found.train, "selection": {**found.train["selection"], "winner": winner}})
    made = reproduce(found, opened.blobs, root=finished, store=opened.store)
    assert (made.outcome, made.reproduced) == (outcome, outcome == "metric-equal")
    assert made.largest > 0.01
    assert not made.files_equal


def test_what_differs_from_then_is_named(finished: Path) -> None:
    opened, found = looked_up(finished)
    libraries = {**found.parts["libraries"], "scikit-learn": "0.1"}  # type: ignore[dict-item]
    code = {**found.parts["code"], "noria.training.linear": "0" * 64}  # type: ignore[dict-item]
    machine = {**found.train["machine"], "cpu": "an abacus"}
    winner = {**found.train["selection"]["winner"], "params": {"C": 1e-4}}  # type: ignore[dict-item]
    selection = {**found.train["selection"], "winner": winner}
    found = replace(
        found,
        parts={**found.parts, "libraries": libraries, "code": code},
        train={**found.train, "machine": machine, "selection": selection},
    )
    reasons = reproduce(found, opened.blobs, root=finished, store=opened.store).reasons
    assert reasons[0].startswith("library: scikit-learn 0.1 -> ")
    assert "code: module noria.training.linear changed" in reasons
    assert any(each.startswith("processor: an abacus -> ") for each in reasons)


def test_a_record_from_before_the_machine_was_noted_says_so(finished: Path) -> None:
    opened, found = looked_up(finished)
    winner = {**found.train["selection"]["winner"], "params": {"C": 1e-4}}  # type: ignore[dict-item]
    found = replace(found, train={"model": found.train["model"], "selection": {"winner": winner}})
    reasons = reproduce(found, opened.blobs, root=finished, store=opened.store).reasons
    assert reasons == ("the record is older than noria's notes on processor, BLAS and threads: those may differ",)


def test_the_version_keeps_what_it_was_computed_with(finished: Path) -> None:
    opened, found = looked_up(finished)
    version = opened.registry.get("loans")
    assert version.environment["machine"] == found.train["machine"]
    assert any("openblas" in pool for pool in found.train["machine"]["pools"])  # type: ignore[attr-defined]


def test_a_run_that_was_tidied_away_is_found_by_its_files(finished: Path) -> None:
    opened, found = looked_up(finished)
    from_files = recorded(
        opened.database,
        opened.blobs,
        _Renamed(opened, "0" * 32),  # type: ignore[arg-type]
        "loans@1",
        project="loans",
    )
    assert from_files.parts == found.parts


class _Renamed:
    """A registry whose version names a run that is gone."""

    def __init__(self, opened: Workspace, run_id: str) -> None:
        self._opened = opened
        self._run_id = run_id

    def resolve(self, text: str, *, model: str) -> object:
        return replace(self._opened.registry.resolve(text, model=model), run_id=self._run_id)


def test_data_that_is_gone_is_told(finished: Path) -> None:
    opened, found = looked_up(finished)
    gone = ArtifactRef("bundle", "ab" * 32)  # type: ignore[arg-type]
    found = replace(found, parts={**found.parts, "inputs": {"split": [gone.kind, gone.digest]}})
    with pytest.raises(NotFound, match="the rows loans@1 was trained on are no longer in the store"):
        split_of(found, opened.blobs)


def test_a_training_of_the_users_own_is_refused(finished: Path) -> None:
    opened, found = looked_up(finished)
    found = replace(found, parts={**found.parts, "uses": "pipeline:train"})
    with pytest.raises(WrongArgument, match="a step of the project's own: pipeline:train"):
        reproduce(found, opened.blobs, root=finished, store=opened.store)


def test_a_run_that_trained_nothing_is_told(finished: Path) -> None:
    opened = Workspace(finished)
    run = opened.runs.start("note", "loans", experiment=opened.experiments.ensure("loans"))
    with pytest.raises(NotFound, match=f"no record of a training of {run}"):
        recorded(opened.database, opened.blobs, opened.registry, run, project="loans")
    with pytest.raises(RunNotFound):
        recorded(opened.database, opened.blobs, opened.registry, "f" * 32, project="loans")


def test_the_command_leaves_with_what_came_of_it(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    with pytest.raises(SystemExit) as left:
        main(["reproduce", "loans@1", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["reproduced"], told["model"]) == ("bit-equal", True, "loans@1")
    with pytest.raises(SystemExit) as left:
        main(["reproduce", "1", "--folds"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "bit-equal: all 60 test rows are answered the same to the last bit" in text
    assert "folds: 2 of 2 have the very error on record" in text
    with pytest.raises(SystemExit) as left:
        main(["reproduce", "loans@9"])
    assert left.value.code == 3


def test_parameters_come_back_as_they_were_given() -> None:
    assert _as_it_was([64, 32], Choice(((64,), (64, 32)))) == (64, 32)  # of a family of noria's own
    assert _as_it_was([64, 32], Choice(([64], [64, 32]))) == [64, 32]  # as the project file wrote it
    assert _as_it_was(0.5, Choice((0.5,))) == 0.5
