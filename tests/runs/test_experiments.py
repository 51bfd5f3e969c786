"""Experiments on both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from noria.errors import Conflict, ExperimentNotFound, RunNotFound, WrongArgument
from noria.runs.experiments import DEFAULT, Experiments
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from noria.store.database import Database


@pytest.fixture
def all_of_them(database: Database) -> Experiments:
    return Experiments(database)


def test_the_default_is_there_from_the_start(all_of_them: Experiments) -> None:
    assert all_of_them.get(DEFAULT).name == "Default"
    assert all_of_them.ensure("Default") == DEFAULT


def test_what_is_kept_is_read_back(all_of_them: Experiments) -> None:
    made = all_of_them.create("churn / 2026 ü", tags={"team": "risk"}, artifact_location="s3://bucket/x")
    all_of_them.set_tag(made.id, "team", "growth")
    all_of_them.set_tag(made.id, "note", "n")
    all_of_them.delete_tag(made.id, "note")
    found = all_of_them.by_name("churn / 2026 ü")
    assert found is not None
    assert (found.id, found.tags, found.artifact_location) == (made.id, {"team": "growth"}, "s3://bucket/x")
    all_of_them.rename(made.id, "churn")
    assert all_of_them.get(made.id).name == "churn"
    assert all_of_them.by_name("churn / 2026 ü") is None
    with pytest.raises(ExperimentNotFound, match="no tag"):
        all_of_them.delete_tag(made.id, "note")


def test_a_name_is_taken_once(all_of_them: Experiments) -> None:
    one, two = all_of_them.create("one"), all_of_them.create("two")
    with pytest.raises(Conflict, match="exists already"):
        all_of_them.create("one")
    with pytest.raises(Conflict, match="exists already"):
        all_of_them.rename(two.id, "one")
    all_of_them.rename(one.id, "one")
    for empty in ("", "  "):
        with pytest.raises(WrongArgument, match="needs a name"):
            all_of_them.create(empty)


def test_a_deleted_experiment_keeps_its_name_and_its_number(all_of_them: Experiments) -> None:
    one = all_of_them.create("one")
    all_of_them.delete(one.id)
    with pytest.raises(Conflict, match="is deleted"):
        all_of_them.create("one")
    with pytest.raises(Conflict, match="is deleted"):
        all_of_them.ensure("one")
    with pytest.raises(ExperimentNotFound):
        all_of_them.delete(one.id)
    for change in (lambda: all_of_them.rename(one.id, "x"), lambda: all_of_them.set_tag(one.id, "a", "b")):
        with pytest.raises(WrongArgument, match="deleted"):
            change()
    all_of_them.restore(one.id)
    with pytest.raises(ExperimentNotFound):
        all_of_them.restore(one.id)
    assert all_of_them.get(one.id).deleted is None
    assert all_of_them.create("three").id > one.id


def test_runs_go_and_come_with_their_experiment(all_of_them: Experiments, database: Database) -> None:
    book = Runs(database)
    one = all_of_them.create("one").id
    early, late = book.start("logged", "a", experiment=one), book.start("logged", "b", experiment=one)
    book.delete([early])
    all_of_them.delete(one)
    assert book.get(late).deleted is not None
    with pytest.raises(WrongArgument, match="takes no new runs"):
        book.start("logged", "c", experiment=one)
    with pytest.raises(WrongArgument, match="restore the experiment"):
        book.restore([late])
    all_of_them.restore(one)
    assert book.get(late).deleted is None
    assert book.get(early).deleted is not None
    assert [run.id for run in book.list(experiment=one)] == [late]


def test_an_experiment_that_is_not_there(all_of_them: Experiments, database: Database) -> None:
    for number in (77, -1, 2**31, 2**70):
        with pytest.raises(ExperimentNotFound):
            all_of_them.get(number)
    with pytest.raises(ExperimentNotFound):
        Runs(database).start("logged", "a", experiment=77)
    with pytest.raises(RunNotFound):
        Runs(database).delete(["0" * 32])


def test_many_who_ensure_at_once_get_the_same(all_of_them: Experiments) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(all_of_them.ensure("shared"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 8
    assert len(set(numbers)) == 1
