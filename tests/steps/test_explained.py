"""Why a model was chosen, from the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from loans import FILE, rows, start, turn

from noria.cli.main import main
from noria.errors import NotFound
from noria.evaluation.account import Account, account
from noria.steps.explained import explained
from noria.workspace import Workspace


def told_of(root: Path, what: str) -> Account:
    opened = Workspace(root)
    return account(
        explained(
            opened.database, opened.blobs, opened.registry, opened.verdicts, opened.aliases, what, project="loans"
        )
    )  # fmt: skip


def lines(found: Account, title: str) -> str:
    return "\n".join(line for each in found.chapters if each.title == title for line in each.lines)


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose run raced some families."""
    text = FILE.replace('candidates = ["logistic"]', 'candidates = ["logistic", "boosting", "svm"]')
    root = start(tmp_path_factory.mktemp("raced"), text.replace("trials = 1", "trials = 6"), rows(400))
    assert turn(root).run().ok
    return root


def test_the_whole_way_is_told(raced: Path) -> None:
    found = told_of(raced, "loans@1")
    assert [each.title for each in found.chapters] == [
        "Data", "Split", "Race", "Choice", "Overfitting", "Locked rows", "Gates",
    ]  # fmt: skip
    assert "loans@1 with 400 rows" in lines(found, "Data")
    assert "email (personal data" in lines(found, "Data")
    assert "100 rows were locked away before anything was tried" in lines(found, "Split")
    assert "7 candidates of 4 families" in lines(found, "Race")
    assert f"The runner-up is {found.runner_up}" in lines(found, "Choice")
    assert "of 2 folds" in lines(found, "Choice")
    assert "baseline that knows only the target" in lines(found, "Choice")
    assert "cross-validation had said" in lines(found, "Locked rows")
    assert "Today it is the challenger" in lines(found, "Gates")


def test_a_run_and_its_version_tell_the_same(raced: Path) -> None:
    version = Workspace(raced).registry.get("loans")
    assert told_of(raced, version.run_id[:8]) == told_of(raced, "1")


def test_a_run_that_broke_off_tells_where_and_why(tmp_path: Path) -> None:
    text = FILE.replace("[split]\ntest = 0.25", "[split]\ntest = 0.25\n[data.checks]\nrows = { min = 100000 }")
    root = start(tmp_path / "loans", text)
    result = turn(root).run()
    assert not result.ok
    assert result.run_id is not None
    found = told_of(root, result.run_id)
    assert "ended in the step check" in lines(found, "Stopped")
    assert "100,000" in lines(found, "Stopped")
    assert found.winner is None


def test_a_clustering_is_told_in_its_own_words(tmp_path: Path) -> None:
    text = FILE.replace('target = "bad"\npositive = "yes"\n', "").replace("classification", "clustering")
    text = text.replace('"logistic"', '"kmeans"').replace("roc_auc", "silhouette").replace("min = 0.5", "min = -1")
    root = start(tmp_path / "loans", text.replace("trials = 1", "trials = 3"))
    assert turn(root).run().ok
    found = told_of(root, "latest")
    assert "adjusted Rand index" in lines(found, "Choice")
    assert "judged on every draw" in lines(found, "Race")
    assert found.lead is None


def test_a_run_of_somebody_else_is_refused(raced: Path) -> None:
    opened = Workspace(raced)
    run = opened.runs.start("note", "loans", experiment=opened.experiments.ensure("loans"))
    with pytest.raises(NotFound, match="no record of a training"):
        told_of(raced, run)


def test_the_command_and_the_report_tell_it(
    raced: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(raced)
    with pytest.raises(SystemExit) as left:
        main(["explain-run", "champion-to-be@1"])
    assert left.value.code == 3
    with pytest.raises(SystemExit) as left:
        main(["explain-run", "1", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["title"] == "loans@1"
    assert told["lead"]["folds"] == 2
    with pytest.raises(SystemExit):
        main(["explain-run", "1"])
    assert "The runner-up is" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["report", "1"])
    assert "## Why this one, and what follows" in capsys.readouterr().out


def test_what_was_found_out_about_the_winner_is_told_and_changes_nothing(raced: Path, tmp_path: Path) -> None:
    text = (raced / "noria.toml").read_text()
    root = start(tmp_path / "loans", text.replace("[model]", '[model]\ndiagnose = "never"'), rows(400))
    assert turn(root).run().ok
    looked_at, not_looked_at = (Workspace(each).registry.get("loans") for each in (raced, root))
    assert looked_at.model_digest == not_looked_at.model_digest
    told = lines(told_of(raced, "1"), "Overfitting")
    assert "On rows it learned from: ROC AUC" in told
    assert "rows of each fold it reached" in told
    assert "logistic along C (L1)" in told
    assert "On rows it learned from" not in lines(told_of(root, "1"), "Overfitting")
    selection = json.loads(Workspace(root).registry.file(not_looked_at, "selection.json"))
    assert "diagnosis" not in selection
    (root / "noria.toml").write_text(text)
    result = turn(root).run()
    assert result.run_id is not None
    assert Workspace(root).registry.get("loans").number == 1  # the same model is no other version
    assert "On rows it learned from" in lines(told_of(root, result.run_id), "Overfitting")
