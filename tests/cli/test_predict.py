"""What a file writes for truth values is read as a run reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from noria.cli.predict import predict
from noria.cli.score import score
from noria.errors import NoriaError
from noria.steps.turn import Turn
from noria.workspace import Workspace

FILE = """\
[project]
name = "loans"
[data]
source = "loans.csv"
target = "bad"
positive = "1"
key = ["id"]
[data.columns]
owner = { type = "bool" }
bad = { type = "category" }
[model]
task = "classification"
candidates = ["logistic"]
folds = 2
trials = 1
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose source says yes and no."""
    root = tmp_path_factory.mktemp("truths")
    lines = [f"{n},{n % 17},{'yes' if n % 3 else 'No'},{int(n % 17 > 8)}" for n in range(120)]
    (root / "loans.csv").write_text("\n".join(["id,a,owner,bad", *lines, ""]))
    (root / "noria.toml").write_text(FILE)
    opened = Workspace(root)
    assert Turn(opened.project, opened.database, opened.blobs, store=opened.store, jobs=2).run().ok
    opened.close()
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to be written in."""
    copy = Path(shutil.copytree(trained, tmp_path / "p"))
    monkeypatch.chdir(copy)
    return copy


def answers(file: str) -> tuple[Result, Result]:
    """Ask by either command."""
    run = CliRunner()
    one = run.invoke(predict, [file, "--model", "1"], catch_exceptions=False)
    return one, run.invoke(score, [file, "--model", "1", "--out", f"{Path(file).stem}.out.csv"], catch_exceptions=False)


def test_the_file_that_trained_a_model_can_be_asked_about(root: Path) -> None:
    told, scored = answers("loans.csv")
    assert told.exit_code == scored.exit_code == 0
    assert "120 rows scored by loans@1" in told.stderr
    assert "120 rows scored by loans@1" in scored.stderr
    said = [line.split(",")[1] for line in told.stdout.splitlines()[1:]]
    as_numbers = (root / "loans.csv").read_text().replace(",yes,", ",1,").replace(",No,", ",0,")
    (root / "numbers.csv").write_text(as_numbers)
    told, scored = answers("numbers.csv")
    assert [line.split(",")[1] for line in told.stdout.splitlines()[1:]] == said
    assert scored.exit_code == 0


def test_what_is_neither_is_named(root: Path) -> None:
    (root / "some.csv").write_text("id,a,owner\n1,3,yes\n2,4,perhaps\n")
    for command, more in ((predict, ()), (score, ("--out", "x.csv"))):
        with pytest.raises(NoriaError) as refused:
            CliRunner().invoke(command, ["some.csv", "--model", "1", *more], catch_exceptions=False)
        assert "row 1, column 'owner': expected true or false, got 'perhaps'" in refused.value.render()
