"""Files of runs by owner and path; data sets and models that went in and came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noria.errors import RunNotFound
from noria.runs.artifacts import Artifacts, Entry, RunArtifact
from noria.runs.inputs import DatasetInput, Inputs, ModelUse
from noria.runs.runs import Runs
from noria.store.blobs import Digest

if TYPE_CHECKING:
    from noria.store.database import Database

A, B, C = (Digest(letter * 64) for letter in "abc")


def test_files_are_listed_by_path_and_replaced_by_name(database: Database) -> None:
    files = Artifacts(database)
    files.add("run", "report.html", A, 10, "text/html")
    files.add("run", "a.bin", B, 1)
    files.add("run", "report.html", C, 12, "text/html")
    files.add("other", "a.bin", C, 3)
    assert files.all("run") == (
        RunArtifact("a.bin", B, 1, "application/octet-stream"),
        RunArtifact("report.html", C, 12, "text/html"),
    )
    assert files.find("run", "a.bin") == RunArtifact("a.bin", B, 1, "application/octet-stream")
    assert files.find("run", "nothing") is None


def test_a_folder_shows_one_level(database: Database) -> None:
    files = Artifacts(database)
    # Names beside a folder that sort around it: what follows "/" in the alphabet of bytes, and what comes before.
    for path in ("model/a", "model/sub/b", "model/sub/c", "model-2/x", "model.txt", "model0", "modes", "ä/ö"):
        files.add("run", path, A, 2)
    assert files.folder("run") == (
        Entry("model", is_folder=True, size=6, files=3),
        Entry("model-2", is_folder=True, size=2, files=1),
        Entry("model.txt", is_folder=False, size=2),
        Entry("model0", is_folder=False, size=2),
        Entry("modes", is_folder=False, size=2),
        Entry("ä", is_folder=True, size=2, files=1),
    )
    assert files.folder("run", "model") == (
        Entry("a", is_folder=False, size=2),
        Entry("sub", is_folder=True, size=4, files=2),
    )
    assert files.folder("run", "model.txt") == files.folder("run", "nothing") == ()
    assert files.remove("run", "model") == 3
    assert [entry.name for entry in files.folder("run")] == ["model-2", "model.txt", "model0", "modes", "ä"]
    assert files.remove("run", "model") == 0


def test_inputs_are_kept_once_per_experiment_and_used_by_many(database: Database) -> None:
    book, inputs = Runs(database), Inputs(database)
    one, two = book.start("logged", "a"), book.start("logged", "b")
    train = DatasetInput("credit", "abc", "local", "{}", "[1]", None, "training", {"mlflow.data.context": "training"})
    held = DatasetInput("credit", "abc", "local", "{}", "[1]", None, "eval", {})
    inputs.log_datasets(one, [train, DatasetInput("other", "1")])
    inputs.log_datasets(one, [train])
    inputs.log_datasets(two, [held])
    assert inputs.datasets([one, two]) == {one: (train, DatasetInput("other", "1")), two: (held,)}
    inputs.log_models(one, ["m-1", "m-2"], role="output", steps=[3, 1])
    inputs.log_models(one, ["m-1"], role="input")
    inputs.log_models(one, ["m-1"], role="output", steps=[4])
    assert inputs.models([one, two]) == {
        one: (ModelUse("m-1", "input", 0), ModelUse("m-2", "output", 1), ModelUse("m-1", "output", 4))
    }
    with pytest.raises(RunNotFound):
        inputs.log_datasets("0" * 32, [train])
