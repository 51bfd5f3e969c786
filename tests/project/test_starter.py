"""The project file that `noria init` writes fits the table it was written for."""

from __future__ import annotations

import tomllib

import pytest

from noria.errors import WrongArgument, WrongData
from noria.project.starter import Facts, draft, guess_key, guess_positive, guess_task, guess_time

LOANS = (
    Facts("loan_id", "int", 0.0, 400),
    Facts("opened", "text", 0.0, 300),
    Facts("amount", "float", 0.1, 350),
    Facts("home", "category", 0.02, 3, (("rent", 200), ("own", 150), ("other", 42))),
    Facts("status", "category", 0.0, 2, (("good", 300), ("bad", 100))),
)


def read(**changes: object) -> dict[str, dict[str, object]]:
    given: dict[str, object] = {"source": "data/loans.csv", "columns": LOANS, "rows": 400, "target": "status"} | changes
    return tomllib.loads(draft("loans", **given))  # type: ignore[arg-type]


def test_a_classification() -> None:
    found = read()
    assert found["project"]["name"] == "loans"
    assert found["data"] | {} == {
        "source": "data/loans.csv",
        "target": "status",
        "positive": "bad",
        "key": ["loan_id"],
        "checks": {"rows": {"min": 200}, "missing": {"max": 0.2}, "unique": ["loan_id"]},
    }
    assert found["model"]["task"] == "classification"
    assert found["model"]["metric"] == "roc_auc"
    assert found["split"]["method"] == "stratified"
    assert set(found["prepare"]) == {"numeric", "category"}


def test_a_regression() -> None:
    found = read(target="amount")
    assert (found["model"]["task"], found["model"]["metric"]) == ("regression", "rmse")
    assert found["split"]["method"] == "random"
    assert "positive" not in found["data"]


def test_a_clustering() -> None:
    found = read(target=None)
    assert found["model"]["task"] == "clustering"
    assert "target" not in found["data"]
    assert "split" not in found


def test_a_time_column_makes_the_split_one_by_time() -> None:
    found = read(columns=(*LOANS, Facts("ts", "timestamp", 0.0, 400)))
    assert found["data"]["time"] == "ts"
    assert found["split"]["method"] == "time"


def test_a_numeric_class_stays_a_number() -> None:
    columns = (Facts("x", "float", 0.0, 90), Facts("y", "int", 0.0, 2, (("0", 60), ("1", 40))))
    assert read(columns=columns, rows=100, target="y")["data"]["positive"] == 1
    columns = (Facts("x", "float", 0.0, 90), Facts("y", "bool", 0.0, 2, (("False", 60), ("True", 40))))
    assert read(columns=columns, rows=100, target="y")["data"]["positive"] is True


def test_hostile_names_stay_text() -> None:
    odd = 'a"b\n[model]\x7f\\'
    columns = (Facts(odd, "int", 0.0, 50), Facts(f"{odd} id", "int", 0.0, 60), Facts("y", "category", 0.0, 2))
    found = read(columns=columns, rows=60, target="y", source=odd)
    assert found["data"]["source"] == odd
    assert found["model"]["task"] == "classification"


def test_what_cannot_be() -> None:
    with pytest.raises(WrongArgument, match="did you mean 'status'"):
        read(target="statsu")
    with pytest.raises(WrongArgument, match="regression needs a number"):
        read(target="status", task="regression")
    with pytest.raises(WrongArgument, match="no target"):
        read(target="status", task="clustering")
    with pytest.raises(WrongArgument, match="needs a target"):
        read(target=None, task="regression")
    with pytest.raises(WrongData, match="one value only: good"):
        read(columns=(Facts("y", "category", 0.0, 1, (("good", 400),)),), target="y")
    with pytest.raises(WrongData, match="no rows"):
        read(rows=0)


def test_guesses() -> None:
    assert guess_key(LOANS, 400, "status") == "loan_id"
    assert guess_key(LOANS, 401, "status") is None
    assert guess_time(LOANS, None) is None
    assert guess_task((Facts("n", "int", 0, 3),), "n") == "classification"
    assert guess_positive(Facts("y", "category", 0, 2, (("a", 9), ("b", 1)))) == "b"
    assert guess_positive(Facts("y", "category", 0, 3, (("a", 9), ("b", 1), ("c", 1)))) is None


def test_a_column_without_values_does_not_fail_the_first_check() -> None:
    found = read(columns=(*LOANS, Facts("old notes", "text", 1.0, 0)))
    assert found["data"]["checks"]["missing"] == {"max": 0.2, "columns": {"old notes": 1.0}}  # type: ignore[index]


def test_what_seems_personal_is_not_stored() -> None:
    mail = Facts("e mail", "text", 0.0, 400, personal="e-mail addresses")
    iban = Facts("iban_id", "text", 0.0, 400, personal="a bank account")
    found = read(columns=(iban, mail, *LOANS[1:]))
    assert found["data"]["key"] == ["iban_id"]
    assert found["data"]["columns"] == {
        "iban_id": {"pii": True, "store": "pseudonym"},
        "e mail": {"pii": True, "store": "drop"},
    }
