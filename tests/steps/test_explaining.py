"""What a registered model looks at, kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from loans import FILE, rows, start, turn

from noria.evaluation import report
from noria.steps.explaining import EXPLANATION
from noria.steps.facts import facts
from noria.workspace import Workspace


def told(root: Path) -> dict[str, object]:
    opened = Workspace(root)
    found: dict[str, object] = json.loads(opened.registry.file(opened.registry.get("loans"), EXPLANATION))
    return found


def test_the_column_that_tells_the_answer_weighs_most(finished: Path) -> None:
    found = told(finished)
    assert [each["feature"] for each in found["importance"]] == ["income", "grade"]  # type: ignore[attr-defined]
    weights = found["contributions"]["mean_abs"]  # type: ignore[index]
    assert weights["income"] > weights["grade"]
    assert found["contributions"]["of"] == "log-odds"  # type: ignore[index]
    shape = next(each for each in found["partial"] if each["feature"] == "income")  # type: ignore[attr-defined]
    assert shape["curves"][0]["name"] == "yes"
    assert (np.diff(shape["curves"][0]["mean"]) < 0).all()


def test_the_report_tells_it(finished: Path) -> None:
    opened = Workspace(finished)
    known = facts(opened.registry, opened.verdicts, opened.registry.get("loans"))
    assert "## What the model looks at" in report.markdown(known)
    assert "when a column is shuffled" in report.html(known)
    assert "What the model looks at" not in report.markdown({**known, "explanation": {}})


def test_personal_columns_are_named_and_none_of_their_values_is_shown(tmp_path: Path) -> None:
    text = FILE.replace("email = { pii = true }", 'email = { pii = true }\ngrade = { pii = "quasi", use = true }')
    root = start(tmp_path / "loans", text, rows().replace(",A,", ",Zanzibar,"))
    assert turn(root).run().ok
    found = told(root)
    assert found["personal"] == ["grade"]
    assert {each["feature"] for each in found["importance"]} == {"income", "grade"}  # type: ignore[attr-defined]
    assert [each["feature"] for each in found["partial"]] == ["income"]  # type: ignore[attr-defined]
    assert "Zanzibar" not in json.dumps(found)
    opened = Workspace(root)
    written = report.markdown(facts(opened.registry, opened.verdicts, opened.registry.get("loans")))
    assert "Personal columns are named only, none of their values is shown: grade." in written


@pytest.mark.parametrize("family", ["kmeans", "svm"])
def test_what_cannot_be_taken_apart_says_why(tmp_path: Path, family: str) -> None:
    text = FILE.replace('"logistic"', f'"{family}"')
    if family == "kmeans":
        text = text.replace('target = "bad"\npositive = "yes"\n', "").replace("classification", "clustering")
        text = text.replace("roc_auc", "silhouette").replace("min = 0.5", "min = -1")
    root = start(tmp_path / "loans", text)
    assert turn(root).run().ok
    found = told(root)
    assert "reason" in found["contributions"]  # type: ignore[operator]
    assert found["importance"]
    assert bool(found["partial"]) == (family == "svm")
